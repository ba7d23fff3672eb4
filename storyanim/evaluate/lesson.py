"""How the judge learns: rendered clips and stills, their colours left alone, everything else shaken a little.

The training loop is the one of the generators' stages; it is handed in, since this room knows nothing of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from storyanim.artifacts import Frames
from storyanim.engine.folders import write_file
from storyanim.evaluate import judge_data
from storyanim.evaluate.judge import WEIGHTS, Judge, load_network, save_network
from storyanim.evaluate.judge_data import COVER_PX, FPS, SIZE_PX, JudgeShard
from storyanim.evaluate.labels import ATTRIBUTES, UNKNOWN, Labels
from storyanim.evaluate.metrics import accuracy
from storyanim.evaluate.network import CELL_PX, JudgeNetwork, Shape

MINUTES = 18.0                                       # on two cores
LEARNING_RATE = 2e-3
STILLS_A_CLIP = 4
LEAST_CROP = 29                                      # of 32 cells: a crop's side, by which pictures differ in size and place
SOFT_SHARE, NOISY_SHARE = 0.3, 0.3                   # drawn frames are softer and noisier than rendered ones
SOFTEST_PX = 56
Batch = dict[str, Any]


class Spent(Protocol):
    """What a training took."""

    step: int
    seconds: float


class JudgeStage:
    """What the training loop asks of a stage."""

    name = "judge"

    def __init__(
        self, network: JudgeNetwork, clips: list[JudgeShard], stills: list[JudgeShard], *, batch_size: int, device: torch.device
    ) -> None:
        self.judge = network.to(device, memory_format=torch.channels_last).requires_grad_(True)
        self.network: nn.Module = self.judge
        self.clips, self.stills, self.batch_size, self.device = clips, stills, batch_size, device

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """`batch_size` clips, and STILLS_A_CLIP single frames for each."""
        drawn = [_draw(self.clips, rng) for _ in range(self.batch_size)]
        drawn += [_draw(self.stills, rng) for _ in range(self.batch_size * STILLS_A_CLIP)]
        shaken = [shake(rgb, cover, rng) for rgb, cover, _ in drawn]
        labels = np.stack([labels for _, _, labels in drawn]).astype(np.int64)
        labels[self.batch_size:, ATTRIBUTES.index("action")] = UNKNOWN       # one frame does not show it
        return {
            "rgb": torch.cat([rgb for rgb, _ in shaken]),                    # (B × T + stills, 3, H, W)
            "cover": torch.cat([cover for _, cover in shaken]),              # (B × T + stills, h, w)
            "labels": torch.from_numpy(labels),                              # (B + stills, 5)
        }

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Cross entropy of all attributes, and of where the creature is; the shares of this batch that were right."""
        rgb = batch["rgb"].to(self.device, memory_format=torch.channels_last)
        labels, cover = batch["labels"].to(self.device), batch["cover"].to(self.device)
        count = len(rgb) - self.batch_size * STILLS_A_CLIP                   # frames of clips
        with torch.autocast(self.device.type, torch.bfloat16):
            seen, cells = self.judge.look(rgb)
            of_clips, _ = self.judge.read(seen[:count].unflatten(0, (self.batch_size, -1)))
            of_stills, _ = self.judge.read(seen[count:, None])
        total = F.binary_cross_entropy_with_logits(cells.float(), cover)
        figures = {}
        for column, name in enumerate(ATTRIBUTES):
            logits, truth = torch.cat([of_clips[name], of_stills[name]]).float(), labels[:, column]
            known = truth != UNKNOWN
            if known.any():
                total = total + F.cross_entropy(logits[known], truth[known])
                figures[name] = float((logits.detach().argmax(1) == truth)[known].float().mean())
        return total, figures


def _draw(shards: list[JudgeShard], rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Labels]:
    """A scene at random, each as likely as any other: rgb, cover, labels."""
    ends = np.cumsum([len(shard.labels) for shard in shards])
    index = int(rng.integers(ends[-1]))
    place = int(np.searchsorted(ends, index, side="right"))
    shard, row = shards[place], index - int(ends[place])
    return shard.rgb[row], shard.cover[row], shard.labels[row]


def shake(rgb: NDArray[np.uint8], cover: NDArray[np.uint8], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip (T, H, W, 3) with its cover (T, H / 4, W / 4), the same way in all frames: cropped, perhaps mirrored, soft or
    noisy, a little darker or lighter. Returns (T, 3, H, W) in about [-1, 1], and (T, H / 16, W / 16) in [0, 1].
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
class Lesson:
    """What was asked of the judge's training."""

    work: Path                                       # rendered data, checkpoint, log
    out: Path                                        # the judge's folder
    device: torch.device
    batch_size: int | None = None
    scratch: bool = False                            # do not start from the judge in `out`
    scenes: int | None = None                        # render at most so many a set
    shape: Shape = field(default_factory=Shape)


def train_judge(lesson: Lesson, teach: Callable[[JudgeStage, Path], Spent]) -> dict[str, float]:
    """Renders what is missing, trains, measures on clips that were never trained on, writes weights and card.

    Args: teach: the training loop, called with the stage and the folder of its checkpoint.

    Returns the measured accuracy of each attribute. Raises ResourceError, ModelError, and what `teach` raises.
    """
    clips, stills, held = (judge_data.render_set(plan, lesson.work, limit=lesson.scenes)
                           for plan in (judge_data.CLIPS, judge_data.STILLS, judge_data.HELD))
    known = (lesson.out / WEIGHTS).is_file() and not lesson.scratch
    network = load_network(lesson.out) if known else JudgeNetwork(lesson.shape)
    stage = JudgeStage(network, clips, stills, batch_size=lesson.batch_size or 16, device=lesson.device)
    spent = teach(stage, lesson.work / stage.name)
    save_network(network, lesson.out)
    figures = measure(Judge(lesson.out), held)
    write_file(lesson.out / "README.md", card(spent, figures, held).encode())
    return figures


def measure(judge: Judge, held: list[JudgeShard]) -> dict[str, float]:
    """Accuracy of each attribute, and of all together, on rendered clips."""
    read = judge.read(Frames(np.asarray(rgb), FPS) for shard in held for rgb in shard.rgb)
    return accuracy(read.labels, np.concatenate([shard.labels for shard in held]))


def card(spent: Spent, figures: dict[str, float], held: list[JudgeShard]) -> str:
    """The model card."""
    count = sum(len(shard.labels) for shard in held)
    return "\n".join([
        "# Model card", "", "## Storybook judge", "",
        "Reads creature, colour, accessory, scene and action from a clip at 8 frames a second; `storyanim eval` counts with it.",
        "Its features, the layer before the last, are those of the Fréchet distances.", "",
        f"- made by: `storyanim train judge`, {spent.step:,} steps, {spent.seconds / 60:.1f} minutes of computing",
        "- network: timm's ResNet on each frame, pooled where the creature is, two convolutions over time "
        "(`storyanim/evaluate/network.py`)",
        "- data: scenes rendered by `storyanim.world` with seeds that no generator was trained on "
        "(`storyanim/evaluate/judge_data.py`), every fourth a combination that generators never see",
        f"- accuracy on {count} fresh rendered clips of {held[0].rgb.shape[1]} frames, the ceiling of what it can measure: "
        + ", ".join(f"{name} {100 * value:.1f} %" for name, value in figures.items()),
        "- limits: always names something, also where nothing can be made out; one creature a clip; a colour between the ten "
        "named ones gets the name of one of them; knows the storybook world only",
        "- licence: Apache-2.0, as the project", "",
    ])
