"""Screenplays in Fountain's plain text (https://fountain.io/syntax): its elements, with their offsets.

Screenplays that people paste keep to it loosely, so that a heading needs no empty line below it.
"""

from __future__ import annotations

import re

from storyanim.planning.forms.marking import Line, Marker

HEADING = re.compile(r"(?:\d+[A-Z]?[.)]?\s+)?(?:INT|EXT|EST|INT\.?\s?/\s?EXT|EXT\.?\s?/\s?INT|I\s?/\s?E)(?:\.\s*|\s+)\S", re.IGNORECASE)
_FORCED_HEADING = re.compile(r"\.[^\W_]")
TRANSITION = re.compile(r"(?:FADE (?:IN|OUT|UP)|FADE TO (?:BLACK|WHITE)|(?:SMASH |MATCH |JUMP |HARD )?CUT TO(?: BLACK)?|"
                        r"(?:SLOW )?DISSOLVE TO|END CREDITS|TITLE CARD)\s*[.:!]*(?=\s|$)[^a-z\n]*$")
TRANSITION_LINE = re.compile(r"(?:fade (?:in|out|to \w+)|(?:smash |match |jump |hard )?cut to(?: black)?|dissolve to(?: \w+)?|end(?: credits)?|"
                             r"title card)\W*", re.IGNORECASE)
_TRANSITION_TO = re.compile(r"[^a-z\n]*\bTO:$")
_CUE = re.compile(r"(?P<name>@.*?|[^a-z()\n]*[A-ZÀ-Þ][^a-z()\n]*)(?P<more>\s*\([^)\n]*\))*\s*\^?$")
_TITLE_KEY = re.compile(r"(?:credit|draft date|contact)\s*:", re.IGNORECASE | re.MULTILINE)
_HIDDEN = re.compile(r"/\*.*?\*/|\[\[.*?\]\]", re.DOTALL)


def is_fountain(text: str) -> bool:
    """Whether a text has scene headings, or a screenplay's title page."""
    lines = Marker(text).lines
    return any(_is_heading(line) for line in lines) or bool(lines and _TITLE_KEY.search(text[:text.find("\n\n")]))


def mark_fountain(marker: Marker) -> None:
    """Mark everything but what is to be seen and what is said."""
    for found in _HIDDEN.finditer(marker.text):
        marker.add(*found.span(), "meta")
    speaks = False
    for line in marker.lines:
        speaks = speaks and not line.after_blank
        if not marker.is_free(line.end - len(marker.text[line.start:line.end].lstrip())):
            continue
        if speaks:
            _mark_dialogue(marker, line)
        elif _is_cue(line):
            marker.add(line.start, line.end, "cue")
            speaks = True
        else:
            _mark_line(marker, line)


def _is_heading(line: Line) -> bool:
    if _FORCED_HEADING.match(line.words):
        return line.after_blank and line.words.isupper()
    if HEADING.match(line.words) is None:
        return False
    return line.words.isupper() or (line.after_blank and line.words[-1] not in ".!?")


def _is_transition(line: Line) -> bool:
    words = line.words
    if words.startswith(">"):
        return not words.endswith("<")
    return TRANSITION.match(words) is not None or (line.after_blank and _TRANSITION_TO.match(words) is not None)


def _is_cue(line: Line) -> bool:
    return (line.after_blank and not line.before_blank and not _is_heading(line) and not _is_transition(line)
            and _CUE.match(line.words) is not None and line.words[0] not in "#=!>~." )


def _mark_dialogue(marker: Marker, line: Line) -> None:
    if line.words.startswith("(") and line.words.endswith(")"):
        marker.add(line.start, line.end, "parenthetical")
    elif line.words.startswith("~"):
        marker.add(*_first(marker, line), "markup")


def _mark_line(marker: Marker, line: Line) -> None:
    words = line.words
    if re.fullmatch(r"={3,}", words):
        marker.add(line.start, line.end, "cut")
    elif _is_heading(line) or (words.startswith(".") and _FORCED_HEADING.match(words)) or words.startswith("#"):
        marker.add(line.start, line.end, "heading")
    elif words.startswith("="):
        marker.add(line.start, line.end, "meta")
    elif _is_transition(line):
        marker.add(line.start, line.end, "transition")
    elif words[0] in "!~>":
        marker.add(*_first(marker, line), "markup")
        if words.startswith(">"):
            marker.add(line.end - len(marker.text[line.start:line.end].rstrip()) + len(words) - 1, line.end, "markup")


def _first(marker: Marker, line: Line) -> tuple[int, int]:
    """Return the offsets of the line's first character that is no blank."""
    at = line.start + len(marker.text[line.start:line.end]) - len(marker.text[line.start:line.end].lstrip())
    return at, at + 1
