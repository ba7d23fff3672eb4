"""What a build of an index has done so far, in a hidden folder beside it: a killed build goes on with it.

    .NAME.build/
      work.sqlite         the videos to index, and what was encoded of each, whole or not at all
      new/                the index that is being put together

The key of an encoded video names what it was made of (the video's bytes, the encoder, the windows), so that
whatever is asked next, it fits or is not used. SQLite's transactions are the last write that marks one as
done, and its lock is that of the build.
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
from typing import Any, NamedTuple

import numpy as np

from storyanim.artifacts import Float32
from storyanim.engine import folders
from storyanim.errors import ResourceError
from storyanim.retrieve.sources import VideoEntry
from storyanim.retrieve.windows import Span

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS pieces (key TEXT PRIMARY KEY, spans TEXT NOT NULL, vectors BLOB NOT NULL,
                                       failed TEXT NOT NULL);
    DROP TABLE IF EXISTS entries;
    CREATE TABLE entries (place BLOB PRIMARY KEY, path TEXT NOT NULL, caption TEXT NOT NULL,
                          source INTEGER NOT NULL, licence TEXT NOT NULL, start INTEGER NOT NULL,
                          size INTEGER, vector BLOB, refused TEXT NOT NULL, sha256 TEXT, key TEXT);
"""


@dataclass(frozen=True)
class EncodedVideo:
    """What was read of one video; row i of both is window i."""

    spans: tuple[Span, ...]
    vectors: Float32                                 # (N, dim)
    failed: str = ""                                 # why the rest, or all of it, could not be read


class ListedVideo(NamedTuple):
    """A video of the build, after it was looked at."""

    relative_path: str                               # to the index's root
    caption: str
    source: int                                      # its place among the sources
    licence: str
    skip_reason: str
    sha256: str
    key: str                                         # of what was encoded of it


