"""One video after the other to windows and embeddings: what a worker of a build does, here or elsewhere."""

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
from storyanim.retrieve.build_state import EncodedVideo
from storyanim.retrieve.decoder_process import WindowReader
from storyanim.retrieve.sources import VideoEntry
from storyanim.retrieve.windows import Span
from storyanim.stages import TextVideoEncoder

_CLIPS_PER_BATCH = 16  # windows whose frames are held for one call of the encoder
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Task:
    """A video to encode."""

    relative_path: str
    key: str                                         # of what is encoded
    entry: VideoEntry


class VideoWorker:
    """Encodes videos, with a process that decodes and an encoder that is loaded once.

    Args:
        encoder: of the index.
        make_reader: makes the WindowReader.
        folder: for a copy of what lies in an archive; where there is no such folder, as on another machine, a
            new one.
    """

    def __init__(
        self, encoder: TextVideoEncoder, make_reader: Callable[[], WindowReader], folder: Path
    ) -> None:
        self._encoder, self._reader = encoder, make_reader()
        self._temporary = None if folder.is_dir() else TemporaryDirectory()
        self._folder = Path(self._temporary.name) if self._temporary else folder

    def work(self, shard: Sequence[Task]) -> list[EncodedVideo]:
        """Encode videos. Raises ResourceError, and ModelError of the encoder."""
        return [self._encode(task) for task in shard]

    def close(self) -> None:
        """End the process that decodes."""
        self._reader.close()
        if self._temporary:
            self._temporary.cleanup()

    def _encode(self, task: Task) -> EncodedVideo:
        with _on_disk(task.entry, self._folder) as path:
            encoded = self._encode_file(path, task.entry.vector)
            # a video before may have spoiled the process: again with a fresh one
            if self._reader.worth_retrying:
                encoded = self._encode_file(path, task.entry.vector)
        return replace(encoded, failed=encoded.failed.replace(str(path), task.relative_path))

    def _encode_file(self, path: Path, vector: Float32 | None) -> EncodedVideo:
        return self._encode_windows(path) if vector is None else self._with_given_vector(path, vector)

    def _encode_windows(self, path: Path) -> EncodedVideo:
        """Return windows and embeddings of one video, as far as it can be read."""
        spans: list[Span] = []
        vectors = [np.zeros((0, self._encoder.dim), np.float32)]
        waiting: list[Frames] = []
        failed = ""
        try:
            for span, frames in self._reader.read(path, self._encoder.sample_frame_indices):
                assert frames is not None
                spans.append(span)
                waiting.append(frames)
                if len(waiting) == _CLIPS_PER_BATCH:
                    vectors.append(self._encoder.encode_clips(waiting))
                    waiting = []
        except VideoError as error:
            failed = f"from {spans[-1].end_s:g} s on: {error.message}" if spans else error.message
        if waiting:
            vectors.append(self._encoder.encode_clips(waiting))
        return EncodedVideo(tuple(spans), np.concatenate(vectors), failed)

    def _with_given_vector(self, path: Path, vector: Float32) -> EncodedVideo:
        """Return a video whose embedding was given as one window, from its beginning to its end."""
        length = float(np.linalg.norm(vector))
        no_vectors = np.zeros((0, len(vector)), np.float32)
        if not length or not np.isfinite(length):
            return EncodedVideo((), no_vectors, "its embedding is zero or no number")
        spans: list[Span] = []
        failed = ""
        try:
            spans = [span for span, _ in self._reader.read(path)]
        except VideoError as error:
            failed = error.message
        if not spans:
            return EncodedVideo((), no_vectors, failed)
        return EncodedVideo((_merge(spans),), (vector / length).astype(np.float32)[None])


def _merge(spans: Sequence[Span]) -> Span:
    """Return one span for all windows of a video."""
    motion, black = (
        round(float(np.mean([getattr(span, name) for span in spans])), 6) for name in ("motion", "black"))
    return replace(
        spans[len(spans) // 2], start_s=spans[0].start_s, end_s=spans[-1].end_s, motion=motion, black=black,
        cut=max(span.cut for span in spans), bars=min(span.bars for span in spans))


@contextmanager
def _on_disk(entry: VideoEntry, folder: Path) -> Iterator[Path]:
    """Give the video as a file: that of an archive is copied out, under a name of ours, and removed again."""
    if entry.size is None:
        yield entry.path
        return
    path = folder / f"member-{os.getpid()}{entry.path.suffix.lower()}"
    with folders.disk_errors(path):
        try:
            with _open_member(entry) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, _BLOCK_BYTES)
            yield path
        finally:
            path.unlink(missing_ok=True)


def sha256_of_member(entry: VideoEntry) -> str:
    """Return the sha256 of a video in an archive. Raises OSError."""
    with _open_member(entry) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()     # type: ignore[arg-type]


def _open_member(entry: VideoEntry) -> BinaryIO:
    archive = next(path for path in entry.path.parents if path.suffix.lower() == SUFFIX and path.is_file())
    return open_part(archive, entry.start, entry.size or 0)
