"""Plans of regions as DreamRunner's authors write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storyanim.errors import StoryError
from storyanim.planning import is_storyboard, read_storyboard

LEFT, RIGHT = [0.0, 0.0, 0.43, 1.0], [0.57, 0.0, 1.0, 1.0]


def plan(*moments: list[tuple[str, list[float]]], background: str = "the background of the event: A hen and a cow") -> str:
    frames = [f"Frame_{number}: " + ", ".join(json.dumps([["none", "none", caption], corners]) for caption, corners in moment)
              for number, moment in enumerate(moments, 1)]
    return json.dumps(["0001.mp4", "\"" + "\n".join([f"Background:{background}", *frames]) + "\""])


def write(folder: Path, *lines: str) -> Path:
    path = folder / "plans.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_each_line_is_a_shot_with_its_entities(tmp_path: Path) -> None:
    two = plan(*[[("A hen pecks", LEFT), ("A cow sleeps", RIGHT)]] * 6)
    path = write(tmp_path, two, two)
    assert is_storyboard(path)
    board = read_storyboard(path)
    assert [shot.id for shot in board.shots] == ["s01", "s02"]
    shot = board.shots[0]
    assert shot.prompt == "A hen and a cow"
    assert shot.figures == 2
    assert [entity.prompt for entity in shot.entities] == ["A hen pecks", "A cow sleeps"]
    assert [entity.boxes[0].corners for entity in shot.entities] == [tuple(LEFT), tuple(RIGHT)]
    assert all(len(entity.boxes) == 1 for entity in shot.entities)
    assert shot.seed != board.shots[1].seed


def test_boxes_move_as_they_are_told(tmp_path: Path) -> None:
    moments = [[("A hen runs", [0.1 * k, 0.0, 0.1 * k + 0.3, 1.0]), ("A cow sleeps", RIGHT)] for k in range(6)]
    hen, cow = read_storyboard(write(tmp_path, plan(*moments))).shots[0].entities
    assert len(hen.boxes) == 6
    assert [box.at for box in hen.boxes] == [pytest.approx((k + 0.5) / 6) for k in range(6)]
    assert len(cow.boxes) == 1


def test_what_is_left_out_of_captions_is_noted(tmp_path: Path) -> None:
    moments = [[("A hen walks", LEFT), ("A cow sleeps", RIGHT)]] * 2 + [[("A hen runs", LEFT), ("A cow sleeps", RIGHT)]] * 4
    board = read_storyboard(write(tmp_path, plan(*moments)))
    assert [entity.prompt for entity in board.shots[0].entities] == ["A hen runs", "A cow sleeps"]
    assert "s01" in board.notes[0]


def test_a_lone_entity_that_changes_does_one_thing_after_another(tmp_path: Path) -> None:
    moments = [[("A leaf is green", LEFT)]] * 4 + [[("A leaf is red", LEFT)]] * 2
    shot, = read_storyboard(write(tmp_path, plan(*moments, background="none"))).shots
    assert shot.entities == ()
    assert [(event.prompt, event.start, event.end) for event in shot.events] == [
        ("A leaf is green", 0, pytest.approx(4 / 6)), ("A leaf is red", pytest.approx(4 / 6), 1)]
    assert shot.prompt == "A leaf is green. A leaf is red"


@pytest.mark.parametrize("line", [
    plan(), plan([("A hen", [0.5, 0.0, 0.5, 1.0]), ("A cow", RIGHT)]), plan([("A hen", [0.5, 0.0]), ("A cow", RIGHT)]),
    '["0001.mp4", "Background:x\\nFrame_1: [[1], 2]"]', '["0001.mp4"]', '["0001.mp4", "Background:x'])
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    good = plan([("A hen pecks", LEFT), ("A cow sleeps", RIGHT)])
    with pytest.raises(StoryError, match=r"plan 2 of plans\.jsonl") as caught:
        read_storyboard(write(tmp_path, good, line))
    assert "Frame_1" in caught.value.hint


def test_other_json_lines_are_stories(tmp_path: Path) -> None:
    assert not is_storyboard(write(tmp_path, '{"prompt": "A bear walks."}'))
