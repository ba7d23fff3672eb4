"""Videos → windows → embeddings → an index folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np

from storyanim import hub, video
from storyanim.artifacts import Float32, Frames
from storyanim.errors import IndexFolderError, InputError, PartialError, ResourceError, VideoError
from storyanim.retrieve.captions import TABLE, caption_of, read_captions
from storyanim.retrieve.index import CLIPS, COLUMNS, EMBEDDINGS, INFO, SCHEMA, VECTORS, IndexInfo
from storyanim.retrieve.windows import Window, read_windows
from storyanim.stages import TextVideoEncoder

Progress = Callable[[int, int, str], None]           # videos done, videos in all, what is being done
_FACTORY = "Flat"                                    # exact search
_CLIPS_AT_ONCE = 16                                  # windows whose pictures are held for one call of the encoder
_ROWS_A_SHARD = 4096


@dataclass
class _Found:
    """What was gathered so far; row i of both is clip i."""

    rows: list[tuple[object, ...]] = field(default_factory=list)        # in the order of COLUMNS
    vectors: list[Float32] = field(default_factory=list)                # (N, dim) each
    taken: dict[str, str] = field(default_factory=dict)                 # sha256 → path
    skipped: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)


def build_index(
    sources: Sequence[Path], out: Path, encoder: TextVideoEncoder, *,
    window_s: float = 2.0, captions: Path | None = None, progress: Progress = lambda done, total, text: None,
) -> IndexInfo:
    """Indexes all videos below `sources` (folders, or single videos) into the folder `out`, replacing an index there.

    Captions are looked up in `captions`, else in a captions.tsv of the source folder, else made of the file's name.
    Videos of equal bytes are taken once. Raises InputError when there is nothing to index (nothing is written then),
    IndexFolderError when `out` is something else than an index, ResourceError when it cannot be written, and PartialError
    *after* writing when some videos could not be read.
    """
    out, sources = _absolute(out), [_absolute(source) for source in sources]
    _check_out(out)
    videos = _videos(sources, captions)
    root = Path(os.path.commonpath([source if source.is_dir() else source.parent for source in sources]))
    found = _Found()
    for done, (path, caption) in enumerate(videos.items()):
        progress(done, len(videos), path.name)
        _add_video(path, caption, root, window_s, encoder, found)
    if not found.rows:
        raise InputError(f"none of {len(videos)} videos can be read", hint=f"the first: {next(iter(found.skipped.values()))}")
    info = IndexInfo(
        encoder=encoder.fingerprint, dim=encoder.dim, factory=_FACTORY, window_s=window_s, root=_root_for(root, out),
        num_clips=len(found.rows), num_videos=len({row[2] for row in found.rows}),
        skipped=found.skipped, duplicates=found.duplicates, files={},
    )
    with _replaced(out) as partial:
        info = _save(partial, found, info)
    progress(len(videos), len(videos), "done")
    if found.skipped:
        raise PartialError(f"{len(found.skipped)} of {len(videos)} videos could not be read, the rest is indexed in {out}",
                           hint="mend or remove them and index again", failed=found.skipped)
    return info


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))               # without "..", but with links as they were given


def _check_out(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / INFO).is_file()):
        raise IndexFolderError(f"{out} exists and is no index folder", hint="give a new folder, or that of an index to replace")


def _videos(sources: Sequence[Path], captions: Path | None) -> dict[Path, str]:
    """Absolute path → caption, sorted."""
    given = read_captions(captions) if captions else None
    found: dict[Path, str] = {}
    for source in sources:
        if not source.exists():
            raise InputError(f"there is no {source}", hint="give a folder of videos")
        folder = source if source.is_dir() else source.parent
        table = given if given is not None else read_captions(folder / TABLE) if (folder / TABLE).is_file() else {}
        paths = [path for path in source.rglob("*") if path.suffix.lower() in video.SUFFIXES] if source.is_dir() else [source]
        for path in sorted(paths):
            relative = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in relative.parts):
                found[path] = caption_of(relative, table)
    if not found:
        raise InputError(f"no videos in {', '.join(map(str, sources))}", hint=f"known are {', '.join(sorted(video.SUFFIXES))}")
    if given and not set(given.values()) & set(found.values()):
        raise InputError(f"{captions} names none of the videos",
                         hint="it must have the file's name, or its path below the folder")
    return dict(sorted(found.items()))


def _add_video(path: Path, caption: str, root: Path, window_s: float, encoder: TextVideoEncoder, found: _Found) -> None:
    """Adds the windows of one video; what cannot be read of it goes to `skipped`."""
    relative = path.relative_to(root).as_posix()
    try:
        sha256 = hub.file_sha256(path)
    except OSError as error:
        found.skipped[relative] = error.strerror or str(error)
        return
    if sha256 in found.taken:
        found.duplicates[relative] = found.taken[sha256]
        return
    waiting: list[Frames] = []
    end_s = 0.0
    try:
        for window in read_windows(path, window_s):
            found.rows.append(_row(window, relative, sha256, caption))
            waiting.append(_looked_at(window.frames, encoder))
            end_s = window.end_s
            if len(waiting) == _CLIPS_AT_ONCE:
                found.vectors.append(encoder.encode_clips(waiting))
                waiting = []
    except VideoError as error:
        found.skipped[relative] = f"from {end_s:g} s on: {error.message}" if end_s else error.message
    if waiting:
        found.vectors.append(encoder.encode_clips(waiting))
    if end_s:
        found.taken[sha256] = relative


def _looked_at(frames: Frames, encoder: TextVideoEncoder) -> Frames:
    return Frames(np.ascontiguousarray(frames.rgb[encoder.looks_at(len(frames.rgb))]), frames.fps)


def _row(window: Window, path: str, sha256: str, caption: str) -> tuple[object, ...]:
    clip_id = f"{sha256[:12]}@{window.start_s:g}-{window.end_s:g}"
    return (clip_id, path, sha256, window.start_s, window.end_s, caption, round(window.motion, 6))


def _root_for(root: Path, out: Path) -> str:
    """Relative to the index when the videos lie beside or below it, so that both can be moved together; else absolute."""
    beside = out.parent.resolve()
    here = root.resolve()
    return Path(os.path.relpath(here, beside / out.name)).as_posix() if here.is_relative_to(beside) else here.as_posix()


def _save(folder: Path, found: _Found, info: IndexInfo) -> IndexInfo:
    """Writes all files of an index; `index.json` last, with the sha256 of the others."""
    import faiss

    vectors = np.ascontiguousarray(np.concatenate(found.vectors))
    (folder / EMBEDDINGS).mkdir()
    for start in range(0, len(vectors), _ROWS_A_SHARD):
        np.save(folder / EMBEDDINGS / f"{start // _ROWS_A_SHARD:05d}.npy", vectors[start:start + _ROWS_A_SHARD])
    index = faiss.index_factory(vectors.shape[1], info.factory, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    faiss.write_index(index, str(folder / VECTORS))
    with closing(sqlite3.connect(folder / CLIPS)) as database, database:
        database.executescript(SCHEMA)
        holes = ", ".join("?" * (1 + len(COLUMNS)))
        database.executemany(f"INSERT INTO clips (id, {', '.join(COLUMNS)}) VALUES ({holes})",
                             [(i, *row) for i, row in enumerate(found.rows)])
        database.execute("INSERT INTO captions (rowid, caption) SELECT id, caption FROM clips")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    info = info.model_copy(update={"files": {path.relative_to(folder).as_posix(): hub.file_sha256(path) for path in paths}})
    (folder / INFO).write_text(info.model_dump_json(indent=1) + "\n", "utf-8")
    return info


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place when the block ends well, and vanishes when it does not."""
    mark = uuid4().hex
    partial, old = out.with_name(f".{out.name}.{mark}.partial"), out.with_name(f".{out.name}.{mark}.old")
    try:
        partial.mkdir(parents=True)
        yield partial
        if out.exists():
            out.replace(old)
        partial.replace(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.replace(out)
        raise ResourceError(f"the index {out} cannot be written: {error.strerror or error}",
                            hint="check the folder's rights and the disk") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
