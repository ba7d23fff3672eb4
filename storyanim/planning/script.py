"""The parts of a script that are no sentences: headings, transitions, and the names above what somebody says.

    EXT. BEACH - DAY                 a heading: where and when
    BRUNO                            a cue; what follows, down to a blank line, is what Bruno says,
    (waving)                         but for this, which is what he does
    Hello!
    MIMI: Look, the sea!             a cue in the line itself
    CUT TO:                          a transition
    ## Chapter 2: The Sea            a label
    In which Bruno loses his hat     its second line
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from storyanim.planning.english import table

HEADING = re.compile(r"\s*(?:INT|EXT|INT\.?/EXT|I/E)[. ]")
TRANSITION = re.compile(r"\s*(?:FADE (?:IN|OUT|TO [A-Z]+)|(?:[A-Z]+ )?CUT TO\b[^\n]*|DISSOLVE TO\b[^\n]*|THE END)\s*[.:!]?\s*$")
_NUMBER = r"(?:\d+|[IVXLC]+|(?i:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))\b"
LABEL = re.compile(rf"""\s* (?: \#{{1,6}}\s[^\n]* | \W{{0,2}} (?:Chapter|CHAPTER|Part|PART|Act|ACT)\s+ {_NUMBER} \W*
                        (?:[A-Z][^.!?\n]*)? | In\ which\ [^.!?\n]* ) \s*$""", re.VERBOSE)
_LINE_CUE = re.compile(r"^[^\S\n]*(?P<name>(?:[A-Z][\w.'’-]*[^\S\n]?){1,3})(?:\([^)\n]*\)[^\S\n]*)?:(?P<line>[^\n]+)",
                       re.MULTILINE)
_CAPITALS = r"[A-ZÀ-Þ][A-ZÀ-Þ.'’-]*"
_CUE = re.compile(rf"""(?: \A | ^[^\S\n]*\n )                                       # after a blank line
                       (?P<at>[^\S\n]*) (?P<name>{_CAPITALS} (?:[^\S\n]{_CAPITALS}){{0,2}}) [^\S\n]* (?:\([^)\n]*\))? [^\S\n]*\n
                       (?P<line>(?: [^\S\n]*\S[^\n]*(?:\n|\Z) )+)""", re.MULTILINE | re.VERBOSE)
_MARKS = re.compile(r"""\*\* | __ | ^[^\S\n]*[-*>][^\S\n]+                # strong; items and quotations
                         | \*(?=\S[^*\n]*\*) | (?<=\S)\*(?!\S)          # *emphasis*
                         | (?<!\w)_(?=\S[^_\n]*_) | (?<=\S)_(?!\w)""", re.MULTILINE | re.VERBOSE)
_NUMBERED = re.compile(r"^\s* (?: (?:Scene|Shot|Panel|Page|Frame|Slide)\s+\d+\s*[:.–-] | NARRATOR\s*: ) \s*",
                       re.MULTILINE | re.IGNORECASE | re.VERBOSE)
_BRACKET = re.compile(r"\([^)]*\)")


@dataclass(frozen=True)
class Cue:
    """A name, and what it is said to say."""

    start: int                                       # offset of the name's line
    name: str
    said: tuple[int, int]                            # offsets of the words, and after them
    own_line: bool                                   # the name stands above the words

    def spoken(self, text: str) -> Iterator[int]:
        """Offsets of the characters that are said; what stands in brackets is done."""
        begin, end = self.said
        done = {i for bracket in _BRACKET.finditer(text, begin, end) for i in range(*bracket.span())}
        return (i for i in range(begin, end) if i not in done)


def told(text: str) -> str:
    """A shot's words as a film shows them: without headings, transitions, labels, and the marks of Markdown."""
    lines = [line for line in text.splitlines(keepends=True) if not any(p.match(line) for p in (HEADING, TRANSITION, LABEL))]
    return _NUMBERED.sub("", _MARKS.sub("", "".join(lines)))


def is_script(text: str) -> bool:
    """Whether it has headings, as screenplays do."""
    return any(HEADING.match(line) for line in text.splitlines())


@lru_cache(maxsize=2)
def find_cues(text: str) -> tuple[Cue, ...]:
    """Everybody's lines, in order. A narrator's lines, and "Morning: ...", are the story's."""
    cues = [Cue(m.start(), m["name"].strip(), m.span("line"), own_line=False) for m in _LINE_CUE.finditer(text)]
    if is_script(text):
        cues += [Cue(m.start("at"), m["name"].strip(), m.span("line"), own_line=True) for m in _CUE.finditer(text)
                 if not HEADING.match(m["name"] + " ") and not TRANSITION.match(m["name"])]
    return tuple(sorted((cue for cue in cues if not _is_label(cue.name)), key=lambda cue: cue.start))


def find_speakers(text: str) -> frozenset[str]:
    """The words of their names in small letters, and other names that a script writes in capitals."""
    said = {word.lower() for cue in find_cues(text) for word in re.findall(r"[^\W\d_]+", cue.name)}
    if is_script(text):
        lines = [line for line in text.splitlines() if not HEADING.match(line) and not TRANSITION.match(line)]
        said |= {m.group(1).lower() for line in lines for m in re.finditer(r"\b([A-ZÀ-Þ]{2,})(?=,| \()", line)}
    return frozenset(said) - table("animals") - table("people") - table("titles") - {"the", "a", "an", "o", "v", "s", "cont"}


def _is_label(name: str) -> bool:
    word = re.findall(r"[^\W\d_]+", name.lower())[-1:]
    return not word or word[0] in table("not_speakers") | table("weekdays") | table("places") | table("time_nouns")
