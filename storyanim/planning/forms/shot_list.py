"""Numbered lists of shots: "3. Wide shot: ...", "Shot 3: ...", "SCENE 2 - KITCHEN"; the writer has cut already."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from storyanim.planning.forms.fountain import HEADING, TRANSITION_LINE
from storyanim.planning.forms.marking import Line, Marker

MAX_SHOT = 1000                                      # characters of an item of one paragraph that is one shot
_MAX_PARAGRAPHS = 400                                # and of several
_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_LABELLED = re.compile(
    rf"(?P<open>[-*+#>\s]*[*_\[(]{{0,3}})(?P<label>scene|shot|panel|page|frame|slide|clip|segment|beat)\s*(?:no\.?\s*|\#\s*)?"
    rf"(?P<number>\d{{1,4}}[a-z]?|{'|'.join(_NUMBER_WORDS)}|[ivx]+)(?P<close>[\])*_]{{0,3}}\s*(?:[(\[][^)\]\n]*[)\]])?\s*(?:[:.)|–—-]+[*_]{{0,3}}(?=\s|$)|[*_]*$))",
    re.IGNORECASE)
_BARE = re.compile(r"(?P<open>[*_|\s]{0,4})[(#]?(?P<number>\d{1,4})(?P<close>(?:[.):]|️?⃣|\s*[|]|\s[-–—](?=\s))[*_]{0,3})(?=\s+\S)")
_SIZE = (r"(?:extreme|establishing|wide|medium|long|full|close|two|three|tracking|dolly|crane|aerial|drone|overhead|over[- ]the[- ]shoulder|"
         r"low|high|bird'?s[- ]eye|pov|point[- ]of[- ]view|reaction|master|opening|closing|final|last|first|slow|static|handheld)")
_CAMERA = re.compile(
    rf"(?:(?:{_SIZE}[\s-]+)*(?:shot|close[- ]?up|angle|pan|view)\b|(?:{_SIZE}[\s-]+)*{_SIZE}(?=\s*[:|.]))"
    r"(?:\s*\([^)\n]*\))?\s*(?:[:.|–—-]+(?=\s)|,|\b(?:of|on)\b)\s*|(?:close on|angle on|cut to|dissolve to)\s*:?\s+"
    r"|(?-i:ECU|CU|MCU|MS|MLS|LS|WS|EWS|ELS|POV|OTS)\b\s*[:.|–—-]*\s*(?:of\b|on\b)?", re.IGNORECASE)
# The same of a sentence anywhere: "Close-up of a fox running.", "The camera follows a fox running."
_SHOWN = re.compile(
    rf"(?:(?:an?|the)\s+)?(?:(?:{_SIZE}[\s-]+)+(?:shot|angle|view)|(?:{_SIZE}[\s-]+)*close[- ]?up)\s*(?::|\s[–—-]|\bof\b|\bon\b)\s+"
    r"|(?:shot|view|footage|video|photo|photograph|picture|image|painting|drawing)\s*(?::|\bof\b)\s+"
    r"|(?:the\s+)?camera\s+(?:\w+ly\s+)?(?:follows|shows|reveals|finds|captures|tracks|(?:focuses|lingers|rests|(?:zooms|pushes|closes|moves)\s+in)\s+on"
    r"|(?:pans|cuts|moves)\s+to)\s+(?=[^.!?\n]*\w{2}ing\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:(?<=[.!?…]\s)|(?<=[.!?…][\"”’)]\s))(?=\w)")
_CLOCK = re.compile(r"[*_]*(?:at\s+)?\d{1,2}[:.]\d\d(?:\s*[ap]\.?m\.?)?[*_]*\s*[:–—-]*\s+", re.IGNORECASE)
_PLACE = re.compile(r"(?:INT|EXT)\.?\s[^.!?\n]{1,40}\.(?=\s+\S)")
_MAX_TITLE = 80                                      # characters of a line with a number that can be a title

@dataclass(frozen=True)
class _Item:
    line: Line
    start: int                                       # offset of its mark
    end: int                                         # and after it
    number: int
    label: str                                       # "scene", "shot"; "" of a bare number
    is_above_text: bool                              # an empty line and a line that is no item follow


def mark_items(marker: Marker) -> tuple[tuple[int, int], ...]:
    """Mark the numbers of a list of shots and the camera's words; return the items that are one shot each."""
    items = _find_items(marker)
    if 2 * sum(map(_is_titled, items)) <= len(items):                # the last item has another text below it
        items = [replace(item, is_above_text=False) for item in items]
    for line in [line for line in marker.free_lines() if items and line.end <= items[0].start]:
        if len(line.words) <= _MAX_TITLE and line.words.rstrip("*_")[-1:] not in ".!?…":
            marker.add(line.start, line.end, "heading")              # the list's title
    has_shots = any(item.label != "scene" for item in items)
    for item in items:
        if item.label == "scene" and has_shots:
            marker.add(item.line.start, item.line.end, "heading")
        else:
            marker.add(item.start, item.end, "number")
            _mark_words(marker, item)
    spans = pairwise([*(item.start for item in items), len(marker.text)])
    return tuple(span for item, span in zip(items, spans, strict=True)
                 if not (item.label == "scene" and has_shots) and not _is_titled(item) and _is_short(marker.text[slice(*span)]))


