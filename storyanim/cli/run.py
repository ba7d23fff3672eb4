"""`storyanim run`, `storyanim plan` and `storyanim report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyanim import console
from storyanim.cli import flags

if TYPE_CHECKING:
    from storyanim.run.pipeline import FilmResult


def run(
    source: Annotated[
        Path, typer.Argument(metavar="STORY|STORYBOARD|RUN", help="A story, a storyboard, or a run to go on.")
    ],
    character: flags.Characters = None,
    index: flags.Index = None,
    profile: flags.GivenProfile = None,
    planner: flags.Planner = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder. [default: runs/TITLE]")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Another seed, another film. [default: 0]")
    ] = None,
    quality: flags.GivenQuality = None,
    control_guidance_end: Annotated[
        float | None,
        typer.Option(
            "--control-guidance-end",
            "--structure-until",
            min=0,
            max=1,
            help="Part of the drawing that follows the depth, 0 to 1.",
        ),
    ] = None,
    executor: flags.Executor = flags.ExecutorFlag.local,
    ray_address: flags.RayAddress = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Shots drawn at once. 0: as the machine allows.")
    ] = 0,
    json_: flags.AsJson = False,
) -> None:
    """Make the film of a story.

    The same command goes on where it stopped, and does nothing when all is done.
    """
    flags.check_ray(executor, ray_address)
    from storyanim import api

    given = {} if control_guidance_end is None else {"control_guidance_end": control_guidance_end}
    settings = {"generate": given} if given else {}
    with console.progress("film") as bar:
        result = api.make_film(
            source, characters=character or (), out=out, index=index, profile=profile,
            quality=None if quality is None else quality.value,
            planner=None if planner is None else planner.value,
            seed=seed, settings=settings, executor=executor.value, ray_address=ray_address,
            workers=workers, progress=bar)
    _show(result, json_)
    result.check_complete()


def plan(
    story: Annotated[Path, typer.Argument(help="A text file.")],
    out: Annotated[Path | None,
                   typer.Option("--out", "-o", help="YAML to write. [default: print it]")] = None,
    character: flags.Characters = None,
    profile: flags.GivenProfile = None,
    planner: flags.Planner = None,
    json_: flags.AsJson = False,
) -> None:
    """Split a story into shots, as a file to edit; `storyanim run` takes it."""
    from storyanim import api
    from storyanim.engine.folders import check_writable, write_file

    if out is not None:
        check_writable(out)
    board = api.plan(story, characters=character or (), profile=profile,
                     planner=None if planner is None else planner.value)
    if out is None:
        console.result(board.model_dump(mode="json"), board.to_yaml().rstrip("\n"), json_)
        return
    write_file(out, board.to_yaml().encode())
    console.result(board.model_dump(mode="json"), f"{out}: {len(board.shots)} shots", json_)


def report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json_: flags.AsJson = False
) -> None:
    """Write the report of a run again, from what lies in its folder."""
    from storyanim.engine.run_dir import RunDir
    from storyanim.run.report import write_report
    from storyanim.run.request import read_request

    settings = read_request(run_folder).settings()
    with RunDir(run_folder) as opened:
        path = write_report(opened, settings)
    console.result({"report": str(path)}, str(path), json_)


def _show(result: FilmResult, as_json: bool) -> None:
    shots = result.storyboard.shots
    facts = {
        "run": str(result.folder), "film": str(result.path), "report": str(result.report),
        "duration_s": round(result.film.value.duration_s, 3), "shots": len(shots),
        "drawn": list(result.redrawn), "failed": dict(result.failed),
        "unsupported_words": {
            shot.id: list(shot.unsupported_words) for shot in shots if shot.unsupported_words
        },
        "pictures": {name: survey.findings() for name, survey in result.surveys.items()},
    }
    lines = [f"{result.path}: {len(result.shots)} shots, {facts['duration_s']:.1f} s",
             f"{result.report}: how it came about"]
    if unsupported_words := sorted({word for shot in shots for word in shot.unsupported_words}):
        lines.append(f"not drawn, the model lacks the words: {', '.join(unsupported_words)}")
    console.result(facts, "\n".join(lines), as_json)
