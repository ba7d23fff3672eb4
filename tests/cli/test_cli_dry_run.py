"""`storyanim run --dry-run`, with fakes: told as it then comes, and nothing written."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import RUN, Cli, Outcome
from fakes import Diary
from family import save_pictures

from storyanim.artifacts import Storyboard
from storyanim.config import load_settings
from storyanim.films import forecast
from storyanim.retrieve.index import VideoIndex
from storyanim.run.timing import expected_s

BOARD = RUN / "storyboard.yaml"


@pytest.fixture(autouse=True)
def _fake_components(diary: Diary, index: VideoIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    from fakes import fake_components

    monkeypatch.setattr(forecast, "build_components",
                        lambda settings, folder: fake_components(diary, index, settings))


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """All files and folders with their times and sizes, the cache's too."""
    roots = (folder, Path(os.environ["STORYANIM_CACHE"]))
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for root in roots for path in root.rglob("*")}


@pytest.fixture
def dry(cli: Cli, here: Path) -> Any:
    """A dry run, which must write nothing."""
    def run(*arguments: object) -> Outcome:
        before = everything(here)
        outcome = cli("run", *arguments, "--dry-run", "--json")
        assert everything(here) == before
        assert outcome.code == 0, outcome.err
        return outcome

    return run


def edit(**changes: str) -> None:
    """By hand, of the last shot."""
    board = Storyboard.from_yaml(BOARD.read_text())
    first = BOARD.read_text().split("\n")[0]
    shots = (*board.shots[:-1], board.shots[-1].model_copy(update=changes))
    BOARD.write_text(f"{first}\n{board.model_copy(update={'shots': shots}).to_yaml()}")


