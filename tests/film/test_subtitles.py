"""Cues: all the words, in order, in time, and no longer than a viewer can take in."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyanim.artifacts import Clip, Frames, Shot, Word
from storyanim.config import FilmSettings
from storyanim.film.clip import num_hold_frames
from storyanim.film.subtitles import Cue, cues_of, srt_to_vtt, to_srt
from storyanim.film.timeline import Piece, lay_out

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


@pytest.mark.parametrize("text", [
    LONG, "Now run along, and don't get into mischief.",
    "Once upon a time there were four little Rabbits, and their names were Flopsy, Mopsy, Cotton-tail, and Peter. They lived with "
    "their Mother in a sand-bank, underneath the root of a very big fir-tree.",
    "Flopsy, Mopsy, and Cottontail, who were good little bunnies, went down the lane to gather blackberries; but Peter, who was "
    "very naughty, ran straight away to Mr. McGregor's garden and squeezed under the gate!",
])
def test_the_usual_rules(text: str) -> None:
    """A shot lasts as long as its words need; then no cue is too quick, too short, or a word left over."""
    seconds = 16 / 8 + num_hold_frames(Shot(id="s01", text=text, query="", prompt=""), Frames(np.zeros((16, 8, 8, 3), np.uint8), 8.0),
                                       FilmSettings()) / 8
    for cue in cues_of(text, seconds):
        letters = sum(map(len, cue.lines))
        assert letters / (cue.end_s - cue.start_s) <= 20
        assert cue.end_s - cue.start_s >= 1
        assert letters > 20
        assert all(len(line) <= 42 for line in cue.lines)


def test_korean_lines_break_between_words() -> None:
    text = "작은 토끼 한 마리가 들판에서 뛰어다녔습니다. 여우는 잠을 잤어요."
    lines = [line for cue in cues_of(text, 6.0) for line in cue.lines]
    assert len(lines) > 1
    assert [word for line in lines for word in line.split()] == text.split()


def test_no_letter_is_parted_from_its_accents() -> None:
    text = "กี้ท" * 18                              # Thai is written without spaces
    lines = [line for cue in cues_of(text, 6.0) for line in cue.lines]
    assert (len(lines), "".join(lines)) == (2, text)
    assert {line[0] for line in lines} <= {"ก", "ท"}
    assert max(map(len, lines)) <= 42


def test_lines_break_after_sentences_where_they_can() -> None:
    assert cues_of('"Home," said Tom. "It is late." Then the snow fell.', 3)[0].lines == (
        '"Home," said Tom. "It is late."', 'Then the snow fell.')


@pytest.mark.parametrize("text", ["He wrote <i>Oh</i> & {\\an8} and \\N.", "{\\b1}x{a}", "a < b --> c", "<3 <!-- x -->"])
def test_what_looks_like_markup_is_text(text: str) -> None:
    srt = to_srt(cues_of(text, 3.0))
    plain = srt.replace("\u2060", "")
    assert " ".join(plain.splitlines()[2:]).strip() == text
    assert not re.search(r"<[a-z/!]|\{\\|\\[Nnh]", srt.partition("-->")[2].partition("\n")[2])
    assert "".join(html.unescape(srt_to_vtt(srt)).replace("\u2060", "").split()).endswith("".join(text.split()))


def test_a_film_tells_each_text_during_its_clip() -> None:
    texts, clips = ["", "One.", "Two.", ""], [clip("s00", 2), clip("s01", 3), clip("s02", 4), clip("s9999", 2)]
    cues = lay_out("", [Piece(clip=one, text=text) for one, text in zip(clips, texts, strict=True)]).cues()
    assert [(cue.start_s, cue.end_s, cue.lines) for cue in cues] == [(2, 5, ("One.",)), (5, 9, ("Two.",))]


def test_spoken_words_are_shown_when_they_are_spoken() -> None:
    words = tuple(Word(at=found.start(), start_s=0.1 * found.start()) for found in re.finditer(r"[^\s{}“”]+", LONG))
    cues = cues_of(LONG, 100.0, 7.0, words)
    for cue in cues[1:]:
        first = re.sub(r"\W", "", cue.lines[0].split()[0])
        assert LONG[round((cue.start_s - 7.0) * 10):].startswith(first)
    assert (cues[0].start_s, cues[-1].end_s) == (7.0, 107.0)


def test_srt_keeps_the_words_as_they_are() -> None:
    cues = cues_of(LONG, 10.0)
    srt = to_srt(cues)
    assert "{who knew" in srt
    assert "“Behind" in srt
    read = pysubs2.SSAFile.from_string(srt)
    assert [(event.start, event.end) for event in read] == [(round(cue.start_s * 1000), round(cue.end_s * 1000)) for cue in cues]
    assert srt.startswith("1\n00:00:00,000 --> ")


@pytest.mark.parametrize(("lines", "marked"), [
    (("הדוב אמר אל השועל", "hello world ואז הלך"), ("", "\u200f")),
    (("The bear said to the fox:", "שלום, fox!"), ("", "\u200e")),
    (("123 הדוב אמר", "45 ואז הלך"), ("", "")),
    (("The bear said", "hello."), ("", "")),
])
def test_lines_of_a_cue_run_as_it_begins(lines: tuple[str, str], marked: tuple[str, str]) -> None:
    srt = to_srt([Cue(start_s=0, end_s=2, lines=lines)])
    assert srt.splitlines()[2:4] == [mark + line for mark, line in zip(marked, lines, strict=True)]
