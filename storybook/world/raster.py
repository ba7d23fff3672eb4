"""Quadric parts to pixels: hidden surfaces, then soft plush shading of what is seen.

View space: x right, y up, z towards the camera, orthographic, in creature units. Each part solves the
quadratic (p - c)ᵀ Q (p - c) = k for the depth of its front surface; shading happens once, on the visible
surface only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from storybook.world import solids
from storybook.world.actions import Pose
from storybook.world.creatures import CONE, GLOSS, GLOW, STRIPED, Rig
from storybook.world.skeleton import Matrix, bones, turn_x

Array = NDArray[np.float32]

CAMERA_PITCH_DEG = 9.0  # the camera looks down a little
CONE_SIGNS = np.array([1.0, -1.0, 1.0])
CONE_ROUND = 0.012  # how blunt the tip of a cone is
STRIPE_WAVES = 62.0  # radians a unit: about three bands on a body
TO_KEY = np.array([-0.46, 0.68, 0.57], dtype=np.float32)  # towards the key light, upper left


@dataclass(frozen=True)
class Surfaces:
    """A creature's parts in view space."""

    centre: NDArray[np.float64]  # (P, 3)
    quadric: NDArray[np.float64]  # (P, 3, 3)
    inverse_axes: NDArray[np.float64]  # (P, 3, 3) view to the part's unit space
    half: NDArray[np.float64]  # (P, 2) half extent of the bounding box about `box_centre`
    box_centre: NDArray[np.float64]  # (P, 2)
    index: NDArray[np.int64]  # (P,) row in the rig
    head: NDArray[np.float64]  # (3,) middle of the head


@dataclass(frozen=True)
class Light:
    """Light of one time of day and weather: colours that multiply what they fall on."""

    key: tuple[float, float, float]
    fill: tuple[float, float, float]
    rim: tuple[float, float, float]


def place(rig: Rig, pose: Pose, azimuth_deg: float) -> Surfaces:
    """Move a rig's parts by a pose, into view space. Hidden parts are dropped."""
    skeleton = bones(pose, rig.joints, azimuth_deg, rig.pivots)
    index = np.array([k for k, name in enumerate(rig.bones) if skeleton[name] is not None])
    view = turn_x(CAMERA_PITCH_DEG)
    shown = {name: view @ m for name, m in skeleton.items() if m is not None}
    moves = np.stack([shown[rig.bones[k]] for k in index])  # (P, 3, 4)
    centre = np.einsum("pij,pj->pi", moves[:, :, :3], rig.centre[index]) + moves[:, :, 3]
    axes = moves[:, :, :3] @ rig.axes[index]
    inverse = np.linalg.inv(axes)
    cone = rig.kind[index] == CONE
    signs = np.where(cone[:, None], CONE_SIGNS, 1.0)
    quadric = np.einsum("pki,pk,pkj->pij", inverse, signs, inverse)
    half = np.sqrt((axes[:, :2] ** 2).sum(axis=2))  # (P, 2) of an ellipsoid
    base = centre[:, :2] - axes[:, :2, 1]  # of a cone
    rim = np.sqrt((axes[:, :2, ::2] ** 2).sum(axis=2))
    low = np.minimum(centre[:, :2], base - rim)
    high = np.maximum(centre[:, :2], base + rim)
    half = np.where(cone[:, None], (high - low) / 2, half)
    middle = np.where(cone[:, None], (high + low) / 2, centre[:, :2])
    edged = (rig.kind[index] > CONE) & (rig.kind[index] < solids.BOWL)
    half = np.where(edged[:, None], np.abs(axes[:, :2]).sum(axis=2), half)
    return Surfaces(centre, quadric, inverse, half, middle, index, shown["head"][:, 3])


