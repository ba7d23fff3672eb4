"""Props of rooms, of a palace and of a cave as sprites."""

from __future__ import annotations

import numpy as np

from storybook.world.spec import Rgb
from storybook.world.sprites import Brush, Painter, _vary

GOLD: Rgb = (0.95, 0.75, 0.32)
GREEN: Rgb = (0.30, 0.58, 0.28)


def column(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.060, 0.060, 0.04, 0.95, (0.97, 0.88, 0.66), round_=True)
    for x in (-0.030, 0.0, 0.030):
        brush.box(x - 0.004, x + 0.004, 0.06, 0.92, (0.80, 0.66, 0.38))
    for y0, y1, wide in ((0.0, 0.045, 0.090), (0.045, 0.070, 0.072), (0.91, 0.94, 0.075), (0.94, 1.0, 0.095)):
        brush.box(-wide, wide, y0, y1, GOLD)


def chandelier(brush: Brush, rng: np.random.Generator) -> None:
    """Hangs from the top of a sprite as high as the room."""
    brush.box(-0.006, 0.006, 0.78, 1.0, GOLD)
    brush.ball(0, 0.755, 0.135, 0.022, GOLD)
    brush.ball(0, 0.735, 0.040, 0.034, GOLD)
    for x in (-0.12, -0.06, 0.0, 0.06, 0.12):
        brush.box(x - 0.009, x + 0.009, 0.76, 0.80, (0.99, 0.97, 0.90))
        brush.ball(x, 0.817, 0.013, 0.022, (1.0, 0.86, 0.45), flat=True, glow=True)


def stalactite(brush: Brush, rng: np.random.Generator) -> None:
    rock = _vary((0.47, 0.42, 0.46), rng, 0.02)
    for x, wide, long in (
        (0.0, 0.050, float(rng.uniform(0.22, 0.34))),
        (0.075, 0.034, 0.17),
        (-0.072, 0.036, 0.14),
    ):
        t = np.clip((brush.y - (1 - long)) / long, 0, 1)
        brush.lay(
            np.clip((wide * t - np.abs(brush.x - x)) * brush.px * 0.8 + 0.5, 0, 1) * (brush.y > 1 - long),
            rock,
            np.broadcast_to(0.95 - 0.25 * np.clip((brush.x - x) / wide, -1, 1), brush.rgba.shape[:2]),
        )


def stalagmite(brush: Brush, rng: np.random.Generator) -> None:
    rock = _vary((0.50, 0.45, 0.48), rng, 0.02)
    brush.tent(-0.16, 0.16, 0.0, 0.62, rock)
    brush.tent(0.20, 0.14, 0.0, 0.48, rock)
    brush.tent(0.02, 0.19, 0.0, 1.0, rock)


def crystal(brush: Brush, rng: np.random.Generator) -> None:
    tones: tuple[Rgb, ...] = ((0.45, 0.85, 0.98), (0.78, 0.55, 0.98), (0.55, 0.95, 0.72))
    rgb = tones[int(rng.integers(3))]
    pale = (0.5 + rgb[0] / 2, 0.5 + rgb[1] / 2, 0.5 + rgb[2] / 2)
    for x, wide, high in ((-0.22, 0.13, 0.55), (0.24, 0.12, 0.62), (0.0, 0.16, 1.0)):
        brush.box(x - wide * 0.7, x + wide * 0.7, 0.0, high * 0.66, rgb, glow=True)
        brush.tent(x, wide * 0.7, high * 0.65, high, rgb)
        brush.box(x - wide * 0.5, x - wide * 0.15, 0.0, high * 0.66, pale, glow=True)


def stove(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.42, 0.42, 0.0, 0.86, (0.94, 0.94, 0.93))
    brush.box(-0.44, 0.44, 0.84, 0.90, (0.35, 0.36, 0.40))
    brush.box(-0.30, 0.30, 0.14, 0.56, (0.28, 0.28, 0.32))
    brush.box(-0.25, 0.25, 0.20, 0.50, (0.98, 0.62, 0.24), glow=brush.lamps)
    for x in (-0.27, -0.09, 0.09, 0.27):
        brush.ball(x, 0.72, 0.050, 0.050, (0.70, 0.25, 0.24))
    brush.box(-0.30, 0.00, 0.90, 1.10, (0.76, 0.30, 0.28), round_=True)
    brush.ball(-0.15, 1.11, 0.16, 0.035, (0.62, 0.22, 0.22))


