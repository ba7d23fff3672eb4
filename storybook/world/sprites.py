"""Props drawn once a clip as soft RGBA sprites: trees, houses, umbrellas, flowers, a bed ...

A painter works on a `Brush` whose units are the prop's own: x in [-w/2, w/2], y from 0 (the ground) up to h.
Edges are anti-aliased analytically and nothing is smaller than a few pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storybook.world.spec import Rgb

Array = NDArray[np.float32]
Painter = Callable[["Brush", np.random.Generator], None]
Window = tuple[slice, slice]  # rows and columns
EVERYWHERE: Window = (slice(None), slice(None))


class Brush:
    """A transparent canvas in prop units, `px` pixels a unit; `tint` is the light that falls on it."""

    def __init__(self, width: float, height: float, px: float, tint: Rgb, *, lamps: bool) -> None:
        w, h = max(4, round(width * px)), max(4, round(height * px))
        self.px, self.lamps = px, lamps
        self.tint = np.array(tint, dtype=np.float32)
        self.x = ((np.arange(w, dtype=np.float32) + 0.5) / px - width / 2)[None, :]
        self.y = (height - (np.arange(h, dtype=np.float32) + 0.5) / px)[:, None]
        self.rgba = np.zeros((h, w, 4), dtype=np.float32)

    def lay(
        self, alpha: Array, rgb: Rgb, shade: Array | float = 1.0, *, glow: bool = False,
        at: Window = EVERYWHERE
    ) -> None:
        """Paint `rgb` times `shade` through `alpha` (H, W), both of the window `at` only."""
        colour = np.array(rgb, dtype=np.float32) * (np.float32(1.0) if glow else self.tint)
        shaded = np.asarray(shade, dtype=np.float32)
        lit = np.clip(colour * (shaded[..., None] if shaded.ndim else shaded), 0, 1)
        rgba = self.rgba[at]
        a = np.broadcast_to(alpha, rgba.shape[:2])[..., None]
        rgba[..., :3] += (lit - rgba[..., :3]) * np.where(rgba[..., 3:] > 0.02, a, (a > 0).astype(np.float32))
        rgba[..., 3:] += (1 - rgba[..., 3:]) * a

    def window(self, x0: float, x1: float, y0: float, y1: float) -> tuple[Window, Array, Array]:
        """Return the pixels that a shape between these can touch, and their x (1, w) and y (h, 1)."""
        columns = np.nonzero((self.x[0] > x0 - 1 / self.px) & (self.x[0] < x1 + 1 / self.px))[0]
        rows = np.nonzero((self.y[:, 0] > y0 - 1 / self.px) & (self.y[:, 0] < y1 + 1 / self.px))[0]
        across = slice(columns[0], columns[-1] + 1) if columns.size else slice(0, 0)
        down = slice(rows[0], rows[-1] + 1) if rows.size else slice(0, 0)
        return (down, across), self.x[:, across], self.y[down]

    def ball(
        self, cx: float, cy: float, rx: float, ry: float, rgb: Rgb, *, flat: bool = False, glow: bool = False
    ) -> None:
        """An ellipse shaded like a ball that is lit from the upper left."""
        grow = 1 / (min(rx, ry) * self.px)  # the soft edge is wider along the long axis
        at, x, y = self.window(cx - rx * (1 + grow), cx + rx * (1 + grow), cy - ry * (1 + grow),
                               cy + ry * (1 + grow))
        u, v = (x - cx) / rx, (y - cy) / ry
        d = np.sqrt(u * u + v * v)
        alpha = np.clip((1 - d) * min(rx, ry) * self.px + 0.5, 0, 1)
        z = np.sqrt(np.clip(1 - d * d, 0, 1))
        shade: Array | float = 1.0 if flat else 0.72 + 0.34 * np.clip(-0.42 * u + 0.55 * v + 0.6 * z, -0.3, 1)
        self.lay(alpha, rgb, shade, glow=glow, at=at)

    def box(
        self, x0: float, x1: float, y0: float, y1: float, rgb: Rgb, *, glow: bool = False,
        round_: bool = False
    ) -> None:
        """A rectangle; `round_` shades it like an upright cylinder."""
        at, x, y = self.window(x0, x1, y0, y1)
        ax = np.clip(np.minimum(x - x0, x1 - x) * self.px + 0.5, 0, 1)
        ay = np.clip(np.minimum(y - y0, y1 - y) * self.px + 0.5, 0, 1)
        u = np.clip((x - (x0 + x1) / 2) / max((x1 - x0) / 2, 1e-6), -1, 1)
        shade = 0.95 - 0.22 * (u + 0.3) ** 2 if round_ else 1.0 - 0.06 * u
        self.lay(ax * ay, rgb, np.broadcast_to(shade, (ax * ay).shape), glow=glow, at=at)

    def tent(self, cx: float, half: float, y0: float, y1: float, rgb: Rgb) -> None:
        """An upright triangle with a softly rounded shade: roofs and pine tiers."""
        far = half + 1 / self.px
        at, x, y = self.window(cx - far, cx + far, y0, np.inf)  # a soft tip reaches above y1
        t = np.clip((y1 - y) / (y1 - y0), 0, 1)
        edge = (half * t - np.abs(x - cx)) * self.px * 0.8 + 0.5
        alpha = np.clip(edge, 0, 1) * np.clip((y - y0) * self.px + 0.5, 0, 1)
        shade = 0.92 - 0.20 * np.clip((x - cx) / half, -1, 1) + 0.0 * y
        self.lay(alpha, rgb, shade, at=at)

    def image(self) -> Image.Image:
        return Image.fromarray((self.rgba * 255 + 0.5).astype(np.uint8), "RGBA")


def tree(brush: Brush, rng: np.random.Generator) -> None:
    green = _vary((0.27, 0.58, 0.26), rng, 0.06)
    brush.box(-0.07, 0.07, 0.0, 0.5, (0.46, 0.31, 0.20), round_=True)
    for dx, dy, r in ((-0.17, 0.56, 0.20), (0.18, 0.55, 0.20), (0.0, 0.50, 0.22), (0.0, 0.74, 0.24)):
        brush.ball(dx, dy, r * 1.12, r, green)


def pine(brush: Brush, rng: np.random.Generator, *, snowy: bool = False) -> None:
    green = _vary((0.16, 0.42, 0.32), rng, 0.04)
    brush.box(-0.05, 0.05, 0.0, 0.25, (0.42, 0.29, 0.20), round_=True)
    for half, low, high in ((0.31, 0.16, 0.58), (0.25, 0.38, 0.78), (0.18, 0.60, 0.98)):
        brush.tent(0, half, low, high, green)
        if snowy:
            brush.tent(0, half * 0.50, low + (high - low) * 0.50, high + 0.01, (0.96, 0.98, 1.0))


def snowy_pine(brush: Brush, rng: np.random.Generator) -> None:
    pine(brush, rng, snowy=True)


def bush(brush: Brush, rng: np.random.Generator) -> None:
    green = _vary((0.30, 0.60, 0.28), rng, 0.06)
    for dx, dy, r in ((-0.26, 0.20, 0.24), (0.27, 0.19, 0.23), (0.0, 0.30, 0.30)):
        brush.ball(dx, dy, r, r, green)


def rock(brush: Brush, rng: np.random.Generator) -> None:
    grey = _vary((0.58, 0.57, 0.60), rng, 0.03)
    brush.ball(0.12, 0.16, 0.34, 0.30, grey)
    brush.ball(-0.20, 0.12, 0.26, 0.22, grey)


def flower(brush: Brush, rng: np.random.Generator) -> None:
    petals: tuple[Rgb, ...] = ((0.96, 0.36, 0.42), (0.99, 0.80, 0.25), (0.97, 0.97, 0.98), (0.72, 0.50, 0.90))
    rgb = petals[int(rng.integers(len(petals)))]
    brush.box(-0.05, 0.05, 0.0, 0.6, (0.25, 0.55, 0.22))
    for k in range(5):
        turn = 2 * np.pi * k / 5
        brush.ball(0.21 * float(np.sin(turn)), 0.68 + 0.21 * float(np.cos(turn)), 0.17, 0.17, rgb)
    brush.ball(0, 0.68, 0.15, 0.15, (0.99, 0.72, 0.16) if rgb[2] > 0.3 else (0.75, 0.42, 0.12))


def umbrella(brush: Brush, rng: np.random.Generator) -> None:
    tops: tuple[Rgb, ...] = ((0.90, 0.25, 0.26), (0.20, 0.60, 0.85), (0.98, 0.66, 0.20))
    rgb = tops[int(rng.integers(len(tops)))]
    brush.box(-0.022, 0.022, 0.0, 0.85, (0.90, 0.88, 0.84), round_=True)
    keep = brush.rgba.copy()
    brush.ball(0, 0.66, 0.48, 0.32, rgb)
    brush.ball(0, 0.66, 0.17, 0.32, (0.98, 0.96, 0.92))
    brush.rgba = np.where((brush.y < 0.68)[..., None], keep, brush.rgba)


def palm(brush: Brush, rng: np.random.Generator) -> None:
    for k in range(6):
        brush.box(-0.04 + 0.012 * k, 0.05 + 0.012 * k, 0.12 * k, 0.12 * k + 0.15, (0.62, 0.45, 0.28),
                  round_=True)
    green = _vary((0.24, 0.60, 0.30), rng, 0.04)
    for dx, dy in ((-0.24, 0.74), (0.36, 0.74), (-0.15, 0.88), (0.27, 0.89), (0.06, 0.80)):
        brush.ball(dx, dy, 0.22, 0.085, green)


def house(brush: Brush, rng: np.random.Generator) -> None:
    walls: tuple[Rgb, ...] = ((0.90, 0.72, 0.56), (0.62, 0.74, 0.82), (0.86, 0.58, 0.52), (0.80, 0.80, 0.66),
                              (0.70, 0.64, 0.80))
    wall = walls[int(rng.integers(len(walls)))]
    roof = ((0.66, 0.30, 0.26), (0.40, 0.36, 0.44))[int(rng.integers(2))]
    brush.box(-0.32, 0.32, 0.0, 0.80, wall)
    brush.tent(0, 0.41, 0.76, 1.0, roof)
    for cy in (0.60, 0.32):
        for cx in (-0.15, 0.15):
            lit = brush.lamps and rng.random() < 0.75
            brush.box(cx - 0.085, cx + 0.085, cy - 0.10, cy + 0.10, (0.97, 0.96, 0.92))
            brush.box(cx - 0.062, cx + 0.062, cy - 0.077, cy + 0.077,
                      (1.0, 0.86, 0.45) if lit else (0.42, 0.56, 0.68), glow=lit)
    brush.box(-0.075, 0.075, 0.0, 0.185, (0.46, 0.31, 0.24))


def lamp(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.025, 0.025, 0.0, 0.85, (0.26, 0.28, 0.34), round_=True)
    brush.ball(
        0, 0.90, 0.085, 0.095, (1.0, 0.90, 0.60) if brush.lamps else (0.90, 0.90, 0.88), glow=brush.lamps,
        flat=brush.lamps
    )


def boat(brush: Brush, rng: np.random.Generator) -> None:
    brush.ball(0, 0.22, 0.42, 0.20, (0.72, 0.34, 0.26))
    brush.rgba[np.broadcast_to(brush.y > 0.22, brush.rgba.shape[:2])] = 0
    brush.tent(0.13, 0.24, 0.26, 0.98, (0.98, 0.97, 0.93))
    brush.tent(-0.14, 0.17, 0.26, 0.78, (0.95, 0.62, 0.34))


def bed(brush: Brush, rng: np.random.Generator) -> None:
    covers: tuple[Rgb, ...] = ((0.42, 0.60, 0.86), (0.90, 0.52, 0.56), (0.52, 0.74, 0.58))
    wood: Rgb = (0.62, 0.42, 0.27)
    brush.box(-0.72, -0.62, 0.0, 0.82, wood)
    brush.box(0.62, 0.72, 0.0, 0.52, wood)
    brush.box(-0.64, 0.64, 0.10, 0.24, wood)
    brush.box(-0.64, 0.64, 0.22, 0.42, (0.96, 0.95, 0.92))
    brush.ball(-0.42, 0.46, 0.20, 0.11, (0.99, 0.98, 0.97))
    brush.box(-0.20, 0.66, 0.16, 0.47, covers[int(rng.integers(len(covers)))])


def _vary(rgb: Rgb, rng: np.random.Generator, by: float) -> Rgb:
    d = rng.uniform(-by, by, 3)
    return (rgb[0] + d[0], rgb[1] + d[1], rgb[2] + d[2])


PAINTERS: dict[str, tuple[Painter, float]] = {  # painter, width for a height of 1
    "tree": (tree, 0.9),
    "pine": (pine, 0.66),
    "snowy_pine": (snowy_pine, 0.66),
    "bush": (bush, 1.1),
    "rock": (rock, 1.0),
    "flower": (flower, 0.84),
    "umbrella": (umbrella, 1.0),
    "palm": (palm, 1.2),
    "house": (house, 0.86),
    "lamp": (lamp, 0.24),
    "boat": (boat, 0.9),
    "bed": (bed, 1.5),
}