def cast(surfaces: Surfaces, rig: Rig, xs: Array, ys: Array) -> tuple[Array, NDArray[np.int16]]:
    """Depth (H, W) and part (H, W), -1 where there is none, on the grid xs (W,) rising, ys (H,) falling."""
    depth = np.full((len(ys), len(xs)), -9.0, dtype=np.float32)
    part = np.full(depth.shape, -1, dtype=np.int16)
    step = float(xs[1] - xs[0])
    for p in range(len(surfaces.index)):
        (hx, hy), (mx, my) = surfaces.half[p], surfaces.box_centre[p]
        x0, x1 = _span((mx - hx - xs[0]) / step, (mx + hx - xs[0]) / step, len(xs))
        y0, y1 = _span((ys[0] - my - hy) / step, (ys[0] - my + hy) / step, len(ys))
        if x0 >= x1 or y0 >= y1:
            continue
        x = xs[x0:x1] - np.float32(surfaces.centre[p, 0])
        y = (ys[y0:y1] - np.float32(surfaces.centre[p, 1]))[:, None]
        z = _front(surfaces, p, int(rig.kind[surfaces.index[p]]), x, y)
        z += np.float32(surfaces.centre[p, 2])
        window = depth[y0:y1, x0:x1]
        nearer = z > window
        np.copyto(window, z, where=nearer)
        np.copyto(part[y0:y1, x0:x1], np.int16(p), where=nearer)
    return depth, part


def _front(surfaces: Surfaces, p: int, kind: int, x: Array, y: Array) -> Array:
    if kind > CONE:
        return solids.front(kind, surfaces.inverse_axes[p], x, y)
    return _front_of_cone(surfaces, p, x, y) if kind == CONE else _front_of_ball(surfaces, p, x, y)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    return max(int(np.floor(low)), 0), min(int(np.ceil(high)) + 1, limit)


def _front_of_ball(surfaces: Surfaces, p: int, x: Array, y: Array) -> Array:
    """Front depth above the centre, -99 outside."""
    q = surfaces.quadric[p].astype(np.float32)
    a = q[2, 2]
    slope = (q[0, 2] / a) * x + (q[1, 2] / a) * y
    xx, xy, yy = (
        (q[0, 2] ** 2 - a * q[0, 0]) / a**2,
        2 * (q[0, 2] * q[1, 2] - a * q[0, 1]) / a**2,
        (q[1, 2] ** 2 - a * q[1, 1]) / a**2,
    )
    inside = (xx * x * x + 1 / a) + (yy * y + xy * x) * y
    outside = inside <= 0
    z = np.sqrt(np.maximum(inside, 0)) - slope
    z[outside] = -99
    return z


def _front_of_cone(surfaces: Surfaces, p: int, x: Array, y: Array) -> Array:
    """Front depth above the apex of the lower sheet of a blunt cone, between its apex and its base.

    -99 outside.
    """
    q = surfaces.quadric[p].astype(np.float32)
    a = q[2, 2] if abs(q[2, 2]) > 1e-3 else np.float32(1e-3)
    b = q[0, 2] * x + q[1, 2] * y
    c = q[0, 0] * x * x + (q[1, 1] * y + 2 * q[0, 1] * x) * y + CONE_ROUND
    inside = b * b - a * c
    root = np.sqrt(np.maximum(inside, 0))
    up = surfaces.inverse_axes[p, 1].astype(np.float32)  # unit height from the apex
    best = np.full(inside.shape, -99, dtype=np.float32)
    for z in ((-b + root) / a, (-b - root) / a):
        height = up[0] * x + up[1] * y + up[2] * z
        seen = (inside > 0) & (height <= 0) & (height >= -1) & (z > best)
        np.copyto(best, z, where=seen)
    return best


