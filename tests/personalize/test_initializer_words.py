"""The words that a character starts from, as the bundled models read them off pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from storyanim.artifacts import CharacterToken
from storyanim.config import PersonalizeSettings, Settings, load_settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.generate.load import load_pipeline
from storyanim.motion_layers import motion_modules_disabled
from storyanim.personalize.diffusion_classifier import (
    best_appearance_phrase,
    best_initializer_word,
    filled_phrases,
)
from storyanim.personalize.examples import ExampleMaker
from storyanim.personalize.images import read_character
from storyanim.personalize.timeinv import sampling_grid
from storyanim.personalize.trainer import TimeInvTrainer
from storybook.world import COLOURS
from storybook.world.photos import take_photos


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def pipeline(settings: Settings) -> Any:
    return load_pipeline(settings.models)


def trainer_of(folder: Path, settings: Settings, pipeline: Any, **look: Any) -> TimeInvTrainer:
    """On photographs of one look."""
    for number, photo in enumerate(take_photos({"rgb": COLOURS[look["colour"]], **look}, seed=31, size_px=192)):
        Image.fromarray(photo).save(folder / f"{number}.png")
    character = read_character(folder, noun=look["creature"])
    own = list(ExampleMaker(pipeline, build_depth_estimator(settings), settings).of_character(character))
    return TimeInvTrainer(pipeline, settings, character.token, own, [])


@pytest.fixture(scope="module")
def grid(settings: Settings, pipeline: Any) -> Any:
    return sampling_grid(pipeline.scheduler, settings.personalize.num_inference_steps)


def chosen_phrase(trainer: TimeInvTrainer, word: str, noun: str, settings: Settings, grid: Any) -> str:
    wanted = settings.personalize
    losses = partial(trainer.caption_losses, grid=grid)
    return best_appearance_phrase(losses, word, noun, filled_phrases(wanted), wanted.initializer_words)


BARE = {"accessory": None, "accessory_colour": None, "accessory_rgb": None}


@pytest.mark.parametrize(("creature", "colour"), [("cat", "blue"), ("penguin", "red"), ("dog", "yellow")])
def test_named_colours_are_read(
    tmp_path: Path, settings: Settings, pipeline: Any, grid: Any, creature: str, colour: str
) -> None:
    with motion_modules_disabled(pipeline.unet):
        trainer = trainer_of(tmp_path, settings, pipeline, creature=creature, colour=colour, **BARE)
        assert best_initializer_word(partial(trainer.caption_losses, grid=grid), tuple(COLOURS), creature) == colour


@pytest.mark.parametrize(("accessory", "colour", "appearance"), [
    ("scarf", "green", "with a green scarf"), ("stripes", "orange", "with orange stripes"), (None, None, ""),
])
def test_what_it_wears_is_read(
    tmp_path: Path, settings: Settings, pipeline: Any, grid: Any, accessory: str | None, colour: str | None, appearance: str
) -> None:
    look = {"accessory": accessory, "accessory_colour": colour, "accessory_rgb": COLOURS[colour] if colour else None}
    with motion_modules_disabled(pipeline.unet):
        trainer = trainer_of(tmp_path, settings, pipeline, creature="dog", colour="white", **look)
        assert chosen_phrase(trainer, "white", "dog", settings, grid) == appearance


def test_a_coat_between_two_names_wears_nothing(tmp_path: Path, settings: Settings, pipeline: Any, grid: Any) -> None:
    olive = {"colour": "brown", "rgb": (0.52, 0.58, 0.28)}
    with motion_modules_disabled(pipeline.unet):
        trainer = trainer_of(tmp_path, settings, pipeline, creature="penguin", **olive, **BARE)
        assert chosen_phrase(trainer, "brown", "penguin", settings, grid) == ""


@pytest.mark.parametrize(("again", "appearance"), [(0.4, "with a red hat"), (-0.4, "")])
def test_a_doubtful_phrase_is_looked_at_again(again: float, appearance: str) -> None:
    asked: list[tuple[list[str], int]] = []

    def losses(captions: Sequence[str], count: int) -> torch.Tensor:
        asked.append((list(captions), count))
        gains = {False: 0.1, True: again}[len(asked) > 2] + torch.linspace(-1, 1, count)
        hat = [caption.endswith("with a red hat") for caption in captions]
        return torch.stack([(-gains).exp() if worn else torch.full((count,), 1.0 if " with " not in caption else 9.0)
                            for caption, worn in zip(captions, hat, strict=True)])

    phrases = ["with a blue scarf", "with a red hat", "with a green scarf"]
    assert best_appearance_phrase(losses, "white", "dog", phrases, ()) == appearance
    assert asked[2] == (["a white dog", "a white dog with a red hat"], 160)


def test_a_phrase_that_changes_nothing_is_not_chosen() -> None:
    assert best_appearance_phrase(lambda captions, count: torch.ones(len(captions), count), "white", "dog",
                                  ["with a red hat"], ()) == ""


def test_captions_go_on_with_what_it_wears(tmp_path: Path, settings: Settings, pipeline: Any) -> None:
    trainer = trainer_of(tmp_path, settings, pipeline, creature="dog", colour="white", **BARE)
    who = f"{trainer._token} dog"
    before = [caption for example in trainer._instances for caption in example.captions]
    trainer.add_appearance("dog", "with a red hat")
    after = [caption for example in trainer._instances for caption in example.captions]
    assert after == [caption.replace(who, f"{who} with a red hat") for caption in before] != before


def test_phrases_take_the_first_words_and_their_article() -> None:
    phrases = ("with a {} hat", "with glasses", "with {one}")
    wanted = PersonalizeSettings(initializer_words=("orange", "red"), appearance_phrases=phrases)
    assert filled_phrases(wanted) == ["with an orange hat", "with a red hat", "with glasses", "with {one}"]


@pytest.mark.parametrize(("prompt", "said"), [
    ("a <bo> bear runs", "a <bo> bear with a hat runs"), ("a <bo> bear with a hat runs", "a <bo> bear with a hat runs"),
    ("a <bob> fox with a hat meets a <bo> bear", "a <bob> fox with a hat meets a <bo> bear with a hat"),
    ("a <bob> bear runs", "a <bob> bear runs"), ("", ""),
])
def test_prompts_say_what_it_wears_once(prompt: str, said: str) -> None:
    table = np.zeros((1, 1), np.float32)
    metadata = {"appearance": "with a hat"}
    token = CharacterToken(name="bo", token="<bo>", noun="bear", table=table, lora={}, base="", metadata=metadata)
    assert token.expand_prompt(prompt) == said
    assert replace(token, metadata={}).expand_prompt(prompt) == prompt
