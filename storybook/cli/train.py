"""`python -m storybook train STAGE`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console

if TYPE_CHECKING:
    from storybook.train.request import Request
    from storybook.world import World


class Stage(StrEnum):
    """The stages of train/recipe.py, the judge's and the reader's, here since those files load torch."""

    data = "data"
    autoencoder = "autoencoder"
    decoder = "decoder"  # at 256 pixels only
    latents = "latents"  # likewise
    clip = "clip"
    depth = "depth"
    base = "base"
    structure = "structure"
    motion = "motion"
    text = "text"
    library = "library"
    examples = "examples"
    judge = "judge"
    reader = "reader"  # of the product, by which drawn shots are checked


class Size(StrEnum):
    """Of a family's pictures."""

    small = "128"
    large = "256"


def train(
    stage: Annotated[Stage, typer.Argument(help="What to train, or to render.")],
    minutes: Annotated[float | None,
                       typer.Option(help="Compute for so long in all. [default: the stage's own]")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of minutes.")] = None,
    times: Annotated[float,
                     typer.Option(min=0.01, help="So many times the stage's own minutes, or scenes.")] = 1.0,
    work: Annotated[Path, typer.Option(help="Folder of rendered data, checkpoints and logs.")] = Path("work"),
    out: Annotated[Path | None,
                   typer.Option(help="Family's folder, or the judge's. [default: the bundled one]")] = None,
    scratch: Annotated[bool,
                       typer.Option("--scratch", help="Do not start from the weights in --out.")] = False,
    scenes: Annotated[int | None,
                      typer.Option(help="Render at most so many scenes a set (stages data, judge).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="[default: the stage's own]")] = None,
    size: Annotated[Size, typer.Option(help="Of pictures; 256 is a family of its own, of another world.")] = (
        Size.small
    ),
    rate: Annotated[float | None,
                    typer.Option("--learning-rate", help="Its peak. [default: the stage's own]")] = None,
    decay: Annotated[float,
                     typer.Option(min=0.0, max=1.0, help="Share of the budget, at its end, over which "
                                  "the rate falls; 0: never, for a training to be prolonged.")] = 1.0,
    ema: Annotated[float, typer.Option(min=0.0, max=0.99999, help="Decay of the averaged weights.")] = 0.998,
    compile_: Annotated[bool, typer.Option("--compile",
                                           help="Stage base: torch.compile; needs a C++ compiler.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int,
                       typer.Option(min=0, help="Processes that render, and on a GPU make the batches.")] = 2,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train a stage of the storybook family, or its judge; the same command goes on from its checkpoint."""
    from storyanim.config import asset
    from storybook.evaluate.judge import JUDGE
    from storybook.train import recipe, recipe256
    from storybook.train.loop import LoopOptions, LoopState
    from storybook.train.request import Request

    with console.progress(f"train {stage.value}") as bar:
        def watch(done: float, state: LoopState, figures: dict[str, float]) -> None:
            bar(done,
                f"step {state.step}  " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))

        loop = LoopOptions(minutes=minutes, steps=steps, device=device, learning_rate=rate, decay=decay,
                           ema=ema, compile=compile_, workers=workers)
        run_stage, bundled = recipe.run_stage, asset("storybook")
        family = {Stage.judge: JUDGE, Stage.reader: bundled / "reader"}.get(stage, bundled)
        if size is Size.large:
            work, run_stage = work / size.value, recipe256.run_stage
            family = work / {Stage.judge: "judge", Stage.reader: "storybook/reader"}.get(stage, "storybook")
        request = Request(work, out or family, loop, batch_size or 0, scratch, scenes, watch, times)
        world = recipe256.LARGE.world if size is Size.large else request.family.world
        reads = stage in (Stage.judge, Stage.reader)
        figures = _train_reading(stage, request, world) if reads else run_stage(stage.value, request)
    console.result(figures, "\n".join(f"{key}: {value:.5g}" for key, value in figures.items()), json_)


def _train_reading(stage: Stage, request: Request, world: World) -> dict[str, float]:
    """Hand the loop of the generators' stages to the room that measures them: neither imports the other."""
    from dataclasses import replace

    from storybook.evaluate.judge_training import LEARNING_RATE, MINUTES, JudgeTraining, train_judge
    from storybook.evaluate.reader_training import train_reader
    from storybook.train.loop import LoopState, train

    loop = replace(request.loop, learning_rate=request.loop.learning_rate or LEARNING_RATE)
    if loop.minutes is None and loop.steps is None:
        loop = replace(loop, minutes=request.times * MINUTES)

    def teach(part: Any, folder: Path, share: float) -> LoopState:
        steps = None if loop.steps is None else max(1, round(share * loop.steps))
        minutes = None if loop.minutes is None else share * loop.minutes
        return train(part, replace(loop, steps=steps, minutes=minutes), folder, watch=request.watch)

    training = JudgeTraining(request.work, request.out, request.device, request.batch_size, request.scratch,
                             request.scenes, world=world)
    return (train_judge if stage is Stage.judge else train_reader)(training, teach)
