"""Cues: all the words, in order, in time, and no longer than a viewer can take in."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyanim.artifacts import Clip
from storyanim.film.subtitles import cues_of, film_cues, to_srt

LONG = ("Then she met a fox {who knew everything}, and the fox told her, “Behind the lake, where the old willow stands, "
        "the bees keep the best honey of all.” So they went there together, and stayed until the evening.")
WORDS = st.lists(st.text(st.characters(codec="utf-8", categories=("L", "P")), min_size=1, max_size=12), max_size=60).map(" ".join)


def clip(shot_id: str, seconds: int) -> Clip:
    return Clip(shot_id=shot_id, path=Path("x"), width_px=8, height_px=8, fps=24, num_frames=24 * seconds)


@given(WORDS, st.floats(0.5, 60), st.floats(0, 1000))
def test_all_words_in_order_and_in_time(text: str, duration_s: float, start_s: float) -> None:
    cues = cues_of(text, duration_s, start_s)
    assert " ".join(line for cue in cues for line in cue.lines).replace(" ", "") == text.replace(" ", "")
    assert all(1 <= len(cue.lines) <= 2 and all(0 < len(line) <= 42 for line in cue.lines) for cue in cues)
    assert all(cue.start_s < cue.end_s for cue in cues)
    assert all(before.end_s == after.start_s for before, after in pairwise(cues))
    if cues:
        assert cues[0].start_s == start_s
        assert cues[-1].end_s == pytest.approx(start_s + duration_s)


def test_long_words_take_longer() -> None:
    cues = cues_of(LONG, 10.0)
    assert len(cues) == 3
    for cue in cues:
        length = sum(map(len, cue.lines))
        assert cue.end_s - cue.start_s == pytest.approx(10.0 * length / sum(len(line) for c in cues for line in c.lines))


def test_lines_are_about_equally_long() -> None:
    (cue,) = cues_of("Once upon a time a small bear walked through a wood.", 2)
    assert max(map(len, cue.lines)) - min(map(len, cue.lines)) < 12


def test_wide_letters_get_shorter_lines() -> None:
    cues = cues_of("小さな熊が森の中を歩いて蜂蜜を探していましたが何も見つからずに家へ帰りました" * 2, 4)
    assert all(len(line) <= 21 for cue in cues for line in cue.lines)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_words_no_cues(text: str) -> None:
    assert cues_of(text, 2.0) == ()


def test_a_film_tells_each_text_during_its_clip() -> None:
    cues = film_cues(["", "One.", "Two.", ""], [clip("s00", 2), clip("s01", 3), clip("s02", 4), clip("s9999", 2)])
    assert [(cue.start_s, cue.end_s, cue.lines) for cue in cues] == [(2, 5, ("One.",)), (5, 9, ("Two.",))]


def test_texts_and_clips_must_match() -> None:
    with pytest.raises(ValueError):
        film_cues(["One."], [clip("s01", 1), clip("s02", 1)])


def test_srt_keeps_the_words_as_they_are() -> None:
    cues = cues_of(LONG, 10.0)
    srt = to_srt(cues)
    assert "{who knew" in srt
    assert "“Behind" in srt
    read = pysubs2.SSAFile.from_string(srt)
    assert [(event.start, event.end) for event in read] == [(round(cue.start_s * 1000), round(cue.end_s * 1000)) for cue in cues]
    assert srt.startswith("1\n00:00:00,000 --> ")