def fridge(brush: Brush, rng: np.random.Generator) -> None:
    tone = _vary((0.62, 0.80, 0.82), rng, 0.05)
    brush.box(-0.24, 0.24, 0.02, 1.0, tone)
    brush.box(-0.24, 0.24, 0.645, 0.665, (0.40, 0.52, 0.55))
    for y0, y1 in ((0.40, 0.60), (0.72, 0.86)):
        brush.box(-0.19, -0.155, y0, y1, (0.96, 0.96, 0.96))


def cupboard(brush: Brush, rng: np.random.Generator) -> None:
    wood = _vary((0.72, 0.52, 0.34), rng, 0.04)
    brush.box(-0.50, 0.50, 0.0, 0.86, wood)
    brush.box(-0.53, 0.53, 0.84, 0.91, (0.93, 0.91, 0.87))
    for x in (-0.25, 0.25):
        brush.box(x - 0.21, x + 0.21, 0.08, 0.76, (wood[0] * 0.90, wood[1] * 0.90, wood[2] * 0.90))
        brush.ball(x * 0.40, 0.46, 0.035, 0.035, (0.96, 0.85, 0.50))
    tones: tuple[Rgb, ...] = ((0.86, 0.32, 0.30), (0.30, 0.55, 0.80), (0.96, 0.80, 0.34))
    for k, x in enumerate((-0.32, 0.0, 0.32)):
        brush.box(x - 0.09, x + 0.09, 0.91, 1.08, tones[k], round_=True)
        brush.box(x - 0.10, x + 0.10, 1.07, 1.11, (0.98, 0.97, 0.94))


def shelf(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.48, 0.48, 0.0, 1.0, (0.58, 0.40, 0.27))
    brush.box(-0.44, 0.44, 0.04, 0.96, (0.42, 0.29, 0.20))
    for row in range(3):
        y, x = 0.06 + 0.31 * row, -0.42
        while x < 0.36:
            w, h = float(rng.uniform(0.055, 0.10)), float(rng.uniform(0.17, 0.25))
            brush.box(x, x + w - 0.008, y, y + h, tuple(float(c) for c in rng.uniform(0.30, 0.95, 3)))  # type: ignore[arg-type]
            x += w
        brush.box(-0.46, 0.46, y - 0.03, y, (0.64, 0.45, 0.30))


def vase(brush: Brush, rng: np.random.Generator) -> None:
    """Flowers in a vase on a small table."""
    brush.box(-0.30, 0.30, 0.40, 0.46, (0.70, 0.50, 0.33))
    brush.box(-0.045, 0.045, 0.0, 0.42, (0.58, 0.40, 0.26), round_=True)
    brush.ball(0, 0.02, 0.20, 0.04, (0.58, 0.40, 0.26))
    tones: tuple[Rgb, ...] = (
        (0.95, 0.30, 0.42),
        (0.99, 0.80, 0.30),
        (0.78, 0.52, 0.94),
        (0.99, 0.98, 0.97),
        (0.98, 0.55, 0.28),
    )
    spots = (
        (-0.19, 0.84),
        (0.20, 0.82),
        (-0.07, 0.93),
        (0.10, 0.94),
        (0.01, 0.80),
        (-0.26, 0.72),
        (0.27, 0.71),
    )
    for x, y in spots:
        for t in np.linspace(0, 1, 8):
            brush.ball(x * float(t), 0.60 + (y - 0.60) * float(t), 0.012, 0.016, GREEN, flat=True)
    for k, (x, y) in enumerate(spots):
        rgb = tones[(k + int(rng.integers(2))) % 5]
        for j in range(5):
            a = 2 * np.pi * j / 5
            brush.ball(x + 0.048 * float(np.sin(a)), y + 0.048 * float(np.cos(a)), 0.042, 0.042, rgb)
        brush.ball(x, y, 0.034, 0.034, (0.99, 0.82, 0.26) if rgb[2] > 0.35 else (0.62, 0.34, 0.14))
    brush.ball(0, 0.54, 0.115, 0.100, (0.36, 0.58, 0.84))
    brush.box(-0.060, 0.060, 0.58, 0.68, (0.36, 0.58, 0.84), round_=True)


