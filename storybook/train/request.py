"""What is asked of a stage, and what the stages of a family learn from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from storybook.train.loop import LoopOptions, Watch, pick_device
from storybook.world import STORYBOOK_1, World


@dataclass(frozen=True)
class Family:
    """A world, and the sets of its rendered scenes."""

    world: World
    data: str  # folder of the sets in the work folder
    stills: tuple[str, ...]  # sets of single instants
    clips: tuple[str, ...]  # sets of consecutive frames
    base: tuple[str, ...]  # what the image stage learns from
    held: str = "held_stills"  # never trained on
    held_clips: tuple[str, ...] = ("held_clips", "held_duets")  # nor these


SMALL = Family(STORYBOOK_1, "data", ("stills",), ("clips", "duets"), ("stills", "clips", "pairs"))


@dataclass(frozen=True)
class Request:
    """What was asked of a stage."""

    work: Path  # rendered data, checkpoints, logs
    out: Path  # the family's folder, e.g. storyanim/assets/storybook
    loop: LoopOptions = field(default_factory=LoopOptions)
    batch_size: int = 0  # 0: the stage's own
    scratch: bool = False  # do not start from the weights in `out`
    scenes: int | None = None  # render at most so many scenes a set
    watch: Watch | None = None
    times: float = 1.0  # as many minutes as are the stage's own, or scenes
    family: Family = SMALL

    @property
    def device(self) -> torch.device:
        """Where to train."""
        return pick_device(self.loop.device)

    def goes_on(self, part: str) -> bool:
        """Return whether a part of the family is trained on from the weights that it has."""
        return not self.scratch and (self.out / part / "config.json").is_file()

    def folder(self, name: str) -> Path:
        """Of a rendered set."""
        return self.work / self.family.data / name

    def folders(self, names: tuple[str, ...]) -> list[Path]:
        """Of several sets."""
        return [self.folder(name) for name in names]


@dataclass(frozen=True)
class Budget:
    """What a stage takes unless it is told otherwise."""

    minutes: float
    learning_rate: float  # its peak
    batch_size: int


def with_budget(request: Request, budget: Budget) -> Request:
    """Return the request with the stage's own values for what was not asked for."""
    loop = request.loop
    if loop.minutes is None and loop.steps is None:
        loop = replace(loop, minutes=request.times * budget.minutes)
    if loop.learning_rate is None:
        loop = replace(loop, learning_rate=budget.learning_rate)
    return replace(request, loop=loop, batch_size=request.batch_size or budget.batch_size)
