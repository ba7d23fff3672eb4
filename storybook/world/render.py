"""One frame: the backdrop, the actors with their shadows or ripples, then the weather."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.actions import Pose, pose_at
from storybook.world.backdrop import Backdrop, camera_at
from storybook.world.creatures import Rig
from storybook.world.raster import CAMERA_PITCH_DEG, Surfaces, cast, place, shade
from storybook.world.scenes import NEAR_ROWS, light_of
from storybook.world.spec import WATER_SCENES, ActorSpec, ClipSpec
from storybook.world.wardrobe import build
from storybook.world.weather import Weather

Array = NDArray[np.floating[Any]]

FOCAL = 1.6  # focal length in frames; it sets how deep a creature is
MIDDLE_S = 1.0  # the instant at which an actor is at its `x`
DRIFT_S = 1.6  # it drifts no longer than this before or after
FEET_ROWS = (0.845, 0.930)  # where the feet of the smallest and the largest actor stand
SIZES = (0.50, 0.80)
POND = np.array([0.27, 0.55, 0.72], dtype=np.float32)


@dataclass(frozen=True)
class Standpoint:
    """An actor's place in one frame, in pixels."""

    x: float
    y: float  # of the ground, or of the water line
    scale: float  # pixels a creature unit
    near: float


@dataclass(frozen=True)
class FrameTruth:
    """What `Renderer.frame` returns beside the picture."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    near: Array  # (H, W)
    mask: NDArray[np.bool_]  # (H, W)
    head_xy: tuple[float, float]


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
        rgb, near = self.backdrop.draw(time_s)
        mask = np.zeros(near.shape, dtype=bool)
        heads = [(float("nan"), float("nan"))]
        order = sorted(range(len(self.rigs)), key=lambda k: self.spec.actors[k].size)
        for k in order:
            head = self._draw_actor(rgb, near, mask, k, time_s)
            if k == 0:
                heads = [head]
        self.weather.fall(rgb, near, time_s)
        picture = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
        return FrameTruth(picture, near, mask, heads[0])

    def _stand(self, actor: ActorSpec, rig: Rig, pose: Pose, time_s: float) -> Standpoint:
        camera = camera_at(self.spec.camera, time_s)
        t = min(max(time_s - MIDDLE_S, -DRIFT_S), DRIFT_S)
        share = min(max((actor.size - SIZES[0]) / (SIZES[1] - SIZES[0]), 0), 1)
        row = FEET_ROWS[0] + (FEET_ROWS[1] - FEET_ROWS[0]) * share - (0.09 if pose.water is not None else 0.0)
        near = (row - self.backdrop.stage.horizon) / NEAR_ROWS
        near *= 1 + 0.30 * pose.drift * t * cos(radians(actor.azimuth_deg))
        now = camera.near(near)
        drift = pose.drift * actor.size * t * sin(radians(actor.azimuth_deg))
        x = camera.frame_x(actor.x + drift, near)
        y = self.backdrop.stage.horizon + now * NEAR_ROWS
        return Standpoint(x * self.size, y * self.size, actor.size * self.size / rig.tall * now / near, now)

    def _draw_actor(self, rgb: Array, near: Array, mask: NDArray[np.bool_], k: int, time_s: float) -> tuple[float, float]:
        actor, rig = self.spec.actors[k], self.rigs[k]
        pose = pose_at(actor.action, actor.phase, time_s)
        at = self._stand(actor, rig, pose, time_s)
        if pose.water is None:
            self._shadow(rgb, at, pose)
        else:
            self._ripples(rgb, at, time_s, actor.phase)
        surfaces = place(rig, pose, actor.azimuth_deg)
        foot = at.y + (pose.water or 0.0) * at.scale * cos(radians(CAMERA_PITCH_DEG))
        self._paste(rgb, near, mask, _Body(actor, rig, pose, surfaces, at, foot))
        return at.x + float(surfaces.head[0]) * at.scale, foot - float(surfaces.head[1]) * at.scale

    def _paste(self, rgb: Array, near: Array, mask: NDArray[np.bool_], body: _Body) -> None:
        """Rasterise a body in its box and lay it over the frame where it is nearest."""
        s, ss, scale = body.surfaces, self.supersample, body.at.scale
        low, high = (s.box_centre - s.half).min(axis=0), (s.box_centre + s.half).max(axis=0)
        x0, x1 = max(int(body.at.x + low[0] * scale) - 1, 0), min(int(body.at.x + high[0] * scale) + 2, self.size)
        y0, y1 = max(int(body.foot - high[1] * scale) - 1, 0), min(int(body.foot - low[1] * scale) + 2, self.size)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        xs = ((np.arange((x1 - x0) * ss) + 0.5) / ss + x0 - body.at.x) / scale
        ys = (body.foot - y0 - (np.arange((y1 - y0) * ss) + 0.5) / ss) / scale
        grid = (xs.astype(np.float32), ys.astype(np.float32))
        seen = cast(s, body.rig, *grid)
        actor = body.actor
        stripes = np.array(actor.accessory_rgb, dtype=np.float32) if actor.accessory == "stripes" else None
        colours, covered = shade(s, body.rig, grid, seen, self.light, stripes)
        weight = covered.astype(np.float32)
        if body.pose.water is not None:
            weight *= _above_water(grid[1], seen[0], body.pose.water)
        full = np.zeros((*covered.shape, 3), dtype=np.float32)
        full[covered] = colours * weight[covered][:, None]
        alpha = _shrink(weight, ss)
        colour = _shrink(full, ss)
        depth = _shrink(np.where(covered, seen[0], 0) * weight, ss) / np.maximum(alpha, 1e-4)
        here = body.at.near / np.maximum(1 - depth * (scale / self.size) / FOCAL, 0.5)
        here = np.clip(here, 0, 1)
        window, behind = rgb[y0:y1, x0:x1], near[y0:y1, x0:x1]
        front = ((here >= behind) & (alpha > 0)).astype(np.float32)
        alpha *= front
        window *= (1 - alpha)[..., None]
        window += colour * front[..., None]
        solid = alpha > 0.5
        behind[solid] = here[solid]
        mask[y0:y1, x0:x1] |= solid

    def _shadow(self, rgb: Array, at: Standpoint, pose: Pose) -> None:
        """A soft dark ellipse on the ground, fainter the higher the body is."""
        lift = max(pose.rise, 0.0)
        rx = at.scale * ((0.56 if pose.lying else 0.30) - 0.22 * lift)
        ry = at.scale * (0.105 if pose.lying else 0.080) * (1 - 0.6 * lift)
        box, u, v = self._patch(at, rx * 1.9, ry * 1.9, (rx, ry))
        dark = 0.52 * (1 - 1.2 * lift) * np.exp(-1.3 * (u * u + v * v) ** 1.3)
        rgb[box] *= (1 - dark)[..., None]

    def _ripples(self, rgb: Array, at: Standpoint, time_s: float, phase: float) -> None:
        """Rings that widen on the water; a pond first, where there is none."""
        r = at.scale * 0.30
        box, u, v = self._patch(at, r * 3.1, r * 0.95, (r, r * 0.30))
        d = np.sqrt(u * u + v * v)
        if not self.wet:
            rgb[box] += (POND * self.backdrop.tint - rgb[box]) * np.clip((2.9 - d) * 9, 0, 1)[..., None]
        for k in range(2):
            grow = (phase + 0.8 * time_s + 0.5 * k) % 1.0
            ring = np.exp(-(((d - 0.95 - 1.5 * grow) / 0.20) ** 2)) * 0.55 * (1 - grow) * min(1.0, 5 * grow)
            rgb[box] += (np.float32(0.95) - rgb[box]) * ring[..., None]
        rgb[box] *= (1 - 0.28 * np.exp(-((d / 0.95) ** 4)))[..., None]

    def _patch(
        self, at: Standpoint, wide: float, high: float, unit: tuple[float, float]
    ) -> tuple[tuple[slice, slice], Array, Array]:
        """A window around a standpoint, with coordinates in `unit`s."""
        x0, x1 = max(int(at.x - wide), 0), max(min(int(at.x + wide) + 1, self.size), 0)
        y0, y1 = max(int(at.y - high), 0), max(min(int(at.y + high) + 1, self.size), 0)
        u = ((np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(at.x)) / np.float32(unit[0]))[None, :]
        v = ((np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(at.y)) / np.float32(unit[1]))[:, None]
        return (slice(y0, y1), slice(x0, x1)), u, v


@dataclass(frozen=True)
class _Body:
    """An actor ready to be drawn."""

    actor: ActorSpec
    rig: Rig
    pose: Pose
    surfaces: Surfaces
    at: Standpoint
    foot: float  # pixel row of creature height 0


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