def test_what_is_not_as_it_was_is_told(dry: Any, cli: Cli, story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYANIM_GENERATE__GUIDANCE_SCALE", "4")
    assert cli("run", story, "--seed", "5").code == 0
    assert "this run had" not in dry(RUN).err
    monkeypatch.delenv("STORYANIM_GENERATE__GUIDANCE_SCALE")
    assert "generate.guidance_scale is 3.0 now, this run had 4.0" in dry(RUN).err
    assert "this run had --seed 5" in dry(story).err


def test_of_a_new_story_all_is_to_be_done(dry: Any, story: Path, diary: Diary) -> None:
    told = dry(story).json
    assert told["shots"] == {"s01": "draw", "s02": "draw", "s03": "draw"}
    assert {"plan", "shots/s02/frames", "film"} <= set(told["steps"])
    assert told["seconds"] is None
    assert diary.read() == ["plan The colours"]


def test_of_a_finished_one_nothing(dry: Any, made: Outcome, story: Path, diary: Diary) -> None:
    for source in (story, RUN):
        told = dry(source).json
        assert (told["steps"], told["models"], told["seconds"]) == ([], [], 0)
        assert set(told["shots"].values()) == {"kept"}
    assert diary.read() == []


@pytest.mark.parametrize(("changes", "work"), [
    ({"prompt": "another"}, "draw"), ({"query": "red"}, "find"), ({"text": "Other words."}, "clip"),
])
def test_what_an_edit_changes(
    cli: Cli, dry: Any, made: Outcome, diary: Diary, changes: dict[str, str], work: str
) -> None:
    edit(**changes)
    told = dry(RUN).json
    assert told["shots"] == {"s01": "kept", "s02": "kept", "s03": work}
    assert "film" in told["steps"]
    assert told["seconds"] > 0                       # the run before was measured
    drawn = cli("run", RUN, "--json").json["drawn"]
    assert drawn == (["s03"] if work != "clip" else [])
    assert dry(RUN).json["steps"] == []


def test_what_flags_change(cli: Cli, dry: Any, made: Outcome, story: Path) -> None:
    assert set(dry(RUN, "--seed", 5).json["shots"].values()) == {"draw"}
    assert set(dry(RUN, "--author", "me").json["shots"].values()) <= {"kept", "clip"}
    story.write_text(story.read_text().replace("jumps", "sings"))
    told = dry(story).json
    # s03 must not take what s04 takes, which is not known yet
    assert told["shots"] == {"s01": "kept", "s04": "draw", "s03": "find"}
    assert cli("run", story, "--json").json["drawn"] == ["s04"]


def test_a_take_that_was_kept_is_not_drawn_again(cli: Cli, dry: Any, made: Outcome) -> None:
    whole = BOARD.read_text()
    edit(prompt="another")
    assert cli("run", RUN).code == 0
    BOARD.write_text(whole)
    assert dry(RUN).json["shots"]["s03"] in {"kept", "clip"}
    assert cli("run", RUN, "--json").json["drawn"] == []


def test_a_character_is_to_be_learned_once(cli: Cli, dry: Any, here: Path, diary: Diary) -> None:
    bear = save_pictures(here / "bear")
    for name, colour in (("one", "blue"), ("two", "green")):
        (here / f"{name}.txt").write_text(f"A red bear runs. A {colour} wave comes.")
    told = dry("one.txt", "two.txt", "--out", "films", "--character", bear).json
    assert ["characters/bear" in film["steps"] for film in told["films"]] == [True, False]
    assert cli("run", "one.txt", "--out", "films/one", "--character", bear).code == 0
    told = dry("two.txt", "--character", bear).json
    assert "characters/bear" not in told["steps"]    # the cache has it


def test_times_of_other_runs_count(cli: Cli, dry: Any, made: Outcome, here: Path) -> None:
    (here / "other.txt").write_text("A red bear sings.")
    told = dry("other.txt").json
    assert told["seconds"] > 0
    assert told["unmeasured"] == []
    assert "time: about" in cli("run", "other.txt", "--dry-run").out


def test_drawing_by_more_steps_takes_longer(cli: Cli, story: Path, diary: Diary) -> None:
    def frames_s(quality: str) -> float:
        found = forecast.forecast_film(RUN, quality=quality)
        return forecast._measured(found, load_settings("storybook", quality))["frames"][0]

    assert cli("run", story, "--quality", "draft").code == 0
    steps = [load_settings("storybook", quality).generate.num_inference_steps for quality in ("draft", "normal", "fine")]
    assert [frames_s(quality) / frames_s("draft") for quality in ("draft", "normal", "fine")] == pytest.approx([one / steps[0] for one in steps])


def test_the_start_of_a_run_counts(cli: Cli, dry: Any, story: Path, diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    from storyanim.api import films

    def slow(*arguments: object) -> Any:
        time.sleep(2)
        return fast(*arguments)

    fast = films.build_components
    monkeypatch.setattr(films, "build_components", slow)
    began = time.monotonic()
    assert cli("run", story).code == 0
    taken = time.monotonic() - began
    assert 2 < dry(story, "--seed", 5).json["seconds"] <= taken + 1                # rounded up
    assert dry(story).json["seconds"] == 0


def test_the_first_step_of_a_kind_loads_its_model_and_is_no_measure_of_others() -> None:
    measured = {"frames": [9.0, 1.0, 1.0], "film": [2.0]}
    steps = [f"shots/s0{k}/frames" for k in range(4)]
    assert expected_s([*steps, "film", "sheet"], measured, None, at_once=1) == 4 + 2
    assert expected_s([*steps, "film"], measured, None, at_once=2) == 2 + 2


def test_times_never_measured_are_told(cli: Cli, story: Path, diary: Diary) -> None:
    assert cli("run", story, "--dry-run").out.splitlines()[-1].startswith("time: not known")


def test_lines_for_people(cli: Cli, made: Outcome) -> None:
    assert cli("run", RUN, "--dry-run").out.splitlines() == [f"{RUN}: kept: s01, s02, s03", "nothing is to be done"]
    edit(prompt="another")
    lines = cli("run", RUN, "--dry-run").out.splitlines()
    assert lines[0] == f"{RUN}: kept: s01, s02; to draw: s03"
    assert any(line.startswith("models to load: assets:storybook") for line in lines)


def test_several(cli: Cli, here: Path, diary: Diary) -> None:
    (here / "one.txt").write_text("A red bear runs.")
    (here / "two.txt").write_text("")
    outcome = cli("run", "one.txt", "two.txt", "--out", "films", "--dry-run")
    assert outcome.code == 3
    assert outcome.out.splitlines()[1].split()[:3] == ["one.txt", "1", "1"]
    assert "failed: two.txt: the story two.txt is empty" in outcome.err.splitlines()
    assert sorted(path.name for path in here.iterdir()) == ["one.txt", "two.txt"]


def test_a_video_that_cannot_be_read(cli: Cli, made: Outcome, here: Path, dry: Any) -> None:
    (here / "own.mp4").write_bytes(b"no video")
    edit(pinned=f"{here}/own.mp4@0-1")
    told = dry(RUN).json
    assert "own.mp4" in told["broken"]["s03"]
    assert told["shots"] == {"s01": "kept", "s02": "kept"}
    assert "s03 cannot be made: " in cli("run", RUN, "--dry-run").out
    (here / "own.mp4").unlink()
    outcome = cli("run", RUN, "--dry-run")
    assert outcome.code == 4
    assert "own.mp4" in outcome.complaint[0]


@pytest.mark.parametrize("arguments", [["gone.txt"], ["empty.txt"], ["full.txt", "--out", "full"], ["full.txt", "--profile", "none"],
                                       ["full.txt", "--out", "full.txt/run"], ["full.txt", "--watch"]])
def test_bad_input_is_told_as_by_a_run(cli: Cli, here: Path, diary: Diary, arguments: list[str]) -> None:
    (here / "empty.txt").write_text("")
    (here / "full.txt").write_text("A red bear runs.")
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("mine")
    before = everything(here)
    outcome = cli("run", *arguments, "--dry-run")
    assert outcome.code in {2, 4, 6}
    assert outcome.complaint
    assert everything(here) == before
    assert diary.read() == []


def test_a_downloaded_model_is_told_and_all_is_to_be_done(
    dry: Any, story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storyanim import hub
    from storyanim.config import ModelRef
    from storyanim.hub import Download, RepoInfo

    ref = ModelRef(repo="someone/model", revision="0" * 40)
    info = RepoInfo(repo="someone/model", commit="0" * 40, licence="mit", sizes={"a.safetensors": 5_000_000_000})
    monkeypatch.setattr(hub, "plan_downloads", lambda models: [Download(("pipeline",), ref, info, ("a.safetensors",))])
    told = dry(story).json
    assert told["downloads"] == {"someone/model": 5_000_000_000}
    assert told["shots"]
    assert set(told["shots"].values()) == {"draw"}


