"""Videos → windows → embeddings → an index folder.

Two passes: what the sources name is listed (sources.py), then each video is read (worker.py) by a process that may die
(reader.py) and its piece kept (work.py); last, all pieces become an index in the order of their names (assemble.py). A killed
build goes on.
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
from storyanim.retrieve.assemble import OldIndex, assemble
from storyanim.retrieve.captions import read_captions, read_licences
from storyanim.retrieve.factory import empty, factory_of
from storyanim.retrieve.index import INFO, IndexInfo, VideoIndex
from storyanim.retrieve.reader import Reader
from storyanim.retrieve.sources import base_of, read_source
from storyanim.retrieve.windows import DEFAULT_LIMITS, Limits
from storyanim.retrieve.work import Work
from storyanim.retrieve.worker import Task, VideoWorker, sha256_of_part
from storyanim.stages import ShardExecutor, ShardWorker, TextVideoEncoder

Progress = Callable[[int, int, str], None]           # videos done, videos in all, what is being done
_READING = 4                                         # counted up when the same video gives other windows or marks
_MANY = 10**6                                        # clips, enough for every kind of FAISS index


@dataclass(frozen=True)
class _Plan:
    """What is asked for."""

    sources: tuple[Path, ...]                        # absolute, in the order in which they were given
    captions: Path | None
    root: Path                                       # that all of them lie in
    old: Path | None                                 # index to which is added
    window_s: float
    index_factory: str | None                        # kind of FAISS index that was asked for

    def facts(self, encoder: TextVideoEncoder, out: Path) -> dict[str, Any]:
        """What `index.json` says of it. Places are told through links, but for `root`, which is looked up by any program."""
        return {
            "encoder": encoder.fingerprint, "dim": encoder.dim, "requested_index_factory": self.index_factory, "window_s": self.window_s,
            "root": _told(self.root.resolve(), out.parent.resolve() / out.name),
            "sources": tuple(_told(source, out) for source in self.sources),
            "captions": None if self.captions is None else _told(self.captions, out),
        }


def build_index(  # noqa: PLR0913  what is asked for, and how it is told
    sources: Sequence[Path], out: Path, encoder: TextVideoEncoder, *, window_s: float = 2.0, captions: Path | None = None,
    index_factory: str | None = None, append: bool = False, limits: Limits = DEFAULT_LIMITS, executor: ShardExecutor | None = None,
    progress: Progress = lambda done, total, text: None,
) -> IndexInfo:
    """Indexes all videos of `sources` (see sources.py) into the folder `out`, replacing an index there.

    Captions are looked up in `captions`, else in what the source brings, else made of the file's name. Videos of equal bytes
    are taken once. With `append`, the sources of the index in `out` come first, and only what is new or has other bytes is
    read: the result is the one that all sources together would give. When a build was killed, the next one goes on.
    `index_factory` is the kind of FAISS index, else that of the index to which is added, else what the rule of factory.py says.
    `executor` is who reads the videos, else this process; it does not change the result.

    Raises UsageError when FAISS has no such kind or there are too few clips for it, InputError when there is nothing to index
    (nothing is written then), IndexFolderError when `out` is something else than an index, or none that can be added to,
    ResourceError when it cannot be written, and PartialError *after* writing when some videos could not be read.
    """
    out = Path(os.path.realpath(out)) if out.is_symlink() else _absolute(out)
    _check_out(out)
    with Work(out) as work:
        plan = _planned(sources, out, encoder, window_s, captions, index_factory, append)
        _list(plan, work, encoder.dim)
        with closing(OldIndex(plan.old)) as old:
            _read_all(work, _todo(plan, work, old, encoder, limits, progress), executor or LocalShardExecutor(),
                      partial(VideoWorker, encoder, partial(Reader, plan.window_s, limits), work.folder))
            with work.disk_errors():
                info = assemble(work, old, plan.facts(encoder, out))
        with folders.disk_errors(out):
            work.put_in_place()
        total = work.count()
    progress(total, total, "done")
    if info.skipped:
        raise PartialError(f"{len(info.skipped)} of {total} videos could not be read, the rest is indexed in {out}",
                           hint="mend or remove them and index again", failed=info.skipped)
    return info


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))               # without "..", but with links as they were given


def _check_out(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / INFO).is_file()):
        raise IndexFolderError(f"{out} exists and is no index folder", hint="give a new folder, or that of an index to replace")


def _planned(
    sources: Sequence[Path], out: Path, encoder: TextVideoEncoder, window_s: float, captions: Path | None, kind: str | None,
    append: bool,
) -> _Plan:
    given = [_absolute(source) for source in sources]
    old = out if append and (out / INFO).is_file() else None
    if old is not None:
        info = VideoIndex(old).info                   # which finds damage, so that none is carried over
        before = [_absolute(out / source) for source in info.sources]
        if not before:
            raise IndexFolderError(f"the index {out} does not say what it was made of",
                                   hint="make it again with all its sources, without --append")
        if (info.encoder, info.window_s) != (encoder.fingerprint, window_s):
            raise IndexFolderError(f"the index {out} was made with another encoder, or other windows",
                                   hint="choose the profile that it was made with, or make it again without --append")
        given = [*before, *(source for source in given if source not in before)]
        captions = captions or (_absolute(out / info.captions) if info.captions else None)
        kind = kind or info.requested_index_factory
    if kind is not None:
        empty(factory_of(_MANY, encoder.dim, kind), encoder.dim)       # a wrong one is told before any work
    root = Path(os.path.commonpath([base_of(source) for source in given]))
    return _Plan(tuple(given), None if captions is None else _absolute(captions), root, old, window_s, kind)


def _list(plan: _Plan, work: Work, dim: int) -> None:
    """Notes what the sources name, a video at a time."""
    given = read_captions(plan.captions) if plan.captions else None
    words, used = set(given.values()) if given else set(), False
    licences = read_licences(plan.captions) if plan.captions else None
    for number, source in enumerate(plan.sources):
        for entry in read_source(source, given, licences):
            if entry.vector is not None and entry.vector.shape != (dim,):
                raise InputError(f"{source} has embeddings of {len(entry.vector)} numbers, the profile's encoder has {dim}",
                                 hint="choose the profile whose encoder made them")
            used = used or entry.caption in words
            place = entry.path.relative_to(plan.root).as_posix()
            if (shown := _encodable(place)) != place:
                place, entry = shown, replace(entry, path=plan.root / shown, refused="its name is not UTF-8")
            work.add(replace(entry, caption=_encodable(entry.caption), licence=_encodable(entry.licence)), place, number)
    if not work.count():
        raise InputError(f"no videos in {', '.join(map(str, plan.sources))}",
                         hint=f"known are {', '.join(sorted(video.SUFFIXES))}, and tables and archives of videos")
    if given and not used:
        raise InputError(f"{plan.captions} names none of the videos",
                         hint="it must have the file's name, or its path below the folder")


def _todo(
    plan: _Plan, work: Work, old: OldIndex, encoder: TextVideoEncoder, limits: Limits, progress: Progress
) -> Iterator[Task]:
    """The videos of which there is no piece yet, one at a time; notes what each one is, or why it cannot be read at all."""
    total = work.count()
    made_by = f"{_READING}\0{encoder.fingerprint}\0{plan.window_s:g}\0{limits.max_seconds:g}"
    for done, (place, entry) in enumerate(work.entries()):
        progress(done, total, place.rpartition("/")[2])
        if entry.refused:
            continue
        try:
            sha256 = hub.file_sha256(entry.path) if entry.size is None else sha256_of_part(entry)
        except OSError as error:
            work.refuse(place, error.strerror or str(error))
            continue
        vector = b"" if entry.vector is None else entry.vector.tobytes()
        key = hashlib.sha256(f"{made_by}\0{sha256}\0".encode() + vector).hexdigest()
        work.identify(place, sha256, key)
        if not work.has(key) and not old.has(key):
            yield Task(place, key, entry)


def _read_all(work: Work, todo: Iterator[Task], executor: ShardExecutor, start: Callable[[], ShardWorker]) -> None:
    """Keeps the piece of each video, or the reason why there is none."""
    shards = iter(lambda: list(islice(todo, executor.shard_size)), [])
    for shard, pieces in executor.map(start, shards):
        for number, task in enumerate(shard):
            if isinstance(pieces, Exception):
                work.refuse(task.place, _failure(pieces))
            else:
                work.keep(task.key, pieces[number])


def _failure(error: Exception) -> str:
    return f"its worker failed: {(str(error).strip().splitlines() or [type(error).__name__])[-1].strip()}"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _told(path: Path, out: Path) -> str:
    """Relative to the index when it lies beside or below it, so that both can be moved together; else absolute."""
    return Path(os.path.relpath(path, out)).as_posix() if path.is_relative_to(out.parent) else path.as_posix()
