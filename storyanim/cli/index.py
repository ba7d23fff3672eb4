"""`storyanim index` and `storyanim search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import PartialError, UsageError


def index(
    sources: Annotated[list[Path],
                       typer.Argument(metavar="SOURCE...", help="Folders of videos, videos, "
                                                    "tables of videos (.csv .parquet), archives (.tar), "
                                                    "folders of embeddings.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Index folder to write.")] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the index, and follow what changed in its sources.")
    ] = False,
    captions: Annotated[
        Path | None, typer.Option(help="CSV of file and caption. [default: captions.tsv in SOURCE]")
    ] = None,
    index_factory: Annotated[
        str | None, typer.Option(help="FAISS index_factory string, as HNSW32. [default: by size]")
    ] = None,
    executor: flags.Executor = flags.ExecutorFlag.local,
    ray_address: flags.RayAddress = None,
    profile: flags.Profile = "auto",
    json_: flags.AsJson = False,
) -> None:
    """Index videos so that shots can move as they do."""
    if out is None:
        raise UsageError("no index folder was named", hint="say where to write it, with -o DIR")
    flags.check_ray(executor, ray_address)
    from storyanim import api

    try:
        with console.progress("index") as bar:
            info = api.build_index(
                sources, out, append=append, captions=captions, index_factory=index_factory, profile=profile,
                executor=executor.value, ray_address=ray_address, progress=bar)
    except PartialError:
        index_info(out, json_)
        raise
    console.result(_facts(out), f"{out}: {info.num_clips} clips of {info.num_videos} videos", json_)


def index_info(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="Index folder.")],
    json_: flags.AsJson = False,
) -> None:
    """Print what an index holds: its clips, videos, encoder and size."""
    facts = _facts(folder)
    console.result(facts, "\n".join(f"{name}: {value}" for name, value in facts.items()), json_)


def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="Index folder.")],
    query: Annotated[str, typer.Argument(help='What to look for: "a dog jumping".')],
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=100, help="How many hits.")] = 8,
    sheet: Annotated[Path, typer.Option(help="PNG of the hits.")] = Path("search.png"),
    filters: Annotated[list[str] | None,
                       typer.Option("--filter", metavar="NAME>=VALUE", help="Only such clips, as in "
                       "'motion>=0.01'; names: duration, aspect, motion, fps, source, licence.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with all clips, whatever kind of index it "
                                                        "is.")] = False,
    profile: flags.Profile = "auto",
    json_: flags.AsJson = False,
) -> None:
    """Find clips in an index, and draw them as a sheet, with scores and why."""
    from storyanim import api

    hits = api.search(folder, query, count=count, filters=filters or (), exact=exact, profile=profile,
                      sheet=sheet)
    lines = [f"{hit.match.rank:3d}  {hit.match.score:6.3f}  {hit.match.clip_id:24s}  {hit.match.caption}  "
             f"({hit.why})"
             for hit in hits]
    shown = {"clip_id", "path", "start_s", "end_s", "score", "caption", "words", "fits"}
    facts = [hit.match.model_dump(mode="json", include=shown) | {"why": hit.why} for hit in hits]
    console.result(facts, "\n".join([*lines, str(sheet)]), json_)


def _facts(folder: Path) -> dict[str, object]:
    from storyanim.retrieve.index_format import read_info

    info = read_info(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"clips": info.num_clips, "videos": info.num_videos, "skipped": info.skipped,
            "encoder": info.encoder,
            "index_factory": info.index_factory, "search_parameters": info.search_parameters, "bytes": size}
