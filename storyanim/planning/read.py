"""Stories and storyboards from disk, checked."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from storyanim.artifacts import Story, Storyboard
from storyanim.errors import StoryError

MAX_CHARS = 200_000
_MAX_TITLE = 80                                      # characters of a first line that can be a title
_UTF8 = "save it as plain text in UTF-8"


def read_story(path: Path) -> Story:
    """A story file as text, with its title.

    The title is a leading `# heading`, or a short first line without final punctuation with a blank line after it, else the
    file's name. A line taken as the title is no part of the text; every other character is. Raises StoryError.
    """
    text = _read_text(path, "story")
    if not text.strip():
        raise StoryError(f"the story {path} is empty", hint="write at least one sentence")
    if len(text) > MAX_CHARS:
        raise StoryError(f"the story {path} has {len(text):,} characters; at most {MAX_CHARS:,} are taken",
                         hint="split it into chapters and make a film of each")
    title, body = _split_title(text)
    if not any(char.isalnum() for char in body):
        raise StoryError(f"the story {path} has no words", hint="write at least one sentence below the title")
    return Story(title=title or _name_of(path), text=body)


def read_storyboard(path: Path) -> Storyboard:
    """A storyboard as `storyanim plan` writes it, edited or not. Raises StoryError, which names the field that is wrong."""
    text = _read_text(path, "storyboard")
    hint = "compare it with a storyboard that `storyanim plan` writes"
    try:
        return Storyboard.from_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise StoryError(f"the storyboard {path} is not valid YAML{where}: {getattr(error, 'problem', None) or error}",
                         hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = _spell_field(first["loc"]) or "the file"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise StoryError(f"the storyboard {path}: {where}: {first['msg']}{more}", hint=hint) from error


def is_storyboard(path: Path) -> bool:
    """Whether a file is meant as a storyboard rather than a story, by its ending."""
    return path.suffix.lower() in {".yaml", ".yml"}


def _spell_field(where: tuple[int | str, ...]) -> str:
    """("shots", 2, "prompt") → "shots[2].prompt"."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _read_text(path: Path, what: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise StoryError(f"there is no {what} {path}", hint="check the path") from error
    except IsADirectoryError as error:
        raise StoryError(f"{path} is a folder, not a {what}", hint=f"name the {what}'s file in it") from error
    except OSError as error:
        raise StoryError(f"the {what} {path} cannot be read: {error.strerror}", hint="check its permissions") from error
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        is_binary = encoding != "utf-16" and b"\0" in data[:4096]
        kind = "binary" if is_binary else f"not {encoding.removesuffix('-sig').upper()} text (byte {error.start})"
        raise StoryError(f"the {what} {path} is {kind}", hint=_UTF8) from error
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        raise StoryError(f"the {what} {path} is binary", hint=_UTF8)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _split_title(text: str) -> tuple[str, str]:
    """Title and the rest; an empty title when the text has none."""
    lead = len(text) - len(text.lstrip())
    line, newline, rest = text[lead:].partition("\n")
    stripped = line.strip()
    if re.match(r"#{1,6}\s+\S", stripped) and rest.strip():
        return stripped.lstrip("#").strip().rstrip("#").strip(), rest.lstrip("\n")
    is_short = 0 < len(stripped) <= _MAX_TITLE and not re.search(r"[.!?:;,…\"”»)]$", stripped)
    if is_short and newline and rest.strip() and not rest.split("\n", 1)[0].strip() and not _is_scene_heading(stripped):
        return stripped, rest.lstrip("\n")
    return "", text


def _is_scene_heading(line: str) -> bool:
    return re.match(r"(?:INT|EXT|INT\.?/EXT|I/E)[. ]", line) is not None


def _name_of(path: Path) -> str:
    words = re.sub(r"[_\s]+", " ", path.stem).strip()
    return words[:1].upper() + words[1:] if words else "Story"
