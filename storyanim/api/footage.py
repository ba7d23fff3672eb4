"""Footage: videos are indexed, and what fits a query is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyanim.api.asked import ExecutorName, chosen_profile
from storyanim.artifacts import ClipMatch
from storyanim.config import load_settings
from storyanim.engine.folders import check_writable, write_file
from storyanim.errors import UsageError
from storyanim.film.sheet import search_sheet
from storyanim.planning import load_vocabulary
from storyanim.retrieve.build import build_index as _build_index
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.filters import parse_filter
from storyanim.retrieve.index_format import INFO, IndexInfo
from storyanim.run.components import open_index
from storyanim.run.models import index_pins, ready_settings
from storyanim.stages import Progress, no_progress


@dataclass(frozen=True)
class Hit:
    """Footage that a search found."""

    match: ClipMatch
    # the query's words in its caption, and what makes it rank lower
    why: str


def build_index(  # noqa: PLR0913  one argument a flag of `storyanim index`
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    append: bool = False,
    captions: str | Path | None = None,
    index_factory: str | None = None,
    profile: str | Path | None = None,
    executor: ExecutorName = "local",
    ray_address: str | None = None,
    progress: Progress = no_progress,
) -> IndexInfo:
    """Index videos, so that shots can move as they do.

    Args:
        sources: folders of videos, videos, tables of videos (.csv, .parquet), archives (.tar), folders of
            embeddings.
        out: index folder to write.
        append: add to the index in `out`, and follow what changed in its sources.
        captions: CSV of file and caption; None: captions.tsv in a source.
        index_factory: a FAISS `index_factory` string; None: by size.
        profile: whose encoder makes the vectors.
        executor: where videos are read: in this process, or by Ray's workers.
        ray_address: of a Ray cluster; None: on this machine.
        progress: called with the share done and what is being done.

    Raises InputError, UsageError, IndexFolderError, ResourceError, and PartialError after writing when some
    could not be read.
    """
    settings = load_settings(chosen_profile(profile),
                             retrieve={} if index_factory is None else {"index_factory": index_factory})
    listed = [sources] if isinstance(sources, (str, Path)) else list(sources)
    shards = None
    if executor == "ray":
        from storyanim.engine.shard_executors import RayShardExecutor

        shards = RayShardExecutor(ray_address)
    check_writable(Path(out))
    pins = index_pins(Path(out), settings) if append and (Path(out) / INFO).is_file() else {}
    settings = ready_settings(settings, pins, ("encoder",), progress=progress)
    return _build_index(
        [Path(source) for source in listed], Path(out), build_encoder(settings),
        window_s=settings.retrieve.window_s,
        captions=None if captions is None else Path(captions), index_factory=settings.retrieve.index_factory,
        append=append,
        executor=shards,
        progress=lambda done, total, text: progress(done / max(1, total),
                                                    f"{done} of {total} videos  {text}"))


def search(
    index: str | Path,
    query: str,
    *,
    count: int = 8,
    filters: Sequence[str] = (),
    exact: bool = False,
    profile: str | Path | None = None,
    sheet: str | Path | None = None,
) -> tuple[Hit, ...]:
    """Find footage in an index, best first.

    Args:
        index: folder of `build_index`.
        query: what should happen: "a dog jumping".
        count: how many hits at most.
        filters: as in "motion>=0.01"; names: duration, aspect, motion, fps, source, licence.
        exact: compare with all clips, whatever kind of index it is.
        profile: whose encoder made the index.
        sheet: a PNG of the hits to write.

    Raises UsageError, IndexFolderError, ModelError, ResourceError.
    """
    if not query.strip():
        raise UsageError("the query is empty", hint='say what to look for, as in "a dog jumping"')
    for text in filters:
        parse_filter(text)                            # a mistake is reported before anything is loaded
    wanted: dict[str, Any] = {"exact": True} if exact else {}
    wanted |= {"filters": list(filters)} if filters else {}
    settings = load_settings(chosen_profile(profile, index), retrieve=wanted)
    if sheet is not None:
        check_writable(Path(sheet))
    settings = ready_settings(settings, index_pins(Path(index), settings), ("encoder",))
    opened = open_index(Path(index), settings, load_vocabulary(settings))
    matches = opened.search(query, build_encoder(settings), count)
    reasons = opened.explain(query, matches)
    if sheet is not None:
        write_file(Path(sheet), search_sheet(query, matches, reasons))
    return tuple(Hit(match, why) for match, why in zip(matches, reasons, strict=True))
