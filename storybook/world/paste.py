"""Lay a body over a frame where it is nearest: rasterised, shaded, its depth and owner written with it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.creatures import Rig
from storybook.world.raster import CAMERA_PITCH_DEG, Light, Surfaces, cast, shade

Array = NDArray[np.floating[Any]]

FOCAL = 1.6  # focal length in frames; it sets how deep a creature is
NOBODY = -1


@dataclass
class Canvas:
    """A frame being drawn."""

    rgb: Array  # (H, W, 3)
    inverse_depth: Array  # (H, W)
    owner: NDArray[np.int8]  # (H, W) number of the actor whose pixel it is, or NOBODY


@dataclass(frozen=True)
class Standpoint:
    """A body's place in one frame, in pixels."""

    x: float
    y: float  # of the ground, or of the water line
    scale: float  # pixels a creature unit
    inverse_depth: float


@dataclass(frozen=True)
class Body:
    """Something of parts, ready to be drawn."""

    rig: Rig
    surfaces: Surfaces
    at: Standpoint
    foot: float  # pixel row of creature height 0
    number: int = NOBODY  # of the actor
    water: float | None = None  # height of the water line
    stripes: tuple[float, float, float] | None = None


def paste(canvas: Canvas, body: Body, light: Light, supersample: int) -> None:
    """Rasterise a body in its box and lay it over the frame where it is nearest."""
    s, ss, scale, size = body.surfaces, supersample, body.at.scale, canvas.inverse_depth.shape[0]
    low, high = (s.box_centre - s.half).min(axis=0), (s.box_centre + s.half).max(axis=0)
    x0, x1 = max(int(body.at.x + low[0] * scale) - 1, 0), min(int(body.at.x + high[0] * scale) + 2, size)
    y0, y1 = max(int(body.foot - high[1] * scale) - 1, 0), min(int(body.foot - low[1] * scale) + 2, size)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    xs = ((np.arange((x1 - x0) * ss) + 0.5) / ss + x0 - body.at.x) / scale
    ys = (body.foot - y0 - (np.arange((y1 - y0) * ss) + 0.5) / ss) / scale
    grid = (xs.astype(np.float32), ys.astype(np.float32))
    seen = cast(s, body.rig, *grid)
    stripes = np.array(body.stripes, dtype=np.float32) if body.stripes is not None else None
    colours, covered = shade(s, body.rig, grid, seen, light, stripes)
    weight = covered.astype(np.float32)
    if body.water is not None:
        weight *= _above_water(grid[1], seen[0], body.water)
    full = np.zeros((*covered.shape, 3), dtype=np.float32)
    full[covered] = colours * weight[covered][:, None]
    alpha = _shrink(weight, ss)
    depth = _shrink(np.where(covered, seen[0], 0) * weight, ss) / np.maximum(alpha, 1e-4)
    here = np.clip(body.at.inverse_depth / np.maximum(1 - depth * (scale / size) / FOCAL, 0.5), 0, 1)
    box = (slice(y0, y1), slice(x0, x1))
    solid = _lay(canvas, box, (_shrink(full, ss), alpha), here)
    owner = canvas.owner[box]
    owner[solid] = NOBODY
    if body.number != NOBODY:
        own = solid
        if body.rig.thing.any():
            of_thing = body.rig.thing[s.index[seen[1]]] & covered
            own = solid & (_shrink(weight * of_thing, ss) < 0.5 * alpha)
        owner[own] = body.number


def _lay(
    canvas: Canvas, box: tuple[slice, slice], drawn: tuple[Array, Array], here: Array
) -> NDArray[np.bool_]:
    """Blend premultiplied colour and alpha in where `here` is nearest.

    Returns the pixels that are now this body's.
    """
    colour, alpha = drawn
    window, behind = canvas.rgb[box], canvas.inverse_depth[box]
    front = ((here >= behind) & (alpha > 0)).astype(np.float32)
    alpha *= front
    window *= (1 - alpha)[..., None]
    window += colour * front[..., None]
    solid: NDArray[np.bool_] = alpha > 0.5
    behind[solid] = here[solid]
    return solid


def _above_water(ys: Array, depth: Array, line: float) -> Array:
    """Weight of each surface point: 1 above the water, fading quickly below it."""
    pitch = CAMERA_PITCH_DEG * pi / 180
    height = ys[:, None] * np.float32(cos(pitch)) + depth * np.float32(sin(pitch))
    return np.where(height >= line, 1.0, 0.4 * np.clip(1 - (line - height) / 0.11, 0, 1)).astype(np.float32)


def _shrink(image: Array, factor: int) -> Array:
    """Mean of factor x factor blocks."""
    if factor == 1:
        return image
    h, w = image.shape[0] // factor, image.shape[1] // factor
    blocks = image.reshape(h, factor, w, factor, *image.shape[2:])
    total = sum(blocks[:, i, :, j] for i in range(factor) for j in range(factor))
    return np.asarray(total, dtype=np.float32) / np.float32(factor * factor)


def patch(
    size: int, at: Standpoint, wide: float, high: float, unit: tuple[float, float]
) -> tuple[tuple[slice, slice], Array, Array]:
    """A window around a standpoint of a frame of `size` pixels, with coordinates in `unit`s."""
    x0, x1 = max(int(at.x - wide), 0), max(min(int(at.x + wide) + 1, size), 0)
    y0, y1 = max(int(at.y - high), 0), max(min(int(at.y + high) + 1, size), 0)
    u = ((np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(at.x)) / np.float32(unit[0]))[None, :]
    v = ((np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(at.y)) / np.float32(unit[1]))[:, None]
    return (slice(y0, y1), slice(x0, x1)), u, v
