"""The story's own words, in time with the pictures."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from storyanim.artifacts import Clip

LINE_CHARS = 42                                      # what subtitles of films keep to
LINES_PER_CUE = 2


@dataclass(frozen=True)
class Cue:
    """Lines on screen from `start_s` until `end_s`."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def cues_of(text: str, duration_s: float, start_s: float = 0.0) -> tuple[Cue, ...]:
    """Return `text` as cues of at most two lines of 42 characters, which share `duration_s` by length."""
    lines = _balanced_lines(text)
    groups = [tuple(lines[at : at + LINES_PER_CUE]) for at in range(0, len(lines), LINES_PER_CUE)]
    lengths = [sum(map(len, group)) for group in groups]
    cues, before = [], 0
    for group, length in zip(groups, lengths, strict=True):
        begin_s = start_s + duration_s * before / sum(lengths)
        before += length
        cues.append(Cue(begin_s, start_s + duration_s * before / sum(lengths), group))
    return tuple(cues)


def film_cues(texts: Sequence[str], clips: Sequence[Clip]) -> tuple[Cue, ...]:
    """Return the cues of a film: `texts[i]` while `clips[i]` is shown, "" for none."""
    cues: list[Cue] = []
    start_s = 0.0
    for text, clip in zip(texts, clips, strict=True):
        cues += cues_of(text, clip.duration_s, start_s)
        start_s += clip.duration_s
    return tuple(cues)


def to_srt(cues: Sequence[Cue]) -> str:
    """Return the cues as an SRT file."""
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for cue in cues:
        event = pysubs2.SSAEvent(start=round(cue.start_s * 1000), end=round(cue.end_s * 1000))
        event.text = r"\N".join(cue.lines)
        subtitles.append(event)
    # The words are nobody's markup: braces in a story must stay.
    return subtitles.to_string("srt", keep_ssa_tags=True)


def _balanced_lines(text: str) -> list[str]:
    """Return as few lines as the width allows, about equally long."""
    widest = LINE_CHARS // 2 if _is_wide(text) else LINE_CHARS
    lines = textwrap.wrap(text, widest)
    for width in range(widest // 2, widest):
        tighter = textwrap.wrap(text, width, break_long_words=False)
        if len(tighter) <= len(lines) and all(len(line) <= width for line in tighter):
            return tighter
    return lines


def _is_wide(text: str) -> bool:
    """Return whether most letters take two columns, as Chinese ones do."""
    return 2 * sum(unicodedata.east_asian_width(letter) in "WF" for letter in text) > len(text)
