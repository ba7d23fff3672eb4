"""What speaks against a window of footage: little motion, a cut inside, black frames, letterbox bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storyanim.artifacts import Float32, UInt8

MAX_SCENE_CHANGE = 0.1                               # a window with a higher score holds more than one shot
MAX_BLACK_SHARE = 0.5                                # of a window's frames that may be black
_MAX_BLACK_LEVEL = 24  # of 255: brightest level of black, with the noise of compression
_BLACK_PIXEL_SHARE = 0.98                            # of a black frame's pixels are that dark
_LEVELS_PER_CHANNEL = 4                              # in the colour histogram of a frame
_CELLS_PER_SIDE = 8                                  # coarse, so that things that move inside are no cut
_MAX_BAR_DIFFERENCE = 0.02                           # of the side, by which two bars may differ
_MOTION_BLOCK_PX = 8                                 # means over blocks hide film grain and compression


def has_cut_or_black(row: Mapping[str, Any]) -> bool:
    """Return whether a row of an index has a cut or is black; rows of older indexes may lack both columns."""
    return (row.get("cut") or 0.0) > MAX_SCENE_CHANGE or (row.get("black") or 0.0) > MAX_BLACK_SHARE


def motion(rgb: UInt8) -> float:
    """Return the mean absolute difference of successive frames' brightness, in [0, 1]; black or still: 0.

    Args:
        rgb: (T, H, W, 3) uint8.
    """
    length, height, width, _ = rgb.shape
    block = min(_MOTION_BLOCK_PX, height, width)
    rows, columns = height // block, width // block
    blocks = rgb[:, :rows * block, :columns * block].reshape(length, rows, block, columns, block * 3)
    grey: Float32 = blocks.mean(axis=(2, 4), dtype=np.float32) / 255
    return float(np.abs(np.diff(grey, axis=0)).mean()) if length > 1 else 0.0


def scene_change_score(rgb: UInt8) -> float:
    """Return how far the strongest change from one frame to the next stands out, in [0, 1].

    A change is the geometric mean of the differences of cells and of colour histograms: things that move
    change cells, light that changes changes colours, a cut both. The window's median change is taken off.

    Args:
        rgb: (T, H, W, 3) uint8.
    """
    if len(rgb) < 2:
        return 0.0
    cells = np.abs(np.diff(_cell_means(rgb), axis=0)).mean(axis=(1, 2, 3))              # (T-1,) in [0, 1]
    colours = np.abs(np.diff(_histograms(rgb), axis=0)).sum(axis=1) / 2                 # (T-1,) in [0, 1]
    changes = np.sqrt(cells * colours)
    usual = float(np.median(changes)) if len(changes) > 2 else 0.0
    return max(0.0, float(changes.max()) - usual)


def black_share(rgb: UInt8) -> float:
    """Return the share of (T, H, W, 3) frames that are black, in [0, 1]."""
    dark = (_brightest_channel(rgb) < _MAX_BLACK_LEVEL).mean(axis=(1, 2))               # (T,)
    return float((dark >= _BLACK_PIXEL_SHARE).mean())


def letterbox_share(rgb: UInt8) -> float:
    """Return the share of (T, H, W, 3) frames' area that is black bars; 0 where all is black."""
    brightest = _brightest_channel(rgb).max(axis=0)                                     # (H, W)
    # rows, then columns
    free = [1 - 2 * _bar_share(np.percentile(brightest, 99, axis=axis)) for axis in (1, 0)]
    return round(1 - free[0] * free[1], 6)


def _bar_share(brightest: Any) -> float:
    """Return the part of a side, given its (N,) brightness, that each of two equal bars takes."""
    light = np.flatnonzero(brightest >= _MAX_BLACK_LEVEL)
    if not len(light):
        return 0.0
    before, after = int(light[0]), len(brightest) - 1 - int(light[-1])
    equal = abs(before - after) <= max(1.0, _MAX_BAR_DIFFERENCE * len(brightest))
    return min(before, after) / len(brightest) if equal else 0.0


def _brightest_channel(rgb: UInt8) -> UInt8:
    """Return (T, H, W) of the brightest channel; quicker than `max` over so short an axis."""
    brightest: UInt8 = np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    return brightest


def _cell_means(rgb: UInt8) -> Float32:
    """Return (T, ≤8, ≤8, 3) mean colours in [0, 1]."""
    _, height, width, _ = rgb.shape
    rows = np.linspace(0, height, min(_CELLS_PER_SIDE, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(_CELLS_PER_SIDE, width) + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(rgb.astype(np.float32), rows, axis=1), columns, axis=2)
    heights, widths = np.diff([*rows, height]), np.diff([*columns, width])
    means: Float32 = (sums / (255 * heights[:, None, None] * widths[:, None])).astype(np.float32)
    return means


def _histograms(rgb: UInt8) -> Float32:
    """Return (T, 64) shares of the pixels in each of 4 x 4 x 4 colours."""
    levels = _LEVELS_PER_CHANNEL
    bins = (rgb // (256 // levels)).astype(np.int64)
    codes = (bins[..., 0] * levels + bins[..., 1]) * levels + bins[..., 2]
    counts = [np.bincount(frame.ravel(), minlength=levels**3) for frame in codes]
    histograms: Float32 = (np.stack(counts) / codes[0].size).astype(np.float32)
    return histograms