def shade(
    surfaces: Surfaces,
    rig: Rig,
    grid: tuple[Array, Array],
    seen: tuple[Array, NDArray[np.int16]],
    light: Light,
    stripes: NDArray[np.float32] | None,
) -> tuple[Array, NDArray[np.bool_]]:
    """Colours (N, 3) of the N covered pixels in row order, and where they are (H, W)."""
    depth, part = seen
    covered = part >= 0
    rows, columns = np.nonzero(covered)
    p = part[rows, columns]
    z = depth[rows, columns]
    rel = np.stack([grid[0][columns], grid[1][rows], z], axis=1) - surfaces.centre.astype(np.float32)[p]
    normal = np.einsum("nij,nj->ni", surfaces.quadric.astype(np.float32)[p], rel)
    own = surfaces.index[p]
    edged = rig.kind[own] > CONE
    if edged.any():
        inverse = surfaces.inverse_axes[p[edged]]
        unit = np.einsum("nij,nj->ni", inverse.astype(np.float32), rel[edged])
        normal[edged] = solids.normals(rig.kind[own[edged]], unit, inverse)
    normal /= np.sqrt(np.einsum("ni,ni->n", normal, normal) + 1e-12)[:, None]
    colour = rig.rgb[own]
    stuff = rig.stuff[own]
    if stripes is not None:
        colour = _paint_stripes(colour, stuff == STRIPED, surfaces, p, rel, rig, stripes)
    return _plush(colour, normal, stuff, _hollows(depth, covered)[rows, columns], light), covered


def _paint_stripes(
    colour: Array, takes: NDArray[np.bool_], surfaces: Surfaces, p: NDArray[np.int16], rel: Array, rig: Rig,
    stripes: Array
) -> Array:
    """Bands across the parts that take stripes, along each part's own y."""
    at = np.nonzero(takes)[0]
    unit = np.einsum("nj,nj->n", surfaces.inverse_axes.astype(np.float32)[p[at], 1], rel[at])
    length = np.linalg.norm(rig.axes[:, :, 1], axis=1).astype(np.float32)
    height = unit * length[surfaces.index[p[at]]] + rig.centre[surfaces.index[p[at]], 1].astype(np.float32)
    band = np.clip(0.5 + 2.2 * np.sin(STRIPE_WAVES * height), 0, 1)[:, None].astype(np.float32)
    out = colour.copy()
    out[at] += (stripes - out[at]) * band
    return out


def _hollows(depth: Array, covered: NDArray[np.bool_]) -> Array:
    """Soft darkness (H, W) in [0, 1] where a surface lies behind what surrounds it: chins, armpits, ear
    roots."""
    size = max(3, depth.shape[0] // 14)
    weight = covered.astype(np.float32)
    filled = np.where(covered, depth, np.float32(0))
    around = uniform_filter(filled, size) / np.maximum(uniform_filter(weight, size), 1e-3)
    return np.clip((around - filled) * 3.2 - 0.02, 0, 0.42)


def _plush(colour: Array, normal: Array, stuff: NDArray[np.int64], hollow: Array, light: Light) -> Array:
    """Wrapped key light, sky fill, a soft rim and a highlight on eyes and noses."""
    facing = normal @ TO_KEY
    wrap = np.clip(facing * 0.56 + 0.44, 0, 1)
    wrap *= wrap * (3 - 2 * wrap)
    sky = normal[:, 1] * 0.5 + 0.5
    edge = (1 - np.clip(normal[:, 2], 0, 1)) ** 3
    key, fill, rim = (np.array(c, dtype=np.float32) for c in (light.key, light.fill, light.rim))
    lit = wrap[:, None] * key * 0.62 + (0.40 + 0.20 * sky)[:, None] * fill
    lit *= (1 - hollow)[:, None]
    out = colour * lit + (edge * (0.06 + 0.16 * np.clip(facing + 0.35, 0, 1)))[:, None] * rim
    shiny = stuff == GLOSS
    if shiny.any():
        glint = np.clip(normal[shiny] @ TO_KEY, 0, 1) ** 14
        out[shiny] += 0.5 * glint[:, None] * key
    glow = stuff == GLOW
    out[glow] = colour[glow] * (0.25 + 0.75 * key) * np.clip(0.92 + 0.1 * facing[glow], 0, 1)[:, None]
    return np.clip(out, 0, 1)


def to_view(point: tuple[float, float, float]) -> Matrix:
    """A point of creature space in view space."""
    return turn_x(CAMERA_PITCH_DEG) @ np.asarray(point)
