"""`storyanim run`, `storyanim plan` and `storyanim report`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import InputError, UsageError

if TYPE_CHECKING:
    from storyanim.artifacts import Story, Storyboard
    from storyanim.config import Settings
    from storyanim.engine.run_dir import RunDir
    from storyanim.run.order import FilmRequest
    from storyanim.run.pipeline import Production
    from storyanim.stages import Executor


def run(
    source: Annotated[Path, typer.Argument(metavar="STORY|STORYBOARD|RUN", help="A story, a storyboard, or a run to go on.")],
    character: flags.Characters = None,
    index: flags.Index = None,
    profile: flags.Profile = "storybook",
    planner: flags.Planner = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder. [default: runs/TITLE]")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another film.")] = 0,
    quality: flags.Quality = flags.QualityFlag.normal,
    structure_until: Annotated[
        float | None, typer.Option("--structure-until", min=0, max=1, help="Part of the drawing that follows the depth, 0 to 1.")
    ] = None,
    executor: flags.Executor = flags.ExecutorFlag.local,
    ray_address: flags.RayAddress = None,
    json_: flags.AsJson = False,
) -> None:
    """Make the film of a story. The same command goes on where it stopped, and does nothing when all is done."""
    from storyanim.engine.run_dir import RunDir
    from storyanim.run.cast import CharacterRequest
    from storyanim.run.order import make_requested_film
    from storyanim.run.pipeline import check_complete

    if not source.exists():
        raise InputError(f"there is no file {source}", hint="give a text file with a story, a storyboard.yaml, or a run folder")
    given: dict[str, Any] = {
        "characters": tuple(CharacterRequest.parse(text) for text in character or ()),
        "index": str(index.resolve()) if index else None, "profile": _profile(profile), "quality": quality.value, "seed": seed,
        "flags": _sections(planner, structure_until),
    }
    order, board, folder = _ordered(source, given, out)
    settings = order.settings()                      # before anything is written: wrong settings leave no folder
    _check_index(order)
    _tell_language(order.story, settings)
    by_ray = flags.check_ray(executor, ray_address)
    with RunDir(folder) as opened, console.progress(f"film {folder.name}") as bar:
        production = make_requested_film(opened, order, board, bar, _ray_shots(opened, order, ray_address) if by_ray else None)
    _tell(folder, production, json_)
    check_complete(production)


def plan(
    story: Annotated[Path, typer.Argument(help="A text file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="YAML to write. [default: print it]")] = None,
    character: flags.Characters = None,
    profile: flags.Profile = "storybook",
    planner: flags.Planner = None,
    json_: flags.AsJson = False,
) -> None:
    """Split a story into shots, as a file to edit; `storyanim run` takes it."""
    from storyanim.config import load_settings
    from storyanim.engine.folders import check_place, write_file
    from storyanim.plan import build_planner, read_story
    from storyanim.run.cast import CharacterRequest, read_cast

    if out is not None:
        check_place(out)
    settings = load_settings(_profile(profile), "normal", **_sections(planner, None))
    read = read_story(story)
    _tell_language(read, settings)
    cast = read_cast([CharacterRequest.parse(text) for text in character or ()], read.text, settings)
    board = build_planner(settings).plan(read, cast.members)
    if out is None:
        console.result(board.model_dump(mode="json"), board.to_yaml().rstrip("\n"), json_)
        return
    write_file(out, board.to_yaml().encode())
    console.result(board.model_dump(mode="json"), f"{out}: {len(board.shots)} shots", json_)


def report(run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")], json_: flags.AsJson = False) -> None:
    """Write the report of a run again, from what lies in its folder."""
    from storyanim.engine.run_dir import RunDir
    from storyanim.film.report import render
    from storyanim.run.order import production_of, read_request, report_of

    read_request(run_folder)
    with RunDir(run_folder) as opened:
        production = production_of(opened)
        path = opened.write("report.html", render(report_of(opened, production), opened.path))
    console.result({"report": str(path)}, str(path), json_)


def _ordered(source: Path, given: dict[str, Any], out: Path | None) -> tuple[FilmRequest, Storyboard | None, Path]:
    """The order, the storyboard when one was given, and the run folder."""
    from storyanim.artifacts import Story
    from storyanim.run.order import FilmRequest, read_request, read_source

    if source.is_dir():
        old = read_request(source)
        if out is not None and out.resolve() != source.resolve():
            raise UsageError("a run goes on in its own folder", hint="leave out --out, or give the story again")
        changed = {name: value for name, value in given.items() if value != _DEFAULTS[name]}
        return old.model_copy(update=changed), None, source
    read = read_source(source)
    story = read if isinstance(read, Story) else None
    folder = out or Path("runs") / slug(read.title)
    return FilmRequest(story=story, **given), None if story else read, folder  # type: ignore[return-value]


_DEFAULTS: dict[str, Any] = {"characters": (), "index": None, "profile": "storybook", "quality": "normal", "seed": 0, "flags": {}}


def slug(title: str) -> str:
    """A title as a folder's name: "The Bear & the Lake" → "the-bear-the-lake"."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title).lower().replace("'", "").replace("’", ""))
    return "-".join(words)[:60].rstrip("-") or "story"


def _sections(planner: flags.PlannerFlag | None, structure_until: float | None) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    if planner is not None:
        sections["plan"] = {"planner": planner.value}
    if structure_until is not None:
        sections["generate"] = {"structure_until": structure_until}
    return sections


def _profile(name: str) -> str:
    """A profile's file by its absolute path, so that the run folder finds it again."""
    return str(Path(name).resolve()) if name.endswith(".toml") else name


def _ray_shots(run: RunDir, order: FilmRequest, address: str | None) -> Executor:
    import torch

    from storyanim.engine.ray_shards import RayShards
    from storyanim.run.ray import RayShots

    return RayShots(run.path, order.settings(), order.index, RayShards(address, cpus=torch.get_num_threads()))


def _tell_language(story: Story | None, settings: Settings) -> None:
    from storyanim.plan import reads_english

    if story is not None and settings.plan.planner == "rules" and not reads_english(story.text):
        console.say("this story does not look like English, which is all that the rules read: they will find nobody and nothing "
                    "in it; translate it, or let a language model plan it (`--planner openai`)")


def _check_index(order: FilmRequest) -> None:
    from storyanim.retrieve.index import read_info

    if order.index:
        read_info(Path(order.index))


def _tell(folder: Path, production: Production, as_json: bool) -> None:
    film = production.film
    made = [work for work in production.work if work.clip]
    facts = {
        "run": str(folder), "film": str(folder / "film.mp4"), "report": str(folder / "report.html"),
        "duration_s": round(film.value.duration_s, 3) if film else 0.0, "shots": len(production.work),
        "drawn": [work.shot.id for work in made if work.frames and work.frames.fresh], "failed": production.failed,
        "unsaid": {work.shot.id: list(work.shot.unsaid) for work in production.work if work.shot.unsaid},
        "pictures": {name: survey.findings() for name, survey in production.surveys.items()},
    }
    lines = [f"{folder / 'film.mp4'}: {len(made)} shots, {facts['duration_s']:.1f} s",
             f"{folder / 'report.html'}: how it came about"]
    if unsaid := sorted({word for work in production.work for word in work.shot.unsaid}):
        lines.append(f"not drawn, the model lacks the words: {', '.join(unsaid)}")
    console.result(facts, "\n".join(lines), as_json)
