"""What a storyboard says and cannot be filmed is told before anything is drawn, all at once; with fakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import RUN, Cli, Outcome

from storyanim.artifacts import Shot, Storyboard
from storyanim.config import DEFAULT_INDEX, asset
from storyanim.retrieve.clip_names import unknown_clips
from storyanim.retrieve.index import VideoIndex


def a_clip() -> str:
    return VideoIndex(asset(DEFAULT_INDEX))._database.execute("SELECT clip_id FROM clips ORDER BY id LIMIT 1").fetchone()[0]


def misspelt(clip: str) -> str:
    return clip.replace(clip[5], "x" if clip[5] != "x" else "y", 1)


def test_names_that_an_index_lacks_with_the_nearest() -> None:
    clip = a_clip()
    assert unknown_clips(asset(DEFAULT_INDEX), [clip, misspelt(clip), "nothing like it"]) == {misspelt(clip): clip, "nothing like it": ""}
    assert unknown_clips(Path("no index"), [clip]) == {}


def test_all_that_is_wrong_at_once(cli: Cli, here: Path, diary: object) -> None:
    shots = (Shot(id="s01", text="", query="q", prompt="p", duration_s=12), Shot(id="s02", text="", query="q", prompt="p", pinned=misspelt(a_clip())),
             Shot(id="s03", text="", query="q", prompt="p", banned=(a_clip(), "none@0-2"), pinned="lost.mp4@0-1"))
    text = Storyboard(title="t", shots=shots).to_yaml().replace("  prompt: p\n", "  promt: p\n", 1)
    Path("b.yaml").write_text(text)
    outcome = cli("run", "b.yaml", "-o", "r", "--json")
    assert outcome.code == 4
    details = json.loads(outcome.out)["details"]
    lines = text.splitlines()
    assert [(lines[int(line.split()[1].rstrip(",")) - 1].split(":")[0].strip(" -"), line.split(": ")[1]) for line in details] == [
        ("promt", "s01"), ("duration_s", "s01"), ("pinned", "s02"), ("pinned", "s03"), ("none@0-2", "s03")]
    assert "did you mean prompt?" in details[0]
    assert "12 s is longer than 8 s" in details[1]
    assert f"did you mean {a_clip()}?" in details[2]
    assert "no file" in details[3]
    assert not Path("r").exists()


def test_a_runs_own_storyboard(cli: Cli, made: Outcome) -> None:
    path = RUN / "storyboard.yaml"
    before = path.read_text()
    path.write_text(before.replace("duration_s: 0.5", "duration_s: 9.5", 1).replace("pinned: null", "pinned: no@0-1", 1))
    film = (RUN / "film.mp4").read_bytes()
    outcome = cli("run", RUN)
    assert outcome.code == 4
    assert "2 things are wrong" in outcome.complaint[0]
    assert (RUN / "film.mp4").read_bytes() == film
    path.write_text(before)
    assert cli("run", RUN, "--json").json["drawn"] == []


@pytest.mark.parametrize("command", [("pin", RUN, "s01", "no@0-1"), ("ban", RUN, "s01", "no@0-1")])
def test_commands(cli: Cli, made: Outcome, command: tuple[object, ...]) -> None:
    before = (RUN / "storyboard.yaml").read_bytes()
    outcome = cli("shot", *command)
    assert outcome.code == 4
    assert "no clip 'no@0-1'" in outcome.complaint[0]
    assert (RUN / "storyboard.yaml").read_bytes() == before


def test_what_a_plan_makes_is_not_refused(cli: Cli, story: Path, diary: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYANIM_PLAN__SHOT_DURATION_S", "20")
    assert cli("run", story).code == 0
    path = RUN / "storyboard.yaml"
    path.write_text(path.read_text().replace("duration_s: 0.5", "duration_s: 20.0"))
    assert cli("run", RUN).code == 0
    monkeypatch.delenv("STORYANIM_PLAN__SHOT_DURATION_S")
    assert "3 things are wrong" in cli("run", RUN).complaint[0]
