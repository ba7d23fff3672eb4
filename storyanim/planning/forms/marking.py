"""Marks on a text, and the lines they are read from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

MarkKind = Literal[
    "meta", "heading", "cue", "parenthetical", "transition", "number", "date", "markup", "cut",
]


@dataclass(frozen=True)
class Mark:
    """A stretch of a text that is no story."""

    start: int                                       # offset in the text as it was given
    end: int
    kind: MarkKind


@dataclass(frozen=True)
class Line:
    """A line of a text."""

    start: int
    end: int                                         # without its newline
    words: str                                       # stripped
    after_blank: bool                                # no line stands above it, or an empty one
    before_blank: bool


class Marker:
    """Collects marks: what is marked first stays, so that none overlaps another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._kinds: list[tuple[int, int, MarkKind]] = []
        self._taken = bytearray(len(text))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines of the text, empty ones left out."""
        spans = [(m.start(), m.end()) for m in re.finditer(r"[^\n]+|(?<=\n)(?=\n)|\A(?=\n)", self.text)]
        words = ["", *(self.text[start:end].strip() for start, end in spans), ""]
        return tuple(Line(start, end, words[i], not words[i - 1], not words[i + 1])
                     for i, (start, end) in enumerate(spans, 1) if words[i])

    def free_lines(self) -> Iterator[Line]:
        """Yield the lines that hold no mark yet."""
        return (line for line in self.lines if not any(self._taken[line.start:line.end]))

    def add(self, start: int, end: int, kind: MarkKind) -> None:
        """Mark text[start:end], without what is marked already and without blanks around."""
        for free in re.finditer(rb"\0+", self._taken[start:end]):
            a, b = start + free.start(), start + free.end()
            words = self.text[a:b]
            a, b = a + len(words) - len(words.lstrip()), b - len(words) + len(words.rstrip())
            if a < b:
                self._taken[a:b] = b"\1" * (b - a)
                self._kinds.append((a, b, kind))

    def is_free(self, at: int) -> bool:
        """Whether the character at an offset is not marked."""
        return not self._taken[at]

    def marks(self) -> tuple[Mark, ...]:
        """Return all marks, in order."""
        return tuple(Mark(*found) for found in sorted(self._kinds))
