"""Tables of videos (WebVid's CSV, the parquet of img2dataset and video2dataset), of embeddings, of captions.

Rows are read one after the other. A table gives names and captions; addresses in it are never opened, and
what it names outside of its own folder is not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.errors import InputError, extra_needed

Captions = dict[str, str]  # name or relative path of a video → its caption, or licence
PARQUET = ".parquet"
LICENCES = ("licence", "license", "rights")          # columns
# columns, the first that is filled
_PATHS = ("path", "video_path", "image_path", "file", "filename", "video")
_KEYS = ("videoid", "video_id", "key", "id")
_CAPTIONS = ("caption", "name", "text", "title", "description")
_FOLDER, _STATUS, _ERROR = "page_dir", "status", "error_message"
_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi")
_METADATA = "metadata"
_CAPTION_TABLE_NAMES = {"file", "filename", "name", "path", "video"}  # columns of a table that a person wrote
_CAPTION_TABLE_CAPTIONS = {"caption", "text", "description"}
_ROWS_PER_BATCH = 1024


@dataclass(frozen=True)
class Row:
    """What a table says of a video."""

    path: str                                        # below the table's folder; may be empty
    key: str                                         # name of its file, without suffix; may be empty
    folder: str                                      # below videos/
    caption: str
    failed: str = ""                                 # why it was not downloaded
    licence: str = ""


@dataclass(frozen=True)
class Located:
    """Where a row's video lies, or why it is not read."""

    path: Path
    skip_reason: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a .csv, .tsv or .parquet. Raises InputError when it names no videos."""
    rows: Iterable[Mapping[str, Any]] = _parquet(path) if path.suffix.lower() == PARQUET else _csv(path)
    checked = False
    for row in rows:
        if not checked and not {*_PATHS, *_KEYS} & set(row):
            raise InputError(f"{path} has no column that names videos, only {', '.join(map(str, row))}",
                             hint=f"it needs one of {', '.join((*_KEYS, *_PATHS))}")
        checked = True
        status = str(row.get(_STATUS) or "success")
        failed = "" if status == "success" else f"it was not downloaded: {row.get(_ERROR) or status}"
        yield Row(path=_text(row, _PATHS), key=_text(row, _KEYS), folder=_text(row, (_FOLDER,)),
                  caption=_text(row, _CAPTIONS), failed=failed, licence=_text(row, LICENCES))


def read_embedded(folder: Path, embeddings: Path) -> Iterator[tuple[Row, Float32]]:
    """Yield rows with their embeddings (dim,): metadata/*.parquet (or .csv) and `embeddings`/*.npy in order.

    Raises InputError when they do not fit each other.
    """
    arrays = sorted(embeddings.glob("*.npy"), key=_numbered)
    metadata = (path for path in (folder / _METADATA).glob("*") if path.suffix.lower() in {PARQUET, ".csv"})
    tables = sorted(metadata, key=_numbered)
    if not arrays or len(arrays) != len(tables):
        raise InputError(f"{folder} has {len(arrays)} files of embeddings and {len(tables)} of metadata",
                         hint=f"each {embeddings.name}/NAME.npy needs its {_METADATA}/NAME.parquet")
    for array, table in zip(arrays, tables, strict=True):
        vectors = _vectors(array)
        number = -1
        for number, row in enumerate(read_rows(table)):
            if number >= len(vectors):
                break
            yield row, vectors[number]
        if number + 1 != len(vectors):
            raise InputError(f"{array} has {len(vectors)} rows, {table} has another number",
                             hint="they belong to different data")


def locate(row: Row, folder: Path, stem: str) -> Located:
    """Return the row's video below `folder`: at its path, else where WebVid or img2dataset put it.

    Args:
        row: of a table.
        folder: of the table.
        stem: the table's name, which is also that of the folder of its shard.
    """
    key = row.key or Path(row.path).stem
    names = [row.path] if row.path else []
    folders = [f"videos/{row.folder}/", f"{row.folder}/"] if row.folder else []
    for above in [*folders, f"{stem}/", "videos/", ""]:
        names += [f"{above}{row.key}{suffix}" for suffix in _SUFFIXES if row.key]
    inside = [folder / name for name in names if _is_inside(name)]
    where = next((path for path in inside if _exists(path)), None)
    if where is not None:
        return Located(where)
    shown = inside[0] if inside else folder / (re.sub(r"[^\w.-]+", "_", key) or "unnamed")
    if not inside:
        return Located(shown, "it lies outside of the table's folder" if names else "its row names no video")
    archive = folder / f"{stem}.tar"
    in_archive = stem and archive.is_file()
    why = f"it lies in {archive.name}: index that" if in_archive else "there is no such file beside the table"
    return Located(shown, row.failed or why)


def read_captions(path: Path) -> Captions:
    """Return name or relative path of a video → its caption.

    Args:
        path: a table with commas or tabs, with or without a first line of column names, in UTF-8.

    Raises InputError when it is no such table.
    """
    return {name: caption for name, caption, _ in _read_captions(path)}


def read_licences(path: Path) -> Captions:
    """Return name or relative path of a video → its licence, if the table has any. Raises InputError."""
    return {name: licence for name, _, licence in _read_captions(path) if licence}


def _read_captions(path: Path) -> list[tuple[str, str, str]]:
    """Return (name, caption, licence) of each line."""
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
            if not found and (columns := _caption_columns(cells)):
                name_at, caption_at, licence_at = columns
                continue
            if len(cells) <= max(name_at, caption_at) or not cells[name_at]:
                raise InputError(f"{path}, line {number}: no name and caption",
                                 hint="each line is: file, caption")
            licence = cells[licence_at] if licence_at is not None and licence_at < len(cells) else ""
            found.append((Path(cells[name_at].replace("\\", "/")).as_posix(), cells[caption_at], licence))
    except csv.Error as error:
        raise InputError(f"the captions {path} cannot be read: {error}",
                         hint="each line is: file, caption") from error
    return found


def _caption_columns(cells: Sequence[str]) -> tuple[int, int, int | None] | None:
    """Return the places of name, caption and licence in a line of column names; None when it is none."""
    words = [cell.lower() for cell in cells]
    name_at, caption_at, licence_at = (
        next((i for i, word in enumerate(words) if word in names), None)
        for names in (_CAPTION_TABLE_NAMES, _CAPTION_TABLE_CAPTIONS, LICENCES))
    return None if name_at is None or caption_at is None else (name_at, caption_at, licence_at)


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ","):
                yield {name.strip().lower(): value for name, value in row.items() if isinstance(name, str)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table {path} cannot be read: {error}",
                         hint="it must be CSV in UTF-8") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    message, otherwise = f"{path} is parquet, which needs pyarrow", "give the table as CSV"
    with extra_needed("parquet", message, otherwise, InputError):
        import pyarrow
        from pyarrow import parquet
    wanted = {*_PATHS, *_KEYS, *_CAPTIONS, *LICENCES, _FOLDER, _STATUS, _ERROR}
    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name.lower() in wanted] or None
            for batch in file.iter_batches(batch_size=_ROWS_PER_BATCH, columns=columns):
                for row in batch.to_pylist():
                    yield {name.lower(): value for name, value in row.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"the table {path} cannot be read: {error}", hint="it must be parquet") from error


def _vectors(path: Path) -> Float32:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}",
                         hint="it must be an array of numbers, (N, dim)") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise InputError(f"{path} is an array of {vectors.dtype} with shape {vectors.shape}",
                         hint="it must be one of numbers, (N, dim)")
    return vectors


def _text(row: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((str(row[name]).strip() for name in names if row.get(name) not in (None, "")), "")


def _is_inside(name: str) -> bool:
    return not (Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False                                 # a name that no file can have


def _numbered(path: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", path.stem)], path.stem
