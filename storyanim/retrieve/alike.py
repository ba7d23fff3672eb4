"""Which windows look the same: a copy at another size or quality, or a camera that stands before what stands. Our own measure.

A window's look is two small grey pictures, of its first and third quarter; it does not depend on the encoder, whose cosines tell
what a clip is about, not whether it is the same footage (two creatures in one scene have .999 in the bundled index).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from storyanim.artifacts import UInt8

LOOK_BYTES = 2 * 8 * 8
_SIDE = 8
_LEAST_CONTRAST = 4.0                                # of 255: below it, differences are noise


def look_of(rgb: UInt8) -> str:
    """(T, H, W, 3) → (2, 8, 8) mean brightness, 128 bytes as 256 hexadecimal figures."""
    quarters = rgb[[len(rgb) // 4, 3 * len(rgb) // 4]].mean(axis=3, dtype=np.float32)           # (2, H, W)
    for axis in (1, 2):
        size = quarters.shape[axis]
        if size < _SIDE:
            quarters, size = np.repeat(quarters, _SIDE, axis=axis), size * _SIDE
        edges = np.linspace(0, size, _SIDE + 1).astype(int)
        quarters = np.add.reduceat(quarters, edges[:-1], axis=axis)
        shape = [1, 1, 1]
        shape[axis] = _SIDE
        quarters = quarters / np.diff(edges).reshape(shape)
    return quarters.round().astype(np.uint8).tobytes().hex()


def are_alike(looks: Sequence[bytes], look: bytes, fold: float) -> np.ndarray:
    """Which of n looks differ from another by at most `fold` times the contrast of both, (n,) bool; none from one of no bytes."""
    known = np.array([len(one) == LOOK_BYTES == len(look) for one in looks], bool)
    if not known.any():
        return known
    filled = b"".join(one if there else bytes(LOOK_BYTES) for one, there in zip(looks, known, strict=True))
    ours = np.frombuffer(filled, np.uint8).reshape(len(looks), LOOK_BYTES).astype(np.float32)
    other = np.frombuffer(look, np.uint8).astype(np.float32)
    contrast = np.maximum(np.minimum(ours.std(axis=1), other.std()), _LEAST_CONTRAST)
    near: np.ndarray = known & (np.abs(ours - other).mean(axis=1) <= fold * contrast)
    return near


def folded(best: Sequence[int], rows: dict[int, dict[str, Any]], k: int, fold: float) -> list[int]:
    """The first k ids of `best` of which none is alike one before it; what is alike fills up behind them when there are fewer."""
    if fold == 0:
        return list(best[:k])
    kept: list[int] = []
    behind: list[int] = []
    looks: list[bytes] = []
    for i in best:
        if len(kept) == k:
            break
        look = rows[i].get("look") or b""
        if are_alike(looks, look, fold).any():
            behind.append(i)
        else:
            kept.append(i)
            looks.append(look)
    return (kept + behind)[:k]
