"""Rooms drawn from their geometry: a hall or tunnel that the camera looks along, and what hangs on a room's
back wall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.scenes import INVERSE_DEPTH_ROWS, Room
from storybook.world.spec import Rgb
from storybook.world.sprites import EVERYWHERE, Window

Array = NDArray[np.floating[Any]]

FLOOR, CEILING, SIDE, BACK = 0, 1, 2, 3
GOLD: Rgb = (0.93, 0.73, 0.33)


def draw_hall(
    room: Room,
    horizon: float,
    grid: tuple[Array, Array],
    camera: tuple[float, float],
    sky: Array,
    tint: Array,
) -> tuple[Array, Array]:
    """Return colour (H, W, 3) and inverse depth (H, W) of a hall's inside.

    Args:
        grid: frame x (1, W) and row v (H, 1), fractions of the frame.
        camera: its offset to the right and forward.
        sky: (H, W, 3), what is seen through the far end.
        tint: (3,) the light.
    """
    x, v = grid
    cx, cz = camera
    n, side = _sides(room, x - 0.5, horizon - v, cx)
    floor = np.broadcast_to((v - horizon) / INVERSE_DEPTH_ROWS, n.shape)
    ceiling = np.broadcast_to((horizon - v) / room.height, n.shape)
    back = np.full(n.shape, 1 / (1 / room.back - cz), dtype=np.float32)
    stack = [floor, np.zeros_like(n) if room.vault else ceiling, n, back]
    inverse_depth = np.max(stack, axis=0)
    which = np.argmax(stack, axis=0)
    z = 1 / np.maximum(inverse_depth, 1e-3) + cz
    wx = (x - 0.5) / np.maximum(inverse_depth, 1e-3) + cx
    h = (horizon - v) / np.maximum(inverse_depth, 1e-3)  # height above the horizon
    paint = _palace if room.style == "palace" else _cave
    colour = paint(which, (wx, h, z, side), sky)
    return np.clip(colour * tint, 0, 1).astype(np.float32), np.clip(inverse_depth, 0, 1).astype(np.float32)


def _sides(room: Room, dx: Array, dv: Array, cx: float) -> tuple[Array, Array]:
    """Near of the side walls (H, W), or of a vault over everything above the horizon; and which side."""
    a = room.half_width
    side = np.where(dx + 0 * dv >= 0, 1.0, -1.0)
    flat = np.where(dx >= 0, dx / (a - cx), -dx / (a + cx)) + 0 * dv
    if not room.vault:
        return flat, side
    up = np.maximum(dv, 0.0)
    qa, qb, qc = (
        1 - cx * cx / (a * a),
        -2 * dx * cx / (a * a),
        -(dx * dx) / (a * a) - up * up / room.height**2,
    )
    return (-qb + np.sqrt(np.maximum(qb * qb - 4 * qa * qc, 0))) / (2 * qa), side


def _soft(value: Array, edge: Array | float) -> Array:
    return np.asarray(np.clip(value / edge + 0.5, 0, 1))


def _palace(which: Array, at: tuple[Array, Array, Array, Array], sky: Array) -> Array:
    x, h, z, _ = at
    blur = 0.006 * z + 0.004
    gold, pale, red = (np.array(c, dtype=np.float32) for c in (GOLD, (0.99, 0.92, 0.70), (0.76, 0.14, 0.18)))
    tile = _soft(np.sin(2 * np.pi * x / 0.62) * np.sin(2 * np.pi * z / 0.62), 0.35)[..., None]
    floor = np.array([0.97, 0.93, 0.84], dtype=np.float32) * (1 - 0.13 * tile)
    carpet = _soft(0.46 - np.abs(x), blur * 2)[..., None]
    border = _soft(0.40 - np.abs(x), blur * 2)[..., None]
    floor = floor + (gold - floor) * carpet
    floor = floor + (red - floor) * border
    u = np.abs(((z / 1.25) % 1.0) - 0.5) * 2  # 0 in the middle of a bay
    arch = np.minimum(_soft(0.50 - u, blur * 2), _soft(0.62 - h - 0.55 * u * u, blur * 3)) * _soft(
        h + 0.46, blur * 3
    )
    rim = np.minimum(_soft(0.60 - u, blur * 2), _soft(0.74 - h - 0.50 * u * u, blur * 3)) * _soft(
        h + 0.54, blur * 3
    )
    wall = gold * (0.96 + 0.10 * np.clip(h, -0.6, 1.0))[..., None]
    wall = wall + (pale - wall) * (rim * 0.9)[..., None]
    pane = np.array([0.62, 0.80, 0.96], dtype=np.float32) * (1.0 + 0.1 * h[..., None])
    wall = wall + (pane - wall) * arch[..., None]
    wall = wall + (gold * 0.8 - wall) * np.asarray(arch * _soft(0.05 - u, blur * 2) * 0.9)[..., None]
    trims: tuple[tuple[float, Array], ...] = ((1.12, pale), (-0.56, gold * 0.72))
    for y, tone in trims:
        wall = wall + (tone - wall) * np.exp(-(((h - y) / 0.06) ** 2))[..., None]
    beam = _soft(u - 0.86, 0.1)[..., None]
    ceiling = gold * 0.80 + (pale * 0.95 - gold * 0.80) * beam
    coffer = _soft(np.sin(2 * np.pi * x / 0.68), 0.4)[..., None]
    ceiling = ceiling * (0.93 + 0.07 * coffer)
    door = _soft(0.44 - np.abs(x), 0.05) * _soft(0.62 - h - 1.1 * x * x, 0.05)
    frame = _soft(0.56 - np.abs(x), 0.05) * _soft(0.76 - h - 1.0 * x * x, 0.05)
    back = gold * 0.92 + (pale - gold * 0.92) * frame[..., None]
    back = back + (np.clip(sky * 1.05, 0, 1) - back) * door[..., None]
    for bar in (np.exp(-((x / 0.03) ** 2)), np.exp(-(((h - 0.10) / 0.03) ** 2))):
        back = back + (pale - back) * (bar * door)[..., None]
    colour = np.select([(which == k)[..., None] for k in range(4)], [floor, ceiling, wall * 0.97, back])
    glow = np.clip(1.04 - 0.030 * z, 0.80, 1.05)[..., None]
    return colour * glow


def _cave(which: Array, at: tuple[Array, Array, Array, Array], sky: Array) -> Array:
    x, h, z, _ = at
    calm = np.clip(1.6 - 0.16 * z, 0.15, 1.0)
    around = np.arctan2(h + 0.35, np.abs(x) + 0.05)  # mirrored, so that there is no seam overhead
    lumps = np.sin(2.3 * z + 1.3 * np.sin(3.1 * around)) * np.sin(3.7 * around + 0.7 * np.sin(1.7 * z))
    lumps = lumps + 0.35 * np.sin(5.1 * z + 2.0 * around) * np.sin(6.5 * around - 1.1 * z)
    rock = np.array([0.50, 0.44, 0.47], dtype=np.float32) * (0.92 + 0.16 * lumps * calm)[..., None]
    dust = 0.5 + 0.28 * np.sin(2.3 * x + 2.0 * z) + 0.28 * np.sin(-1.3 * x + 3.4 * z) * np.sin(1.9 * x)
    floor = (
        np.array([0.56, 0.49, 0.46], dtype=np.float32) * (0.92 + 0.16 * np.clip(dust, 0, 1) * calm)[..., None]
    )
    ragged = 0.10 * np.sin(9 * np.arctan2(h + 0.3, x)) + 0.06 * np.sin(17 * np.arctan2(h + 0.3, x))
    mouth = _soft(0.93 + ragged * 0.5 - np.sqrt((x / 1.05) ** 2 + ((h - 0.05) / 0.95) ** 2), 0.08)
    back = rock * 0.75
    back = back + (np.clip(sky * 1.12, 0, 1) - back) * mouth[..., None]
    colour = np.select([(which == k)[..., None] for k in range(4)], [floor, rock, rock, back])
    light = np.where(which == BACK, 1.0, np.clip(0.70 + 0.065 * z, 0.70, 1.06))  # brighter towards the mouth
    return colour * light[..., None]


def rect(x: Array, v: Array, box: tuple[float, float, float, float], px: float) -> Array:
    """Soft rectangle (x0, x1, v0, v1)."""
    ax = np.clip(np.minimum(x - box[0], box[1] - x) * px + 0.5, 0, 1)
    av = np.clip(np.minimum(v - box[2], box[3] - v) * px + 0.5, 0, 1)
    return ax * av


class Wall:
    """Paints on a room's back wall, in frame fractions; `px` pixels a frame."""

    def __init__(self, colour: Array, x: Array, v: Array, px: float, tint: Array) -> None:
        self.colour, self.x, self.v, self.px, self.tint = colour, x, v, px, tint

    def lay(self, alpha: Array, rgb: Rgb | Array, at: Window = EVERYWHERE) -> None:
        """Blend a colour, or a lit one (3,) or (H, W, 3), through `alpha`, which is of the window `at`
        only."""
        if isinstance(rgb, tuple):
            value: Array = np.array(rgb, dtype=np.float32) * self.tint
        else:
            value = rgb if rgb.ndim == 1 else rgb[at]
        self.colour[at] += (value - self.colour[at]) * alpha[..., None].astype(np.float32)

    def rect(self, x0: float, x1: float, v0: float, v1: float, rgb: Rgb | Array) -> None:
        at, x, v = self.near(x0, x1, v0, v1)
        self.lay(rect(x, v, (x0, x1, v0, v1), self.px), rgb, at)

    def disc(self, x: float, v: float, rx: float, rv: float, rgb: Rgb) -> None:
        at, xs, vs = self.near(x - rx, x + rx, v - rv, v + rv)
        d = np.sqrt(((xs - x) / rx) ** 2 + ((vs - v) / rv) ** 2)
        self.lay(np.clip((1 - d) * min(rx, rv) * self.px + 0.5, 0, 1), rgb, at)

    def near(self, x0: float, x1: float, v0: float, v1: float) -> tuple[Window, Array, Array]:
        """Return the pixels of a box and a little more, and their x (1, w) and v (h, 1)."""
        more = 2 / self.px
        columns = np.nonzero((self.x[0] > x0 - more) & (self.x[0] < x1 + more))[0]
        rows = np.nonzero((self.v[:, 0] > v0 - more) & (self.v[:, 0] < v1 + more))[0]
        across = slice(columns[0], columns[-1] + 1) if columns.size else slice(0, 0)
        down = slice(rows[0], rows[-1] + 1) if rows.size else slice(0, 0)
        return (down, across), self.x[:, across], self.v[down]

    def window(
        self, cx: float, half: float, v0: float, v1: float, sky: Array, curtain: Rgb | None = None
    ) -> None:
        """A window in a white frame, with a cross bar and curtains."""
        white: Rgb = (0.98, 0.97, 0.94)
        self.rect(cx - half - 0.025, cx + half + 0.025, v0 - 0.025, v1 + 0.025, white)
        self.rect(cx - half, cx + half, v0, v1, sky)
        self.rect(cx - 0.010, cx + 0.010, v0, v1, white)
        self.rect(cx - half, cx + half, (v0 + v1) / 2 - 0.010, (v0 + v1) / 2 + 0.010, white)
        if curtain:
            for sign in (-1.0, 1.0):
                a, b = sorted((cx + sign * (half + 0.075), cx + sign * half * 0.55))
                drape = np.clip(0.9 + 0.1 * np.sin((self.x - cx) * 190), 0, 1)
                shade = (
                    np.array(curtain, dtype=np.float32)
                    * self.tint
                    * (drape[..., None] + 0 * self.v[..., None])
                )
                self.lay(rect(self.x, self.v, (a, b, v0 - 0.035, v1 + 0.06), self.px), shade)
            self.rect(cx - half - 0.10, cx + half + 0.10, v0 - 0.055, v0 - 0.035, (0.62, 0.44, 0.30))


