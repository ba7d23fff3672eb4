"""The command line in this process, with fakes or with a tiny real family."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli, Outcome
from fakes import STORY, Diary, fake_components

from storyanim import api
from storyanim.cli import app
from storyanim.console import run_app
from storyanim.retrieve.index import VideoIndex
from storyanim.run import characters

SMALL = {"RETRIEVE__CANDIDATES": "2", "GENERATE__NUM_FRAMES": "4", "FILM__WIDTH_PX": "64", "FILM__HEIGHT_PX": "48",
         "FILM__FPS": "8", "FILM__TITLE_S": "0", "FILM__MAX_HOLD_S": "0"}


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run_app(app, [str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def story(here: Path) -> Path:
    path = here / "colours.txt"
    path.write_text(f"# {STORY.title}\n\n{STORY.text}\n")
    return path


@pytest.fixture
def diary(index: VideoIndex, monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Of the fakes that take the place of the real doers; films are small."""
    diary = Diary()
    for user in (api, characters):
        monkeypatch.setattr(user, "build_components", lambda settings, folder: fake_components(diary, index, settings))
    for name, value in SMALL.items():
        monkeypatch.setenv(f"STORYANIM_{name}", value)
    return diary
