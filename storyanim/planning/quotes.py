"""What is said in quotation marks: stretches of a text, never cut into acted events."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PAIRS = {"“": "”", "«": "»", "„": "“", "‹": "›", '"': '"', "‘": "’", "'": "'"}
_OPENER = re.compile(r"""(?<![^\s(\[—–:,-])["“«„‹'‘](?=[\w"“'‘(…-])""")
_CLOSES_SINGLE = re.compile(r"[.,!?…—–;:)\]][’'](?!\w)")
_ELISIONS = re.compile(r"['‘’](?:tis|twas|twere|em|til|till|cause|bout|round|\d\ds?)\b", re.IGNORECASE)
_SPEECH_ENDS = ".,!?…—–-;:"
_MAX_MENTION = 4                                     # words of a quotation that is a label or a title, no speech


@dataclass(frozen=True)
class Quotation:
    """text[start:end], marks included."""

    start: int
    end: int
    last: str                                        # last letter or mark that is said


def find_speech(text: str) -> list[Quotation]:
    """Return the quotations in which somebody speaks, in order; one that nobody closes ends with its paragraph.

    Apostrophes in single quotation marks are none of them: "'Don't go,' said the fox". A jar that is labelled "Jam" is no
    speech.
    """
    found = []
    for paragraph in re.finditer(r"(?:.|\n(?!\s*\n))+", text):
        at, stop = paragraph.span()
        while opener := _OPENER.search(text, at, stop):
            start = opener.start()
            end = _close(text, start, stop)
            if end is None:
                at = start + 1
                continue
            said = text[start + 1:end].rstrip("”’\"'»›“ \n")
            if _is_speech(text, start, said, paragraph.start()):
                found.append(Quotation(start, end, said[-1:]))
            at = end
    return found


def _close(text: str, start: int, stop: int) -> int | None:
    """Return the offset after the mark that closes the quotation; None when the mark at `start` opens none."""
    closing = _PAIRS[text[start]]
    if closing not in "'’":
        end = text.find(closing, start + 1, stop)
        return end + 1 if end >= 0 else stop
    if _ELISIONS.match(text, start):
        return None
    closer = _CLOSES_SINGLE.search(text, start + 1, stop)
    return closer.end() if closer else None


def _is_speech(text: str, start: int, said: str, paragraph: int) -> bool:
    if not re.search(r"\w", said):
        return False
    before = text[paragraph:start].rstrip()
    return (said[-1] in _SPEECH_ENDS or not before or before[-1] in ".!?,:;—–-\"”'’)…"
            or len(said.split()) > _MAX_MENTION)
