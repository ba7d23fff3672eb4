"""`--max-shots` and `--length`: fewer shots, the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyanim.cli.flags import parse_length, plan_settings
from storyanim.config import load_settings
from storyanim.errors import UsageError
from storyanim.planning import build_planner

STORY = "The bear ran in the forest. The bear jumped. The fox slept. The bear danced. The bear swam in the lake.\n"


@pytest.mark.parametrize(("text", "seconds"), [
    ("60s", 60), ("90", 90), ("1m30s", 90), ("1:30", 90), ("2 min", 120), ("1h", 3600), ("0:45", 45), ("1:00:00", 3600), ("1.5m", 90)])
def test_lengths(text: str, seconds: float) -> None:
    assert parse_length(text) == seconds


@pytest.mark.parametrize("text", ["0", "0s", "", "-5", "long", "5 bears", "1:99", "nan"])
def test_no_lengths(text: str) -> None:
    with pytest.raises(UsageError, match="no length"):
        parse_length(text)


def test_no_shot_is_held_beyond_a_length() -> None:
    assert plan_settings(None, None) == {}
    assert plan_settings(5, "60s") == {"plan": {"max_shots": 5, "length_s": 60.0}, "film": {"max_hold_s": 0.0}}


def test_a_length_without_room_for_a_shot_is_told() -> None:
    with pytest.raises(UsageError, match="no room") as caught:
        build_planner(load_settings(plan={"length_s": 5}), None)
    assert "6 s or more" in caught.value.hint


def test_plans_are_shortened(cli, tmp_path: Path) -> None:                       # type: ignore[no-untyped-def]
    path = tmp_path / "story.txt"
    path.write_text(STORY, "utf-8")
    every = cli("plan", path, "--json").json["shots"]
    few = cli("plan", path, "--json", "--max-shots", "2").json["shots"]
    timed = cli("plan", path, "--json", "--length", "8s").json["shots"]
    assert len(every) > len(few) == 2
    assert sum(shot["duration_s"] for shot in timed) <= 4
    assert {"".join(shot["text"] for shot in shots) for shots in (every, few, timed)} == {STORY}
    assert cli("plan", path, "--max-shots", "0").code == cli("plan", path, "--length", "soon").code == 2
