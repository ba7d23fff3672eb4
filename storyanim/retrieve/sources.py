"""What can be indexed: each kind of source to entries, one at a time, nothing decoded yet.

    a folder                      its videos, recursively; its archives when it has none; embeddings when it has img_emb/
    .csv .tsv .parquet            a table of videos that lie beside it (tables.py)
    .tar                          videos with their captions beside them under the same key (webdataset)
    any other file                a video
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from storyanim import archive, video
from storyanim.artifacts import Float32
from storyanim.errors import InputError
from storyanim.retrieve import tables
from storyanim.retrieve.captions import LICENCES, TABLE, caption_of, looked_up, read_captions, read_licences

EMBEDDED = "img_emb"                                 # folder of embeddings, as clip-retrieval lays them out
_MAX_TEXT = 2**20                                    # bytes of a caption's file in an archive
_CAPTIONS = (".txt", ".json")                        # of a member's key in an archive, the first that says something
_SAYING = ("caption", "text", "name", "title", "description")    # in its .json, the first that says something
_LICENCE = "licence"

Captions = dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A video to index, or why it cannot be."""

    path: Path                                       # absolute; of one in an archive: below the archive's
    caption: str
    start: int = 0                                   # where its bytes begin in the archive
    size: int | None = None                          # how many they are; None: a file of its own
    vector: Float32 | None = None                    # (dim,) when its embedding was given
    refused: str = ""
    licence: str = ""                                # empty: not known


def base_of(source: Path) -> Path:
    """The folder that a source's videos lie in."""
    return source if source.is_dir() else source.parent


def read_source(source: Path, captions: Captions | None, licences: Captions | None = None) -> Iterator[Entry]:
    """The videos of a source, an absolute path; `captions` and `licences` go before those that the source has itself.

    Raises InputError when the source is not there, or is a table or an archive that cannot be read.
    """
    if not source.exists():
        raise InputError(f"there is no {source}", hint="give a folder of videos")
    if source.is_dir():
        read: Callable[[Path, Captions | None], Iterator[Entry]] = _embedded if (source / EMBEDDED).is_dir() else _folder
    else:
        read = _KINDS.get(source.suffix.lower(), _file)
    base = base_of(source)
    if licences is None and read in (_folder, _file) and (base / TABLE).is_file():
        licences = read_licences(base / TABLE)
    for entry in read(source, captions):
        given = looked_up(entry.path.relative_to(base), licences) if licences and entry.path.is_relative_to(base) else ""
        yield replace(entry, licence=given or entry.licence)


def _folder(source: Path, captions: Captions | None) -> Iterator[Entry]:
    table = captions if captions is not None else _table_of(source)
    archives, found = [], False
    for folder, folders, names in os.walk(source, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            suffix = path.suffix.lower()
            if suffix in video.SUFFIXES and path.is_file():
                found = True
                yield Entry(path, caption_of(path.relative_to(source), table))
            elif suffix == archive.SUFFIX and not found:
                archives.append(path)
    if not found:
        for path in archives:
            yield from _archive_or_refusal(path, captions)


def _file(source: Path, captions: Captions | None) -> Iterator[Entry]:
    table = captions if captions is not None else _table_of(source.parent)
    yield Entry(source, caption_of(Path(source.name), table))


def _table(source: Path, captions: Captions | None) -> Iterator[Entry]:
    for row in tables.read_rows(source):
        place = tables.place_of(row, source.parent, source.stem)
        yield Entry(place.path, _caption(place.path, source.parent, captions, row.caption), refused=place.refused,
                    licence=row.licence)


def _archive(source: Path, captions: Captions | None) -> Iterator[Entry]:
    """Members of one key follow each other: the video, and files that tell of it."""
    found: list[Entry] = []
    told: dict[str, str] = {}
    key = ""
    for member in archive.list_members(source):
        name = PurePosixPath(member.name)
        if member.refused:
            yield Entry(source / member.name, "", refused=member.refused)
            continue
        if (here := _key(name)) != key:
            yield from (_told(entry, source, told, captions) for entry in found)
            found, told, key = [], {}, here
        suffix = name.suffix.lower()
        if suffix in video.SUFFIXES:
            found.append(Entry(source / member.name, "", member.start, member.size))
        elif suffix in _CAPTIONS and member.size <= _MAX_TEXT:
            with archive.open_part(source, member.start, member.size) as file:
                data = file.read()
            told[suffix] = _said(data, suffix, _SAYING)
            if suffix == ".json":
                told[_LICENCE] = _said(data, suffix, LICENCES)
    yield from (_told(entry, source, told, captions) for entry in found)


def _archive_or_refusal(source: Path, captions: Captions | None) -> Iterator[Entry]:
    try:
        yield from _archive(source, captions)
    except InputError as error:
        yield Entry(source, "", refused=error.message)


def _told(entry: Entry, source: Path, told: dict[str, str], captions: Captions | None) -> Entry:
    own = next((told[suffix] for suffix in _CAPTIONS if told.get(suffix)), "")
    return replace(entry, caption=_caption(entry.path, source, captions, own), licence=told.get(_LICENCE, ""))


def _embedded(source: Path, captions: Captions | None) -> Iterator[Entry]:
    for row, vector in tables.read_embedded(source, source / EMBEDDED):
        place = tables.place_of(row, source, "")
        caption = _caption(place.path, source, captions, row.caption)
        yield Entry(place.path, caption, vector=vector, refused=place.refused, licence=row.licence)


def _key(name: PurePosixPath) -> str:
    return f"{name.parent}/{name.name.partition('.')[0]}"            # as webdataset has it: up to the first dot of the name


def _said(data: bytes, suffix: str, names: Sequence[str]) -> str:
    text = data.decode("utf-8", "replace").strip()
    if suffix == ".txt":
        return text
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    said = next((facts[name] for name in names if facts.get(name)), "") if isinstance(facts, dict) else ""
    return said.strip() if isinstance(said, str) else ""


def _caption(path: Path, base: Path, captions: Captions | None, own: str) -> str:
    relative = path.relative_to(base) if path.is_relative_to(base) else Path(path.name)
    return " ".join(caption_of(relative, captions or {}, own).split())


def _table_of(folder: Path) -> Captions:
    return read_captions(folder / TABLE) if (folder / TABLE).is_file() else {}


_KINDS: dict[str, Callable[[Path, Captions | None], Iterator[Entry]]] = {
    ".csv": _table, ".tsv": _table, ".parquet": _table, archive.SUFFIX: _archive,
}