def pot_plant(brush: Brush, rng: np.random.Generator) -> None:
    for dx, dy, rx, ry in (
        (-0.20, 0.66, 0.16, 0.20),
        (0.20, 0.64, 0.16, 0.20),
        (0.0, 0.76, 0.18, 0.22),
        (-0.08, 0.52, 0.16, 0.16),
        (0.10, 0.52, 0.16, 0.16),
    ):
        brush.ball(dx, dy, rx, ry, (0.26, 0.56, 0.30))
    for x, y in ((-0.22, 0.70), (0.02, 0.86), (0.22, 0.68), (-0.02, 0.62)):
        brush.ball(x, y, 0.075, 0.075, (0.97, 0.50, 0.62))
        brush.ball(x, y, 0.028, 0.028, (0.99, 0.86, 0.40))
    brush.box(-0.17, 0.17, 0.0, 0.34, (0.80, 0.44, 0.30), round_=True)
    brush.box(-0.20, 0.20, 0.30, 0.38, (0.86, 0.50, 0.36), round_=True)


def desk(brush: Brush, rng: np.random.Generator) -> None:
    brush.box(-0.55, 0.55, 0.76, 0.88, (0.80, 0.60, 0.38))
    for x in (-0.48, 0.48):
        brush.box(x - 0.045, x + 0.045, 0.0, 0.78, (0.46, 0.48, 0.54), round_=True)
    brush.box(-0.50, 0.50, 0.52, 0.60, (0.66, 0.48, 0.30))
    brush.box(-0.30, 0.02, 0.88, 0.94, (0.86, 0.30, 0.30))
    brush.ball(0.28, 0.96, 0.085, 0.085, (0.88, 0.20, 0.18))


def stall(brush: Brush, rng: np.random.Generator) -> None:
    """A shop's counter with fruit under a striped awning."""
    for x in (-0.50, 0.50):
        brush.box(x - 0.025, x + 0.025, 0.0, 0.86, (0.62, 0.44, 0.30), round_=True)
    brush.box(-0.54, 0.54, 0.0, 0.36, (0.66, 0.46, 0.30))
    for k in range(5):
        brush.box(-0.52 + 0.21 * k, -0.51 + 0.21 * k, 0.0, 0.36, (0.54, 0.37, 0.24))
    tones: tuple[Rgb, ...] = ((0.90, 0.24, 0.20), (0.99, 0.64, 0.16), (0.55, 0.76, 0.28), (0.98, 0.84, 0.30))
    for k in range(4):
        for x, y in ((-0.075, 0.40), (0.0, 0.40), (0.075, 0.40), (-0.038, 0.46), (0.038, 0.46)):
            brush.ball(-0.39 + 0.26 * k + x, y, 0.048, 0.048, tones[k])
    for k in range(8):
        brush.box(
            -0.60 + 0.15 * k, -0.45 + 0.15 * k, 0.80, 1.0, (0.90, 0.28, 0.28) if k % 2 else (0.98, 0.97, 0.94)
        )
        brush.ball(
            -0.525 + 0.15 * k,
            0.80,
            0.075,
            0.060,
            (0.90, 0.28, 0.28) if k % 2 else (0.98, 0.97, 0.94),
            flat=True,
        )


PAINTERS: dict[str, tuple[Painter, float]] = {  # painter, width for a height of 1
    "column": (column, 0.20),
    "chandelier": (chandelier, 0.32),
    "stalactite": (stalactite, 0.26),
    "stalagmite": (stalagmite, 0.72),
    "crystal": (crystal, 0.72),
    "stove": (stove, 0.92),
    "fridge": (fridge, 0.52),
    "cupboard": (cupboard, 1.1),
    "shelf": (shelf, 1.0),
    "vase": (vase, 0.72),
    "pot_plant": (pot_plant, 0.80),
    "desk": (desk, 1.14),
    "stall": (stall, 1.22),
}
