"""A model's copy of the story's words back onto the story itself.

Models straighten quotation marks, change blanks and dashes. Their spans are compared letter by letter without such marks, and
the true text between the boundaries is taken from the story.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_CONTEXT = 40                                        # characters shown of a place that does not fit


class Misfit(ValueError):
    """The spans are not the story; the message says where."""


def align(text: str, spans: Sequence[str]) -> list[str]:
    """The pieces of `text` that the spans mean: their concatenation is `text`. Raises Misfit.

    Only letters and digits count, in any case and accent form; a piece begins with the marks that open it and ends with the
    blanks that follow it.
    """
    letters = [(char, i) for i, char in _letters(text)]
    at, starts = 0, []
    for number, span in enumerate(spans, 1):
        own = [char for _, char in _letters(span)]
        if not own:
            raise Misfit(f"shot {number} has no words of the story")
        for offset, char in enumerate(own):
            if at + offset >= len(letters) or letters[at + offset][0] != char:
                raise Misfit(_explain(text, letters, at + offset, number, span))
        starts.append(letters[at][1])
        at += len(own)
    if at < len(letters):
        left = text[letters[at][1]:][:_CONTEXT].strip()
        raise Misfit(f"the story's end is missing, from {left!r} on")
    starts = [0, *(_opening(text, start) for start in starts[1:])]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _letters(text: str) -> list[tuple[int, str]]:
    """(offset, letter) of each letter and digit, without case, accents and ligatures."""
    found = []
    for i, char in enumerate(text):
        for part in unicodedata.normalize("NFKD", char).casefold():
            if part.isalnum():
                found.append((i, part))
    return found


def _opening(text: str, start: int) -> int:
    """Back over the marks that belong to the word at `start`, up to the blank before them."""
    while start > 0 and not text[start - 1].isspace() and not text[start - 1].isalnum():
        start -= 1
    return start


def _explain(text: str, letters: Sequence[tuple[str, int]], at: int, number: int, span: str) -> str:
    if at >= len(letters):
        return f"shot {number} goes on after the story's end: {span[-_CONTEXT:]!r}"
    here = letters[at][1]
    true = text[max(0, here - 10):here + _CONTEXT]
    return f"shot {number} does not copy the story: where the story has {true!r}, it has {span[:2 * _CONTEXT]!r}"
