"""Frame by frame: does one figure stay one figure, of one kind and one colour?

The judge reads single frames, and its map of where figures are, learned from rendered masks, is counted in
pieces. On rendered clips of one figure it counts one in every frame; of two, two in nine frames of ten. What
touches is one piece: a second head on the same shoulders is seen as another kind or colour at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts import Float32, Frames
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, Labels

LEAST_COVER = 0.4                                    # of a cell of 16 pixels that belongs to a figure
LEAST_CELLS = 0.8                                    # a piece covers as much as so many whole cells
READ = {name: ATTRIBUTES.index(name) for name in ("creature", "colour")}


@dataclass(frozen=True, eq=False)
class FrameReading:
    """What the judge read of each frame of a clip."""

    labels: Labels                                   # (T, 5)
    figures: NDArray[np.int64]                       # (T,)


def read_frames(judge: Judge, clips: Iterable[Frames]) -> list[FrameReading]:
    """Read each frame by itself. Raises ModelError."""
    readings = []
    for clip in clips:
        labels, cover = judge.read_frames(clip)
        readings.append(FrameReading(labels, count_figures(cover)))
    return readings


def count_figures(cover: Float32) -> NDArray[np.int64]:
    """Return the number of figures in each frame, (T,).

    Args: cover: (T, h, w) share of each cell that figures cover.
    """
    from scipy import ndimage

    counts = []
    for cells in cover:
        pieces, number = ndimage.label(cells > LEAST_COVER)                  # neighbours by side
        sizes = ndimage.sum_labels(cells, pieces, range(1, number + 1))
        counts.append(int((np.asarray(sizes) >= LEAST_CELLS).sum()))
    return np.array(counts, np.int64)


def steadiness(readings: Sequence[FrameReading], wanted: int = 1) -> dict[str, float]:
    """Return shares of all frames.

    frames_with_wrong_figures: more or fewer than `wanted`. frames_of_another_creature,
    frames_of_another_colour: read otherwise than most frames of their clip.
    """
    total = sum(len(reading.figures) for reading in readings)
    wrong = {"frames_with_wrong_figures": sum(int((reading.figures != wanted).sum()) for reading in readings)}
    for name, column in READ.items():
        columns = [reading.labels[:, column] for reading in readings]
        others = (len(values) - int(np.bincount(values).max()) for values in columns)
        wrong[f"frames_of_another_{name}"] = sum(others)
    return {name: count / total for name, count in wrong.items()}
