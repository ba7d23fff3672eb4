"""What a build of an index has done so far: a hidden folder beside the index, which a killed build goes on with.

    .NAME.build/
      work.sqlite         the videos to index, and a piece for each that was read: a piece is there whole or not at all
      new/                the index that is being put together

A piece is named by what it was made of (the video's bytes, the encoder, the windows), so that whatever is asked next, it fits
or is not used. SQLite's transactions are the last write that marks a piece as done, and its lock is that of the build.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.engine import folders
from storyanim.errors import ResourceError
from storyanim.retrieve.sources import Entry
from storyanim.retrieve.windows import Span

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS pieces (key TEXT PRIMARY KEY, spans TEXT NOT NULL, vectors BLOB NOT NULL, failed TEXT NOT NULL);
    DROP TABLE IF EXISTS entries;
    CREATE TABLE entries (place BLOB PRIMARY KEY, path TEXT NOT NULL, caption TEXT NOT NULL, source INTEGER NOT NULL,
                          licence TEXT NOT NULL, start INTEGER NOT NULL, size INTEGER, vector BLOB,
                          refused TEXT NOT NULL, sha256 TEXT, key TEXT);
"""


@dataclass(frozen=True)
class Piece:
    """What was read of one video; row i of both is window i."""

    spans: tuple[Span, ...]
    vectors: Float32                                 # (N, dim)
    failed: str = ""                                 # why the rest, or all of it, could not be read


class Work:
    """The work folder of the index `out`; a context manager. Leaving it well, or with nothing done, removes the folder.

    Raises ResourceError when the folder cannot be written, or when another build of the same index is at work.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.build")
        self.new = self.folder / "new"

    def __enter__(self) -> Work:
        with folders.disk_errors(self.out):
            self._made = folders.make_dirs(self.folder)
        self._database = self._opened()
        self._take_back()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        useless = kind is None
        with suppress(sqlite3.Error):                # a disk that fails has its own error already
            useless = useless or not self._database.execute("SELECT 1 FROM pieces WHERE vectors != x''").fetchone()
        self._database.close()
        if useless:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):                  # the folders above that were made for it, if nothing came into them
                for folder in self._made[1:]:
                    folder.rmdir()

    def add(self, entry: Entry, place: str, source: int) -> None:
        """Notes a video to index; `place`, its path below the index's root, is its name and its place in the order.

        What comes later under the same name counts, but for what cannot be read.
        """
        vector = None if entry.vector is None else np.ascontiguousarray(entry.vector, np.float32).tobytes()
        how = "IGNORE" if entry.refused else "REPLACE"
        with self.disk_errors():
            self._database.execute(f"INSERT OR {how} INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                                   (_blob(place), str(entry.path), entry.caption, source, entry.licence, entry.start, entry.size,
                                    vector, entry.refused))

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """All videos by their places, in order."""
        for place, path, caption, start, size, vector, refused in self._each("path, caption, start, size, vector, refused"):
            known = None if vector is None else np.frombuffer(vector, np.float32)
            yield _words(place), Entry(Path(path), caption, start, size, known, refused)

    def count(self) -> int:
        """How many videos there are."""
        return int(self._database.execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    def identify(self, place: str, sha256: str, key: str) -> None:
        """Says what a video is, and which piece is its own."""
        self._database.execute("UPDATE entries SET sha256 = ?, key = ? WHERE place = ?", (sha256, key, _blob(place)))

    def refuse(self, place: str, reason: str) -> None:
        """Says why a video cannot be read at all."""
        self._database.execute("UPDATE entries SET refused = ? WHERE place = ?", (reason, _blob(place)))

    def identified(self) -> Iterator[tuple[str, str, int, str, str, str, str]]:
        """(place, caption, source, licence, why it was refused, sha256, key of its piece) of all videos, in order."""
        for place, caption, source, licence, refused, sha256, key in self._each("caption, source, licence, refused, sha256, key"):
            yield _words(place), caption, source, licence, refused, sha256 or "", key or ""

    def keep(self, key: str, piece: Piece) -> None:
        """Writes a piece, to stay."""
        spans = json.dumps([asdict(span) for span in piece.spans])
        with self.disk_errors():
            self._database.execute("INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?)",
                                   (key, spans, piece.vectors.astype(np.float32).tobytes(), piece.failed))
            self._database.commit()

    def has(self, key: str) -> bool:
        """Whether there is such a piece."""
        return self._database.execute("SELECT 1 FROM pieces WHERE key = ?", (key,)).fetchone() is not None

    def piece(self, key: str) -> Piece | None:
        """A piece that was kept."""
        row = self._database.execute("SELECT spans, vectors, failed FROM pieces WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        spans = tuple(Span(**span) for span in json.loads(row[0]))
        vectors = np.frombuffer(row[1], np.float32)
        return Piece(spans, vectors.reshape(len(spans), -1 if spans else 0), row[2])

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Maps what SQLite and the system say of a disk that is full or failing to ResourceError."""
        try:
            with folders.disk_errors(self.folder):
                yield
        except sqlite3.OperationalError as error:
            raise _failing(self.folder, error) from error

    def put_in_place(self) -> None:
        """Gives the folder `new` the name of the index; what lay there goes. At no moment is there none, where Linux can."""
        if not self.out.exists():
            self.new.rename(self.out)
        elif not _exchange(self.new, self.out):
            self.out.rename(self.folder / "old")     # a kill before the next line: `_take_back` mends it
            self.new.rename(self.out)

    def _opened(self) -> sqlite3.Connection:
        for again in (True, False):
            database = sqlite3.connect(self.folder / "work.sqlite", timeout=0)
            try:
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                database.execute("PRAGMA journal_mode = WAL")
                # A killed process loses nothing. A power cut may take the last pieces, which are then read again.
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_SCHEMA)
                return database
            except sqlite3.DatabaseError as error:
                database.close()
                if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                    raise ResourceError(f"another build of the index {self.out} is at work",
                                        hint="wait for it, or write another folder") from error
                if not again:
                    raise _failing(self.folder, error) from error
                for path in self.folder.glob("work.sqlite*"):
                    path.unlink()                    # a disk broke it: what it held is read again
        raise AssertionError("unreachable")

    def _take_back(self) -> None:
        if not self.out.exists() and (self.folder / "old").exists():
            (self.folder / "old").rename(self.out)
        for name in ("old", "new"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _each(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """Row after row by place, while rows may be changed."""
        last = b""
        while row := self._database.execute(f"SELECT place, {columns} FROM entries WHERE place > ? ORDER BY place LIMIT 1",
                                            (last,)).fetchone():
            last = row[0]
            yield row


def _failing(folder: Path, error: sqlite3.Error) -> ResourceError:
    return ResourceError(f"{folder} cannot be written: {error}", hint="check the folder's rights and the disk")


def _blob(place: str) -> bytes:
    # Sorted part by part, as paths are: "a/b" comes before "a b".
    return b"\0".join(part.encode() for part in place.split("/"))


def _words(place: bytes) -> str:
    return place.replace(b"\0", b"/").decode()


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two names in one step, which Linux alone knows. Whether it did."""
    import ctypes

    here, exchange = -100, 2                         # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0
