"""Clips of two creatures, read half by half: the judge knows one creature a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storyanim.artifacts import Frames, UInt8
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, Labels, labels_of
from storybook.evaluate.trials import Trial

READ = [ATTRIBUTES.index(name) for name in ("creature", "colour")]


def half(pictures: UInt8, number: int) -> UInt8:
    """Return (T, H, W, ...) → its left (0) or right (1) half, as wide as the whole again: each column
    twice."""
    width = pictures.shape[2]
    part = pictures[:, :, : width // 2] if number == 0 else pictures[:, :, -(width // 2):]
    return np.repeat(part, 2, axis=2)


def read_pairs(judge: Judge, clips: Sequence[Frames]) -> Labels:
    """Return (N, 2, 5): what the judge reads of the left and of the right half of each clip."""
    halves = (Frames(half(clip.rgb, number), clip.fps) for clip in clips for number in (0, 1))
    return judge.read(halves).labels.reshape(len(clips), 2, len(ATTRIBUTES))


def pair_labels(trials: Sequence[Trial]) -> Labels:
    """Return (N, 2, 5): the truth about both actors of each trial."""
    return np.array([[labels_of(trial.spec, number) for number in (0, 1)] for trial in trials], np.int8)


def score_pairs(read: Labels, truth: Labels) -> dict[str, float]:
    """Return share of clips in which both creatures, or at least one, have the right kind and colour,
    whichever stands left.

    Args:
        read, truth: (N, 2, 5).
    """
    found = []
    known = truth[:, :, READ] >= 0                                                          # (N, 2, 2)
    for order in ([0, 1], [1, 0]):
        right = (read[:, order][:, :, READ] == truth[:, :, READ]) | ~known                  # (N, 2, 2)
        found.append(right.all(axis=2))                                                     # (N, 2)
    right_orders = np.stack(found)
    return {"both": float(right_orders.all(axis=2).any(axis=0).mean()),
            "one": float(right_orders.any(axis=(0, 2)).mean())}
