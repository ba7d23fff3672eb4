"""What the ground is covered with: a street, a path, a road, boards, tiles. Each paints on colour (R, W, 3)
of the ground."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.spec import Rgb

Array = NDArray[np.floating[Any]]


def _street(colour: Array, x: Array, z: Array, main: Array) -> Array:
    """A road between two pavements, with a dashed line."""
    road = np.clip((z - 1.72) / 0.04 + 0.5, 0, 1) * np.clip((2.85 - z) / 0.06 + 0.5, 0, 1)
    colour += (np.array([0.44, 0.45, 0.50], dtype=np.float32) - colour) * road[..., None]
    dash = np.clip((np.sin(2 * np.pi * x / 1.3) + 0.1) * 8, 0, 1) * np.clip(
        (0.13 - np.abs(z - 2.2)) / 0.04, 0, 1
    )
    colour += (np.array([0.96, 0.92, 0.78], dtype=np.float32) - colour) * (0.9 * dash)[..., None]
    kerb = np.exp(-(((z - 1.70) / 0.05) ** 2))
    colour += (np.array([0.90, 0.88, 0.85], dtype=np.float32) - colour) * kerb[..., None] * 0.8
    return colour


def _lane(colour: Array, x: Array, z: Array, half: float, rgb: Rgb) -> Array:
    """A lane that winds away from the camera, and its middle's x (R, 1)."""
    middle = 0.34 * np.sin(0.42 * (z - 1.5))
    edge = np.clip((half - np.abs(x - middle)) / (0.02 + 0.015 * z) + 0.5, 0, 1)
    colour += (np.array(rgb, dtype=np.float32) - colour) * edge[..., None]
    return np.asarray(middle)


def _path(colour: Array, x: Array, z: Array, main: Array) -> Array:
    """A light path of trodden earth; on snow it is only a little darker."""
    _lane(colour, x, z, 0.36, (0.88, 0.90, 0.95) if main.min() > 0.9 else (0.88, 0.79, 0.60))
    return colour


def _road(colour: Array, x: Array, z: Array, main: Array) -> Array:
    """A road with a dashed line in its middle."""
    snowy = main.min() > 0.9
    middle = _lane(colour, x, z, 0.62, (0.70, 0.73, 0.79) if snowy else (0.50, 0.51, 0.55))
    dash = np.clip((np.sin(2 * np.pi * z / 0.9) + 0.2) * 6, 0, 1)
    dash = dash * np.clip((0.045 - np.abs(x - middle)) / (0.012 * z) + 0.5, 0, 1)
    colour += (np.array([0.97, 0.95, 0.86], dtype=np.float32) - colour) * dash[..., None]
    return colour


def _boards(colour: Array, x: Array, z: Array, main: Array) -> Array:
    board = np.clip(3.0 * np.sin(2 * np.pi * x / 0.5), -1, 1)
    return np.asarray(main * (0.97 + 0.035 * board[..., None]))


def _tiles(colour: Array, x: Array, z: Array, main: Array) -> Array:
    """Pale square tiles, every second one tinted."""
    check = np.clip(np.sin(2 * np.pi * x / 0.70) * np.sin(2 * np.pi * z / 0.70) / 0.10, -1, 1)[..., None]
    pale = np.array([0.95, 0.94, 0.91], dtype=np.float32)
    return np.asarray(pale + (0.55 * pale + 0.45 * main - pale) * (0.5 + 0.5 * check))


SURFACES: dict[str, Callable[[Array, Array, Array, Array], Array]] = {
    "street": _street,
    "path": _path,
    "road": _road,
    "boards": _boards,
    "tiles": _tiles,
}