class BuildState:
    """The work folder of the index `out`; a context manager.

    Leaving it well, or with nothing done, removes the folder.

    Raises ResourceError when the folder cannot be written, or when another build of the same index is at
    work.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.build")
        self.new = self.folder / "new"

    def __enter__(self) -> BuildState:
        with folders.disk_errors(self.out):
            self._made = folders.make_dirs(self.folder)
        self._database = self._open_database()
        self._recover()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        useless = kind is None
        with suppress(sqlite3.Error):                # a disk that fails has its own error already
            useless = useless or not self._database.execute(
                "SELECT 1 FROM pieces WHERE vectors != x''").fetchone()
        self._database.close()
        if useless:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # the folders above that were made for it, if nothing came into them
                for folder in self._made[1:]:
                    folder.rmdir()

    def add_entry(self, entry: VideoEntry, relative_path: str, source: int) -> None:
        """Note a video to index; its path below the index's root is its name and its place in the order.

        What comes later under the same name counts, but for what cannot be read.
        """
        vector = None if entry.vector is None else np.ascontiguousarray(entry.vector, np.float32).tobytes()
        conflict = "IGNORE" if entry.skip_reason else "REPLACE"
        with self.disk_errors():
            self._database.execute(
                f"INSERT OR {conflict} INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (_sort_key(relative_path), str(entry.path), entry.caption, source, entry.licence, entry.start,
                 entry.size, vector, entry.skip_reason))

    def entries(self) -> Iterator[tuple[str, VideoEntry]]:
        """Yield all videos by their relative paths, in order."""
        columns = "path, caption, start, size, vector, refused"
        for place, path, caption, start, size, vector, skipped in self._each(columns):
            known = None if vector is None else np.frombuffer(vector, np.float32)
            yield _path_of(place), VideoEntry(Path(path), caption, start, size, known, skipped)

    def count(self) -> int:
        """Return how many videos there are."""
        return int(self._database.execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    def set_key(self, relative_path: str, sha256: str, key: str) -> None:
        """Note a video's bytes, and the key of what is encoded of it."""
        self._database.execute("UPDATE entries SET sha256 = ?, key = ? WHERE place = ?",
                               (sha256, key, _sort_key(relative_path)))

    def skip(self, relative_path: str, reason: str) -> None:
        """Note why a video cannot be read at all."""
        self._database.execute(
            "UPDATE entries SET refused = ? WHERE place = ?", (reason, _sort_key(relative_path)))

    def listed_videos(self) -> Iterator[ListedVideo]:
        """Yield all videos, in order."""
        for place, caption, source, licence, skipped, sha256, key in self._each(
                "caption, source, licence, refused, sha256, key"):
            yield ListedVideo(_path_of(place), caption, source, licence, skipped, sha256 or "", key or "")

    def keep(self, key: str, encoded: EncodedVideo) -> None:
        """Write an encoded video, to stay."""
        spans = json.dumps([asdict(span) for span in encoded.spans])
        with self.disk_errors():
            self._database.execute("INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?)",
                                   (key, spans, encoded.vectors.astype(np.float32).tobytes(), encoded.failed))
            self._database.commit()

    def has(self, key: str) -> bool:
        """Return whether such an encoded video was kept."""
        return self._database.execute("SELECT 1 FROM pieces WHERE key = ?", (key,)).fetchone() is not None

    def encoded(self, key: str) -> EncodedVideo | None:
        """Return an encoded video that was kept; None when there is none."""
        row = self._database.execute(
            "SELECT spans, vectors, failed FROM pieces WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        spans = tuple(Span(**span) for span in json.loads(row[0]))
        vectors = np.frombuffer(row[1], np.float32)
        return EncodedVideo(spans, vectors.reshape(len(spans), -1 if spans else 0), row[2])

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Map what SQLite and the system say of a disk that is full or failing to ResourceError."""
        try:
            with folders.disk_errors(self.folder):
                yield
        except sqlite3.OperationalError as error:
            raise _disk_failed(self.folder, error) from error

    def replace_index(self) -> None:
        """Give the folder `new` the name of the index, in one step where Linux can; what lay there goes."""
        if not self.out.exists():
            self.new.rename(self.out)
        elif not _exchange(self.new, self.out):
            self.out.rename(self.folder / "old")     # a kill before the next line: `_recover` mends it
            self.new.rename(self.out)

    def _open_database(self) -> sqlite3.Connection:
        for again in (True, False):
            database = sqlite3.connect(self.folder / "work.sqlite", timeout=0)
            try:
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                database.execute("PRAGMA journal_mode = WAL")
                # A killed process loses nothing. A power cut may take the last videos, which are then read
                # again.
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_SCHEMA)
                return database
            except sqlite3.DatabaseError as error:
                database.close()
                if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                    raise ResourceError(f"another build of the index {self.out} is at work",
                                        hint="wait for it, or write another folder") from error
                if not again:
                    raise _disk_failed(self.folder, error) from error
                for path in self.folder.glob("work.sqlite*"):
                    path.unlink()                    # a disk broke it: what it held is read again
        raise AssertionError("unreachable")

    def _recover(self) -> None:
        """Finish what a killed `replace_index` began, and remove what it left."""
        if not self.out.exists() and (self.folder / "old").exists():
            (self.folder / "old").rename(self.out)
        for name in ("old", "new"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _each(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield row after row in order, while rows may be changed."""
        last = b""
        after = f"SELECT place, {columns} FROM entries WHERE place > ? ORDER BY place LIMIT 1"
        while row := self._database.execute(after, (last,)).fetchone():
            last = row[0]
            yield row


def _disk_failed(folder: Path, error: sqlite3.Error) -> ResourceError:
    return ResourceError(
        f"{folder} cannot be written: {error}", hint="check the folder's rights and the disk")


def _sort_key(relative_path: str) -> bytes:
    # Sorted part by part, as paths are: "a/b" comes before "a b".
    return b"\0".join(part.encode() for part in relative_path.split("/"))


def _path_of(sort_key: bytes) -> str:
    return sort_key.replace(b"\0", b"/").decode()


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, which Linux alone can; return whether it did."""
    import ctypes

    at_fdcwd, rename_exchange = -100, 2
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    return renameat2 is not None \
        and renameat2(at_fdcwd, os.fsencode(one), at_fdcwd, os.fsencode(other), rename_exchange) == 0
