"""The story's own words, in time with the pictures."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

import regex  # type: ignore[import-untyped]

from storyanim.artifacts import FrozenModel, Word
from storyanim.fonts import CLOSING, is_unspaced, letters_of, runs_leftwards

LINE_CHARS = 42                                      # what subtitles of films keep to
_SENTENCE_ENDS = frozenset(".!?…”’\"'。！？」』")
# Letters by which two lines may differ more when the first ends so.
_WORTH = dict.fromkeys(",;:—、，；：", 8) | dict.fromkeys(_SENTENCE_ENDS, 18)
_TIMES = re.compile(r"\d+:\d\d:\d\d,\d{3} --> ")
_MARKUP = re.compile(r"<(?=[/\w!])|\{(?=\\)|\\(?=[Nnh])")


class Cue(FrozenModel):
    """Lines on screen from `start_s` until `end_s`."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def cues_of(
    text: str, duration_s: float, start_s: float = 0.0, words: Sequence[Word] = ()
) -> tuple[Cue, ...]:
    """Return `text` as cues of at most two lines of 42 characters.

    They share `duration_s` by length; where the text is spoken, a cue begins with its first word.
    """
    groups = _groups(text)
    lengths = [sum(map(len, group)) for group in groups]
    starts = [duration_s * sum(lengths[:number]) / sum(lengths) for number in range(len(groups))]
    if words:
        before = [sum(map(_letters, group)) for group in groups]
        starts = [0.0, *(_spoken_s(text, sum(before[:number]), words, starts[number])
                         for number in range(1, len(groups)))]
    ends = [*starts[1:], duration_s]
    return tuple(Cue(start_s=start_s + begin_s, end_s=start_s + end_s, lines=group)
                 for begin_s, end_s, group in zip(starts, ends, groups, strict=False))


def _letters(line: str) -> int:
    return sum(not letter.isspace() for letter in line)


def _spoken_s(text: str, letters: int, words: Sequence[Word], otherwise_s: float) -> float:
    """Return when the word begins that `letters` letters of the text come before."""
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    return next((word.start_s for word in words if word.at >= places[letters]), otherwise_s)


def to_srt(cues: Sequence[Cue]) -> str:
    """Return the cues as an SRT file; what looks like markup in a story is text."""
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for cue in cues:
        event = pysubs2.SSAEvent(start=round(cue.start_s * 1000), end=round(cue.end_s * 1000))
        # SRT has no escape: a joiner without width keeps players from taking <i>, {\\an8} or \\N for markup.
        event.text = r"\N".join(_MARKUP.sub("\\g<0>\u2060", line) for line in _directed(cue.lines))
        subtitles.append(event)
    return subtitles.to_string("srt", keep_ssa_tags=True)


def _directed(lines: Sequence[str]) -> list[str]:
    """Return a cue's lines, with an invisible mark where one alone would run otherwise than all of them.

    Players take each line's direction from its first letter; a Hebrew sentence may go on with "hello".
    """
    leftwards = runs_leftwards(" ".join(lines))
    mark = "\u200f" if leftwards else "\u200e"
    return [line if runs_leftwards(line) == leftwards else mark + line for line in lines]


def srt_to_vtt(srt: str) -> str:
    """Return an SRT file as WebVTT, which browsers show."""
    import pysubs2

    # Its words are text, not tags: a browser would take a < for the beginning of one.
    lines = (line if _TIMES.match(line) else html.escape(line, quote=False) for line in srt.splitlines())
    subtitles = pysubs2.SSAFile.from_string("\n".join(lines), format_="srt", keep_html_tags=True)
    return subtitles.to_string("vtt", keep_ssa_tags=True)


def _groups(text: str) -> list[tuple[str, ...]]:
    """Return the fewest groups of one or two lines, about equally long, and rather whole sentences."""
    width = LINE_CHARS // 2 if _is_wide(text) else LINE_CHARS
    units = _units(text, width)
    # best[end]: how many groups until there, their cost, where the last one begins, and its lines
    best: list[tuple[int, float, int, tuple[str, ...]]] = [(0, 0.0, 0, ())]
    for end in range(1, len(units) + 1):
        found = []
        for start in range(end - 1, -1, -1):
            lines = _two_lines(units[start:end], width)
            if lines is None:
                break
            length, closed = sum(map(len, lines)), lines[-1][-1:] in _SENTENCE_ENDS
            cost = float(length**2) * (0.8 if closed else 1.0)
            found.append((best[start][0] + 1, best[start][1] + cost, start, lines))
        best.append(min(found))
    groups, end = [], len(units)
    while end > 0:
        groups.append(best[end][3])
        end = best[end][2]
    return groups[::-1]


def _units(text: str, width: int) -> list[str]:
    """Return what lines are made of: words, in parts no longer than a line, with the space before them.

    Letters that are written without spaces stand alone, with the marks that follow them.
    """
    units = []
    for word in text.split():
        parts = regex.findall(rf"\X[{CLOSING}]*", word) if is_unspaced(word) and _is_wide(word) else [word]
        parts = [part for long in parts for part in _cut(long, width)]
        units += [f" {part}" if number == 0 else part for number, part in enumerate(parts)]
    return units


def _cut(word: str, width: int) -> list[str]:
    """Return a word in parts of at most so many letters, none of them without its accents."""
    parts = [""]
    for letter in letters_of(word):
        if len(parts[-1] + letter) > width:
            parts.append("")
        parts[-1] += letter
    return [part for part in parts if part]


def _two_lines(units: Sequence[str], width: int) -> tuple[str, ...] | None:
    """Return units as one line, or as two that are about equally long; None when they do not fit."""
    whole = "".join(units).strip()
    if len(whole) <= width:
        return (whole,)
    if len(whole) > 2 * width + 1:
        return None
    pairs = [("".join(units[:at]).strip(), "".join(units[at:]).strip()) for at in range(1, len(units))]
    fitting = [pair for pair in pairs if max(map(len, pair)) <= width]
    return min(fitting, default=None, key=lambda pair: (
        abs(len(pair[0]) - len(pair[1])) - _WORTH.get(pair[0][-1], 0)))


def _is_wide(text: str) -> bool:
    """Return whether most letters take two columns, as Chinese ones do."""
    return 2 * sum(unicodedata.east_asian_width(letter) in "WF" for letter in text) > len(text)
