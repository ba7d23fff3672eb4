"""Captions of videos: a table that a person wrote, else the words of the file's name."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from storyanim.errors import InputError

TABLE = "captions.tsv"                               # read by itself when it lies beside the videos
_NAMES = {"file", "filename", "name", "path", "video"}
_CAPTIONS = {"caption", "text", "description"}
LICENCES = ("licence", "license", "rights")          # columns, here and in other tables


def read_captions(path: Path) -> dict[str, str]:
    """Name or relative path of a video → its caption, from a table with commas or tabs, with or without a first line of names.

    Raises InputError when it is not such a table in UTF-8.
    """
    return {name: caption for name, caption, _ in _read(path)}


def read_licences(path: Path) -> dict[str, str]:
    """Name or relative path of a video → its licence, where the first line of names has one. Raises InputError."""
    return {name: licence for name, _, licence in _read(path) if licence}


def _read(path: Path) -> list[tuple[str, str, str]]:
    """(name, caption, licence) of each line."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the captions {path} cannot be read: {error}",
                         hint="it must be a table (CSV or TSV) in UTF-8") from error
    tabs = "\t" in text.partition("\n")[0]
    lines = text.splitlines()
    rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(lines)
    found: list[tuple[str, str, str]] = []
    name_at, caption_at, licence_at = 0, 1, None
    try:
        for number, row in enumerate(rows, 1):
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            words = [cell.lower() for cell in cells]
            if not found and _NAMES & set(words) and _CAPTIONS & set(words):
                name_at = next(i for i, word in enumerate(words) if word in _NAMES)
                caption_at = next(i for i, word in enumerate(words) if word in _CAPTIONS)
                licence_at = next((i for i, word in enumerate(words) if word in LICENCES), None)
                continue
            if len(cells) <= max(name_at, caption_at) or not cells[name_at]:
                raise InputError(f"{path}, line {number}: no name and caption", hint="each line is: file, caption")
            licence = cells[licence_at] if licence_at is not None and licence_at < len(cells) else ""
            found.append((Path(cells[name_at].replace("\\", "/")).as_posix(), cells[caption_at], licence))
    except csv.Error as error:
        raise InputError(f"the captions {path} cannot be read: {error}", hint="each line is: file, caption") from error
    return found


def caption_of(relative: Path, captions: dict[str, str], otherwise: str = "") -> str:
    """The table's caption under the relative path, the name or the stem; else `otherwise`; else the words of the name."""
    return looked_up(relative, captions) or otherwise or re.sub(r"[\W_]+", " ", relative.stem).strip()


def looked_up(relative: Path, table: dict[str, str]) -> str:
    """What a table says under the relative path, the name or the stem; else nothing."""
    keys = (relative.as_posix(), relative.name, relative.with_suffix("").as_posix(), relative.stem)
    return next((table[key] for key in keys if table.get(key)), "")
