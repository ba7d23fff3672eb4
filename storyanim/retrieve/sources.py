"""What can be indexed: each kind of source to entries, one at a time, nothing decoded yet.

    a folder                      its videos, recursively; its archives if it has none; embeddings in img_emb/
    .csv .tsv .parquet            a table of videos that lie beside it (tables.py)
    .tar                          videos with their captions beside them under the same key (webdataset)
    any other file                a video

A caption comes from a table that a person wrote, else from what the source brings, else from the words of the
file's name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from storyanim import archive, video
from storyanim.artifacts import Float32
from storyanim.errors import InputError
from storyanim.retrieve import tables
from storyanim.retrieve.tables import LICENCES, Captions

CAPTIONS_TABLE = "captions.tsv"                      # read by itself when it lies beside the videos
EMBEDDINGS_FOLDER = "img_emb"                        # as clip-retrieval lays them out
_MAX_CAPTION_BYTES = 2**20                           # of a caption's file in an archive
_CAPTION_SUFFIXES = (".txt", ".json")  # of a member's key in an archive, the first that says something
# in its .json, the first that says something
_CAPTION_FIELDS = ("caption", "text", "name", "title", "description")
_LICENCE = "licence"


@dataclass(frozen=True)
class VideoEntry:
    """A video to index, or why it cannot be."""

    path: Path                                       # absolute; of one in an archive: below the archive's
    caption: str
    start: int = 0                                   # where its bytes begin in the archive
    size: int | None = None                          # how many they are; None: a file of its own
    vector: Float32 | None = None                    # (dim,) when its embedding was given
    skip_reason: str = ""
    licence: str = ""                                # empty: not known


_Reader = Callable[[Path, Captions | None], Iterator[VideoEntry]]


def base_folder(source: Path) -> Path:
    """Return the folder that a source's videos lie in."""
    return source if source.is_dir() else source.parent


def read_source(
    source: Path, captions: Captions | None, licences: Captions | None = None
) -> Iterator[VideoEntry]:
    """Yield the videos of a source.

    Args:
        source: absolute path.
        captions: go before those that the source has itself; None: none were given.
        licences: the same of licences.

    Raises InputError when the source is not there, or is a table or an archive that cannot be read.
    """
    if not source.exists():
        raise InputError(f"there is no {source}", hint="give a folder of videos")
    if source.is_dir():
        has_embeddings = (source / EMBEDDINGS_FOLDER).is_dir()
        read: _Reader = _embedded if has_embeddings else _folder
    else:
        read = _READERS.get(source.suffix.lower(), _file)
    base = base_folder(source)
    if licences is None and read in (_folder, _file) and (base / CAPTIONS_TABLE).is_file():
        licences = tables.read_licences(base / CAPTIONS_TABLE)
    for entry in read(source, captions):
        inside = entry.path.is_relative_to(base)
        given = look_up(entry.path.relative_to(base), licences) if licences and inside else ""
        yield replace(entry, licence=given or entry.licence)


def caption_of(relative: Path, captions: Captions, otherwise: str = "") -> str:
    """Return the table's caption of a video; else `otherwise`; else the words of the file's name."""
    return look_up(relative, captions) or otherwise or re.sub(r"[\W_]+", " ", relative.stem).strip()


def look_up(relative: Path, table: Captions) -> str:
    """Return what a table says under the relative path, the name or the stem; else nothing."""
    keys = (relative.as_posix(), relative.name, relative.with_suffix("").as_posix(), relative.stem)
    return next((table[key] for key in keys if table.get(key)), "")


def _folder(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    table = captions if captions is not None else _captions_beside(source)
    archives, found = [], False
    for folder, folders, names in os.walk(source, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            suffix = path.suffix.lower()
            if suffix in video.SUFFIXES and path.is_file():
                found = True
                yield VideoEntry(path, caption_of(path.relative_to(source), table))
            elif suffix == archive.SUFFIX and not found:
                archives.append(path)
    if not found:
        for path in archives:
            yield from _archive_or_skipped(path, captions)


def _file(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    table = captions if captions is not None else _captions_beside(source.parent)
    yield VideoEntry(source, caption_of(Path(source.name), table))


def _table(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    for row in tables.read_rows(source):
        found = tables.locate(row, source.parent, source.stem)
        caption = _caption(found.path, source.parent, captions, row.caption)
        yield VideoEntry(found.path, caption, skip_reason=found.skip_reason, licence=row.licence)


def _embedded(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    for row, vector in tables.read_embedded(source, source / EMBEDDINGS_FOLDER):
        found = tables.locate(row, source, "")
        caption = _caption(found.path, source, captions, row.caption)
        yield VideoEntry(
            found.path, caption, vector=vector, skip_reason=found.skip_reason, licence=row.licence)


def _archive(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    """Yield the videos of an archive, in which the files that describe one have its key and follow it."""
    found: list[VideoEntry] = []
    facts: dict[str, str] = {}
    key = ""
    for member in archive.list_members(source):
        name = PurePosixPath(member.name)
        if member.skip_reason:
            yield VideoEntry(source / member.name, "", skip_reason=member.skip_reason)
            continue
        if (here := _key(name)) != key:
            yield from (_described(entry, source, facts, captions) for entry in found)
            found, facts, key = [], {}, here
        suffix = name.suffix.lower()
        if suffix in video.SUFFIXES:
            found.append(VideoEntry(source / member.name, "", member.start, member.size))
        elif suffix in _CAPTION_SUFFIXES and member.size <= _MAX_CAPTION_BYTES:
            with archive.open_part(source, member.start, member.size) as file:
                data = file.read()
            facts[suffix] = _text_of(data, suffix, _CAPTION_FIELDS)
            if suffix == ".json":
                facts[_LICENCE] = _text_of(data, suffix, LICENCES)
    yield from (_described(entry, source, facts, captions) for entry in found)


def _archive_or_skipped(source: Path, captions: Captions | None) -> Iterator[VideoEntry]:
    try:
        yield from _archive(source, captions)
    except InputError as error:
        yield VideoEntry(source, "", skip_reason=error.message)


def _described(
    entry: VideoEntry, source: Path, facts: dict[str, str], captions: Captions | None
) -> VideoEntry:
    own = next((facts[suffix] for suffix in _CAPTION_SUFFIXES if facts.get(suffix)), "")
    return replace(
        entry, caption=_caption(entry.path, source, captions, own), licence=facts.get(_LICENCE, ""))


def _key(name: PurePosixPath) -> str:
    # as webdataset has it: up to the first dot of the name
    return f"{name.parent}/{name.name.partition('.')[0]}"


def _text_of(data: bytes, suffix: str, fields: Sequence[str]) -> str:
    """Return the text of a .txt, or the first field of a .json that says something."""
    text = data.decode("utf-8", "replace").strip()
    if suffix == ".txt":
        return text
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    value = next((facts[name] for name in fields if facts.get(name)), "") if isinstance(facts, dict) else ""
    return value.strip() if isinstance(value, str) else ""


def _caption(path: Path, base: Path, captions: Captions | None, own: str) -> str:
    relative = path.relative_to(base) if path.is_relative_to(base) else Path(path.name)
    return " ".join(caption_of(relative, captions or {}, own).split())


def _captions_beside(folder: Path) -> Captions:
    return tables.read_captions(folder / CAPTIONS_TABLE) if (folder / CAPTIONS_TABLE).is_file() else {}


_READERS: dict[str, _Reader] = {
    ".csv": _table, ".tsv": _table, ".parquet": _table, archive.SUFFIX: _archive,
}
