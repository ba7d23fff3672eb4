"""`python -m storybook eval`: measure a profile on the storybook world."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
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
def loop(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-loop"),
    quick: Quick = False,
    prompts: Annotated[int | None, typer.Option(min=2, max=700, help="[default: 200, quick 12]")] = None,
    retries: Annotated[int, typer.Option(min=0, max=9, help="Times that a shot is drawn again.")] = 1,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Count right shots before and after those that read back wrong are drawn again; plant broken ones."""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.loop import QUICK, LoopSize, evaluate_loop

    size = LoopSize(prompts or (QUICK if quick else LoopSize()).prompts, retries)
    _measure("eval loop", out, settings, judge, (evaluate_loop, size), json_)


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
    without_words: Annotated[bool, typer.Option(
        "--without-words",
        help="Also all four as published: no words for colour or appearance are read off pictures.")] = False,
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
                   curve=curve or size.curve, ablations=ablations, without_words=without_words,
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


@app.command()
def regions(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-regions"),
    quick: Quick = False,
    pairs: Annotated[int | None,
                     typer.Option(min=0, max=500, help="Of two figures. [default: 24, quick 4]")] = None,
    triples: Annotated[int | None,
                       typer.Option(min=0, max=500, help="Of three figures. [default: 12, quick 2]")] = None,
    events: Annotated[int | None, typer.Option(
        min=0, max=500, help="Of one figure that does two things in turn. [default: 24, quick 4]")] = None,
    learned_pairs: Annotated[int | None, typer.Option(
        min=0, max=100, help="Of the two bundled example characters. [default: 6, quick 0]")] = None,
    variants: Annotated[bool, typer.Option(
        "--variants", help="Draw the pairs also without footage of the figures, in tight boxes, and with a "
                           "caption of each alone.")] = False,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Count clips whose figures each do their own action, drawn from one prompt and with regions."""
    from storyanim.config import load_settings

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.regions import QUICK, RegionsSize, evaluate_regions

    size = QUICK if quick else RegionsSize()
    given = {"pairs": pairs, "triples": triples, "events": events, "learned_pairs": learned_pairs}
    size = replace(size, variants=variants, **{name: n for name, n in given.items() if n is not None})
    _measure("eval regions", out, settings, judge, (evaluate_regions, size), json_)


class AblationFlag(StrEnum):
    """An arm of DreamRunner's Tables 5 and 6."""

    unfiltered_20 = "20_unfiltered"
    filtered_3 = "3_filtered"
    filtered_20 = "20_filtered"
    one_caption = "one_caption"
    without_debiasing = "without_debiasing"
    without_spatial_loras = "without_spatial_loras"


@app.command()
def motion(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("runs/eval-motion"),
    quick: Quick = False,
    motions: Annotated[list[str] | None, typer.Option("--motion", help="Of those that no model was shown. "
                                                                       "[default: all, quick one]")] = None,
    prompts: Annotated[int | None, typer.Option(min=1, max=500, help="Of each motion, each drawn in 4 ways. "
                                                                     "[default: 8, quick 4]")] = None,
    others: Annotated[int | None, typer.Option(min=1, max=500, help="Of known actions, with and without each "
                                                                    "motion. [default: 8, quick 2]")] = None,
    ablation: Annotated[list[AblationFlag] | None, typer.Option("--ablation", help="Learned and drawn, too.")
                        ] = None,
    judge: JudgeFolder = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Count clips with a motion that no model was shown, learned from retrieved clips."""
    from storyanim.config import load_settings
    from storyanim.errors import UsageError

    settings = load_settings(profile, quality.value)
    from storybook.evaluate.motion import QUICK, MotionSize, evaluate_motion
    from storybook.evaluate.motion_footage import MOTIONS

    if unknown := set(motions or ()) - set(MOTIONS):
        raise UsageError(f"there is no motion {min(unknown)!r}", hint=f"known are {', '.join(MOTIONS)}")
    size = QUICK if quick else MotionSize()
    size = replace(size, motions=tuple(motions or size.motions), prompts=prompts or size.prompts,
                   others=others or size.others, ablations=tuple(name.value for name in ablation or ()))
    _measure("eval motion", out, settings, judge, (evaluate_motion, size), json_)


class PlannerFlag(StrEnum):
    """A planner by its name in the settings."""

    rules = "rules"
    openai = "openai"


class HalfFlag(StrEnum):
    """Which labelled stories: those to look at while writing, those scored only, those that came later."""

    seen = "seen"
    further = "further"
    held = "held"
    fresh = "fresh"
    all = "all"


@app.command()
def planner(
    profile: flags.Profile = "storybook",
    name: Annotated[PlannerFlag, typer.Option("--planner", help="openai: the chat server of the settings.")
                    ] = PlannerFlag.rules,
    half: Annotated[HalfFlag, typer.Option("--half", help="Of tests/planning/stories; all: seen and held.")
                    ] = HalfFlag.all,
    faults: Annotated[bool, typer.Option("--faults", help="Tell each shot with a fault; of seen and further.")
                      ] = False,
    json_: flags.AsJson = False,
) -> None:
    """Compare storyboards with stories labelled by hand: cuts, who acts, what, where, when, and the query."""
    from storyanim.config import load_settings
    from storyanim.errors import UsageError

    if faults and half not in {HalfFlag.seen, HalfFlag.further}:
        raise UsageError("--faults shows stories that are scored only", hint="take --half seen or further")
    settings = load_settings(profile)
    settings = settings.model_copy(update={"plan": settings.plan.model_copy(update={"planner": name.value})})
    from storybook.evaluate.planner import describe_faults, planner_table, score_planner, summarize
    from storybook.evaluate.planner_stories import HALVES, load_stories

    stories = load_stories(halves=HALVES if half is HalfFlag.all else (half.value,))
    with console.progress("eval planner") as bar:
        scores = score_planner(settings, stories, bar)
    result = {"profile": profile, "planner": name.value, "half": half.value, **summarize(scores)}
    told = "\n".join(describe_faults(scores)) + "\n\n" if faults else ""
    console.result(result, told + planner_table(result), json_)


def _measure(title: str, out: Path, settings: Settings, judge: Path | None, work: tuple[Any, Any],
             as_json: bool) -> None:
    """Open the folder, measures, and shows the table."""
    from storyanim.engine.run_dir import RunDir
    from storybook.evaluate.bench import build_bench

    evaluate, size = work
    with RunDir(out) as run, console.progress(title) as bar:
        result = evaluate(run, build_bench(settings, judge), size, bar)
        table = (run.path / "table.md").read_text("utf-8")
    sheets = ", ".join(str(path) for path in sorted(out.glob("*.png")))
    console.result(result, f"{table}\n{sheets}: what was drawn, unpicked", as_json)
