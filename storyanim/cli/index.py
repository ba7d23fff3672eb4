"""`storyanim index` and `storyanim search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import PartialError, UsageError

if TYPE_CHECKING:
    from storyanim.stages import ShardExecutor


def index(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE... | info DIR", help="Folders of videos, videos, "
                                                    "tables of videos (.csv .parquet), archives (.tar), folders of embeddings.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Index folder to write.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the index, and follow what changed in its sources.")] = False,
    captions: Annotated[Path | None, typer.Option(help="CSV of file and caption. [default: captions.tsv in SOURCE]")] = None,
    factory: Annotated[str | None, typer.Option(help="FAISS's name of the kind of index. [default: by size]")] = None,
    executor: flags.Executor = flags.ExecutorFlag.local,
    ray_address: flags.RayAddress = None,
    profile: flags.Profile = "storybook",
    json_: flags.AsJson = False,
) -> None:
    """Index videos so that shots can move as they do; `storyanim index info DIR` tells what an index holds."""
    if str(sources[0]) == "info":
        _info(sources[1:], json_)
        return
    if out is None:
        raise UsageError("no index folder was named", hint="say where to write it, with -o DIR")
    by_ray = flags.check_ray(executor, ray_address)
    from storyanim.config import load_settings
    from storyanim.engine.folders import check_place
    from storyanim.retrieve.build import build_index
    from storyanim.retrieve.encoders import build_encoder

    settings = load_settings(profile, retrieve={} if factory is None else {"factory": factory})
    check_place(out)
    try:
        with console.progress("index") as bar:
            info = build_index(
                sources, out, build_encoder(settings), window_s=settings.retrieve.window_s, captions=captions,
                factory=settings.retrieve.factory, append=append,
                executor=_ray_shards(ray_address) if by_ray else None,
                progress=lambda done, total, text: bar(done / max(1, total), f"{done} of {total} videos  {text}"),
            )
    except PartialError:
        _info([out], json_)
        raise
    console.result(_facts(out), f"{out}: {info.num_clips} clips of {info.num_videos} videos", json_)


def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="Index folder.")],
    query: Annotated[str, typer.Argument(help='What to look for: "a dog jumping".')],
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=100, help="How many hits.")] = 8,
    sheet: Annotated[Path, typer.Option(help="PNG of the hits.")] = Path("search.png"),
    filters: Annotated[list[str] | None, typer.Option("--filter", metavar="NAME>=VALUE", help="Only such clips, as in "
                       "'motion>=0.01'; names: duration, aspect, motion, fps, source, licence.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with all clips, whatever kind of index it is.")] = False,
    profile: flags.Profile = "storybook",
    json_: flags.AsJson = False,
) -> None:
    """Find clips in an index, and draw them as a sheet, with scores and why."""
    from storyanim.config import load_settings
    from storyanim.engine.folders import check_place
    from storyanim.retrieve.encoders import build_encoder
    from storyanim.retrieve.filters import read_filter
    from storyanim.retrieve.sheet import draw_sheet
    from storyanim.run.order import open_index

    if not query.strip():
        raise UsageError("the query is empty", hint='say what to look for, as in "a dog jumping"')
    wanted: dict[str, object] = {"exact": True} if exact else {}
    if filters:
        wanted["filters"] = filters
        _ = [read_filter(text) for text in filters]  # a mistake is told before anything is loaded
    settings = load_settings(profile, retrieve=wanted)
    check_place(sheet)
    opened = open_index(folder, settings)
    hits = opened.search(query, build_encoder(settings), count)
    reasons = opened.reasons(query, hits)
    draw_sheet(query, hits, sheet, reasons)
    lines = [f"{hit.rank:3d}  {hit.score:6.3f}  {hit.clip_id:24s}  {hit.caption}  ({why})"
             for hit, why in zip(hits, reasons, strict=True)]
    told = {"clip_id", "path", "start_s", "end_s", "score", "caption"}
    facts = [hit.model_dump(mode="json", include=told) | {"why": why} for hit, why in zip(hits, reasons, strict=True)]
    console.result(facts, "\n".join([*lines, str(sheet)]), json_)


def _ray_shards(address: str | None) -> ShardExecutor:
    from storyanim.engine.ray_shards import RayShards

    return RayShards(address)


def _info(folders: list[Path], as_json: bool) -> None:
    if len(folders) != 1:
        raise UsageError("`storyanim index info` takes one index folder", hint="as in `storyanim index info DIR`")
    facts = _facts(folders[0])
    console.result(facts, "\n".join(f"{name}: {value}" for name, value in facts.items()), as_json)


def _facts(folder: Path) -> dict[str, object]:
    from storyanim.retrieve.index import read_info

    info = read_info(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"clips": info.num_clips, "videos": info.num_videos, "skipped": info.skipped, "encoder": info.encoder,
            "factory": info.factory, "search": info.search, "bytes": size}
