"""Encoded videos to an index folder, in the order of their paths.

What an older index has need not be read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Float32
from storyanim.engine import folders
from storyanim.errors import InputError, ResourceError
from storyanim.retrieve import faiss_index
from storyanim.retrieve.build_state import BuildState, EncodedVideo, ListedVideo
from storyanim.retrieve.faiss_index import EMBEDDINGS, ROWS_PER_SHARD, VECTORS
from storyanim.retrieve.index_format import CLIPS, INFO, QUALITY_COLUMNS, SCHEMA, IndexInfo
from storyanim.retrieve.windows import Span


class ExistingIndex:
    """The encoded videos that an index folder holds; none without a folder, or when it is too old."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._database = None
        if folder is not None:
            self._database = sqlite3.connect(f"{(folder / CLIPS).absolute().as_uri()}?mode=ro", uri=True)
        has_table = "SELECT 1 FROM sqlite_master WHERE name = 'pieces'"
        self._has_keys = bool(self._database and self._database.execute(has_table).fetchone())
        self._shards: dict[int, Any] = {}

    def close(self) -> None:
        """Close its files."""
        if self._database is not None:
            self._database.close()

    def has(self, key: str) -> bool:
        """Return whether it holds such an encoded video."""
        return self._rows_of(key) is not None

    def encoded(self, key: str) -> EncodedVideo | None:
        """Return a video that was read without a fault, as it was encoded; None without one of that key."""
        where = self._rows_of(key)
        if where is None or self._database is None:
            return None
        first, num = where
        names = ", ".join(("start_s", "end_s", "motion", *QUALITY_COLUMNS))
        rows = self._database.execute(f"SELECT {names} FROM clips WHERE id >= ? AND id < ? ORDER BY id",
                                      (first, first + num))
        return EncodedVideo(
            tuple(Span(*(*row[:-1], row[-1].hex())) for row in rows), self._vectors(first, num))

    def _rows_of(self, key: str) -> tuple[int, int] | None:
        if self._database is None or not self._has_keys:
            return None
        found: tuple[int, int] | None = self._database.execute(
            "SELECT first, num FROM pieces WHERE key = ?", (key,)).fetchone()
        return found

    def _vectors(self, first: int, num: int) -> Float32:
        parts = []
        for shard in range(first // ROWS_PER_SHARD, (first + num - 1) // ROWS_PER_SHARD + 1):
            start = shard * ROWS_PER_SHARD
            parts.append(self._shard(shard)[max(0, first - start):first + num - start])
        return np.concatenate(parts)

    def _shard(self, number: int) -> Any:
        assert self.folder is not None
        if number not in self._shards:  # one at a time: videos are asked for about in their order
            path = self.folder / EMBEDDINGS / f"{number:05d}.npy"
            self._shards = {number: np.load(path, mmap_mode="r", allow_pickle=False)}
        return self._shards[number]


def write_index(state: BuildState, existing: ExistingIndex, facts: dict[str, Any]) -> IndexInfo:
    """Write all files of an index into `state.new`.

    `index.json` last, with `facts` and the sha256 of the others.

    Rows go from one database to the other as they come, vectors by shards. Raises InputError when there are
    none.
    """
    folder = state.new
    folder.mkdir()
    (folder / EMBEDDINGS).mkdir()
    vectors = _VectorWriter(folder, facts["dim"])
    with closing(sqlite3.connect(folder / CLIPS)) as database, database:
        database.executescript(SCHEMA)
        rows = _RowWriter(database, vectors)
        for listed in state.listed_videos():
            encoded = None
            if not listed.skip_reason:
                encoded = state.encoded(listed.key) or existing.encoded(listed.key)
            rows.write(listed, encoded)
        database.execute("INSERT INTO captions (rowid, caption) "
                         "SELECT id, caption FROM clips JOIN videos ON id = first ORDER BY id")
        num_videos = database.execute("SELECT COUNT(DISTINCT path) FROM clips").fetchone()[0]
    if not vectors.num:
        raise InputError(f"none of {state.count()} videos can be read",
                         hint=f"the first: {next(iter(rows.skipped.values()))}")
    kind = vectors.finish(facts["requested_index_factory"])
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    info = IndexInfo(
        **facts, index_factory=kind, search_parameters=faiss_index.default_search_parameters(kind),
        num_clips=vectors.num, num_videos=num_videos, skipped=rows.skipped, duplicates=rows.duplicates,
        files={path.relative_to(folder).as_posix(): hub.file_sha256(path) for path in paths})
    folders.write_file(folder / INFO, (info.model_dump_json(indent=1) + "\n").encode())
    return info


class _RowWriter:
    """Writes the windows of videos, and notes those that are skipped or whose bytes came before."""

    def __init__(self, database: sqlite3.Connection, vectors: _VectorWriter) -> None:
        self.skipped: dict[str, str] = {}
        self.duplicates: dict[str, str] = {}
        self._database, self._vectors = database, vectors

    def write(self, listed: ListedVideo, encoded: EncodedVideo | None) -> None:
        sha256, path = listed.sha256, listed.relative_path
        reason = listed.skip_reason or (encoded.failed if encoded else "it was not read")
        # Clip ids begin with 12 digits of the sha256: "@" to "A" is the range of the ids that begin with
        # these.
        twin = self._database.execute("SELECT path, sha256 FROM clips WHERE clip_id >= ? AND clip_id < ?",
                                      (f"{sha256[:12]}@", f"{sha256[:12]}A")).fetchone() if sha256 else None
        if twin and twin[1] == sha256:
            self.duplicates[path] = twin[0]
            return
        if reason or encoded is None:
            self.skipped[path] = reason
        if twin and not listed.skip_reason:
            self.skipped[path] = f"the first figures of its sha256 are those of {twin[0]}"
        elif encoded is not None and encoded.spans:
            self._insert(listed, encoded)

    def _insert(self, listed: ListedVideo, encoded: EncodedVideo) -> None:
        of_video = (listed.relative_path, listed.sha256, listed.caption, listed.source, listed.licence)
        first = self._vectors.num
        rows = [(*of_video, first + i, f"{listed.sha256[:12]}@{span.start_s:g}-{span.end_s:g}",
                 span.start_s, span.end_s, span.motion, span.cut, span.black, span.bars, span.aspect,
                 span.fps, bytes.fromhex(span.thumbnail_hash)) for i, span in enumerate(encoded.spans)]
        columns = ("path", "sha256", "caption", "source", "licence", "id", "clip_id",
                   "start_s", "end_s", "motion", *QUALITY_COLUMNS)
        holes = ", ".join("?" * len(columns))
        self._database.executemany(f"INSERT INTO clips ({', '.join(columns)}) VALUES ({holes})", rows)
        self._database.execute("INSERT INTO videos VALUES (?, ?)", (first, len(rows)))
        if not encoded.failed:                       # what failed is tried again
            self._database.execute("INSERT INTO pieces VALUES (?, ?, ?)", (listed.key, first, len(rows)))
        self._vectors.add(encoded.vectors)


class _VectorWriter:
    """Writes embeddings to shards of numpy as they come, and FAISS's file of them at the end."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.num = 0
        self._folder, self._dim, self._num_shards = folder, dim, 0
        self._waiting = np.zeros((0, dim), np.float32)

    def add(self, vectors: Float32) -> None:
        self.num += len(vectors)
        self._waiting = np.concatenate([self._waiting, vectors])
        while len(self._waiting) >= ROWS_PER_SHARD:
            self._write(ROWS_PER_SHARD)

    def finish(self, requested: str | None) -> str:
        """Write FAISS's file; return its index_factory: `requested`, or by the rule."""
        import faiss

        if len(self._waiting):
            self._write(len(self._waiting))
        kind = faiss_index.choose_index_factory(self.num, self._dim, requested)
        index = faiss_index.build_faiss_index(kind, self._dim, self.num, self._shards)
        try:
            faiss.write_index(index, str(self._folder / VECTORS))
        except RuntimeError as error:
            raise ResourceError(f"{self._folder / VECTORS} cannot be written by FAISS",
                                hint="free some space") from error
        return kind

    def _shards(self) -> Iterator[Float32]:
        for number in range(self._num_shards):
            yield np.load(self._path(number), allow_pickle=False)

    def _write(self, num: int) -> None:
        np.save(self._path(self._num_shards), np.ascontiguousarray(self._waiting[:num]))
        self._num_shards += 1
        self._waiting = self._waiting[num:]

    def _path(self, number: int) -> Path:
        return self._folder / EMBEDDINGS / f"{number:05d}.npy"