def decorate(decor: str, wall: Wall, side: float, sky: Array, accent: Rgb) -> None:
    """What hangs on the back wall of a room."""
    DECOR[decor](wall, side, sky, accent)


def _kitchen_wall(wall: Wall, side: float, sky: Array, accent: Rgb) -> None:
    tiles = np.maximum(
        np.exp(-(((((wall.x * 14) % 1.0) - 0.5) / 0.06) ** 2)) + 0 * wall.v,
        np.exp(-(((((wall.v * 14) % 1.0) - 0.5) / 0.06) ** 2)) + 0 * wall.x,
    )
    wall.lay(rect(wall.x, wall.v, (-1.0, 2.0, 0.36, 0.62), wall.px), (0.95, 0.96, 0.95))
    wall.lay(tiles * rect(wall.x, wall.v, (-1.0, 2.0, 0.36, 0.62), wall.px), (0.80, 0.86, 0.88))
    wall.window(0.5 + 0.12 * side, 0.105, 0.09, 0.30, sky, accent)
    cx = 0.5 - 0.30 * side
    wall.rect(cx - 0.17, cx + 0.17, 0.245, 0.262, (0.58, 0.40, 0.26))
    for k, rgb in enumerate(((0.84, 0.36, 0.28), (0.96, 0.80, 0.36), (0.36, 0.60, 0.72), (0.62, 0.72, 0.40))):
        x = cx - 0.12 + 0.08 * k
        wall.rect(x - 0.026, x + 0.026, 0.245 - 0.05 - 0.012 * (k % 2), 0.245, rgb)
    for k in range(3):
        x = cx - 0.09 + 0.09 * k
        wall.rect(x - 0.004, x + 0.004, 0.265, 0.30, (0.4, 0.36, 0.36))
        wall.disc(x, 0.318, 0.030, 0.026, (0.72, 0.42, 0.28))


