"""`storyanim replay`, with fakes."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from command_line import RUN, Cli, Outcome
from fakes import ALL_CALLS, Diary
from family import save_pictures

from storyanim.artifacts import Frames

RECORD = RUN / "run.json"


@pytest.fixture(autouse=True)
def _temporary(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(here))


def files(folder: Path = RUN) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def recorded(**changes: Any) -> None:
    facts = json.loads(RECORD.read_text())
    for part, values in changes.items():
        facts[part] |= values
    RECORD.write_text(json.dumps(facts))


def test_the_same_bytes_and_the_run_is_untouched(cli: Cli, made: Outcome, diary: Diary, here: Path) -> None:
    before = files()
    outcome = cli("replay", RUN)
    assert (outcome.code, outcome.out) == (0, f"{RUN}/film.mp4: the same bytes as in {RUN}\n")
    assert diary.read() == ALL_CALLS                 # all of it was made, not found
    assert files() == before
    assert sorted(path.name for path in here.iterdir()) == ["colours.txt", "runs"]


def test_edits_seeds_takes_and_flags_are_played_again(cli: Cli, made: Outcome) -> None:
    assert cli("shot", "redo", RUN, "s02").code == 0
    assert cli("shot", "insert", RUN, "s02", "--prompt", "a blue frog", "--text", "It turned blue.").code == 0
    assert cli("shot", "remove", RUN, "s01").code == 0
    assert cli("run", RUN, "--seed", 5, "--takes", 2, "--author", "me").code == 0
    outcome = cli("replay", RUN, "--json")
    assert outcome.code == 0
    assert outcome.json == {"run": str(RUN), "out": None, "same": True, "changed": [], "steps": [], "differences": []}


def test_a_storyboard_that_was_given(cli: Cli, story: Path, diary: Diary) -> None:
    assert cli("plan", story, "-o", "board.yaml", "--profile", "sd15").code == 0
    assert cli("run", "board.yaml").code == 0
    Path("board.yaml").unlink()
    assert cli("replay", RUN).code == 0


def test_the_new_run_is_kept_where_asked(cli: Cli, made: Outcome) -> None:
    assert cli("replay", RUN, "-o", "again").code == 0
    assert Path("again/film.mp4").read_bytes() == (RUN / "film.mp4").read_bytes()
    assert cli("run", "again", "--json").json["drawn"] == []


def test_other_versions_and_models_are_named(cli: Cli, made: Outcome) -> None:
    recorded(versions={"torch": "0.1"}, components={"depth": "another"})
    outcome = cli("replay", RUN)
    assert outcome.code == 0                         # the bytes are the same for all that
    lines = outcome.out.splitlines()[1:]
    assert [line.partition(", is")[0] for line in lines] == ["torch: was 0.1", "component depth: was another"]


def test_other_bytes_are_told_with_the_first_step(
    cli: Cli, made: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = fakes.FakeGenerator.draw

    def brighter(self: Any, shot: Any, *given: Any) -> Frames:
        frames = draw(self, shot, *given)
        return Frames(frames.rgb + np.uint8(5), frames.fps) if shot.id == "s02" else frames

    monkeypatch.setattr(fakes.FakeGenerator, "draw", brighter)
    outcome = cli("replay", RUN, "--json")
    assert outcome.code == 3
    assert outcome.complaint[0] == "film.mp4 and sheet.png came out with other bytes"
    assert outcome.json["steps"] == ["shots/s02/frames", "timeline"]
    assert "failed: shots/s02/frames: gave something else" in outcome.err.splitlines()


def test_an_edit_after_the_film_is_named(cli: Cli, made: Outcome) -> None:
    assert cli("shot", "replace", RUN, "s02", "--prompt", "a yellow frog").code == 0
    outcome = cli("replay", RUN)
    assert outcome.code == 3
    assert any(line.startswith("s02.prompt: was ") and line.endswith("is a yellow frog") for line in outcome.out.splitlines())


class TestFiles:
    @pytest.fixture
    def bear(self, cli: Cli, story: Path, diary: Diary, here: Path) -> Path:
        pictures = save_pictures(here / "bear")
        assert cli("run", story, "--character", pictures).code == 0
        return pictures

    def test_that_changed_are_named(self, cli: Cli, bear: Path) -> None:
        assert cli("replay", RUN).code == 0
        first = min(bear.iterdir())
        first.write_bytes(first.read_bytes() + b"more")
        outcome = cli("replay", RUN)
        assert f"file {bear}: was " in outcome.out

    def test_that_are_gone_end_it(self, cli: Cli, bear: Path, diary: Diary) -> None:
        shutil.rmtree(bear)
        diary.read()
        outcome = cli("replay", RUN)
        assert (outcome.code, diary.read()) == (4, [])
        assert str(bear) in outcome.err
        assert "gone" in outcome.complaint[0]


class TestBadInput:
    def test_no_run(self, cli: Cli, here: Path) -> None:
        (here / "full").mkdir()
        for name in ("gone", "full"):
            outcome = cli("replay", name)
            assert (outcome.code, outcome.out) == (4, "")
            assert "no run folder" in outcome.complaint[0]

    def test_a_run_without_a_film(self, cli: Cli, made: Outcome) -> None:
        (RUN / "film.mp4").unlink()
        outcome = cli("replay", RUN)
        assert (outcome.code, outcome.complaint[0]) == (4, f"{RUN} has no film")

    def test_a_damaged_record(self, cli: Cli, made: Outcome) -> None:
        RECORD.write_text("{")
        assert cli("replay", RUN).code == 4

    def test_a_place_that_is_taken(self, cli: Cli, made: Outcome) -> None:
        before = files()
        assert cli("replay", RUN, "-o", RUN).code == 2
        assert cli("replay", RUN, "-o", "colours.txt/run").code == 6
        assert files() == before

    def test_a_record_of_an_older_version(self, cli: Cli, made: Outcome) -> None:
        facts = json.loads(RECORD.read_text())
        RECORD.write_text(json.dumps({"request": facts["request"]}))
        assert cli("replay", RUN).out == f"{RUN}/film.mp4: the same bytes as in {RUN}\n"


