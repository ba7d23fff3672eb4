"""The word that a character starts from, as the bundled models read it off pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from storyanim.config import Settings, load_settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.generate.load import load_pipeline
from storyanim.personalize.examples import ExampleMaker
from storyanim.personalize.images import read_character
from storyanim.personalize.lesson import Lesson
from storyanim.personalize.lora import motion_off
from storyanim.personalize.timeinv import sampling_grid
from storyanim.world import COLOURS
from storyanim.world.photos import take_photos


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def pipeline(settings: Settings) -> Any:
    return load_pipeline(settings.models)


@pytest.mark.parametrize(("creature", "colour"), [("cat", "blue"), ("penguin", "red"), ("dog", "yellow")])
def test_named_colours_are_read(tmp_path: Path, settings: Settings, pipeline: Any, creature: str, colour: str) -> None:
    look = {"creature": creature, "colour": colour, "rgb": COLOURS[colour], "accessory": None, "accessory_colour": None,
            "accessory_rgb": None}
    for number, photo in enumerate(take_photos(look, seed=31, size_px=192)):
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
    character = read_character(tmp_path, noun=creature)
    with motion_off(pipeline.unet):
        own = list(ExampleMaker(pipeline, build_depth_estimator(settings), settings).of_character(character))
        lesson = Lesson(pipeline, settings, character.token, own, [])
        grid = sampling_grid(pipeline.scheduler, settings.generate.num_inference_steps)
        assert lesson.best_word(tuple(COLOURS), creature, grid) == colour