def _class_wall(wall: Wall, side: float, sky: Array, accent: Rgb) -> None:
    wall.rect(0.20, 0.80, 0.085, 0.385, (0.62, 0.42, 0.27))
    wall.rect(0.22, 0.78, 0.105, 0.365, (0.16, 0.34, 0.28))
    chalk: Rgb = (0.94, 0.96, 0.92)
    for k in range(3):  # a house, a sun, a sum
        wall.rect(0.27, 0.40 - 0.05 * (k % 2), 0.17 + 0.05 * k, 0.178 + 0.05 * k, chalk)
    wall.disc(0.66, 0.185, 0.040, 0.040, chalk)
    wall.disc(0.66, 0.185, 0.032, 0.032, (0.16, 0.34, 0.28))
    for x in (0.54, 0.60):
        wall.rect(x, x + 0.008, 0.25, 0.33, chalk)
    wall.rect(0.54, 0.608, 0.25, 0.258, chalk)
    wall.rect(0.20, 0.80, 0.385, 0.398, (0.72, 0.52, 0.34))
    wall.rect(0.40, 0.45, 0.375, 0.386, chalk)
    x = 0.5 + 0.44 * side
    wall.disc(x, 0.14, 0.050, 0.050, (0.98, 0.98, 0.96))
    wall.rect(x - 0.004, x + 0.004, 0.105, 0.14, (0.2, 0.2, 0.24))
    wall.rect(x, x + 0.028, 0.137, 0.145, (0.2, 0.2, 0.24))
    for k, rgb in enumerate(((0.90, 0.36, 0.34), (0.98, 0.78, 0.30), (0.38, 0.66, 0.44), (0.34, 0.54, 0.84))):
        wall.rect(0.24 + 0.14 * k, 0.33 + 0.14 * k, 0.015, 0.065, rgb)


