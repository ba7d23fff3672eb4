"""A story into sentences, without losing a character: spans that lie end to end.

Boundaries come from pysbd, paragraph by paragraph; what it cannot know is put right here: lines that are only wrapped, script
headings and cues, quotations whose speaker follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import median
from typing import Any

from storyanim.planning.script import HEADING, LABEL, TRANSITION, find_cues

_ENDS = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*\s*$")
_ABBREVIATION = re.compile(r"\b(?:approx|ca|cf|etc|e\.g|i\.e|Mr|Mrs|Ms|Dr|St|Prof|No|vs|Mt|Ave|Capt|Sgt|Lt|Col|Gen|Rev)\.\s*$")
_BEFORE_I = re.compile(r"\b[a-z]+[.!?]\s+(?=I['’ ])")    # "It saw me. I ran": pysbd takes "me." for a state of America
_OPENING = {"“": "”", "«": "»", "„": "“", "‹": "›", '"': '"'}


@dataclass(frozen=True)
class Span:
    """A piece of the story: text[start:end], with the blanks that follow it."""

    start: int
    end: int
    new_paragraph: bool = False                      # the first of its paragraph


def split_sentences(text: str) -> list[Span]:
    """Sentences of a story; together they are the text exactly, in order."""
    blocks = list(_blocks(text))
    starts: dict[int, bool] = {}
    for start, end, new_paragraph in blocks:
        for i, cut in enumerate(_sentence_starts(text[start:end])):
            starts[start + cut] = new_paragraph and i == 0
    if not starts:
        return [Span(0, len(text), True)] if text else []
    order = sorted(starts)
    ends = [*order[1:], len(text)]
    first = order[0]
    return [Span(0 if s == first else s, e, starts[s]) for s, e in zip(order, ends, strict=True)]


def quoted_mask(text: str) -> list[bool]:
    """Of each character whether it stands in quotation marks; an unclosed quotation ends with its paragraph."""
    mask = [False] * len(text)
    for cue in find_cues(text):                      # "John: (smiling) Well done!"
        for i in cue.spoken(text):
            mask[i] = True
    closing = ""
    for i, char in enumerate(text):
        if char == "\n" and text[i:i + 2].strip() == "" and "\n" in text[i + 1:i + 3]:
            closing = ""
        if mask[i]:
            continue
        if closing:
            mask[i] = True
            closing = "" if char == closing or (closing == "“" and char == "”") else closing
        elif char in _OPENING and (char != '"' or _can_open(text, i)):
            mask[i], closing = True, _OPENING[char]
        elif char in "‘'" and _can_open(text, i) and _single_closes(text, i):
            mask[i], closing = True, "’" if char == "‘" else "'"
    return mask


def _can_open(text: str, i: int) -> bool:
    return (i == 0 or text[i - 1].isspace() or text[i - 1] in "([—-:") and i + 1 < len(text) and not text[i + 1].isspace()


def _single_closes(text: str, i: int) -> bool:
    """A single quotation mark opens only when its partner stands after a mark of punctuation in the same paragraph."""
    close = "’" if text[i] == "‘" else "'"
    paragraph = text[i + 1:].split("\n\n", 1)[0]
    return re.search(r"[.,!?…]" + close + r"(?=\W|$)", paragraph) is not None


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Stretches that no sentence crosses: paragraphs, or lines where lines are not merely wrapped."""
    pieces = re.finditer(r"[^\n]*\n|[^\n]+$", text)
    lines = [(m.start(), m.end()) for m in pieces]
    wrapped = _is_wrapped([text[a:b].rstrip("\n") for a, b in lines])
    cues = {cue.start: cue.said[1] for cue in find_cues(text) if cue.own_line}
    start, fresh, said_until = None, True, 0
    for a, b in lines:
        if not text[a:b].strip():
            if start is not None:
                yield start, a, fresh
                start = None
            fresh = True
            continue
        if start is not None and not wrapped and a >= said_until:
            yield start, a, fresh
            start, fresh = None, False
        start, said_until = (a if start is None else start), cues.get(a, said_until)
    if start is not None:
        yield start, len(text), fresh


def _is_wrapped(lines: list[str]) -> bool:
    """Whether line breaks only fit the text to a width: most lines are about as long, and few end a sentence."""
    inner = [line.strip() for line, after in pairwise(lines) if line.strip() and after.strip()]
    if len(inner) < 2:
        goes_on = bool(inner) and len(inner[0]) > 50 and not _ENDS.search(inner[0])
        return goes_on and any(after[:1].islower() for after in lines[1:])
    lengths = [len(line) for line in inner]
    open_ended = sum(not _ENDS.search(line) for line in inner) / len(inner)
    return median(lengths) >= 40 and max(lengths) - median(lengths) <= 20 and open_ended > 0.5


def _sentence_starts(block: str) -> list[int]:
    """Where sentences begin in a block."""
    lead = len(block) - len(block.lstrip())
    if HEADING.match(block) or TRANSITION.match(block) or LABEL.match(block):
        return [0]
    flat = block.replace("\n", " ")                  # a wrapped line is no boundary
    starts = [0]
    spans = ((span.start, flat[span.start:span.end]) for span in _segmenter().segment(flat))
    found = {start + len(words) - len(words.lstrip()) for start, words in spans}
    if more := [m.end() for m in _BEFORE_I.finditer(flat)]:
        quoted = quoted_mask(block)
        found.update(where for where in more if not quoted[where])
    for where in sorted(found):
        if where > max(starts[-1], lead) and where < len(block) and _is_boundary(flat, starts[-1], where):
            starts.append(where)
    return starts


def _is_boundary(block: str, previous: int, here: int) -> bool:
    before, after = block[previous:here], block[here:]
    if not re.search(r"\w", before) or not re.search(r"\w", after):
        return False                                 # a lone quotation mark or emoji belongs to its neighbour
    is_small = after[0].islower() and block != block.lower()                 # some write without capitals
    return not (is_small or _ABBREVIATION.search(before))


@cache
def _segmenter() -> Any:
    import pysbd

    return pysbd.Segmenter(language="en", clean=False, char_span=True)
