"""Markdown and what else stands between words: read with markdown-it, whose inline tokens are found again in the text.

Lists, quotations, indented code and setext headings are left to the other forms: in plain prose the same marks mean
something else ("1986. It was", an indented paragraph, a rule under a sentence).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from storyanim.planning.forms.marking import Marker

_BULLET = re.compile(r"^[^\S\n]*(?:[-*+•‣▪◦>]+[^\S\n]+)+(?:\[[ xX]\][^\S\n]+)?", re.MULTILINE)
_RULE = re.compile(r"^[^\S\n]*(?:(?:[*#~=_•·⁂-][^\S\n]*){3,}|[#⁂][^\S\n]*)$", re.MULTILINE)
_HIDDEN = re.compile(r"<!--.*?-->|https?://[^\s<>)\]]+|^\[[^\]\n]+\]:[^\n]*|\[\^?\d+\]", re.DOTALL | re.MULTILINE)
_TABLE_RULE = re.compile(r"^[^\S\n]*\|?(?:[^\S\n]*:?-{3,}:?[^\S\n]*\|)+[^\n]*$", re.MULTILINE)
_EMPTY_HEAD = re.compile(r"[|\s]+\n[^\n]*\n(?P<row>\|(?:[^\S\n]*[^\W\d_|]*[^\S\n]*\|)+)[^\S\n]*$", re.MULTILINE)
_BAR = re.compile(r"(?<=\s)\||\|(?=\s)|^\||\|$", re.MULTILINE)
_EMOJI = re.compile("[\U0001f000-\U0001faff☀-➿⬀-⯿⌚-⏿️‍⃣\U000e0020-\U000e007f]+")
_LINE_END = re.compile(r"\r\n?|\n")                  # as Markdown has them


def mark_blocks(marker: Marker) -> None:
    """Mark headings, rules, fences and comments."""
    starts = [0, *(found.end() for found in _LINE_END.finditer(marker.text)), len(marker.text) + 1]
    for token in _parse(marker.text):
        if token.map is None:
            continue
        start, end = starts[token.map[0]], min(starts[token.map[1]], len(marker.text))
        if token.type == "heading_open":
            marker.add(start, end, "heading")
        elif token.type == "hr":
            marker.add(start, end, "cut")
        elif token.type == "fence" and token.info.strip():           # code, by the name of its language
            marker.add(start, end, "meta")
        elif token.type == "fence":
            marker.add(start, starts[token.map[0] + 1], "markup")
            marker.add(starts[token.map[1] - 1], end, "markup")
    for found in _RULE.finditer(marker.text):
        marker.add(found.start(), found.end(), "cut")


def mark_tables(marker: Marker) -> None:
    """Mark the heads of tables and the rules below them; the bars between cells are left to `mark_inline`."""
    for found in _TABLE_RULE.finditer(marker.text):
        head = marker.text.rfind("\n", 0, max(0, found.start() - 1)) + 1
        marker.add(head, found.start(), "meta")
        marker.add(found.start(), found.end(), "markup")
        below = _EMPTY_HEAD.match(marker.text, head)
        if below:                                    # Word's tables: their first row is the head
            marker.add(below.start("row"), below.end("row"), "meta")


def mark_inline(marker: Marker) -> None:
    """Mark emphasis, links, pictures, bullets and emoji, in what is not marked yet."""
    for found in _HIDDEN.finditer(marker.text):
        marker.add(*found.span(), "meta")
    starts = [0, *(found.end() for found in _LINE_END.finditer(marker.text)), len(marker.text) + 1]
    for pattern in (_BULLET, _EMOJI, *((_BAR,) if _TABLE_RULE.search(marker.text) else ())):
        for found in pattern.finditer(marker.text):
            marker.add(found.start(), found.end(), "markup")
    for token in _parse(marker.text):
        if token.type == "inline" and token.map is not None and len(token.children or ()) > 1:
            _mark_between(marker, token, starts[token.map[0]], min(starts[token.map[1]], len(marker.text)))
        elif token.type == "html_block" and token.map is not None:
            block = marker.text[starts[token.map[0]]:starts[token.map[1]]]
            for tag in re.finditer(r"</?\w[^<>]*>", block):
                marker.add(starts[token.map[0]] + tag.start(), starts[token.map[0]] + tag.end(), "markup")


def _mark_between(marker: Marker, token: Token, start: int, end: int) -> None:
    """Mark all of text[start:end] that is in none of the token's words."""
    at, gaps = start, []
    for child in token.children or ():
        words = child.content if child.type in {"text", "text_special", "code_inline"} else ""
        if not words:
            continue
        found = marker.text.find(words, at, end)
        if found < 0:                                # the words were changed in reading: better unmarked than lost
            return
        gaps.append((at, found))
        at = found + len(words)
    for gap_start, gap_end in (*gaps, (at, end)):
        marker.add(gap_start, gap_end, "markup")


@lru_cache(maxsize=1)
def _parse(text: str) -> tuple[Token, ...]:
    return tuple(_parser().parse(text))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").disable(
        ["list", "blockquote", "code", "lheading", "reference", "entity", "text_join"])
