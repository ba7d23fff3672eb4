"""Stories and storyboards from disk or standard input, checked."""

from __future__ import annotations

import codecs
import logging
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from storyanim.artifacts import Story, Storyboard
from storyanim.errors import StoryError
from storyanim.planning.board_problems import Problem, parse_storyboard
from storyanim.planning.forms.documents import document_kind, read_document
from storyanim.planning.forms.json_shots import looks_like_json, read_json_shots
from storyanim.planning.forms.manuscript import read_manuscript
from storyanim.planning.forms.prose import find_front_matter, title_of
from storyanim.planning.forms.region_plans import looks_like_plans, read_plans

MAX_CHARS = 200_000
STDIN = "-"
_PLANS = ".jsonl"                                    # of regions, see forms/region_plans.py
_MAX_TITLE = 80                                      # characters of a first line that can be a title
_UTF8 = "save it as plain text in UTF-8"
_LOG = logging.getLogger(__name__)
# What people take for a story's text and is something else: its beginning, its name, what to do.
_OTHER_KINDS = (
    (r"WEBVTT\b|\d+\s*\n\d\d:\d\d:\d\d[,.]\d{3}\s*-->", "subtitles (SRT or VTT)", "keep their words alone, as plain text"),
    (r"\[Script Info\]", "subtitles (ASS)", "keep their words alone, as plain text"),
    (r"\{\\rtf", "rich text (RTF)", "save it as plain text or as .docx"),
    (r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", "a web page (HTML)", "copy its words into a text file"),
    (r"(?:<\?xml[^>]*>\s*)?<FinalDraft\b", "a Final Draft screenplay (FDX)", "export it as Fountain or plain text"),
    (r"<\?xml\b", "XML", "copy its words into a text file"),
    (r"\\documentclass\b", "LaTeX", "copy its words into a text file"),
    (r"(?:[^\n]*\n)*?shots:\s*\n\s*-\s+\{?(?:id: s\d|text:|query:|prompt:)", "a storyboard", "give it the ending .yaml"),
)


def read_story(path: Path) -> Story:
    """Return a story file as text, with its title; `-` is standard input.

    Text in UTF-8, a shot list in JSON, or a Word, EPUB or PDF document. The title is what the document or its front
    matter tells, a leading `# heading`, or a short first line without final punctuation with a blank line after it,
    else the file's name. A line taken as the title is no part of the text; every other character is.

    Raises StoryError, and UsageError for a document whose reader is not installed.
    """
    name = "standard input" if str(path) == STDIN else f"the story {path}"
    data = _read_bytes(path, "story")
    if document_kind(data):
        title, text = read_document(data, name)
    else:
        text = _decode(data, name)
        title = ""
        _refuse_other_kinds(text, name)
        if looks_like_json(text) or path.suffix.lower() in {".json", ".jsonl"}:
            title, text, unused = read_json_shots(text, name)
            if unused:
                _LOG.warning("%s: not used of its shots: %s", name, ", ".join(unused))
    if not text.strip():
        raise StoryError(f"{name} is empty", hint="write at least one sentence")
    if len(text) > MAX_CHARS:
        raise StoryError(f"{name} has {len(text):,} characters; at most {MAX_CHARS:,} are taken",
                         hint="split it into chapters and make a film of each")
    first, body = _split_title(text, known=bool(title))
    if not any(char.isalnum() for char in read_manuscript(body).told(0, len(body))):
        raise StoryError(f"{name} has no words", hint="write at least one sentence below the title")
    return Story(title=title or first or _name_of(path), text=body)


def read_storyboard(path: Path, check: Callable[[Any], Sequence[Problem]] = lambda data: ()) -> Storyboard:
    """Return a storyboard as `storyanim plan` writes it, edited or not, or one of DreamRunner's plans.

    Args:
        path: of the file.
        check: its data, valid or not → what else is wrong with them; it is told with the rest.

    Raises StoryError, which names all that is wrong, with its line and column.
    """
    text = _decode(_read_bytes(path, "storyboard"), f"the storyboard {path}")
    if path.suffix.lower() == _PLANS:
        return read_plans(text, path.name)
    try:
        board, problems = parse_storyboard(text, check)
    except RecursionError as error:
        raise StoryError(f"the storyboard {path} is nested too deeply",
                         hint="compare it with a storyboard that `storyanim plan` writes") from error
    if board is None:
        several = len(problems) > 1
        message = f"{len(problems)} things are wrong with the storyboard {path}" if several else (
            f"the storyboard {path}: {problems[0]}")
        raise StoryError(message, hint="compare it with a storyboard that `storyanim plan` writes",
                         details=problems if several else ())
    return board


def is_storyboard(path: Path) -> bool:
    """Whether a file is meant as a storyboard rather than a story, by its ending; of JSON lines by its beginning."""
    if path.suffix.lower() == _PLANS and path.is_file():
        return looks_like_plans(_read_bytes(path, "story")[:2000].decode(errors="ignore"))
    return path.suffix.lower() in {".yaml", ".yml"}


def _read_bytes(path: Path, what: str) -> bytes:
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise StoryError(f"there is no {what} {path}", hint="check the path") from error
    except IsADirectoryError as error:
        raise StoryError(f"{path} is a folder, not a {what}", hint=f"name the {what}'s file in it") from error
    except OSError as error:
        raise StoryError(f"the {what} {path} cannot be read: {error.strerror}", hint="check its permissions") from error


def _decode(data: bytes, name: str) -> str:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise StoryError(f"{name} is an old Word document (.doc), or one with a password",
                         hint="save it as .docx, without a password")
    if data.startswith(b"PK\3\4"):
        is_odt = b"opendocument.text" in data[:200] and zipfile.is_zipfile(BytesIO(data))
        raise StoryError(f"{name} is {'an OpenDocument text' if is_odt else 'a zip archive'}",
                         hint="save it as .docx or as plain text" if is_odt else "give the file in it")
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        is_binary = encoding != "utf-16" and b"\0" in data[:4096]
        kind = "binary" if is_binary else f"not {encoding.removesuffix('-sig').upper()} text (byte {error.start})"
        raise StoryError(f"{name} is {kind}", hint=_UTF8) from error
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        raise StoryError(f"{name} is binary", hint=_UTF8)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_other_kinds(text: str, name: str) -> None:
    """Raise StoryError for a text that is no story, by its first words."""
    start = text[:4000].lstrip()
    for pattern, kind, hint in _OTHER_KINDS:
        if re.match(pattern, start, re.IGNORECASE | re.DOTALL):
            raise StoryError(f"{name} is {kind}, not a story", hint=hint)


def _split_title(text: str, *, known: bool) -> tuple[str, str]:
    """Return title and the rest; an empty title when the text has none. Args: known: another title was told."""
    if where := find_front_matter(text):
        return title_of(text[slice(*where)]), text
    lead = len(text) - len(text.lstrip())
    line, newline, rest = text[lead:].partition("\n")
    stripped = line.strip()
    if re.match(r"#{1,6}\s+\S", stripped) and rest.strip():
        return ("", text) if known else (_plain(stripped.strip("#")), rest.lstrip("\n"))
    is_short = 0 < len(stripped) <= _MAX_TITLE and not re.search(r"[.!?:;,…\"”»)]$", stripped)
    begins_marked = bool(read_manuscript(stripped).marks_in(0, 1, "heading")) or any(        # of a line alone: "Chapter One", and no title
        mark.start <= lead for mark in read_manuscript(text).marks_in(0, lead + 1, "number", "date", "cue", "transition"))
    if is_short and newline and rest.strip() and not rest.split("\n", 1)[0].strip() and not known and not begins_marked:
        return _plain(stripped), rest.lstrip("\n")
    return "", text


def _plain(title: str) -> str:
    """Return a title without emphasis and emoji, unless it has nothing else."""
    words = read_manuscript(title).told(0, len(title))
    return " ".join((words if any(map(str.isalnum, words)) else title).split())


def _name_of(path: Path) -> str:
    words = re.sub(r"[_\s]+", " ", path.stem).strip(" -")
    return words[:1].upper() + words[1:] if words else "Story"
