"""How the judge learns: rendered clips and stills, their colours left alone, everything else shaken a little.

First from single frames, all of other scenes, since a clip's frames say nearly the same eight times; then,
from what it sees in clips, how things move: its eye is done by then, so that clips are looked at once and
read a thousand times.

The training loop is the one of the generators' stages; it is handed in, since this room knows nothing of
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from storyanim.artifacts import Frames
from storyanim.device import quick_autocast
from storyanim.engine.folders import write_file
from storyanim.readback.network import CELL_PX, ReaderNetwork
from storybook.evaluate import judge_data
from storybook.evaluate.judge import WEIGHTS, Judge, load_network, save_network
from storybook.evaluate.judge_data import COVER_PX, FPS, SIZE_PX, JudgeSets, JudgeShard
from storybook.evaluate.labels import ATTRIBUTES, UNKNOWN, Labels
from storybook.evaluate.metrics import accuracy
from storybook.evaluate.network import JudgeNetwork, Shape
from storybook.world import STORYBOOK_1, World

MINUTES = 18.0                                       # on two cores
LEARNING_RATE = 2e-3
FRAMES = 192                                         # of a batch
ACTION_WEIGHT = 0.5                                  # of what one frame tells of the action, which is not all
MOVING_SHARE = 0.08                                  # of the minutes
MOVING_CLIPS = 64                                    # of a batch
LOOKS = 3                                            # at each clip, shaken another way each time
# of 32 cells: a crop's side, by which pictures differ in size and place
LEAST_CROP = 29
SOFT_SHARE, NOISY_SHARE = 0.3, 0.3                   # drawn frames are softer and noisier than rendered ones
SOFTEST_PX = 56
_HEAD = (
    "## Storybook judge", "",
    "Reads creature, colour, accessory, scene and action from a clip at 8 frames a second; "
    "`python -m storybook eval` counts with it.",
    "Its features, the layer before the last, are those of the Fréchet distances.",
)
Batch = dict[str, Any]


class Spent(Protocol):
    """What a training took."""

    step: int
    seconds: float


class JudgeStage:
    """What the training loop asks of a stage: all that one frame tells."""

    name = "judge"

    def __init__(
        self, network: ReaderNetwork, clips: list[JudgeShard], stills: list[JudgeShard], *, batch_size: int,
        device: torch.device
    ) -> None:
        self.judge = network.to(device, memory_format=torch.channels_last).requires_grad_(True)
        self.network: nn.Module = self.judge
        self.shards, self.batch_size, self.device = [*clips, *stills], batch_size, device

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Single frames, one of a scene."""
        drawn = [_draw(self.shards, rng) for _ in range(self.batch_size)]
        at = [int(rng.integers(len(rgb))) for rgb, _, _ in drawn]
        shaken = [shake(rgb[k:k + 1], cover[k:k + 1], rng) for (rgb, cover, _),
                  k in zip(drawn, at, strict=True)]
        return {
            "rgb": torch.cat([rgb for rgb, _ in shaken]),                    # (B, 3, H, W)
            "cover": torch.cat([cover for _, cover in shaken]),              # (B, h, w)
            # (B, 5)
            "labels": torch.from_numpy(np.stack([labels for _, _, labels in drawn]).astype(np.int64)),
        }

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Cross entropy of all attributes, and of where the creature is.

        The shares of this batch that were right.
        """
        rgb = batch["rgb"].to(self.device, memory_format=torch.channels_last)
        with quick_autocast(self.device):
            seen, cells = self.judge.look(rgb)
            read, _ = self.judge.read(seen[:, None])
        total = F.binary_cross_entropy_with_logits(cells.float(), batch["cover"].to(self.device))
        labels, figures = batch["labels"].to(self.device), {}
        for column, name in enumerate(ATTRIBUTES):
            logits, truth = read[name].float(), labels[:, column]
            known = truth != UNKNOWN
            if known.any():
                weight = ACTION_WEIGHT if name == "action" else 1.0
                total = total + weight * F.cross_entropy(logits[known], truth[known])
                figures[name] = _right(logits[known], truth[known])
        return total, figures


class MovingStage:
    """The same of what clips tell: the action. All else stays as it is."""

    name = "judge_moving"

    def __init__(self, network: ReaderNetwork, clips: list[JudgeShard], *, batch_size: int,
                 device: torch.device) -> None:
        self.judge = network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self.network: nn.Module = network.moving_parts().requires_grad_(True)
        self.batch_size, self.device = batch_size, device
        self.labels = torch.from_numpy(np.concatenate([shard.labels for shard in clips]).astype(np.int64))
        self.seen = self._looked(clips)                                      # (LOOKS, N, T, F)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return clips as they were seen in one of the looks."""
        rows, looks = rng.integers(len(self.labels),
                                   size=self.batch_size), rng.integers(LOOKS, size=self.batch_size)
        return {"seen": self.seen[looks, rows], "action": self.labels[rows, ATTRIBUTES.index("action")]}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Cross entropy of the action."""
        read, _ = self.judge.read(batch["seen"].to(self.device))
        truth = batch["action"].to(self.device)
        return F.cross_entropy(read["action"], truth), {"action": _right(read["action"], truth)}

    def _looked(self, clips: list[JudgeShard]) -> torch.Tensor:
        rng, looks = np.random.default_rng(0), []
        with torch.inference_mode(), quick_autocast(self.device):
            for _ in range(LOOKS):
                seen = []
                for shard in clips:
                    for rgb, cover in zip(shard.rgb, shard.cover, strict=True):
                        picture = shake(rgb, cover, rng)[0].to(self.device, memory_format=torch.channels_last)
                        seen.append(self.judge.look(picture)[0].float().cpu())
                looks.append(torch.stack(seen))
        return torch.stack(looks).clone()


def _right(logits: torch.Tensor, truth: torch.Tensor) -> float:
    return float((logits.detach().argmax(1) == truth).float().mean())


def _draw(shards: list[JudgeShard], rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8],
                                                                       Labels]:
    """Return a scene at random, each as likely as any other: rgb, cover, labels."""
    ends = np.cumsum([len(shard.labels) for shard in shards])
    index = int(rng.integers(ends[-1]))
    place = int(np.searchsorted(ends, index, side="right"))
    shard, row = shards[place], index - int(ends[place])
    return shard.rgb[row], shard.cover[row], shard.labels[row]


def shake(rgb: NDArray[np.uint8], cover: NDArray[np.uint8],
          rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a clip (T, H, W, 3) with its cover (T, H / 4, W / 4), the same way in all frames: cropped,
    perhaps mirrored, soft or
    noisy, a little darker or lighter. Returns (T, 3, H, W) in about [-1, 1], and (T, H / 16, W / 16) in [0,
    1].
    """
    cells = SIZE_PX // COVER_PX
    side = int(rng.integers(LEAST_CROP, cells + 1))
    top, left = (int(at) for at in rng.integers(0, cells - side + 1, 2))
    a, b, c, d = (COVER_PX * edge for edge in (top, top + side, left, left + side))
    picture = torch.from_numpy(np.array(rgb[:, a:b, c:d])).permute(0, 3, 1, 2).float() / 127.5 - 1
    where = torch.from_numpy(np.array(cover[:, top:top + side, left:left + side], np.float32))[:, None] / 255
    if rng.random() < SOFT_SHARE:
        small = int(rng.integers(SOFTEST_PX, SIZE_PX))
        picture = F.interpolate(picture, (small, small), mode="bilinear", antialias=True)
    picture = F.interpolate(picture, (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=False)
    where = F.interpolate(where, (cells, cells), mode="bilinear", align_corners=False)
    where = F.avg_pool2d(where, CELL_PX // COVER_PX)[:, 0]
    picture = (picture + 1) * float(rng.uniform(0.88, 1.12)) - 1
    if rng.random() < NOISY_SHARE:
        strength = float(rng.uniform(0.0, 0.12))
        picture = picture + strength * torch.from_numpy(rng.standard_normal(picture.shape, np.float32))
    if rng.random() < 0.5:
        picture, where = picture.flip(3), where.flip(2)
    return picture, where


@dataclass(frozen=True)
class JudgeTraining:
    """What was asked of the training of a judge, or of a reader."""

    work: Path                                       # rendered data, checkpoint, log
    out: Path                                        # its folder
    device: torch.device
    batch_size: int = 0                              # 0: the stage's own
    scratch: bool = False                            # do not start from the weights in `out`
    scenes: int | None = None                        # render at most so many a set
    shape: Shape = field(default_factory=Shape)      # of a judge
    world: World = STORYBOOK_1                       # whose clips it is to read


Teach = Callable[[Any, Path, float], Spent]
"""The training loop, called with the stage, the folder of its checkpoint, and its share of the budget."""


def train_judge(training: JudgeTraining, teach: Teach) -> dict[str, float]:
    """Render what is missing, train, measure on clips that were never trained on, write weights and card.

    Returns the measured accuracy of each attribute. Raises ResourceError, ModelError, and what `teach`
    raises.
    """
    known = (training.out / WEIGHTS).is_file() and not training.scratch
    network = load_network(training.out) if known else JudgeNetwork(training.shape, training.world)
    spent, held = train_network(network, judge_data.sets_of(training.world), training, teach)
    save_network(network, training.out)
    judge = Judge(training.out)
    figures = measure(lambda clips: judge.read(clips).labels, held)
    write_file(training.out / "README.md", card(_HEAD, "judge", spent, figures, held).encode())
    return figures


def train_network(
    network: ReaderNetwork, sets: JudgeSets, training: JudgeTraining, teach: Teach, name: str = "judge"
) -> tuple[tuple[Spent, Spent], list[JudgeShard]]:
    """Train it on single frames, then on how things move; `name` is the checkpoints'.

    Returns what both took, and the clips that measure it. Raises ResourceError, and what `teach` raises.
    """
    clips, held, *stills = (judge_data.render_set(plan, training.work, limit=training.scenes)
                            for plan in (sets.clips, sets.held, *sets.stills))
    stage = JudgeStage(network, clips, [shard for some in stills for shard in some],
                       batch_size=training.batch_size or FRAMES, device=training.device)
    spent = teach(stage, training.work / name, 1 - MOVING_SHARE)
    moving = MovingStage(network, clips, batch_size=MOVING_CLIPS, device=training.device)
    return (spent, teach(moving, training.work / f"{name}_moving", MOVING_SHARE)), held


def measure(read: Callable[[Iterable[Frames]], Labels], held: list[JudgeShard]) -> dict[str, float]:
    """Accuracy of each attribute, and of all together, on rendered clips, of a function that reads clips."""
    clips = (Frames(np.asarray(rgb), FPS) for shard in held for rgb in shard.rgb)
    return accuracy(read(clips), np.concatenate([shard.labels for shard in held]))


def card(
    head: Sequence[str], stage: str, spent: tuple[Spent, Spent], figures: dict[str, float],
    held: list[JudgeShard],
) -> str:
    """Return a model card. Args: head: its title, and what it is for."""
    frames, moved = spent
    count = sum(len(shard.labels) for shard in held)
    return "\n".join([
        "# Model card", "", *head, "",
        f"- made by: `python -m storybook train {stage}`, {frames.step:,} steps of {FRAMES} single frames "
        f"and {moved.step:,} of {MOVING_CLIPS} clips, {(frames.seconds + moved.seconds) / 60:.1f} minutes of "
        "computing",
        "- network: timm's ResNet on each frame, pooled where the creature is, two convolutions over time "
        "(`storyanim/readback/network.py`)",
        "- data: scenes rendered by `storybook.world` with seeds that nothing else was trained on "
        "(`storybook/evaluate/judge_data.py`), every fourth a combination that generators never see",
        f"- accuracy on {count} fresh rendered clips of {held[0].rgb.shape[1]} frames, the ceiling of what "
        "it can measure: "
        + ", ".join(f"{name} {100 * value:.1f} %" for name, value in figures.items()),
        "- limits: always names something, also where nothing can be made out; one creature a clip; a colour "
        "between the named ones gets the name of one of them; knows the storybook world only",
        "- licence: Apache-2.0, as the project",
        "",
    ])
