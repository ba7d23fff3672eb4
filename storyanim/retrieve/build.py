"""Videos → windows → embeddings → an index folder.

Two passes: what the sources name is listed (sources.py), then each video is encoded (worker.py), read by a
process that may die (decoder_process.py), and kept (build_state.py); last, all become an index in the order
of their paths (index_writer.py). A killed build goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from storyanim import hub, video
from storyanim.engine import folders
from storyanim.engine.shard_executors import LocalShardExecutor
from storyanim.errors import IndexFolderError, InputError, PartialError
from storyanim.retrieve.build_state import BuildState
from storyanim.retrieve.decoder_process import WindowReader
from storyanim.retrieve.faiss_index import choose_index_factory, create_index
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.index_format import INFO, IndexInfo
from storyanim.retrieve.index_writer import ExistingIndex, write_index
from storyanim.retrieve.sources import base_folder, read_source
from storyanim.retrieve.tables import read_captions, read_licences
from storyanim.retrieve.windows import DEFAULT_LIMITS, Limits
from storyanim.retrieve.worker import Task, VideoWorker, sha256_of_member
from storyanim.stages import ShardExecutor, ShardWorker, TextVideoEncoder

Progress = Callable[[int, int, str], None]           # videos done, videos in all, what is being done
_ENCODING_VERSION = 4  # counted up when the same video gives other windows or columns
_LARGE_NUM_CLIPS = 10**6                             # enough for every kind of FAISS index


@dataclass(frozen=True)
class _Plan:
    """What is asked for."""

    sources: tuple[Path, ...]                        # absolute, in the order in which they were given
    captions: Path | None
    root: Path                                       # that all of them lie in
    existing: Path | None                            # index to which is added
    window_s: float
    index_factory: str | None                        # that was asked for

    def facts(self, encoder: TextVideoEncoder, out: Path) -> dict[str, Any]:
        """Return what `index.json` says of it; all paths but `root` go through links."""
        return {
            "encoder": encoder.fingerprint, "dim": encoder.dim, "requested_index_factory": self.index_factory,
            "window_s": self.window_s,
            "root": _portable(self.root.resolve(), out.parent.resolve() / out.name),
            "sources": tuple(_portable(source, out) for source in self.sources),
            "captions": None if self.captions is None else _portable(self.captions, out),
        }


def build_index(  # noqa: PLR0913  what is asked for, and how it is reported
    sources: Sequence[Path], out: Path, encoder: TextVideoEncoder, *, window_s: float = 2.0,
    captions: Path | None = None, index_factory: str | None = None, append: bool = False,
    limits: Limits = DEFAULT_LIMITS, executor: ShardExecutor | None = None,
    progress: Progress = lambda done, total, text: None,
) -> IndexInfo:
    """Index all videos of `sources` into the folder `out`, replacing an index there.

    Videos of equal bytes are taken once. When a build was killed, the next one goes on.

    Args:
        sources: see sources.py.
        out: index folder.
        encoder: of the windows.
        window_s: length of a window.
        captions: a table that goes before what the sources bring; without both, captions are made of file
            names.
        index_factory: FAISS string, else that of the index to which is added, else by the rule of
            faiss_index.py.
        append: take the sources of the index in `out` first, and read only what is new or has other bytes;
            the result is the one that all sources together would give.
        limits: what one video may cost.
        executor: encodes the videos, else this process; it does not change the result.
        progress: told the number of videos done, of all, and the current one.

    Raises UsageError when FAISS has no such kind or there are too few clips for it, InputError when there is
    nothing to index (nothing is written then), IndexFolderError when `out` is something else than an index,
    or none that can be added to, ResourceError when it cannot be written, and PartialError *after* writing
    when some videos could not be read.
    """
    out = Path(os.path.realpath(out)) if out.is_symlink() else _absolute(out)
    _check_out(out)
    with BuildState(out) as state:
        plan = _make_plan(sources, out, encoder, window_s, captions, index_factory, append)
        _list_videos(plan, state, encoder.dim)
        with closing(ExistingIndex(plan.existing)) as existing:
            start = partial(VideoWorker, encoder, partial(WindowReader, plan.window_s, limits), state.folder)
            tasks = _tasks(plan, state, existing, encoder, limits, progress)
            _encode_all(state, tasks, executor or LocalShardExecutor(), start)
            with state.disk_errors():
                info = write_index(state, existing, plan.facts(encoder, out))
        with folders.disk_errors(out):
            state.replace_index()
        total = state.count()
    progress(total, total, "done")
    if info.skipped:
        raise PartialError(
            f"{len(info.skipped)} of {total} videos could not be read, the rest is indexed in {out}",
            hint="mend or remove them and index again", failed=info.skipped)
    return info


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))               # without "..", but with links as they were given


def _check_out(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / INFO).is_file()):
        raise IndexFolderError(f"{out} exists and is no index folder",
                               hint="give a new folder, or that of an index to replace")


def _make_plan(
    sources: Sequence[Path], out: Path, encoder: TextVideoEncoder, window_s: float, captions: Path | None,
    index_factory: str | None, append: bool,
) -> _Plan:
    given = [_absolute(source) for source in sources]
    existing = out if append and (out / INFO).is_file() else None
    if existing is not None:
        info = VideoIndex(existing).info             # which finds damage, so that none is carried over
        before = [_absolute(out / source) for source in info.sources]
        if not before:
            raise IndexFolderError(f"the index {out} does not say what it was made of",
                                   hint="make it again with all its sources, without --append")
        if not hub.is_same_model(info.encoder, encoder.fingerprint) or info.window_s != window_s:
            raise IndexFolderError(
                f"the index {out} was made with another encoder, or other windows",
                hint="choose the profile that it was made with, or make it again without --append")
        given = [*before, *(source for source in given if source not in before)]
        captions = captions or (_absolute(out / info.captions) if info.captions else None)
        index_factory = index_factory or info.requested_index_factory
    if index_factory is not None:                    # a wrong one is reported before any work
        create_index(choose_index_factory(_LARGE_NUM_CLIPS, encoder.dim, index_factory), encoder.dim)
    root = Path(os.path.commonpath([base_folder(source) for source in given]))
    captions = None if captions is None else _absolute(captions)
    return _Plan(tuple(given), captions, root, existing, window_s, index_factory)


def _list_videos(plan: _Plan, state: BuildState, dim: int) -> None:
    """Note what the sources name, a video at a time."""
    given = read_captions(plan.captions) if plan.captions else None
    texts, used = set(given.values()) if given else set(), False
    licences = read_licences(plan.captions) if plan.captions else None
    for number, source in enumerate(plan.sources):
        for entry in read_source(source, given, licences):
            if entry.vector is not None and entry.vector.shape != (dim,):
                raise InputError(
                    f"{source} has embeddings of {len(entry.vector)} numbers, "
                    f"the profile's encoder has {dim}",
                    hint="choose the profile whose encoder made them")
            used = used or entry.caption in texts
            path = entry.path.relative_to(plan.root).as_posix()
            if (encodable := _encodable(path)) != path:
                path = encodable
                entry = replace(entry, path=plan.root / path, skip_reason="its name is not UTF-8")
            entry = replace(entry, caption=_encodable(entry.caption), licence=_encodable(entry.licence))
            state.add_entry(entry, path, number)
    if not state.count():
        raise InputError(
            f"no videos in {', '.join(map(str, plan.sources))}",
            hint=f"known are {', '.join(sorted(video.SUFFIXES))}, and tables and archives of videos")
    if given and not used:
        raise InputError(f"{plan.captions} names none of the videos",
                         hint="it must have the file's name, or its path below the folder")


def _tasks(
    plan: _Plan, state: BuildState, existing: ExistingIndex, encoder: TextVideoEncoder, limits: Limits,
    progress: Progress,
) -> Iterator[Task]:
    """Yield the videos not encoded yet; note the bytes of each, or why it cannot be read at all."""
    total = state.count()
    made_by = f"{_ENCODING_VERSION}\0{encoder.fingerprint}\0{plan.window_s:g}\0{limits.max_seconds:g}"
    for done, (path, entry) in enumerate(state.entries()):
        progress(done, total, path.rpartition("/")[2])
        if entry.skip_reason:
            continue
        try:
            sha256 = hub.file_sha256(entry.path) if entry.size is None else sha256_of_member(entry)
        except OSError as error:
            state.skip(path, error.strerror or str(error))
            continue
        vector = b"" if entry.vector is None else entry.vector.tobytes()
        key = hashlib.sha256(f"{made_by}\0{sha256}\0".encode() + vector).hexdigest()
        state.set_key(path, sha256, key)
        if not state.has(key) and not existing.has(key):
            yield Task(path, key, entry)


def _encode_all(
    state: BuildState, tasks: Iterator[Task], executor: ShardExecutor, start: Callable[[], ShardWorker]
) -> None:
    """Keep what is encoded of each video, or the reason why there is nothing."""
    shards = iter(lambda: list(islice(tasks, executor.shard_size)), [])
    for shard, encoded in executor.map(start, shards):
        for number, task in enumerate(shard):
            if isinstance(encoded, Exception):
                state.skip(task.relative_path, _failure(encoded))
            else:
                state.keep(task.key, encoded[number])


def _failure(error: Exception) -> str:
    return f"its worker failed: {(str(error).strip().splitlines() or [type(error).__name__])[-1].strip()}"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _portable(path: Path, out: Path) -> str:
    """Return a path relative to the index when it lies beside or below it, so that both can move."""
    return Path(os.path.relpath(path, out)).as_posix() if path.is_relative_to(out.parent) else path.as_posix()
