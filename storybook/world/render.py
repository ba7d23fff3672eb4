"""One frame: the backdrop, the actors with their shadows or ripples, then the weather."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.actions import Pose
from storybook.world.backdrop import Backdrop, camera_at
from storybook.world.cast import SPECIES
from storybook.world.creatures import Rig
from storybook.world.deeds import pose_at
from storybook.world.paste import NOBODY, Body, Canvas, Standpoint, paste, patch
from storybook.world.raster import CAMERA_PITCH_DEG, place
from storybook.world.scenes import INVERSE_DEPTH_ROWS, light_of
from storybook.world.spec import WATER_SCENES, ActorSpec, ClipSpec
from storybook.world.wardrobe import build
from storybook.world.weather import Weather

Array = NDArray[np.floating[Any]]

MIDDLE_S = 1.0  # the instant at which an actor is at its `x`
DRIFT_S = 1.6  # it drifts no longer than this before or after
FEET_ROWS = (0.845, 0.930)  # where the feet of the smallest and the largest actor stand
SIZES = (0.50, 0.80)
GROUNDED = frozenset({"bed", "bicycle", "pony", "cart", "ladder"})  # things that stand on the ground
LONG = frozenset({"bicycle", "pony", "cart", "crate"})
POND = np.array([0.27, 0.55, 0.72], dtype=np.float32)


@dataclass(frozen=True)
class FrameTruth:
    """What `Renderer.frame` returns beside the picture."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    inverse_depth: Array  # (H, W)
    mask: NDArray[np.bool_]  # (H, W)
    head_xy: tuple[float, float]
    owner: NDArray[np.int8]  # (H, W)


class Renderer:
    """Draws any instant of one clip; what does not move is prepared once."""

    def __init__(self, spec: ClipSpec, size: int, supersample: int) -> None:
        self.spec, self.size, self.supersample = spec, size, supersample
        self.backdrop = Backdrop(spec, size)
        self.weather = Weather(spec, size)
        self.light = light_of(spec)
        self.rigs = [build(actor) for actor in spec.actors]
        self.wet = spec.scene in WATER_SCENES

    def frame(self, time_s: float) -> FrameTruth:
        rgb, inverse_depth = self.backdrop.draw(time_s)
        canvas = Canvas(rgb, inverse_depth, np.full(inverse_depth.shape, NOBODY, dtype=np.int8))
        heads = [(float("nan"), float("nan"))]
        order = sorted(range(len(self.rigs)),
                       key=lambda k: (self.spec.actors[k].row or 0.0, self.spec.actors[k].size))
        for k in order:
            head = self._draw_actor(canvas, k, time_s)
            if k == 0:
                heads = [head]
        self.weather.fall(rgb, inverse_depth, time_s)
        picture = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
        return FrameTruth(picture, inverse_depth, canvas.owner != NOBODY, heads[0], canvas.owner)

    def _stand(self, actor: ActorSpec, rig: Rig, pose: Pose, time_s: float) -> Standpoint:
        camera = camera_at(self.spec.camera, time_s)
        t = min(max(time_s - MIDDLE_S, -DRIFT_S), DRIFT_S)
        share = min(max((actor.size - SIZES[0]) / (SIZES[1] - SIZES[0]), 0), 1)
        row = FEET_ROWS[0] + (FEET_ROWS[1] - FEET_ROWS[0]) * share if actor.row is None else actor.row
        row -= 0.09 if pose.water is not None else 0.0
        inverse_depth = (row - self.backdrop.stage.horizon) / INVERSE_DEPTH_ROWS
        inverse_depth *= 1 + 0.30 * pose.drift * t * cos(radians(actor.azimuth_deg))
        now = camera.inverse_depth_now(inverse_depth)
        drift = pose.drift * actor.size * t * sin(radians(actor.azimuth_deg))
        x = camera.frame_x(actor.x + drift, inverse_depth)
        y = self.backdrop.stage.horizon + now * INVERSE_DEPTH_ROWS
        scale = actor.size * self.size / rig.tall * now / inverse_depth
        return Standpoint(x * self.size, y * self.size, scale, now)

    def _draw_actor(self, canvas: Canvas, k: int, time_s: float) -> tuple[float, float]:
        actor, rig = self.spec.actors[k], self.rigs[k]
        winged = SPECIES[actor.creature].winged
        pose = pose_at(actor.action, actor.phase, time_s, things=actor.things, winged=winged)
        at = self._stand(actor, rig, pose, time_s)
        if pose.water is None:
            self._shadow(canvas.rgb, at, pose, actor.things)
        else:
            self._ripples(canvas.rgb, at, time_s, actor.phase)
        surfaces = place(rig, pose, actor.azimuth_deg)
        foot = at.y + (pose.water or 0.0) * at.scale * cos(radians(CAMERA_PITCH_DEG))
        stripes = actor.accessory_rgb if actor.accessory == "stripes" else None
        paste(canvas, Body(rig, surfaces, at, foot, k, pose.water, stripes), self.light, self.supersample)
        return at.x + float(surfaces.head[0]) * at.scale, foot - float(surfaces.head[1]) * at.scale

    def _shadow(self, rgb: Array, at: Standpoint, pose: Pose, things: tuple[str, ...]) -> None:
        """A soft dark ellipse on the ground, fainter the higher the body is."""
        lift = 0.0 if set(things) & GROUNDED else max(pose.rise, 0.0)
        if set(things) & LONG:
            at = replace(at, scale=at.scale * 1.35)
        rx = at.scale * ((0.56 if pose.lying else 0.30) - 0.22 * lift)
        ry = at.scale * (0.105 if pose.lying else 0.080) * (1 - 0.6 * lift)
        box, u, v = patch(self.size, at, rx * 1.9, ry * 1.9, (rx, ry))
        dark = 0.52 * (1 - 1.2 * lift) * np.exp(-1.3 * (u * u + v * v) ** 1.3)
        rgb[box] *= (1 - dark)[..., None]

    def _ripples(self, rgb: Array, at: Standpoint, time_s: float, phase: float) -> None:
        """Rings that widen on the water; a pond first, where there is none."""
        r = at.scale * 0.30
        box, u, v = patch(self.size, at, r * 3.1, r * 0.95, (r, r * 0.30))
        d = np.sqrt(u * u + v * v)
        if not self.wet:
            rgb[box] += (POND * self.backdrop.tint - rgb[box]) * np.clip((2.9 - d) * 9, 0, 1)[..., None]
        for k in range(2):
            grow = (phase + 0.8 * time_s + 0.5 * k) % 1.0
            ring = np.exp(-(((d - 0.95 - 1.5 * grow) / 0.20) ** 2)) * 0.55 * (1 - grow) * min(1.0, 5 * grow)
            rgb[box] += (np.float32(0.95) - rgb[box]) * ring[..., None]
        rgb[box] *= (1 - 0.28 * np.exp(-((d / 0.95) ** 4)))[..., None]