def _shop_wall(wall: Wall, side: float, sky: Array, accent: Rgb) -> None:
    wall.rect(0.5 - 0.26, 0.5 + 0.26, 0.035, 0.135, (0.50, 0.32, 0.22))
    wall.rect(0.5 - 0.24, 0.5 + 0.24, 0.05, 0.12, (0.98, 0.93, 0.80))
    for k in range(6):
        wall.disc(
            0.5 - 0.19 + 0.076 * k,
            0.085,
            0.022,
            0.022,
            ((0.88, 0.30, 0.28), (0.30, 0.56, 0.80), (0.40, 0.66, 0.36))[k % 3],
        )
    wall.window(0.5 - 0.30 * side, 0.14, 0.17, 0.40, sky, None)


def _parlour_wall(wall: Wall, side: float, sky: Array, accent: Rgb) -> None:
    stripe = 0.5 + 0.5 * np.clip(2.5 * np.sin(2 * np.pi * wall.x * 7), -1, 1)
    wall.colour *= (1 - 0.05 * stripe[..., None]) + 0 * wall.v[..., None]
    cx = 0.5 + 0.06 * side
    wall.window(cx, 0.20, 0.075, 0.375, sky, accent)
    wall.rect(cx - 0.26, cx + 0.26, 0.398, 0.420, (0.98, 0.97, 0.94))
    for k in range(5):  # flowers on the sill
        x = cx - 0.17 + 0.085 * k
        wall.rect(x - 0.026, x + 0.026, 0.372, 0.400, (0.80, 0.44, 0.30))
        wall.disc(x, 0.360, 0.030, 0.020, (0.30, 0.58, 0.30))
        for dx, dv in ((-0.018, -0.012), (0.018, -0.010), (0.0, -0.026)):
            wall.disc(
                x + dx,
                0.350 + dv,
                0.016,
                0.016,
                ((0.95, 0.32, 0.42), (0.99, 0.80, 0.30), (0.78, 0.52, 0.94))[k % 3],
            )
    x = 0.5 - 0.36 * side
    wall.rect(x - 0.085, x + 0.085, 0.13, 0.27, (0.86, 0.66, 0.30))
    wall.rect(x - 0.068, x + 0.068, 0.147, 0.253, (0.62, 0.80, 0.92))
    wall.rect(x - 0.068, x + 0.068, 0.21, 0.253, (0.50, 0.72, 0.42))
    wall.disc(x + 0.03, 0.175, 0.016, 0.016, (0.99, 0.88, 0.45))


DECOR = {"kitchen": _kitchen_wall, "classroom": _class_wall, "shop": _shop_wall, "parlour": _parlour_wall}
