"""Clips of two creatures, read half by half: the judge knows one creature a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storyanim.artifacts import Frames, UInt8
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, Labels, labels_of
from storybook.evaluate.trials import Trial
from storybook.world import ClipSpec

READ = [ATTRIBUTES.index(name) for name in ("creature", "colour")]


def part(pictures: UInt8, number: int, count: int) -> UInt8:
    """Return (T, H, W, ...) → share `number` of `count` from the left, as wide as the whole again: each
    column `count` times."""
    width = pictures.shape[2]
    columns = np.minimum(((np.arange(width) / count) + number * width / count).astype(int), width - 1)
    return pictures[:, :, columns]


def half(pictures: UInt8, number: int) -> UInt8:
    """Return the left (0) or right (1) half of (T, H, W, ...), as wide as the whole again."""
    return part(pictures, number, 2)


def left_to_right(spec: ClipSpec) -> list[int]:
    """Return the numbers of a clip's actors as they stand."""
    return sorted(range(len(spec.actors)), key=lambda k: spec.actors[k].x)


def read_pairs(judge: Judge, clips: Sequence[Frames]) -> Labels:
    """Return (N, 2, 5): what the judge reads of the left and of the right half of each clip."""
    halves = (Frames(half(clip.rgb, number), clip.fps) for clip in clips for number in (0, 1))
    return judge.read(halves).labels.reshape(len(clips), 2, len(ATTRIBUTES))


def pair_labels(trials: Sequence[Trial]) -> Labels:
    """Return (N, 2, 5): the truth about both actors of each trial."""
    return np.array([[labels_of(trial.spec, number, trial.world) for number in (0, 1)] for trial in trials],
                    np.int8)


def score_pairs(read: Labels, truth: Labels) -> dict[str, float]:
    """Return the share of clips in which both creatures, or one, have the right kind and colour.

    Args:
        read: (N, 2, 5).
        truth: (N, 2, 5).
    """
    found = []
    known = truth[:, :, READ] >= 0                                                          # (N, 2, 2)
    for order in ([0, 1], [1, 0]):
        right = (read[:, order][:, :, READ] == truth[:, :, READ]) | ~known                  # (N, 2, 2)
        found.append(right.all(axis=2))                                                     # (N, 2)
    right_orders = np.stack(found)
    return {"both": float(right_orders.all(axis=2).any(axis=0).mean()),
            "one": float(right_orders.any(axis=(0, 2)).mean())}
