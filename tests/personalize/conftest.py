from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import small
from family import save_pictures

from storyanim.artifacts import Character
from storyanim.config import Settings
from storyanim.generate.load import load_pipeline
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.images import read_character


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("family")
    small.save_family(folder)
    return folder


@pytest.fixture(scope="session")
def shared_pipeline(family: Path) -> StoryVideoPipeline:
    """Learning leaves it as it was, so one serves all tests; that it does is itself tested."""
    return load_pipeline(small.make_settings(family).models)


@pytest.fixture
def settings(family: Path) -> Callable[..., Settings]:
    return lambda **personalize: small.make_settings(family, **personalize)


@pytest.fixture
def character(tmp_path: Path) -> Character:
    return read_character(save_pictures(tmp_path / "bruno"), noun="bear")
