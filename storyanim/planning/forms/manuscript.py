"""The form of a story's text, and its marks: all that stands in it and is no story.

    ---                              "meta": front matter, a title page, notes, what follows THE END
    title: The Lake
    ---
    ## Chapter 2: The Lake           "heading": read for place and time
    EXT. LAKE - DAY                  "heading"
    FADE IN:                         "transition"
    BRUNO                            "cue": who says what follows
    (waving)                         "parenthetical": how, or what is done while it is said
    3. Wide shot: a **red** boat.    "number" begins a shot; the camera's words and the asterisks are "markup"
    15 March.                        "date" begins a new day
    * * *                            "cut" ends a shot

What is marked is neither drawn nor shown as a subtitle, yet it stays in the text: every letter belongs to one shot.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate, islice, pairwise
from typing import Literal

from storyanim.planning.forms.dialogue import mark_cues
from storyanim.planning.forms.fountain import is_fountain, mark_fountain
from storyanim.planning.forms.markdown import mark_blocks, mark_inline, mark_tables
from storyanim.planning.forms.marking import Mark, Marker, MarkKind
from storyanim.planning.forms.prose import mark_dates, mark_ending, mark_front_matter, mark_labels
from storyanim.planning.forms.shot_list import mark_camera, mark_items

Form = Literal["prose", "screenplay", "dialogue", "shot list", "diary"]

_CUTTING: tuple[MarkKind, ...] = ("heading", "number", "date", "cut")


@dataclass(frozen=True)
class Manuscript:
    """A story's text and what in it is no story."""

    text: str
    marks: tuple[Mark, ...] = ()                     # in order, none overlaps another
    form: Form = "prose"
    cuts: tuple[int, ...] = (0,)                     # where a shot must begin: at headings, numbers, dates, rules
    shots: tuple[tuple[int, int], ...] = ()          # stretches between cuts that the writer has made one shot each

    def blanked(self) -> str:
        """Return the text with spaces in place of what is marked: offsets stay, lines too."""
        return "".join(part if kind is None else "".join("\n" if char == "\n" else " " for char in part)
                       for part, kind in self._parts(0, len(self.text)))

    def told(self, start: int, end: int) -> str:
        """Return what a film shows of text[start:end] as a subtitle: the words without the marks."""
        return "".join(part for part, kind in self._parts(start, end) if kind is None)

    def marks_in(self, start: int, end: int, *kinds: MarkKind) -> tuple[Mark, ...]:
        """Return the marks of these kinds that begin in text[start:end]."""
        inside = islice(self.marks, bisect_left(self._starts, start), bisect_left(self._starts, end))
        return tuple(mark for mark in inside if mark.kind in kinds)

    @cached_property
    def _starts(self) -> list[int]:
        return [mark.start for mark in self.marks]

    @cached_property
    def _ends(self) -> list[int]:
        return [mark.end for mark in self.marks]

    def _parts(self, start: int, end: int) -> Iterator[tuple[str, MarkKind | None]]:
        """Yield text[start:end] piece by piece, each with the kind of its mark."""
        at = start
        first = bisect_right(self._ends, start)
        for mark in islice(self.marks, first, bisect_left(self._starts, end)):
            if mark.start > at:
                yield self.text[at:mark.start], None
            at = max(at, mark.start)
            yield self.text[at:min(mark.end, end)], mark.kind
            at = min(mark.end, end)
        yield self.text[at:end], None


@lru_cache(maxsize=4)
def read_manuscript(text: str) -> Manuscript:
    """Return a text with its marks. What looks like no form is prose, which has few."""
    marker = Marker(text)
    mark_front_matter(marker)
    shots: tuple[tuple[int, int], ...] = ()
    form: Form = "prose"
    if is_fountain(text):
        form = "screenplay"
        mark_fountain(marker)
        mark_cues(marker)
    else:
        mark_ending(marker)
        mark_tables(marker)
        shots = mark_items(marker)
        mark_blocks(marker)
        mark_labels(marker)
        dated, spoken = mark_dates(marker), mark_cues(marker)
        form = "shot list" if shots else "diary" if dated else "dialogue" if spoken else "prose"
    mark_camera(marker)
    mark_inline(marker)
    return _with_cuts(Manuscript(text, marker.marks(), form), shots)


def _with_cuts(manuscript: Manuscript, shots: Sequence[tuple[int, int]]) -> Manuscript:
    """Return the manuscript with its cuts: what stands before a shot and tells nothing, as a heading, belongs to it."""
    blank = manuscript.blanked()
    told_at = [match.start() for match in re.finditer(r"[^\W_]", blank)]
    items, ends = [start for start, _ in shots], [end for _, end in shots]
    wanted = {*items, *ends}
    for at in (mark.start for mark in manuscript.marks if mark.kind in _CUTTING):
        shot = bisect_right(items, at) - 1
        if shot < 0 or at >= ends[shot] or not _tells(told_at, at, ends[shot]):
            wanted.add(at)                           # no cut inside a shot, but at what follows its last word
    kept, starts = [0], {*items}
    for at in sorted(wanted - {0, len(blank)}):
        rests = at in starts or _tells(told_at, at, len(blank))
        if rests and (_tells(told_at, kept[-1], at) or kept[-1] in starts):
            kept.append(at)
    whole = tuple(span for span in pairwise([*kept, len(blank)])
                  if bisect_left(items, span[0]) < bisect_left(items, span[1]))
    return replace(manuscript, cuts=tuple(kept), shots=whole)


def _tells(told_at: Sequence[int], start: int, end: int) -> bool:
    """Whether one of these offsets, of letters that are told, lies in [start, end)."""
    return bisect_left(told_at, start) < bisect_left(told_at, end)


def told(texts: Sequence[str]) -> list[str]:
    """Return what a film shows of the texts of a storyboard's shots, which are read together, as one text."""
    whole = [text if text[-1:].isspace() or not text else f"{text}\n" for text in texts]
    manuscript = read_manuscript("".join(whole))
    bounds = pairwise([0, *accumulate(map(len, whole))])
    return [manuscript.told(start, start + len(text)) for (start, _), text in zip(bounds, texts, strict=True)]
