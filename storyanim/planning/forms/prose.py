"""What stands in prose and is no story: front matter, chapters' headings, dates, THE END."""

from __future__ import annotations

import re
from itertools import zip_longest

from storyanim.planning.forms.fountain import HEADING, TRANSITION, TRANSITION_LINE
from storyanim.planning.forms.marking import Line, Marker

_MAX_AFTERWORD = 300                                 # characters that can follow THE END
_TITLE_WORDS, _LONG_WORD = 9, 5                       # of a title at most; letters of what has a capital in it
_FENCED = re.compile(r"\s*(?P<fence>---|\+\+\+)[^\S\n]*\n(?P<body>.*?)\n(?:(?P=fence)|\.\.\.)[^\S\n]*(?=\n|\Z)", re.DOTALL)
_ENTRY = re.compile(r"(?P<key>[A-Za-z][\w -]{0,30})\s*[:=](?:\s|$)|\s+\S|-\s|#|$")
_KEYS = re.compile(r"(?:title|subtitle|credit|authors?|source|draft date|contact|copyright)\s*:", re.IGNORECASE | re.MULTILINE)
_TITLE = re.compile(r"^title\s*[:=][^\S\n]*(?P<title>[^\n]*(?:\n[ \t]+[^\n]+)*)", re.IGNORECASE | re.MULTILINE)
_GUTENBERG = re.compile(r"^\*{3}\s*(START|END) OF TH(?:E|IS) PROJECT GUTENBERG.*$", re.MULTILINE)
_NUMBER = r"(?:\d+|[IVXLC]+|(?i:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))\b"
_LABEL = re.compile(rf"\W{{0,2}}(?:Chapter|CHAPTER|Part|PART|Act|ACT|Book|BOOK)\s+{_NUMBER}\W*(?:[A-Z][^.!?\n]*)?|[IVXLC]{{1,7}}\.?|"
                    r"In which [^.!?\n]*|(?:Prologue|PROLOGUE|Epilogue|EPILOGUE)\W*")
_END = re.compile(r"\W*(?:THE END\b.*|[Tt]he [Ee]nd\W*|FIN|Fin|(?:TO BE CONTINUED|To be continued)\W*)\W*")
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
_DAY = r"(?:\d{1,2}(?:st|nd|rd|th)?)"
_WEEKDAY = r"(?:Mon|Tues?|Wednes|Thurs?|Fri|Satur|Sun)(?:day)"
_CALENDAR = rf"(?:{_DAY}\s+(?:of\s+)?{_MONTH}|{_MONTH}\s+{_DAY}|\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}})"
_DATE = re.compile(rf"\W{{0,3}}(?:(?:{_WEEKDAY},?\s+)?(?:the\s+)?{_CALENDAR}(?:,?\s+\d{{4}})?(?:,\s+{_WEEKDAY})?|(?:Day|DAY)\s+{_NUMBER})"
                   rf"(?:,\s+(?:early\s+|late\s+)?(?:morning|noon|afternoon|evening|night|midnight))?\W{{0,2}}?(?:[.:—–]+\W{{0,2}}(?=\s|$)|\s-(?=\s)|$)")
_WEEKDAY_ALONE = re.compile(rf"\W{{0,3}}{_WEEKDAY}(?:\s+(?:morning|afternoon|evening|night))?\W{{0,2}}?(?:[.:—–]+\W{{0,2}}(?=\s|$)|$)")


def find_front_matter(text: str) -> tuple[int, int] | None:
    """Return where a `---` block, `Title: ...` lines or Project Gutenberg's licence stand at the top; None without."""
    if (licence := _GUTENBERG.search(text)) and licence[1] == "START":
        return 0, licence.end()
    fenced = _FENCED.match(text)
    if fenced and all(_ENTRY.match(line) for line in fenced["body"].split("\n")) and re.search(r"\w\s*[:=]", fenced["body"]):
        return 0, fenced.end()
    lead = len(text) - len(text.lstrip())
    block = re.split(r"\n[^\S\n]*\n", text[lead:], maxsplit=1)[0]
    is_page = _KEYS.match(block) or (_KEYS.search(block) and re.match(r"[A-Z][\w ]+:", block))
    if is_page and all(_ENTRY.match(line) for line in block.split("\n")):
        return lead, lead + len(block)
    return None


def title_of(front_matter: str) -> str:
    """Return the title that front matter tells, or ""."""
    found = _TITLE.search(front_matter)
    return re.sub(r"\s+", " ", re.sub(r"[*_]{1,3}", "", found["title"])).strip().strip("\"'") if found else ""


def mark_front_matter(marker: Marker) -> None:
    """Mark the block at the top that tells the title and the author."""
    if where := find_front_matter(marker.text):
        marker.add(*where, "meta")
    for licence in _GUTENBERG.finditer(marker.text):
        if licence[1] == "END":
            marker.add(licence.start(), len(marker.text), "meta")


def mark_ending(marker: Marker) -> None:
    """Mark THE END, and the few words that can follow the last of it."""
    last: Line | None = None
    for line in marker.free_lines():
        if _END.fullmatch(line.words):
            marker.add(line.start, line.end, "transition")
            last = line
    if last is not None and len(marker.text[last.end:].strip()) <= min(_MAX_AFTERWORD, max(100, last.start / 2)):
        marker.add(last.end, len(marker.text), "meta")


def mark_labels(marker: Marker) -> None:
    """Mark headings without Markdown, and transitions that stand alone."""
    lines = list(marker.free_lines())
    for line, below in zip_longest(lines, lines[1:]):
        if TRANSITION.match(line.words) or (line.after_blank and TRANSITION_LINE.fullmatch(line.words)):
            marker.add(line.start, line.end, "transition")
        elif _is_label(line) or (below is not None and is_title(line) and not is_title(below)):
            marker.add(line.start, line.end, "heading")


def _is_label(line: Line) -> bool:
    if HEADING.match(line.words):
        return line.words.isupper()
    alone = line.after_blank or line.before_blank
    return alone and line.words != "I" and _LABEL.fullmatch(line.words) is not None


def is_title(line: Line) -> bool:
    """Tell whether a line alone is a title without a number: "The Heron and the Beaver"."""
    spelled = line.words.split()
    capitals = all(word[0].isupper() or (word[0].isalpha() and len(word) < _LONG_WORD) for word in spelled) and spelled[0][0].isupper()
    return line.after_blank and line.before_blank and 1 < sum(len(word) > 1 for word in spelled) <= _TITLE_WORDS and capitals and not line.words.isupper() \
        and line.words[-1].isalnum()


def mark_dates(marker: Marker) -> int:
    """Mark the dates that begin a diary's days; return how many there are."""
    found = [(line, match) for line in marker.free_lines() if (match := _DATE.match(line.words))]
    alone = [(line, match) for line in marker.free_lines() if line.after_blank and (match := _WEEKDAY_ALONE.match(line.words))]
    days = found + (alone if len(alone) > 1 or found else [])
    for line, match in days:
        begin = line.start + len(marker.text[line.start:line.end]) - len(marker.text[line.start:line.end].lstrip())
        marker.add(begin, begin + match.end(), "date")
    return len(days)
