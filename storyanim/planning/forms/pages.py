"""Pages of a PDF as one text: paragraphs joined, hyphens at line ends and running heads taken out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from storyanim.planning.forms.fountain import is_fountain

_PAGE_NUMBER = re.compile(r"\W*(?:page\s+)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:/|of)\s*\d{1,4})?\W*", re.IGNORECASE)
_ENDS = re.compile(r"[.!?:…][\"'”’»)\]]*$")
_LIST_ITEM = re.compile(r"(?:\d{1,3}[.)]|[-*•–]|(?:shot|scene|panel)\s+\d+)\s", re.IGNORECASE)
_INDENT = 2                                          # columns that begin a paragraph
_CENTRED = 12                                        # columns before a title
_MIN_GAPS = 4                                        # lines that tell how far apart lines stand
_SHORT = 0.75                                        # of the usual width: a line that ends a paragraph


def join_pages(pages: Sequence[str]) -> str:
    """Return the pages' text, each laid out in columns of characters, as paragraphs with an empty line between."""
    laid_out = [[line.rstrip() for line in page.expandtabs().split("\n")] for page in pages]
    heads = _running_heads(laid_out)
    lines: list[str] = []
    for i, page in enumerate(laid_out):
        edges = {at: key for at, key in _edges(page).items() if i > 0 or key[0] == "bottom" or re.search(r"\d", page[at])}
        kept = [line for at, line in enumerate(page)
                if not (at in edges and (edges[at] in heads or _PAGE_NUMBER.fullmatch(line.strip())))]
        page_lines = _dedent(kept)
        if lines and page_lines and not _goes_on(lines[-1], page_lines[0]):
            lines.append("")
        lines += page_lines
    text = "\n".join(lines)
    if is_fountain(text):
        return text
    return "\n\n".join(_paragraphs(_single_spaced(lines)))


def _edges(lines: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Return the numbers of the first and last two lines that are not empty, with their place and words."""
    full = [i for i, line in enumerate(lines) if line.strip()]
    where = {**dict.fromkeys(full[-2:], "bottom"), **dict.fromkeys(full[:2], "top")}
    return {i: (place, re.sub(r"[\d\W]+", " ", lines[i]).strip().lower()) for i, place in where.items()}


def _running_heads(pages: Sequence[Sequence[str]]) -> frozenset[tuple[str, str]]:
    """Return place and words of lines that stand at the edge of half of the pages, two at least."""
    found: Counter[tuple[str, str]] = Counter()
    for page in pages:
        found.update(set(_edges(page).values()))
    return frozenset(key for key, times in found.items() if key[1] and times >= max(2, len(pages) / 2))


def _dedent(lines: Sequence[str]) -> list[str]:
    """Return a page's lines without the margin that they share, and without empty lines around."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines).strip("\n").split("\n") if any(lines) else []


def _goes_on(before: str, after: str) -> bool:
    """Whether a paragraph goes on from one page to the next."""
    return bool(before) and not _ENDS.search(before.strip()) and not after.startswith(" " * _INDENT)


def _single_spaced(lines: Sequence[str]) -> list[str]:
    """Return the lines with half the empty ones, where a page is set with an empty line after each."""
    gaps = sorted(len(gap) for gap in re.findall(r"\n+", "\n".join(lines)))
    usual = gaps[len(gaps) // 8] if len(gaps) >= _MIN_GAPS else 1
    if usual < 2:
        return list(lines)
    return re.sub(rf"\n{{{usual}}}", "\n", "\n".join(lines)).split("\n")


def _paragraphs(lines: Sequence[str]) -> list[str]:
    full = [len(line) for line in lines if line.strip()]
    width = sorted(full)[int(0.8 * (len(full) - 1))] if full else 0
    found: list[list[str]] = [[]]
    for before, line in pairwise(["", *lines]):
        if not line.strip():
            found.append([])
            continue
        starts = line.startswith(" " * _INDENT) or _LIST_ITEM.match(line.strip())
        centred = len(before) - len(before.lstrip()) >= _CENTRED
        ended = centred or (_ENDS.search(before) is not None and len(before) < _SHORT * width)
        if found[-1] and (starts or ended):
            found.append([])
        found[-1].append(line.strip())
    whole = " ".join(lines)
    return [_join(paragraph, whole) for paragraph in found if paragraph]


def _join(lines: Sequence[str], whole: str) -> str:
    """Return the lines of a paragraph as one, words that were hyphenated at a line's end put together.

    A hyphen stays where the text writes the word with one elsewhere ("well-known"), or a name follows.
    """
    text = lines[0]
    for line in lines[1:]:
        broken = re.search(r"([^\W\d_]+)[-\xad‐]$", text)
        first = re.match(r"[^\W\d_]+", line)
        if not broken or not first:
            text += " " + line
        elif first.group()[0].isupper() or re.search(rf"\b{broken.group(1)}-{first.group()}\b", whole):
            text = text[:-1] + "-" + line
        else:
            text = text[:-1] + line
    return re.sub(r" {2,}", " ", text.replace("\xad", ""))
