"""`storyanim run`, `storyanim plan` and `storyanim report`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import films, flags, forecast
from storyanim.cli.fetch import confirm_downloads
from storyanim.errors import UsageError

if TYPE_CHECKING:
    from storyanim.run.storyboard import Replan


def run(
    source: Annotated[
        list[Path], typer.Argument(metavar="STORY|STORYBOARD|RUN...",
                                   help="A story (- is standard input), a storyboard, or a run; several: a "
                                        "film of each.")
    ],
    character: flags.Characters = None,
    motion: flags.Motions = None,
    index: flags.Index = None,
    profile: flags.GivenProfile = None,
    planner: flags.Planner = None,
    cast: flags.Cast = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder, of several stories the folder "
                                             "of theirs. [default: runs/TITLE]")] = None,
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
    max_shots: flags.MaxShots = None,
    length: flags.Length = None,
    retries: flags.Retries = None,
    takes: flags.Takes = None,
    workers: flags.Workers = 0,
    style: flags.Style = None,
    replan: flags.Replan = None,
    base: flags.Base = None,
    lora: flags.Loras = None,
    subtitles: flags.Subtitles = None,
    font: flags.Font = None,
    size: flags.Size = None,
    fps: flags.Fps = None,
    author: flags.Author = None,
    narrate: flags.Narrate = None,
    voice: flags.Voice = None,
    music: flags.Music = None,
    ambience: flags.Ambience = None,
    max_memory: flags.MaxMemory = None,
    watch: flags.Watch = False,
    dry_run: flags.DryRun = False,
    yes: flags.Yes = False,
    json_: flags.AsJson = False,
) -> None:
    """Make the film of a story, or of each of several.

    The same command goes on where it stopped, and does nothing when all is done.
    """
    flags.check_ray(executor, ray_address)
    given = {} if control_guidance_end is None else {"control_guidance_end": control_guidance_end}
    given |= flags.memory_settings(max_memory)
    settings = flags.plan_settings(max_shots, length, style) | ({"generate": given} if given else {})
    settings |= flags.model_settings(base, lora) | flags.sound_settings(narrate, voice, music, ambience)
    check = {name: number for name, number in (("retries", retries), ("takes", takes)) if number is not None}
    if check:
        settings["check"] = check
    film = flags.film_settings(subtitles, font, size, fps, author)
    if film := settings.get("film", {}) | film:
        settings["film"] = film
    arguments: dict[str, Any] = {
        "characters": character or (), "motions": motion or (), "index": index, "profile": profile,
        "quality": quality and quality.value, "planner": planner and planner.value,
        "cast": cast and cast.value, "seed": seed, "settings": settings, "executor": executor.value,
        "ray_address": ray_address, "workers": workers, "replan": _replan(replan),
        "confirm": partial(confirm_downloads, yes)}
    if dry_run:
        forecast.run_dry(source, out, arguments, watch, json_)
        return
    if watch:
        films.run_watch(source, out, arguments, json_)
        return
    if len(source) > 1:
        films.run_batch(source, out, arguments, json_)
        return
    from storyanim import api

    with console.progress("film") as bar:
        result = api.make_film(source[0], out=out, progress=bar, **arguments)
    films.show(result, json_)
    result.check_complete()


def _replan(flag: flags.ReplanFlag | None) -> Replan:
    """Return what becomes of edits; asking is left to a terminal. Raises UsageError when asked elsewhere."""
    def ask(conflicts: Sequence[str]) -> None:
        console.say("\n".join(conflicts))
        if flag is None and not console.can_ask():
            console.say("the storyboard before is kept: `storyanim shot undo` goes back to it")
        elif not console.ask("Go on with the rest?"):
            raise UsageError("some edits cannot be kept, nothing was changed",
                             hint="--replan keep goes on without them, --replan discard drops all edits")

    if flag is None or flag is flags.ReplanFlag.ask:
        return ask
    return "keep" if flag is flags.ReplanFlag.keep else "discard"


def plan(
    story: Annotated[Path, typer.Argument(help="A text, Word, EPUB or PDF file; - is standard input.")],
    out: Annotated[Path | None,
                   typer.Option("--out", "-o", help="YAML to write. [default: print it]")] = None,
    character: flags.Characters = None,
    profile: flags.GivenProfile = None,
    planner: flags.Planner = None,
    cast: flags.Cast = None,
    max_shots: flags.MaxShots = None,
    length: flags.Length = None,
    style: flags.Style = None,
    json_: flags.AsJson = False,
) -> None:
    """Split a story into shots, as a file to edit; `storyanim run` takes it."""
    from storyanim import api
    from storyanim.cli.cast import cast_lines, chosen_parts
    from storyanim.engine.folders import check_writable, write_file
    from storyanim.planning.chat_store import last_reply_saved

    if out is not None:
        check_writable(out)
    settings = flags.plan_settings(max_shots, length, style)
    if chosen := chosen_parts(out):
        settings["plan"] = settings.get("plan", {}) | {"stand_ins": chosen}
    beside = (out or (Path("story") if str(story) == "-" else story)).with_suffix(".last_reply.txt")
    with last_reply_saved(beside), console.progress("plan") as bar:
        board = api.plan(story, characters=character or (), profile=profile,
                         planner=None if planner is None else planner.value,
                         cast=None if cast is None else cast.value,
                         settings=settings, progress=bar)
    if out is None:
        console.result(board.model_dump(mode="json"), board.to_yaml().rstrip("\n"), json_)
        console.say(cast_lines(board), quiet=json_ or not board.cast)
        return
    write_file(out, board.to_yaml().encode())
    lines = [f"{out}: {len(board.shots)} shots", cast_lines(board)]
    console.result(board.model_dump(mode="json"), "\n".join(filter(None, lines)), json_)


def report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json_: flags.AsJson = False
) -> None:
    """Write the report of a run again, from what lies in its folder, also while it is drawn."""
    from storyanim.run.report import report_on

    path = report_on(run_folder)
    console.result({"report": str(path)}, str(path), json_)
