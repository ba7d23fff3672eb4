"""The command line in this process, with fakes or with a tiny real family."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli, Outcome, in_this_process
from fakes import STORY, Diary, install_fakes

from storyanim.cli import app
from storyanim.retrieve.index import VideoIndex


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.delenv("COLUMNS", raising=False)     # a pipe has no width; workers of the tests may be given one
    return in_this_process(app, capsys)


@pytest.fixture
def story(here: Path) -> Path:
    path = here / "colours.txt"
    path.write_text(f"# {STORY.title}\n\n{STORY.text}\n")
    return path


@pytest.fixture
def diary(index: VideoIndex, monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Of the fakes that take the place of the real doers; films are small."""
    return install_fakes(monkeypatch, index)


@pytest.fixture
def made(cli: Cli, story: Path, diary: Diary) -> Outcome:
    """A finished run in RUN."""
    outcome = cli("run", story, "--json")
    assert outcome.code == 0, outcome.err
    diary.read()
    return outcome
