"""Filters of footage: `duration>=2`, `aspect=16:9`, `licence=CC*` to SQL conditions on the rows of an index.

    duration    seconds of the clip                      aspect     width by height, a number or 16:9
    motion      mean absolute frame difference           fps        frames per second of the video
    source      of `storyanim index`, or its last part   licence    by the captions or table of the source

Numbers know = != < <= > >=, where = is within 1 %; words = and !=, in which * stands for anything. A clip
whose licence is not known passes no filter on it, `!=` neither.
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
_COLUMN_OF = {"duration": "end_s"}                   # where it is not called as the filter
_FORM = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.+?)\s*")
_RELATIVE_TOLERANCE = 0.01                           # of = and !=
_AGAIN = "make it again with `storyanim index`, or leave the filter out"

Condition = tuple[str, list[object]]                 # SQL and what its ? stand for


@dataclass(frozen=True)
class Filter:
    """One parsed condition."""

    name: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"

    @property
    def number(self) -> float:
        """The value; an aspect may be 16:9. Raises ValueError when it is no number."""
        width, colon, height = self.value.partition(":")
        if colon and self.name == "aspect" and float(height) > 0:
            return float(width) / float(height)
        return float(self.value)


def parse_filter(text: str) -> Filter:
    """Return the filter that a text like "motion>=0.01" describes. Raises UsageError when it is none."""
    form = _FORM.fullmatch(text)
    found = Filter(form[1].lower().replace("license", "licence"), form[2], form[3]) if form else None
    if found is None or found.name not in (*_NUMBERS, *_WORDS):
        raise UsageError(f"{text!r} is no filter",
                         hint=f"as in 'motion>=0.01'; known are {', '.join((*_NUMBERS, *_WORDS))}")
    if found.name in _WORDS and found.sign not in ("=", "!="):
        raise UsageError(f"{text!r} is no filter: a {found.name} has no order", hint="use = or !=")
    if found.name in _NUMBERS:
        try:
            _ = found.number
        except ValueError as error:
            raise UsageError(f"{text!r} is no filter: {found.value!r} is no number",
                             hint=f"as in '{found.name}>=2'") from error
    return found


def sql_condition(
    filters: Sequence[Filter], columns: Collection[str], sources: Sequence[str], folder: object
) -> Condition:
    """Return all filters as one SQL condition on the table `clips`, and the values of its placeholders.

    Args:
        filters: to be passed, all of them.
        columns: that the table has; older indexes have fewer.
        sources: of the index, as index.json has them.
        folder: the index, for the errors.

    Raises IndexFolderError when the index does not know what a filter asks.
    """
    parts, values = [], list[object]()
    for one in filters:
        if _COLUMN_OF.get(one.name, one.name) not in columns:
            raise IndexFolderError(
                f"the index {folder} does not know the {one.name} of its clips: it is too old", hint=_AGAIN)
        negation = "NOT " * (one.sign == "!=")
        if one.name == "source":
            sql, more = _source_condition(one, sources, folder)
        elif one.name == "licence":
            sql, more = f"licence != '' AND {negation}lower(licence) GLOB ?", [
                _glob_pattern(one.value.lower())]
        elif one.sign in ("=", "!="):
            sql = f"{negation}abs({_NUMBERS[one.name]} - ?) <= ?"
            more = [one.number, _RELATIVE_TOLERANCE * abs(one.number)]
        else:
            sql, more = f"{_NUMBERS[one.name]} {one.sign} ?", [one.number]
        parts.append(f"({sql})")
        values += more
    return " AND ".join(parts) or "1", values


def _source_condition(one: Filter, sources: Sequence[str], folder: object) -> Condition:
    fitting: list[object] = [
        number for number, source in enumerate(sources)
        if fnmatchcase(source, one.value) or fnmatchcase(PurePosixPath(source).name, one.value)]
    if not fitting:
        raise IndexFolderError(f"the index {folder} has no source {one.value!r}",
                               hint=f"it was made of {', '.join(sources)}")
    return f"source {'NOT ' * (one.sign == '!=')}IN ({', '.join('?' * len(fitting))})", fitting


def _glob_pattern(words: str) -> str:
    return re.sub(r"[\[?]", r"[\g<0>]", words)       # of GLOB's signs only * is one of ours