def _find_items(marker: Marker) -> list[_Item]:
    """Return the items of the text's list; none where the numbers make no list or long chapters."""
    labelled, bare = [], []
    lines = list(marker.free_lines())
    for line, below in pairwise([*lines, Line(0, 0, "", True, True)]):
        lead = line.start + len(marker.text[line.start:line.end]) - len(marker.text[line.start:line.end].lstrip())
        above = line.before_blank and bool(below.words) and not _LABELLED.match(below.words) and not _BARE.match(below.words)
        if found := _LABELLED.match(line.words):
            labelled.append(_Item(line, lead, lead + found.end(), _value(found["number"]), found["label"].lower(), above))
        elif found := _BARE.match(line.words):
            bare.append(_Item(line, lead, lead + found.end(), int(found["number"]), "", above))
    if _counts(bare) and not _fills(marker, bare):   # a list of other things
        for item in bare:
            marker.add(item.start, item.end, "markup")
    elif _counts(bare):
        labelled += bare
    return sorted(labelled, key=lambda item: item.start)


def _value(number: str) -> int:
    if number.lower() in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(number.lower()) + 1
    digits = re.match(r"\d+", number)
    return int(digits.group()) if digits else 0


def _counts(items: list[_Item]) -> bool:
    """Whether bare numbers count from 0 or 1 on, one by one, perhaps anew in each scene."""
    numbers = [item.number for item in items]
    is_list = len(numbers) > 1 or (len(numbers) == 1 and items[0].line.after_blank)
    return is_list and numbers[0] in (0, 1) and all(b in (a + 1, 1) for a, b in pairwise(numbers))


def _fills(marker: Marker, items: list[_Item]) -> bool:
    """Whether most of the text stands in the list, in items that are no chapters."""
    ends = [*(item.start for item in items[1:]), len(marker.text)]
    lengths = [end - item.start for item, end in zip(items, ends, strict=True)]
    before = sum(marker.is_free(at) for at in range(items[0].start))
    return before <= len(marker.text) / 3 and (median(lengths) <= MAX_SHOT or all(map(_is_titled, items)))


def _mark_words(marker: Marker, item: _Item) -> None:
    """Mark what of an item's first line the camera does, or a heading."""
    rest = marker.text[item.end:item.line.end]
    begin = item.end + len(rest) - len(rest.lstrip())
    words = rest.strip().rstrip("*_")
    if not words:
        return
    if clock := _CLOCK.match(words):
        marker.add(begin, begin + clock.end(), "markup")
        begin, words = begin + clock.end(), words[clock.end():]
    if TRANSITION_LINE.fullmatch(words):
        marker.add(begin, item.line.end, "transition")
    elif place := _PLACE.match(words):
        marker.add(begin, begin + place.end(), "heading")
    elif HEADING.match(words) or _is_titled(item) or (item.label == "scene" and words.isupper() and not item.line.before_blank):
        marker.add(begin, item.line.end, "heading")
    elif camera := _CAMERA.match(words):
        marker.add(begin, begin + camera.end(), "markup")


def mark_camera(marker: Marker) -> None:
    """Mark what sentences say of the picture itself, before whom it shows."""
    for line in list(marker.free_lines()):
        begins = [line.start, *(line.start + found.start() for found in _SENTENCE.finditer(marker.text[line.start:line.end]))]
        for begin in begins:
            if (shown := _SHOWN.match(marker.text, begin, line.end)) and marker.is_free(begin):
                marker.add(begin, shown.end(), "markup")


def _is_titled(item: _Item) -> bool:
    """Whether the number stands before a title, as of a chapter or a scene, with the text below."""
    words = item.line.words.rstrip("*_")
    is_title = len(words) <= _MAX_TITLE and re.search(r"[.!?:;,…\"”’»)|]$|[.!?] ", words.lstrip("0123456789.) ")) is None
    return item.label in {"", "scene"} and item.is_above_text and is_title


def _is_short(words: str) -> bool:
    """Whether an item is short enough for one shot."""
    several = re.search(r"\n[^\S\n]*\n", words.strip()) is not None
    return len(words.strip()) <= (_MAX_PARAGRAPHS if several else MAX_SHOT)
