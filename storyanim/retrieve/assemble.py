"""Pieces to an index folder, in the order of their places; what an older index has need not be read again."""

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
from storyanim.retrieve import factory
from storyanim.retrieve.index import CLIPS, INFO, MARKS, SCHEMA, IndexInfo
from storyanim.retrieve.vectors import EMBEDDINGS, ROWS_A_SHARD, VECTORS
from storyanim.retrieve.windows import Span
from storyanim.retrieve.work import Piece, Work


class OldIndex:
    """The pieces that an index folder holds; none when there is no folder, or when it was made before pieces had names."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._database = None if folder is None else sqlite3.connect(f"{(folder / CLIPS).absolute().as_uri()}?mode=ro", uri=True)
        known = self._database and self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'pieces'").fetchone()
        self._knows = bool(known)
        self._shards: dict[int, Any] = {}

    def close(self) -> None:
        """Lets go of its files."""
        if self._database is not None:
            self._database.close()

    def has(self, key: str) -> bool:
        """Whether it holds such a piece."""
        return self._where(key) is not None

    def piece(self, key: str) -> Piece | None:
        """A piece that was read without a fault, as it was when it was made."""
        where = self._where(key)
        if where is None or self._database is None:
            return None
        first, num = where
        names = ", ".join(("start_s", "end_s", "motion", *MARKS))
        rows = self._database.execute(f"SELECT {names} FROM clips WHERE id >= ? AND id < ? ORDER BY id", (first, first + num))
        return Piece(tuple(Span(*(*row[:-1], row[-1].hex())) for row in rows), self._vectors(first, num))

    def _where(self, key: str) -> tuple[int, int] | None:
        if self._database is None or not self._knows:
            return None
        found: tuple[int, int] | None = self._database.execute("SELECT first, num FROM pieces WHERE key = ?", (key,)).fetchone()
        return found

    def _vectors(self, first: int, num: int) -> Float32:
        parts = []
        for shard in range(first // ROWS_A_SHARD, (first + num - 1) // ROWS_A_SHARD + 1):
            start = shard * ROWS_A_SHARD
            parts.append(self._shard(shard)[max(0, first - start):first + num - start])
        return np.concatenate(parts)

    def _shard(self, number: int) -> Any:
        assert self.folder is not None
        if number not in self._shards:               # one at a time: videos are asked for about in their order
            path = self.folder / EMBEDDINGS / f"{number:05d}.npy"
            self._shards = {number: np.load(path, mmap_mode="r", allow_pickle=False)}
        return self._shards[number]


def assemble(work: Work, old: OldIndex, facts: dict[str, Any]) -> IndexInfo:
    """Writes all files of an index into `work.new`; `index.json` last, with `facts` and the sha256 of the others.

    Rows go from one database to the other as they come, vectors by shards. Raises InputError when there are none.
    """
    folder = work.new
    folder.mkdir()
    (folder / EMBEDDINGS).mkdir()
    skipped: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    vectors = _Vectors(folder, facts["dim"])
    with closing(sqlite3.connect(folder / CLIPS)) as database, database:
        database.executescript(SCHEMA)
        for place, caption, source, licence, refused, sha256, key in work.identified():
            piece = None if refused else work.piece(key) or old.piece(key)
            reason = refused or (piece.failed if piece else "it was not read")
            twin = database.execute("SELECT path, sha256 FROM clips WHERE clip_id >= ? AND clip_id < ?",
                                    (f"{sha256[:12]}@", f"{sha256[:12]}A")).fetchone() if sha256 else None
            if twin and twin[1] == sha256:
                duplicates[place] = twin[0]
                continue
            if reason or piece is None:
                skipped[place] = reason
            if twin and not refused:
                skipped[place] = f"the first figures of its sha256 are those of {twin[0]}"
            elif piece is not None and piece.spans:
                _insert(database, vectors, (place, sha256, caption, source, licence), key, piece)
        database.execute("INSERT INTO captions (rowid, caption) SELECT id, caption FROM clips")
        num_videos = database.execute("SELECT COUNT(DISTINCT path) FROM clips").fetchone()[0]
    if not vectors.num:
        raise InputError(f"none of {work.count()} videos can be read", hint=f"the first: {next(iter(skipped.values()))}")
    kind = vectors.finish(facts["requested_index_factory"])
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): hub.file_sha256(path) for path in paths}
    info = IndexInfo(**facts, index_factory=kind, search_parameters=factory.search_of(kind), num_clips=vectors.num, num_videos=num_videos,
                     skipped=skipped, duplicates=duplicates, files=files)
    folders.write_file(folder / INFO, (info.model_dump_json(indent=1) + "\n").encode())
    return info


def _insert(database: sqlite3.Connection, vectors: _Vectors, of_video: tuple[str, str, str, int, str], key: str,
            piece: Piece) -> None:
    sha256 = of_video[1]
    rows = [(*of_video, vectors.num + i, f"{sha256[:12]}@{span.start_s:g}-{span.end_s:g}", span.start_s, span.end_s, span.motion,
             span.cut, span.black, span.bars, span.aspect, span.fps, bytes.fromhex(span.thumbnail_hash))
            for i, span in enumerate(piece.spans)]
    columns = ("path", "sha256", "caption", "source", "licence", "id", "clip_id", "start_s", "end_s", "motion", *MARKS)
    database.executemany(f"INSERT INTO clips ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
    if not piece.failed:                             # what failed is tried again
        database.execute("INSERT INTO pieces VALUES (?, ?, ?)", (key, vectors.num, len(rows)))
    vectors.add(piece.vectors)


class _Vectors:
    """The two places of embeddings: shards of numpy, filled as they come, and FAISS's file, made of them at the end."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.num = 0
        self._folder, self._dim, self._written = folder, dim, 0
        self._waiting = np.zeros((0, dim), np.float32)

    def add(self, vectors: Float32) -> None:
        self.num += len(vectors)
        self._waiting = np.concatenate([self._waiting, vectors])
        while len(self._waiting) >= ROWS_A_SHARD:
            self._write(ROWS_A_SHARD)

    def finish(self, wanted: str | None) -> str:
        """The kind that FAISS's file has: `wanted`, or by the rule."""
        import faiss

        if len(self._waiting):
            self._write(len(self._waiting))
        kind = factory.factory_of(self.num, self._dim, wanted)
        index = factory.made(kind, self._dim, self.num, self._shards)
        try:
            faiss.write_index(index, str(self._folder / VECTORS))
        except RuntimeError as error:
            raise ResourceError(f"{self._folder / VECTORS} cannot be written by FAISS", hint="free some space") from error
        return kind

    def _shards(self) -> Iterator[Float32]:
        for number in range(self._written):
            yield np.load(self._path(number), allow_pickle=False)

    def _write(self, num: int) -> None:
        np.save(self._path(self._written), np.ascontiguousarray(self._waiting[:num]))
        self._written += 1
        self._waiting = self._waiting[num:]

    def _path(self, number: int) -> Path:
        return self._folder / EMBEDDINGS / f"{number:05d}.npy"
