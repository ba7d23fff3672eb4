"""A guide for several characters out of footage that shows one figure."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Float32

_ROW_GROUND = 25                                     # percentile of a row: nearness of its ground
_STANDS_OUT = 0.5                                    # part of the greatest step out of it


def beside_itself(near: Float32, count: int) -> Float32:
    """(T, H, W) in [0, 1], 1 nearest → the same shape, its figure `count` times side by side, all in the same moves.

    Each copy is the whole track, moved so that its figure has a part of the width to itself; of two copies the nearer one
    shows, so that grounds join. The track as it is when `count` is 1.
    """
    if count < 2:
        return near
    width = near.shape[2]
    ground: Float32 = np.percentile(near, _ROW_GROUND, axis=2, keepdims=True).astype(np.float32)  # (T, H, 1)
    middle = _middle(near - ground)
    copies = [_moved(near, ground, round((k + 0.5) * width / count - middle)) for k in range(count)]
    nearest: Float32 = np.max(copies, axis=0)
    return nearest


def _middle(out: Float32) -> float:
    """The column around which lies what stands out of the ground, over all frames; the centre if nothing does."""
    weight = np.where(out > _STANDS_OUT * out.max(), out, 0).sum(axis=(0, 1))                    # (W)
    if not weight.any():
        return len(weight) / 2
    return float((weight * (np.arange(len(weight)) + 0.5)).sum() / weight.sum())


def _moved(near: Float32, ground: Float32, columns: int) -> Float32:
    """To the right by so many columns, to the left by less than none; ground comes in."""
    moved = np.broadcast_to(ground, near.shape).copy()
    width = near.shape[2]
    kept = max(0, width - abs(columns))
    if columns >= 0:
        moved[:, :, width - kept:] = near[:, :, :kept]
    else:
        moved[:, :, :kept] = near[:, :, width - kept:]
    return moved
