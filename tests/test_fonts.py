"""Words in several scripts: fonts that complete each other, emoji in colour, right to left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_font
from PIL import Image, features

from storyanim import fonts
from storyanim.artifacts import UInt8

RED = (220, 20, 20)


@pytest.fixture(autouse=True)
def made_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (tiny_font.write_font(tmp_path / "hebrew.ttf", "אבג"), tiny_font.write_font(tmp_path / "chinese.ttf", "熊与，"))
    monkeypatch.setattr(fonts, "_FONTS", names)
    monkeypatch.setattr(fonts, "_COLOURED", (tiny_font.write_font(tmp_path / "emoji.ttf", "🐻1", RED),))


def drawn(text: str, line: str | None = None) -> UInt8:
    page = Image.new("RGB", (300, 60), "white")
    lettered = fonts.lettering(text, 20) or pytest.fail("no font")
    lettered.draw(page, (150, 30), line or text, "black", anchor="mm")
    return np.asarray(page)


def columns(picture: UInt8, color: tuple[int, int, int]) -> np.ndarray:
    return np.flatnonzero((np.abs(picture.astype(int) - color).sum(-1) < 60).any(0))


def test_each_part_has_a_font_that_has_its_letters() -> None:
    lettered = fonts.lettering("Tom 1 熊 🐻", 20) or pytest.fail("no font")
    assert [(Path(name).stem, run) for name, run in lettered._runs(lettered.words)] == [
        ("", "Tom 1 "), ("chinese", "熊 "), ("emoji", "🐻")]
    assert fonts.left_out("Tom 1 熊 🐻 🦊") == ["🦊"]


def test_emoji_are_drawn_in_their_colours_and_as_large_as_letters() -> None:
    page = drawn("Tom 🐻")
    red, black = columns(page, RED), columns(page, (0, 0, 0))
    assert 18 <= len(red) <= 26
    assert black.max() < red.min()
    assert abs((red.max() + black.min()) / 2 - 150) < 4                            # the line's middle


@pytest.mark.skipif(not features.check("raqm"), reason="this build of Pillow has no Raqm")
def test_what_begins_in_hebrew_runs_leftwards() -> None:
    assert columns(drawn("אבג 🐻"), RED).max() < columns(drawn("אבג 🐻"), (0, 0, 0)).min()
    # a line of Latin letters alone is part of the same text
    assert columns(drawn("אבג Tom 🐻", "Tom 🐻"), RED).max() < columns(drawn("אבג Tom 🐻", "Tom 🐻"), (0, 0, 0)).min()


def test_without_raqm_such_words_are_told_not_drawn_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    assert fonts.drawable("אבג") is None
    assert fonts.drawable("Tom 熊") == "Tom 熊"


def test_no_line_begins_with_a_mark_that_closes() -> None:
    lettered = fonts.lettering("熊与熊与，熊与熊与", 20) or pytest.fail("no font")
    lines = lettered.wrap(4 * 20)
    assert lines == ["熊与熊", "与，熊与", "熊与"]


def test_a_font_of_pictures_may_be_given(tmp_path: Path) -> None:
    own = tiny_font.write_font(tmp_path / "own.ttf", "🦊", RED)
    assert fonts.is_font(own)
    assert fonts.drawable("Tom 🦊", own) == "Tom 🦊"


def test_a_title_of_two_lines_leaves_no_letter_alone() -> None:
    lettered = fonts.lettering("熊与熊与熊与熊", 20) or pytest.fail("no font")
    width_px = lettered.length("熊与熊与熊与")
    assert lettered.wrap(width_px) == ["熊与熊与熊与", "熊"]
    assert lettered.wrap_evenly(width_px) == ["熊与熊与", "熊与熊"]
    assert lettered.wrap_evenly(2 * width_px) == ["熊与熊与熊与熊"]


def test_lines_are_evened_without_breaking_a_word() -> None:
    lettered = fonts.lettering("Understanding Tom", 20) or pytest.fail("no font")
    width_px = 1.05 * lettered.length("Understanding")
    assert lettered.wrap_evenly(width_px) == ["Understanding", "Tom"]


@pytest.mark.parametrize(("word", "breaks"), [("森の中", True), ("ラーメン", True), ("고양이", False), ("cat", False)])
def test_korean_words_stay_whole(word: str, breaks: bool) -> None:
    assert fonts.is_unspaced(word) is breaks


def test_a_word_as_long_as_a_page_is_measured_a_few_times_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lettered = fonts.lettering("熊" * 300, 20) or pytest.fail("no font")
    width_px, measured = lettered.length("熊" * 10), []
    length = fonts.Lettering.length
    monkeypatch.setattr(fonts.Lettering, "length", lambda self, line: measured.append(line) or length(self, line))
    assert lettered.wrap(width_px) == ["熊" * 10] * 30
    assert len(measured) < 30 * 20
