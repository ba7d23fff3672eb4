"""More props of the open air as sprites: a castle, a barn, a windmill, fences, hedges ..."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import shift

from storybook.world.spec import Rgb
from storybook.world.sprites import Array, Brush, Painter, _vary

STONE: Rgb = (0.74, 0.72, 0.74)
WOOD: Rgb = (0.60, 0.42, 0.27)
SNOW: Rgb = (0.97, 0.98, 1.0)


def castle(brush: Brush, rng: np.random.Generator) -> None:
    wall = _vary(STONE, rng, 0.03)
    roofs: tuple[Rgb, ...] = ((0.32, 0.42, 0.72), (0.78, 0.32, 0.34), (0.46, 0.36, 0.66))
    roof, dark = roofs[int(rng.integers(3))], (wall[0] * 0.82, wall[1] * 0.82, wall[2] * 0.84)
    for x, wide, high in ((-0.30, 0.085, 0.62), (0.30, 0.085, 0.62), (0.0, 0.11, 0.74)):
        brush.box(x - wide, x + wide, 0.0, high, dark if x == 0 else wall, round_=True)
        brush.tent(x, wide * 1.35, high - 0.01, high + 0.20, roof)
        brush.box(x - 0.006, x + 0.006, high + 0.18, high + 0.255, (0.35, 0.30, 0.30))
        brush.tent(x + 0.040, 0.036, high + 0.205, high + 0.25, (0.95, 0.35, 0.32))
        _window(brush, x, high - 0.12, 0.028)
    brush.box(-0.30, 0.30, 0.0, 0.36, wall)
    for k in range(7):
        brush.box(-0.285 + 0.09 * k, -0.235 + 0.09 * k, 0.35, 0.41, wall)
    for x, high in ((-0.46, 0.46), (0.46, 0.46)):
        brush.box(x - 0.075, x + 0.075, 0.0, high, wall, round_=True)
        for k in range(3):
            brush.box(x - 0.085 + 0.062 * k, x - 0.040 + 0.062 * k, high - 0.01, high + 0.045, wall)
        _window(brush, x, high - 0.12, 0.026)
    for x in (-0.2, 0.2):
        _window(brush, x, 0.24, 0.026)
    brush.box(-0.095, 0.095, 0.0, 0.15, (0.38, 0.25, 0.18))
    brush.ball(0, 0.15, 0.095, 0.085, (0.38, 0.25, 0.18), flat=True)
    for x in (-0.045, 0.0, 0.045):
        brush.box(x - 0.006, x + 0.006, 0.0, 0.22, (0.26, 0.17, 0.13))


def _window(brush: Brush, x: float, y: float, r: float) -> None:
    lit = brush.lamps
    rgb: Rgb = (1.0, 0.86, 0.45) if lit else (0.30, 0.34, 0.46)
    brush.box(x - r, x + r, y - 1.5 * r, y + r, rgb, glow=lit)
    brush.ball(x, y + r, r, r, rgb, flat=True, glow=lit)


def barn(brush: Brush, rng: np.random.Generator) -> None:
    red: Rgb = (0.76, 0.22, 0.19)
    white: Rgb = (0.96, 0.94, 0.90)
    brush.box(-0.52, 0.52, 0.0, 0.55, red)
    for k in range(9):
        brush.box(-0.50 + 0.122 * k, -0.488 + 0.122 * k, 0.0, 0.55, (0.64, 0.17, 0.15))
    brush.tent(0, 0.64, 0.52, 1.0, (0.42, 0.38, 0.40))
    brush.tent(0, 0.50, 0.52, 0.90, red)
    brush.box(-0.20, 0.20, 0.0, 0.40, white)
    brush.box(-0.17, 0.17, 0.0, 0.37, (0.58, 0.15, 0.14))
    brush.box(-0.012, 0.012, 0.0, 0.37, white)
    brush.box(-0.17, 0.17, 0.17, 0.20, white)
    brush.box(-0.085, 0.085, 0.56, 0.72, white)
    brush.box(
        -0.062, 0.062, 0.58, 0.70, (1.0, 0.86, 0.45) if brush.lamps else (0.25, 0.20, 0.22), glow=brush.lamps
    )


def silo(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.16, 0.16, 0.0, 0.78, (0.80, 0.82, 0.84), round_=True)
    for y in (0.2, 0.4, 0.6):
        brush.box(-0.16, 0.16, y, y + 0.015, (0.62, 0.64, 0.68))
    brush.ball(0, 0.78, 0.16, 0.16, (0.70, 0.30, 0.28))


def windmill(brush: Brush, rng: np.random.Generator) -> None:
    brush.tent(0, 0.26, 0.0, 1.15, (0.92, 0.88, 0.80))
    brush.tent(0, 0.16, 0.66, 0.90, (0.62, 0.30, 0.26))
    brush.box(-0.06, 0.06, 0.0, 0.17, WOOD)
    turn = float(rng.uniform(0.2, 0.8))
    for k in range(4):
        a = turn + k * np.pi / 2
        for t in np.linspace(0.06, 0.34, 9):
            brush.ball(
                float(np.cos(a) * t), 0.64 + float(np.sin(a) * t), 0.030, 0.030, (0.98, 0.97, 0.94), flat=True
            )
    brush.ball(0, 0.64, 0.035, 0.035, (0.4, 0.28, 0.2))


def fence(brush: Brush, rng: np.random.Generator) -> None:
    white: Rgb = (0.97, 0.96, 0.94)
    for y in (0.28, 0.62):
        brush.box(-1.0, 1.0, y, y + 0.11, (0.90, 0.89, 0.87))
    for k in range(8):
        x = -0.875 + 0.25 * k
        brush.box(x - 0.075, x + 0.075, 0.0, 0.82, white)
        brush.tent(x, 0.080, 0.80, 0.97, white)


def rails(brush: Brush, rng: np.random.Generator) -> None:
    for x in (-0.9, -0.3, 0.3, 0.9):
        brush.box(x - 0.06, x + 0.06, 0.0, 0.95, WOOD, round_=True)
    for y in (0.35, 0.68):
        brush.box(-1.0, 1.0, y, y + 0.12, (0.70, 0.50, 0.33))


def hay(brush: Brush, rng: np.random.Generator) -> None:
    brush.ball(0, 0.48, 0.50, 0.48, (0.90, 0.74, 0.36))
    for r in (0.40, 0.28, 0.16):
        brush.ball(0, 0.48, r, r * 0.96, (0.80, 0.62, 0.28), flat=True)
        brush.ball(0, 0.48, r - 0.05, (r - 0.05) * 0.96, (0.93, 0.78, 0.42), flat=True)


def signpost(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.035, 0.035, 0.0, 0.98, WOOD, round_=True)
    for y, side in ((0.74, 1.0), (0.54, -1.0)):
        a, b = (-0.06, 0.30) if side > 0 else (-0.30, 0.06)
        brush.box(a, b, y, y + 0.14, (0.86, 0.70, 0.46))
        brush.box(a + 0.04, b - 0.04, y + 0.055, y + 0.085, (0.52, 0.36, 0.24))


def hedge(brush: Brush, rng: np.random.Generator) -> None:
    green = _vary((0.25, 0.50, 0.26), rng, 0.02)
    brush.box(-0.95, 0.95, 0.0, 0.72, green)
    for k in range(9):
        brush.ball(-0.88 + 0.22 * k, 0.70 + 0.04 * float(rng.uniform(-1, 1)), 0.17, 0.20, green)
        brush.ball(-0.80 + 0.20 * k, 0.30 + 0.2 * float(rng.uniform(-1, 1)), 0.14, 0.14, green)


def rosebush(brush: Brush, rng: np.random.Generator) -> None:
    for dx, dy, r in ((-0.26, 0.24, 0.26), (0.27, 0.23, 0.25), (0.0, 0.40, 0.34)):
        brush.ball(dx, dy, r, r, (0.24, 0.52, 0.26))
    tones: tuple[Rgb, ...] = ((0.94, 0.26, 0.36), (0.99, 0.62, 0.72), (0.99, 0.86, 0.40))
    rgb = tones[int(rng.integers(3))]
    for x, y in ((-0.28, 0.36), (0.02, 0.58), (0.28, 0.34), (-0.10, 0.26), (0.14, 0.40), (-0.16, 0.50)):
        brush.ball(x, y, 0.085, 0.080, rgb)


def bare_tree(brush: Brush, rng: np.random.Generator) -> None:
    bark = _vary((0.40, 0.31, 0.27), rng, 0.02)
    brush.box(-0.06, 0.06, 0.0, 0.62, bark, round_=True)
    for side in (-1.0, 1.0):
        for y0, slope, long in ((0.40, 0.9, 0.26), (0.55, 1.5, 0.22), (0.60, 2.8, 0.14)):
            for t in np.linspace(0, 1, 30):
                r = 0.034 * (1 - 0.6 * t)
                brush.ball(side * long * float(t), y0 + slope * long * float(t), r, r, bark, flat=True)


def lighthouse(brush: Brush, rng: np.random.Generator) -> None:
    brush.ball(0, 0.02, 0.38, 0.12, (0.46, 0.43, 0.42))
    for k in range(5):
        w = 0.130 - 0.011 * k
        brush.box(
            -w,
            w,
            0.08 + 0.14 * k,
            0.08 + 0.14 * (k + 1),
            (0.90, 0.26, 0.24) if k % 2 else (0.98, 0.97, 0.95),
            round_=True,
        )
    brush.box(-0.06, 0.06, 0.78, 0.89, (1.0, 0.92, 0.55), glow=True)
    brush.tent(0, 0.10, 0.88, 1.0, (0.80, 0.22, 0.22))


def snowed_on(rgba: Array, px: float, tint: Rgb) -> Array:
    """The sprite with snow on all that faces the sky. rgba (H, W, 4), `px` pixels a unit."""
    deep = max(1.0, 0.055 * px)
    below = np.clip(shift(rgba[..., 3], (deep, 0.0), order=1, mode="constant"), 0, 1)
    cap = (rgba[..., 3] * (1 - below))[..., None]
    white = np.array(SNOW, dtype=np.float32) * np.array(tint, dtype=np.float32)
    return np.concatenate([rgba[..., :3] + (white - rgba[..., :3]) * cap, rgba[..., 3:]], axis=2)


PAINTERS: dict[str, tuple[Painter, float]] = {  # painter, width for a height of 1
    "castle": (castle, 1.12),
    "barn": (barn, 1.30),
    "silo": (silo, 0.36),
    "windmill": (windmill, 0.80),
    "fence": (fence, 2.0),
    "rails": (rails, 2.0),
    "hay": (hay, 1.06),
    "signpost": (signpost, 0.64),
    "hedge": (hedge, 2.1),
    "rosebush": (rosebush, 1.1),
    "bare_tree": (bare_tree, 0.66),
    "lighthouse": (lighthouse, 0.80),
}
