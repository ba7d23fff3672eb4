"""`python -m storybook eval`: measure a profile on the storybook world."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storybook.cli import flags

if TYPE_CHECKING:
    from storyanim.config import Settings

app = typer.Typer(no_args_is_help=True, help="Measure what a profile draws of the storybook world.")
Quick = Annotated[bool,
                  typer.Option("--quick", help="Fewer shots: under 5 minutes on two cores instead of 40.")]
JudgeFolder = Annotated[Path | None, typer.Option(
    "--judge", help="Folder made by `python -m storybook train judge`. [default: the bundled one]")]


@app.command()
def storybook(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-storybook"),
    quick: Quick = False,
    prompts: Annotated[int | None, typer.Option(min=2, max=700, help="Drawn from text alone. [default: 200, "
                                                                     "quick 20]")] = None,
    guided: Annotated[int | None, typer.Option(min=2, help="Drawn under structure as well. [default: 100, "
                                                           "quick 10]")] = None,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Count right creatures, colours, accessories, scenes and actions; measure likeness to rendered clips."""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.storybook import QUICK, StorybookSize, evaluate_storybook

    size = QUICK if quick else StorybookSize()
    prompts = prompts or size.prompts
    size = StorybookSize(prompts, min(guided or size.guided, prompts), min(size.long, prompts),
                         min(size.pairs, prompts),
                         min(size.camera, prompts))
    _measure("eval storybook", out, settings, judge, (evaluate_storybook, size), json_)


@app.command()
def structure(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-structure"),
    quick: Quick = False,
    clips: Annotated[int | None, typer.Option(min=2, max=700, help="Of each Fréchet distance. [default: 100, "
                                                                   "quick 7]")] = None,
    shots: Annotated[int | None,
                     typer.Option(min=1, help="Of each point of the curves. [default: 16, quick 3]")] = None,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Measure what depth does for a drawing, over control_guidance_end and the features' scale."""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.structure import QUICK, StructureSize, evaluate_structure

    size = QUICK if quick else StructureSize()
    size = StructureSize(clips or size.clips, shots or size.shots)
    _measure("eval structure", out, settings, judge, (evaluate_structure, size), json_)


@app.command()
def personalization(
    out: Annotated[Path,
                   typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-personalization"),
    quick: Annotated[bool, typer.Option("--quick", help="One character and few prompts.")] = False,
    characters: Annotated[int | None, typer.Option(min=1, max=8,
                                                   help="Held-out characters. [default: 6, quick 1]")] = None,
    prompts: Annotated[int | None,
                       typer.Option(min=1, max=100, help="Of each character. [default: 20, quick 6]")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Of each prompt. [default: 2, quick 1]")] = None,
    together: Annotated[int | None, typer.Option(min=0, max=100, help="Shots with two of them. [default: 20, "
                                                                      "quick 0]")] = None,
    shades: Annotated[int | None, typer.Option(
        min=0, max=7, help="More characters, of colours without a name. [default: 2, quick 0]")] = None,
    curve: Annotated[
        int | None, typer.Option(min=1, help="Shots at each control_guidance_end. [default: 20, quick 2]")
    ] = None,
    ablations: Annotated[bool, typer.Option("--ablations",
                                            help="Also our method without each of its parts.")] = False,
    untold: Annotated[bool, typer.Option(
        "--untold", help="Also all four as published: no words for colour or for what is worn are read off "
                         "pictures.")] = False,
    index: flags.Index = None,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Compare ways to learn a character: does it stay itself, and does it still do what the text says?"""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.personalization import QUICK, PersonalizationSize, evaluate_personalization

    size = QUICK if quick else PersonalizationSize()
    size = replace(size, characters=characters or size.characters, prompts=prompts or size.prompts,
                   seeds=seeds or size.seeds,
                   curve=curve or size.curve, ablations=ablations, untold=untold,
                   together=size.together if together is None else together,
                   shades=size.shades if shades is None else shades)
    work = partial(evaluate_personalization, index=str(index) if index else None)
    _measure("eval personalization", out, settings, judge, (work, size), json_)


@app.command()
def retrieval(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-retrieval"),
    quick: Quick = False,
    clips: Annotated[int | None, typer.Option(min=2, max=10_000,
                                              help="Searched among. [default: 400, quick 100]")] = None,
    queries: Annotated[int | None, typer.Option(min=1, max=528, help="Plain ones to the index. [default: "
                                                                     "528, quick 80]")] = None,
    wordings: Annotated[int | None, typer.Option(min=1, max=700, help="And in held-out words. [default: 200, "
                                                                      "quick 40]")] = None,
    shots: Annotated[int | None, typer.Option(min=1, max=700, help="Drawn in each of 3 ways. [default: 100, "
                                                                   "quick 8]")] = None,
    index: flags.Index = None,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Measure the search: is a clip found by its words, does it move as asked, do shots drawn on it?"""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.retrieval import QUICK, RetrievalSize, evaluate_retrieval

    size = QUICK if quick else RetrievalSize()
    size = replace(size, clips=clips or size.clips, queries=queries or size.queries,
                   shots=shots or size.shots,
                   wordings=wordings or size.wordings)
    work = partial(evaluate_retrieval, index=str(index) if index else None)
    _measure("eval retrieval", out, settings, judge, (work, size), json_)


def _measure(title: str, out: Path, settings: Settings, judge: Path | None, work: tuple[Any, Any],
             as_json: bool) -> None:
    """Open the folder, measures, and shows the table."""
    from storyanim.engine.run_dir import RunDir
    from storybook.evaluate.bench import build_bench

    evaluate, size = work
    with RunDir(out) as run, console.progress(title) as bar:
        result = evaluate(run, build_bench(settings, judge), size, bar)
        table = (run.path / "table.md").read_text("utf-8")
    console.result(result, f"{table}\n{out / 'sheet.png'}: what was drawn, unpicked", as_json)
