"""`storyanim shot layout`: figures of a shot are placed."""

from __future__ import annotations

import logging

import pytest

from storyanim.artifacts import Box, Shot, ShotEntity
from storyanim.cli.layout import _read_boxes, place_figures, say_place
from storyanim.errors import UsageError
from storyanim.run.edits import with_ban, with_pin

SHOT = Shot(id="s01", text="", query="", prompt="a cat dancing and a dog sleeping",
            entities=(ShotEntity(prompt="a cat and a dog dancing"), ShotEntity(prompt="a cat and a dog sleeping")))


def test_columns_by_default() -> None:
    assert [say_place(SHOT, k) for k in range(2)] == ["0,0,0.5,1", "0.5,0,1,1"]


def test_a_box_is_set_and_reset() -> None:
    placed = place_figures(SHOT, _read_boxes(["2=0.4,0.2,1,1"]))
    assert placed.entities[1].boxes == (Box(x0=0.4, y0=0.2),)
    assert placed.entities[0].boxes == ()
    assert place_figures(placed, [], reset=True) == SHOT


def test_two_moments_move_a_figure() -> None:
    placed = place_figures(SHOT, _read_boxes(["1=0.5,0,1,1@1", "1=0,0,0.5,1"]))
    assert say_place(placed, 0) == "0,0,0.5,1@0 0.5,0,1,1@1"


@pytest.mark.parametrize("text", ["1", "1=0,0,1", "1=0.5,0,0.5,1", "1=0,0,1.5,1", "1=0,0,1,1@2", "x=0,0,1,1", "1=0,0,1,1.."])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(UsageError):
        _read_boxes([text])


def test_footage_of_a_figure_is_pinned_and_banned() -> None:
    pinned = with_pin(SHOT, "a@0-2", 2)
    assert [entity.pinned for entity in pinned.entities] == [None, "a@0-2"]
    assert pinned.pinned is None
    banned = with_ban(pinned, "a@0-2", 2)
    assert (banned.entities[1].pinned, banned.entities[1].banned) == (None, ("a@0-2",))
    with pytest.raises(UsageError, match="no figure 3"):
        with_pin(SHOT, "a@0-2", 3)


def test_a_figure_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no figure 3"):
        place_figures(SHOT, _read_boxes(["3=0,0,1,1"]))
    with pytest.raises(UsageError, match="no figures"):
        place_figures(Shot(id="s02", text="", query="", prompt="a cat"), [])


def test_a_small_box_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        place_figures(SHOT, _read_boxes(["1=0,0,0.1,1"]))
    assert "figure 1 of s01" in caplog.text
