"""The solids besides balls and cones: boxes, tubes, rings and bowls, each in its own unit space.

A part's unit space maps it to a cube, to a cylinder about y, or to a ball of radius 1. A view ray is
u(z) = (x, y) part + z d; each solver returns the largest z at which the ray meets the surface.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

BOX, TUBE, RING, BOWL = 2, 3, 4, 5
OUTSIDE = np.float32(-99)
BORE = 0.76  # inner radius of a ring
SHARPNESS = 5  # how quickly the shading turns at an edge


def front(kind: int, inverse: NDArray[np.float64], x: Array, y: Array) -> Array:
    """Return the front depth (H, W) above the part's centre, `OUTSIDE` where the ray misses.

    Args:
        inverse: (3, 3) view to unit space.
        x: (W,) and y (H, 1), measured from the part's centre.
    """
    m = inverse.astype(np.float32)
    d = np.where(np.abs(m[:, 2]) < 1e-4, np.float32(1e-4), m[:, 2])
    u = [m[k, 0] * x + m[k, 1] * y for k in range(3)]
    if kind == BOX:
        return _front_of_box(u, d)
    return _front_of_bowl(u, d) if kind == BOWL else _front_of_tube(u, d, BORE if kind == RING else 0.0)


def _front_of_box(u: list[Array], d: Array) -> Array:
    enter = np.full(u[0].shape, -np.inf, dtype=np.float32)
    leave = np.full(u[0].shape, np.inf, dtype=np.float32)
    for k in range(3):
        a, b = (-1 - u[k]) / d[k], (1 - u[k]) / d[k]
        enter = np.maximum(enter, np.minimum(a, b))
        leave = np.minimum(leave, np.maximum(a, b))
    return np.where(enter <= leave, leave, OUTSIDE)


def _front_of_tube(u: list[Array], d: Array, bore: float) -> Array:
    """Outer side, both caps and the far inner side."""
    a = d[0] ** 2 + d[2] ** 2
    b = u[0] * d[0] + u[2] * d[2]
    rr = u[0] ** 2 + u[2] ** 2
    best = np.full(rr.shape, OUTSIDE, dtype=np.float32)
    for radius, sign in ((1.0, 1.0), (bore, -1.0)):
        inside = b * b - a * (rr - radius**2)
        z = (-b + sign * np.sqrt(np.maximum(inside, 0))) / a
        seen = (inside > 0) & (np.abs(u[1] + d[1] * z) <= 1) & (z > best)
        if radius:
            np.copyto(best, z, where=seen)
    z = (np.sign(d[1]) - u[1]) / d[1]  # of the cap that faces the camera
    r2 = (u[0] + d[0] * z) ** 2 + (u[2] + d[2] * z) ** 2
    np.copyto(best, z, where=(r2 <= 1) & (r2 >= bore**2) & (z > best))
    return best


def _front_of_bowl(u: list[Array], d: Array) -> Array:
    """The lower half of a ball's shell, its inside seen from above."""
    a = np.float32((d**2).sum())
    b = u[0] * d[0] + u[1] * d[1] + u[2] * d[2]
    inside = b * b - a * (u[0] ** 2 + u[1] ** 2 + u[2] ** 2 - 1)
    root = np.sqrt(np.maximum(inside, 0))
    best = np.full(inside.shape, OUTSIDE, dtype=np.float32)
    for z in ((-b + root) / a, (-b - root) / a):
        np.copyto(best, z, where=(inside > 0) & (u[1] + d[1] * z <= 0) & (z > best))
    return best


def normals(kind: NDArray[np.int64], unit: Array, inverse: NDArray[np.float64]) -> Array:
    """Return view-space normals (N, 3), not yet of length 1, that face the camera; edges are softened.

    Args:
        kind: (N,) one of `BOX`, `TUBE`, `RING`, `BOWL`.
        unit: (N, 3) surface points in unit space.
        inverse: (N, 3, 3) view to unit space.
    """
    n = SHARPNESS - 1
    r = np.sqrt(unit[:, 0] ** 2 + unit[:, 2] ** 2) + np.float32(1e-6)
    side = np.select(
        [kind == TUBE, kind == RING], [r**n, (r - (1 + BORE) / 2) * 2 / (1 - BORE) / r], np.float32(1)
    )
    gradient = unit.astype(np.float32).copy()
    gradient[:, 0] *= side
    gradient[:, 2] *= side
    round_edge = (kind == TUBE) | (kind == RING)
    gradient[round_edge, 1] *= np.abs(unit[round_edge, 1]) ** n
    box = kind == BOX
    gradient[box] *= np.abs(unit[box]) ** n
    normal = np.einsum("nki,nk->ni", inverse.astype(np.float32), gradient)
    normal[normal[:, 2] < 0] *= -1
    return normal
