"""Arguments of the functions for Python, that are typed once and handed on by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import storyanim


@pytest.mark.parametrize("call", [
    lambda **given: storyanim.make_film("story.txt", **given),
    lambda **given: storyanim.make_films(["story.txt"], "films", **given),
    lambda **given: storyanim.forecast_film("story.txt", **given),
    lambda **given: storyanim.plan("story.txt", **given),
], ids=["make_film", "make_films", "forecast_film", "plan"])
def test_an_argument_that_there_is_not_is_told_before_anything(call: Any, here: Path) -> None:
    (here / "story.txt").write_text("A bear runs.")
    with pytest.raises(TypeError, match="charakters"):
        call(charakters=["bear"])
    assert [path.name for path in here.iterdir()] == ["story.txt"]


def test_a_plan_takes_nothing_that_only_a_film_has(here: Path) -> None:
    (here / "story.txt").write_text("A bear runs.")
    with pytest.raises(TypeError, match="seed"):
        storyanim.plan("story.txt", seed=3)  # type: ignore[call-arg]
