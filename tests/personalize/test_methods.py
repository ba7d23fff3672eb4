"""Other ways to learn a character: what each changes, that it is drawn with, and that nothing of it stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from small import BrightnessDepth, make_settings

from storyanim.artifacts import Character, CharacterToken, Shot
from storyanim.engine.character_file import load_character_token, save_character_token
from storyanim.errors import CharacterError, UsageError
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.fit import TimeInvLearner
from storybook.evaluate.methods import ABLATIONS, BASELINES, METHODS, UNTOLD, settings_of

Learn = Callable[[str], CharacterToken]
TOLD = Shot(id="s01", text="", query="", prompt="a <bruno> bear", seed=1, characters=("bruno",))


@pytest.fixture
def learn(shared_pipeline: StoryVideoPipeline, family: Path, character: Character) -> Learn:
    def learned(method: str) -> CharacterToken:
        wanted = settings_of(method, make_settings(family, embedding_learning_rate=0.5, lora_learning_rate=0.1))
        return TimeInvLearner(wanted, lambda: shared_pipeline, BrightnessDepth()).learn(character)

    return learned


@pytest.mark.parametrize("method", METHODS)
def test_leaves_the_base_as_it_was(learn: Learn, shared_pipeline: StoryVideoPipeline, method: str) -> None:
    before = {name: weight.clone() for name, weight in shared_pipeline.unet.state_dict().items()}
    learn(method)
    after = shared_pipeline.unet.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(weight.grad is not None for weight in shared_pipeline.unet.parameters())


def test_each_learns_what_its_paper_says(learn: Learn, shared_pipeline: StoryVideoPipeline) -> None:
    tokens = {method: learn(method) for method in (*BASELINES, *ABLATIONS)}
    rows = {method: len(np.unique(token.table, axis=0)) for method, token in tokens.items()}
    assert min(rows["timeinv_lora"], rows["no_lora"]) > 1
    assert [rows[method] for method in ("textual_inversion", "dreambooth", "custom_diffusion", "no_timeinv")] == [1] * 4
    assert [bool(token.lora) for token in tokens.values()] == [True, False, False, False, True, False, True, True]
    whole = {method: set(token.weights) for method, token in tokens.items() if token.weights}
    assert set(whole) == {"dreambooth", "custom_diffusion"}
    assert all(name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")) for name in whole["custom_diffusion"])
    spatial = {f"unet.{name}" for name, _ in shared_pipeline.unet.named_parameters() if "motion_modules" not in name}
    assert whole["custom_diffusion"] < whole["dreambooth"] == spatial
    methods = [token.metadata["method"] for token in tokens.values()]
    assert methods[:4] == ["timeinv+lora", "textual-inversion", "rare-word+unet", "textual-inversion+cross-attention"]


@pytest.mark.parametrize("method", ["dreambooth", "custom_diffusion"])
def test_whole_weights_are_drawn_with_and_taken_off(learn: Learn, family: Path, method: str, tmp_path: Path) -> None:
    token = learn(method)
    save_character_token(tmp_path / "bruno.safetensors", token)
    token = load_character_token(tmp_path / "bruno.safetensors")
    assert token.weights
    generator = StoryGenerator(make_settings(family))
    named_only = CharacterToken(name="bruno", token="<bruno>", noun="bear", table=token.table, lora={}, base=token.base)
    without = generator.draw(TOLD, None, [named_only]).rgb
    drawn = generator.draw(TOLD, None, [token]).rgb
    assert not np.array_equal(drawn, without)
    assert np.array_equal(generator.draw(TOLD, None, [named_only]).rgb, without)
    assert np.array_equal(generator.draw(TOLD, None, [token]).rgb, drawn)


def test_whole_weights_and_a_lora_take_turns(learn: Learn, family: Path) -> None:
    ours, whole = learn("timeinv_lora"), learn("custom_diffusion")
    generator = StoryGenerator(make_settings(family))
    fresh = [StoryGenerator(make_settings(family)).draw(TOLD, None, [token]).rgb for token in (ours, whole)]
    assert np.array_equal(generator.draw(TOLD, None, [ours]).rgb, fresh[0])
    assert np.array_equal(generator.draw(TOLD, None, [whole]).rgb, fresh[1])
    assert np.array_equal(generator.draw(TOLD, None, [ours]).rgb, fresh[0])


def test_two_whole_characters_cannot_share_a_shot(learn: Learn, family: Path) -> None:
    token = learn("custom_diffusion")
    with pytest.raises(CharacterError, match="both replace"):
        StoryGenerator(make_settings(family)).draw(TOLD, None, [token, token])


def test_weights_of_another_model_are_refused(learn: Learn, family: Path) -> None:
    token = learn("custom_diffusion")
    token.weights["unet.nowhere.weight"] = np.zeros((2, 2), np.float32)
    with pytest.raises(CharacterError, match="do not fit"):
        StoryGenerator(make_settings(family)).draw(TOLD, None, [token])


@pytest.mark.parametrize(("untold", "method"), zip(UNTOLD, BASELINES, strict=True))
def test_untold_differs_in_nothing_but_the_words(family: Path, untold: str, method: str) -> None:
    words = {"initializer_words": ("red", "blue"), "appearance_phrases": ("with a {} hat",)}
    told = make_settings(family, **words)
    without, published = settings_of(untold, told).personalize, settings_of(method, told).personalize
    assert (without.initializer_words, without.appearance_phrases) == ((), ())
    assert without.model_copy(update=words) == published


def test_unknown_method(family: Path) -> None:
    with pytest.raises(UsageError, match="no method 'magic'"):
        settings_of("magic", make_settings(family))
