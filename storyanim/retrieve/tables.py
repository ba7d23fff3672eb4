"""Tables of videos: WebVid's CSV, the parquet of img2dataset and video2dataset, and embeddings with their metadata.

Rows are read one after the other. A table tells names and captions; addresses in it are never opened, and what it names
outside of its own folder is not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.errors import InputError
from storyanim.retrieve.captions import LICENCES

PARQUET = ".parquet"
_PATHS = ("path", "video_path", "image_path", "file", "filename", "video")       # columns, the first that says something
_KEYS = ("videoid", "video_id", "key", "id")
_CAPTIONS = ("caption", "name", "text", "title", "description")
_FOLDER, _STATUS, _ERROR = "page_dir", "status", "error_message"
_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi")
_METADATA = "metadata"
_ROWS_AT_ONCE = 1024


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
class Place:
    """Where a row's video lies, or why it is not read."""

    path: Path
    refused: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a .csv, .tsv or .parquet. Raises InputError when it is no such table, or names no videos."""
    rows: Iterable[Mapping[str, Any]] = _parquet(path) if path.suffix.lower() == PARQUET else _csv(path)
    checked = False
    for row in rows:
        if not checked and not {*_PATHS, *_KEYS} & set(row):
            raise InputError(f"{path} has no column that names videos, only {', '.join(map(str, row))}",
                             hint=f"it needs one of {', '.join((*_KEYS, *_PATHS))}")
        checked = True
        status = str(row.get(_STATUS) or "success")
        failed = "" if status == "success" else f"it was not downloaded: {row.get(_ERROR) or status}"
        yield Row(_text(row, _PATHS), _text(row, _KEYS), _text(row, (_FOLDER,)), _text(row, _CAPTIONS), failed,
                  _text(row, LICENCES))


def read_embedded(folder: Path, embeddings: Path) -> Iterator[tuple[Row, Float32]]:
    """Rows with their embeddings (dim,), of `embeddings`/*.npy and metadata/*.parquet (or .csv), paired in order.

    Raises InputError when they do not fit each other.
    """
    arrays = sorted(embeddings.glob("*.npy"), key=_numbered)
    tables = sorted((path for path in (folder / _METADATA).glob("*") if path.suffix.lower() in {PARQUET, ".csv"}), key=_numbered)
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
            raise InputError(f"{array} has {len(vectors)} rows, {table} has another number", hint="they belong to different data")


def place_of(row: Row, folder: Path, stem: str) -> Place:
    """The row's video below `folder`: at its path, else where WebVid, img2dataset and video2dataset put it.

    Args:
        stem: the table's name, which is also that of the folder of its shard.
    """
    key = row.key or Path(row.path).stem
    names = [row.path] if row.path else []
    for above in ([f"videos/{row.folder}/", f"{row.folder}/"] if row.folder else []) + [f"{stem}/", "videos/", ""]:
        names += [f"{above}{row.key}{suffix}" for suffix in _SUFFIXES if row.key]
    inside = [folder / name for name in names if _is_inside(name)]
    where = next((path for path in inside if _exists(path)), None)
    if where is not None:
        return Place(where)
    shown = inside[0] if inside else folder / (re.sub(r"[^\w.-]+", "_", key) or "unnamed")
    if not inside:
        return Place(shown, "it lies outside of the table's folder" if names else "its row names no video")
    archive = folder / f"{stem}.tar"
    why = f"it lies in {archive.name}: index that" if stem and archive.is_file() else "there is no such file beside the table"
    return Place(shown, row.failed or why)


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ","):
                yield {name.strip().lower(): value for name, value in row.items() if isinstance(name, str)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table {path} cannot be read: {error}", hint="it must be CSV in UTF-8") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path} is parquet, which needs pyarrow",
                         hint="pip install 'storyanim[parquet]', or give the table as CSV") from error
    wanted = {*_PATHS, *_KEYS, *_CAPTIONS, *LICENCES, _FOLDER, _STATUS, _ERROR}
    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name.lower() in wanted] or None
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                for row in batch.to_pylist():
                    yield {name.lower(): value for name, value in row.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"the table {path} cannot be read: {error}", hint="it must be parquet") from error


def _vectors(path: Path) -> Float32:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="it must be an array of numbers, (N, dim)") from error
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
