"""Flags of the film's picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyanim.cli.flags import film_settings, parse_rate, parse_size
from storyanim.config import load_settings
from storyanim.errors import UsageError


@pytest.mark.parametrize(("text", "size"), [
    ("16:9", (910, 512)), ("9:16", (512, 910)), ("1:1", (512, 512)), ("4:3", (682, 512)), ("1280x720", (1280, 720)), (" 640 X 360 ", (640, 360)),
])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "16", "16:0", "0:9", "a:b", "1281x720", "8x8", "100000x2", "1:5000", "-16:9"])
def test_other_words_are_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize(("text", "rate"), [
    ("24", 24), ("24.0", 24), ("12.5", "25/2"), ("23.976", "24000/1001"), ("23.98", "24000/1001"), ("24000/1001", "24000/1001"),
    ("29.97", "30000/1001"), ("59.94", "60000/1001"), (" 119.88 ", "120000/1001"),
])
def test_rates_are_exact_and_those_of_ntsc_are_known_by_their_rounded_names(text: str, rate: int | str) -> None:
    assert parse_rate(text) == rate
    settings = load_settings("storybook", film={"fps": parse_rate(text)}).film
    assert settings.model_dump(mode="json")["fps"] == rate


@pytest.mark.parametrize("text", ["", "0", "-24", "0.5", "1000", "24p", "1/0", "nan", "inf"])
def test_other_words_are_no_rate(text: str) -> None:
    with pytest.raises(UsageError, match="no rate"):
        parse_rate(text)


@pytest.mark.parametrize(("profile", "given", "drawn"), [
    ("wan-vace", {}, (832, 480)), ("wan-vace", {"film": {"width_px": 512, "height_px": 910}}, (480, 832)),
    ("wan-vace", {"film": {"width_px": 910, "height_px": 512}}, (832, 480)),
    ("wan-vace", {"film": {"width_px": 512, "height_px": 910}, "generate": {"width_px": 640, "height_px": 640}}, (640, 640)),
    ("storybook", {"film": {"width_px": 512, "height_px": 910}}, (128, 128)),
])
def test_of_the_sizes_that_a_profile_draws_the_one_of_the_films_shape_is_taken(
    profile: str, given: dict[str, dict[str, int]], drawn: tuple[int, int]
) -> None:
    settings = load_settings(profile, **given).generate
    assert (settings.width_px, settings.height_px) == drawn


def test_only_what_is_given_is_set(tmp_path: Path) -> None:
    assert film_settings(None, None, None, None, None) == {}
    assert film_settings(None, None, "1:1", "30", "Ann") == {"width_px": 512, "height_px": 512, "fps": 30, "author": "Ann"}
    (tmp_path / "x.ttf").write_bytes(b"")
    with pytest.raises(UsageError, match="no font"):
        film_settings(None, tmp_path / "x.ttf", None, None, None)
