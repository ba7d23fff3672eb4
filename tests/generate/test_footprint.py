"""Which rung of the memory ladder a limit means."""

from __future__ import annotations

import pytest

from storyanim.cli.flags import memory_settings
from storyanim.config import load_settings
from storyanim.errors import UsageError
from storyanim.generate.footprint import first_rung, needs_gb, what_fits
from storyanim.generate.generator import StoryGenerator

SD15 = load_settings("sd15").generate


@pytest.mark.parametrize(("max_gb", "frames", "rung"), [(24, 16, "fast"), (24, 64, "fast"), (12, 64, "halves"), (8, 64, "halves"), (8, 16, "fast"),
                                                        (5, 16, "halves"), (4.5, 16, "offload"), (2, 16, "sequential")])
def test_the_fastest_rung_that_fits(max_gb: float, frames: int, rung: str) -> None:
    assert first_rung(max_gb, frames, SD15) == rung


def test_each_rung_takes_less_than_the_one_before_and_more_frames_take_more() -> None:
    needs = [needs_gb(rung, 16, 512, 512) for rung in ("fast", "halves", "offload", "sequential")]
    assert needs == sorted(needs, reverse=True)
    assert needs_gb("fast", 64, 512, 512) > 2 * needs[0]


def test_small_networks_fit_anywhere() -> None:
    assert all(text.startswith("yes") for text in what_fits(load_settings("storybook")).values())


def test_a_limit_is_no_part_of_the_key() -> None:
    limited = load_settings("storybook", generate=memory_settings("7500 MB"))
    assert limited.generate.max_memory_gb == 7.5
    assert StoryGenerator(limited).fingerprint == StoryGenerator(load_settings("storybook")).fingerprint
    with pytest.raises(UsageError, match="no amount"):
        memory_settings("much")
