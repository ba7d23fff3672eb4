"""One video after the other to pieces: what a worker of a build does, here or elsewhere."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np

from storyanim.archive import SUFFIX, open_part
from storyanim.artifacts import Float32, Frames
from storyanim.engine import folders
from storyanim.errors import VideoError
from storyanim.retrieve.reader import Reader
from storyanim.retrieve.sources import Entry
from storyanim.retrieve.windows import Span
from storyanim.retrieve.work import Piece
from storyanim.stages import TextVideoEncoder

_CLIPS_AT_ONCE = 16                                  # windows whose pictures are held for one call of the encoder
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Task:
    """A video to read."""

    place: str
    key: str                                         # of its piece
    entry: Entry


class VideoWorker:
    """Videos to pieces, with a process that decodes and an encoder that is loaded once.

    Args:
        reader: makes the Reader.
        folder: for a copy of what lies in an archive; where there is no such folder, as on another machine, a new one.
    """

    def __init__(self, encoder: TextVideoEncoder, reader: Callable[[], Reader], folder: Path) -> None:
        self._encoder, self._reader = encoder, reader()
        self._own = None if folder.is_dir() else TemporaryDirectory()
        self._folder = Path(self._own.name) if self._own else folder

    def work(self, shard: Sequence[Task]) -> list[Piece]:
        """A piece of each. Raises ResourceError, and ModelError of the encoder."""
        return [self._piece(task.entry, task.place) for task in shard]

    def close(self) -> None:
        """Ends the process that decodes."""
        self._reader.close()
        if self._own:
            self._own.cleanup()

    def _piece(self, entry: Entry, place: str) -> Piece:
        with _on_disk(entry, self._folder) as path:
            piece = _read_one(path, entry.vector, self._encoder, self._reader)
            if self._reader.in_doubt:                # a video before may have spoiled the process: again with a fresh one
                piece = _read_one(path, entry.vector, self._encoder, self._reader)
        return replace(piece, failed=piece.failed.replace(str(path), place))


def _read_one(path: Path, vector: Float32 | None, encoder: TextVideoEncoder, reader: Reader) -> Piece:
    return _read(path, encoder, reader) if vector is None else _embedded(path, vector, reader)


def _read(path: Path, encoder: TextVideoEncoder, reader: Reader) -> Piece:
    """Windows and embeddings of one video, as far as it can be read."""
    spans: list[Span] = []
    vectors = [np.zeros((0, encoder.dim), np.float32)]
    waiting: list[Frames] = []
    failed = ""
    try:
        for span, frames in reader.read(path, encoder.sample_frame_indices):
            assert frames is not None
            spans.append(span)
            waiting.append(frames)
            if len(waiting) == _CLIPS_AT_ONCE:
                vectors.append(encoder.encode_clips(waiting))
                waiting = []
    except VideoError as error:
        failed = f"from {spans[-1].end_s:g} s on: {error.message}" if spans else error.message
    if waiting:
        vectors.append(encoder.encode_clips(waiting))
    return Piece(tuple(spans), np.concatenate(vectors), failed)


def _embedded(path: Path, vector: Float32, reader: Reader) -> Piece:
    """A video whose embedding was given is one window, from its begin to its end."""
    length = float(np.linalg.norm(vector))
    nothing = np.zeros((0, len(vector)), np.float32)
    if not length or not np.isfinite(length):
        return Piece((), nothing, "its embedding is zero or no number")
    spans: list[Span] = []
    failed = ""
    try:
        spans = [span for span, _ in reader.read(path)]
    except VideoError as error:
        failed = error.message
    if not spans:
        return Piece((), nothing, failed)
    motion, black = (round(float(np.mean([getattr(span, name) for span in spans])), 6) for name in ("motion", "black"))
    whole = Span(spans[0].start_s, spans[-1].end_s, motion, max(span.cut for span in spans), black,
                 min(span.bars for span in spans), spans[0].aspect, spans[0].fps, spans[len(spans) // 2].thumbnail_hash)
    return Piece((whole,), (vector / length).astype(np.float32)[None])


@contextmanager
def _on_disk(entry: Entry, folder: Path) -> Iterator[Path]:
    """The video as a file: that of an archive is copied out, under a name of ours, and removed again."""
    if entry.size is None:
        yield entry.path
        return
    path = folder / f"member-{os.getpid()}{entry.path.suffix.lower()}"
    with folders.disk_errors(path):
        try:
            with _part(entry) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, _BLOCK_BYTES)
            yield path
        finally:
            path.unlink(missing_ok=True)


def sha256_of_part(entry: Entry) -> str:
    """Of a video in an archive. Raises OSError."""
    with _part(entry) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()     # type: ignore[arg-type]


def _part(entry: Entry) -> BinaryIO:
    archive = next(path for path in entry.path.parents if path.suffix.lower() == SUFFIX and path.is_file())
    return open_part(archive, entry.start, entry.size or 0)
