"""What speaks against a window: a cut, black pictures, black bars. Our own measures, on the looks that a window has anyway."""

from __future__ import annotations

from typing import Any

import numpy as np

from storyanim.artifacts import Float32, UInt8

MAX_CUT = 0.1                                        # a window with a stronger jump holds more than one shot
MAX_BLACK = 0.5                                      # part of a window's looks that may be black
_BLACK = 24                                          # of 255: brightest level of black, with the noise of compression
_BLACK_PART = 0.98                                   # of a black picture's pixels are that dark
_LEVELS = 4                                          # of each colour, in the histogram of a look
_BLOCKS = 8                                          # in each direction: coarse, so that things that move inside are no cut
_UNEVEN = 0.02                                       # of the side, by which two bars may differ


def is_marked(row: dict[str, Any]) -> bool:
    """Whether a row of an index, older ones without these columns too, has a cut or is black."""
    return (row.get("cut") or 0.0) > MAX_CUT or (row.get("black") or 0.0) > MAX_BLACK


def cut_of(rgb: UInt8) -> float:
    """(T, H, W, 3) → how far the strongest jump from one look to the next stands out, in [0, 1].

    A jump is the geometric mean of what changes in its place and what changes in colours: things that move change places,
    light that changes changes colours, a cut both. What is usual in the window (the median jump) is taken off.
    """
    if len(rgb) < 2:
        return 0.0
    places = np.abs(np.diff(_coarse(rgb), axis=0)).mean(axis=(1, 2, 3))                 # (T-1,) in [0, 1]
    colours = np.abs(np.diff(_histograms(rgb), axis=0)).sum(axis=1) / 2                 # (T-1,) in [0, 1]
    jumps = np.sqrt(places * colours)
    usual = float(np.median(jumps)) if len(jumps) > 2 else 0.0
    return max(0.0, float(jumps.max()) - usual)


def black_of(rgb: UInt8) -> float:
    """(T, H, W, 3) → part of the looks that are black, in [0, 1]."""
    dark = (_strongest(rgb) < _BLACK).mean(axis=(1, 2))                                 # (T,)
    return float((dark >= _BLACK_PART).mean())


def bars_of(rgb: UInt8) -> float:
    """(T, H, W, 3) → part of the picture that is black bars at two facing sides, in [0, 1]; 0 where all is black."""
    brightest = _strongest(rgb).max(axis=0)                                             # (H, W)
    free = [1 - 2 * _bar(np.percentile(brightest, 99, axis=axis)) for axis in (1, 0)]   # rows, then columns
    return round(1 - free[0] * free[1], 6)


def _bar(brightest: Any) -> float:
    """(N,) brightness along a side → part of it that each of two even bars takes."""
    light = np.flatnonzero(brightest >= _BLACK)
    if not len(light):
        return 0.0
    before, after = int(light[0]), len(brightest) - 1 - int(light[-1])
    even = abs(before - after) <= max(1.0, _UNEVEN * len(brightest))
    return min(before, after) / len(brightest) if even else 0.0


def _strongest(rgb: UInt8) -> UInt8:
    """(T, H, W, 3) → (T, H, W) of the strongest colour; quicker than `max` over so short an axis."""
    strongest: UInt8 = np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    return strongest


def _coarse(rgb: UInt8) -> Float32:
    """(T, H, W, 3) → (T, ≤8, ≤8, 3) mean colours in [0, 1]."""
    _, height, width, _ = rgb.shape
    rows = np.linspace(0, height, min(_BLOCKS, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(_BLOCKS, width) + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(rgb.astype(np.float32), rows, axis=1), columns, axis=2)
    heights, widths = np.diff([*rows, height]), np.diff([*columns, width])
    means: Float32 = (sums / (255 * heights[:, None, None] * widths[:, None])).astype(np.float32)
    return means


def _histograms(rgb: UInt8) -> Float32:
    """(T, H, W, 3) → (T, 64) parts of the pixels in each of 4 x 4 x 4 colours."""
    bins = (rgb // (256 // _LEVELS)).astype(np.int64)
    codes = (bins[..., 0] * _LEVELS + bins[..., 1]) * _LEVELS + bins[..., 2]
    counts = [np.bincount(look.ravel(), minlength=_LEVELS**3) for look in codes]
    histograms: Float32 = (np.stack(counts) / codes[0].size).astype(np.float32)
    return histograms
