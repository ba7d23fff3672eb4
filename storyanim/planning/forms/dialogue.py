"""Who says what in a play or a chat: "Anna: Look!", "**BRUNO** (waving): Hello!"."""

from __future__ import annotations

import re
from collections import Counter

from storyanim.planning.forms.marking import Marker

_LETTERS = r"[^\W\d_][\w'’.&-]*"
_CUE = re.compile(
    rf"^[^\S\n]*(?:[-*>•]+[^\S\n]+)?(?P<cue>[*_]{{0,3}}(?P<name>{_LETTERS}(?:[^\S\n]+(?:{_LETTERS}|\d+)){{0,3}})[*_]{{0,3}})"
    r"[^\S\n]*(?P<how>[(\[][^)\]\n]*[)\]])?[*_]{0,3}(?P<colon>[^\S\n]*:[*_]{0,3})(?=[^\S\n]*\S|[^\S\n]*\n[^\S\n]*\S)", re.MULTILINE)
_HOW = re.compile(r"[^\S\n]*(?P<how>[(\[*][^)\]\n*]*[)\]*])(?=[^\S\n]*\S)")
_DIRECTION = re.compile(r"^[^\S\n]*(?P<open>[(\[])[^()\[\]\n]*(?P<close>[)\]])[^\S\n]*$", re.MULTILINE)
_NARRATOR = re.compile(r"(?:narrator|narration|voice-?over|v\.?o\.?|vo|text|action|stage directions?|description|caption)\b", re.IGNORECASE)
# A label that says when, where or what kind of words follow it, and no name.
_NO_NAME = re.compile(
    r"(?:(?:the|that|next|later|then|now|meanwhile|suddenly|first|second|third|finally|early|late|one|at|in|on)\b.*"
    r"|(?:morning|noon|afternoon|evening|night|midnight|today|tomorrow|yesterday|day|week|dawn|dusk|sunrise|sunset|winter|spring|summer|autumn)\b.*"
    r"|(?:\w+day)|notes?|moral|ps|p\.s\.|warning|scene|shot|panel|page|chapter|part|act|setting|location|time|place|characters?|cast|title|author"
    r"|camera|music|sfx|sound|int|ext|cut to|fade .*|dissolve to)", re.IGNORECASE)
_FEWEST = 2                                          # cues that make a dialogue


def mark_cues(marker: Marker) -> int:
    """Mark the names before what is said, and the brackets of stage directions; return how many names there are.

    A narrator's name is a mark, too, but what follows is the story's.
    """
    found = [m for m in _CUE.finditer(marker.text) if marker.is_free(m.start("name"))]
    narrated = [m for m in found if _NARRATOR.fullmatch(m["name"])]
    named = [m for m in found if m not in narrated and m["name"][0].isupper() and not _NO_NAME.fullmatch(m["name"])]
    spoken = [m for m in named if _is_short_name(m["name"])]
    times = Counter(m["name"].lower() for m in spoken)
    capitals = sum(m["name"].isupper() for m in spoken)
    if len(spoken) + capitals < _FEWEST or (max(times.values()) + capitals < 2 and not _is_mostly(marker, len(found))):
        spoken = []
    for cue in narrated if spoken or len(narrated) > 1 else []:
        marker.add(cue.start("cue"), cue.end(), "markup")
    for cue in spoken:
        marker.add(*cue.span("cue"), "cue")
        if cue["how"]:
            marker.add(*cue.span("how"), "parenthetical")
        marker.add(cue.start("cue"), cue.end("colon"), "markup")
        if how := _HOW.match(marker.text, cue.end()):
            marker.add(*how.span("how"), "parenthetical")
    for direction in _DIRECTION.finditer(marker.text) if spoken else ():
        marker.add(*direction.span("open"), "markup")
        marker.add(*direction.span("close"), "markup")
    return len(spoken)


def _is_short_name(name: str) -> bool:
    """Whether each word of it begins with a capital or is a number: "Old Mr. Bear", "GUARD 2"."""
    return all(word[0].isupper() or word[0].isdigit() for word in name.split())


def _is_mostly(marker: Marker, cues: int) -> bool:
    """Whether half of the lines begin with a name."""
    return 2 * cues >= len(marker.lines)
