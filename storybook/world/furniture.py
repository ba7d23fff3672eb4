"""Everything that can stand in a scene: sprites by name, and things of parts with their own depth."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storybook.world import interiors, scenery, sprites
from storybook.world.actions import Pose
from storybook.world.creatures import Kit, Rig
from storybook.world.paste import NOBODY, Body, Canvas, Standpoint, paste, patch
from storybook.world.raster import Light, place
from storybook.world.scenes import Solid
from storybook.world.skeleton import Joints
from storybook.world.spec import Rgb
from storybook.world.sprites import Brush, Painter
from storybook.world.things import STANDING

Array = NDArray[np.floating[Any]]

PAINTERS: dict[str, tuple[Painter, float]] = {**sprites.PAINTERS, **scenery.PAINTERS, **interiors.PAINTERS}


def paint(
    kind: str, height_px: float, tint: Rgb, rng: np.random.Generator, *, lamps: bool, snowy: bool = False
) -> Image.Image:
    """The sprite of a prop, `height_px` high, RGBA."""
    painter, width = PAINTERS[kind]
    brush = Brush(width, 1.0, height_px, tint, lamps=lamps)
    painter(brush, rng)
    if snowy:
        brush.rgba = scenery.snowed_on(brush.rgba, height_px, tint)
    return brush.image()


@cache
def _solid_rig(kind: str, rgb: Rgb) -> Rig:
    kit = Kit(rgb)
    STANDING[kind](kit, rgb)
    return kit.rig(Joints(ear=(0.1, 0.1, 0.0)), 1.0)


def draw_solid(
    rgb: Array, inverse_depth: Array, solid: Solid, at: tuple[float, float, float], light: Light
) -> None:
    """Draw a thing and its shadow into a frame (H, W, 3) and its inverse depth (H, W).

    Args:
        at: x and y of its foot in pixels, and its inverse depth.
    """
    size = inverse_depth.shape[0]
    x, y, n = at
    scale = solid.size * size * n / solid.inverse_depth
    point = Standpoint(x, y, scale, n)
    box, u, v = patch(size, point, scale * 0.9, scale * 0.22, (scale * 0.48, scale * 0.12))
    rgb[box] *= (1 - 0.45 * np.exp(-1.3 * (u * u + v * v) ** 1.3))[..., None]
    rig = _solid_rig(solid.kind, solid.rgb)
    surfaces = place(rig, Pose(), solid.azimuth_deg)
    canvas = Canvas(rgb, inverse_depth, np.full(inverse_depth.shape, NOBODY, dtype=np.int8))
    paste(canvas, Body(rig, surfaces, point, y), light, 2)
