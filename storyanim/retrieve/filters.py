"""What footage may be found: words as `duration>=2`, `aspect=16:9`, `licence=CC*` to conditions on the rows of an index.

    duration    seconds of the clip                      aspect     width by height, a number or 16:9
    motion      mean absolute frame difference           fps        frames per second of the video
    source      of `storyanim index`, or its last part   licence    as the captions or the table of the source say

Numbers know = != < <= > >=, where = is within 1 %; words = and !=, in which * stands for anything. A clip whose licence is not
known passes no filter on it, `!=` neither.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from storyanim.errors import IndexFolderError, UsageError

_NUMBERS = {"duration": "(end_s - start_s)", "aspect": "aspect", "motion": "motion", "fps": "fps"}
_WORDS = ("source", "licence")
_NEEDS = {"duration": "end_s"}                       # column, where it is not called as the filter
_FORM = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.+?)\s*")
_EQUAL = 0.01
_AGAIN = "make it again with `storyanim index`, or leave the filter out"

Condition = tuple[str, list[object]]                 # SQL and what its ? stand for


@dataclass(frozen=True)
class Filter:
    """One condition, read."""

    name: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"

    @property
    def number(self) -> float:
        """Raises ValueError when the value is none."""
        width, colon, height = self.value.partition(":")
        if colon and self.name == "aspect" and float(height) > 0:
            return float(width) / float(height)
        return float(self.value)


def parse_filter(text: str) -> Filter:
    """Raises UsageError when it is none."""
    form = _FORM.fullmatch(text)
    found = Filter(form[1].lower().replace("license", "licence"), form[2], form[3]) if form else None
    if found is None or found.name not in (*_NUMBERS, *_WORDS):
        raise UsageError(f"{text!r} is no filter", hint=f"as in 'motion>=0.01'; known are {', '.join((*_NUMBERS, *_WORDS))}")
    if found.name in _WORDS and found.sign not in ("=", "!="):
        raise UsageError(f"{text!r} is no filter: a {found.name} has no order", hint="use = or !=")
    if found.name in _NUMBERS:
        try:
            _ = found.number
        except ValueError as error:
            raise UsageError(f"{text!r} is no filter: {found.value!r} is no number", hint=f"as in '{found.name}>=2'") from error
    return found


def condition_of(filters: Sequence[Filter], columns: Collection[str], sources: Sequence[str], folder: object) -> Condition:
    """All filters as one condition on the table `clips`.

    Args:
        columns: that the table has; those of older indexes are fewer.
        sources: of the index, as it tells them.
        folder: the index, for the errors.

    Raises IndexFolderError when the index does not know what a filter asks.
    """
    parts, values = [], list[object]()
    for one in filters:
        if _NEEDS.get(one.name, one.name) not in columns:
            raise IndexFolderError(f"the index {folder} does not know the {one.name} of its clips: it is too old", hint=_AGAIN)
        if one.name == "source":
            sql, more = _of_source(one, sources, folder)
        elif one.name == "licence":
            sql, more = f"licence != '' AND {'NOT ' * (one.sign == '!=')}lower(licence) GLOB ?", [_globbed(one.value.lower())]
        elif one.sign in ("=", "!="):
            sql, more = f"{'NOT ' * (one.sign == '!=')}abs({_NUMBERS[one.name]} - ?) <= ?", [one.number, _EQUAL * abs(one.number)]
        else:
            sql, more = f"{_NUMBERS[one.name]} {one.sign} ?", [one.number]
        parts.append(f"({sql})")
        values += more
    return " AND ".join(parts) or "1", values


def _of_source(one: Filter, sources: Sequence[str], folder: object) -> Condition:
    fitting: list[object] = [number for number, source in enumerate(sources)
                             if fnmatchcase(source, one.value) or fnmatchcase(PurePosixPath(source).name, one.value)]
    if not fitting:
        raise IndexFolderError(f"the index {folder} has no source {one.value!r}", hint=f"it was made of {', '.join(sources)}")
    return f"source {'NOT ' * (one.sign == '!=')}IN ({', '.join('?' * len(fitting))})", fitting


def _globbed(words: str) -> str:
    return re.sub(r"[\[?]", r"[\g<0>]", words)       # of GLOB's signs only * is one of ours
