"""The scene behind the actors, drawn for a camera: sky, ridges, ground and props, with their depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storybook.world.furniture import PAINTERS, draw_solid, paint
from storybook.world.places import lay_out
from storybook.world.rooms import Wall, decorate, draw_hall
from storybook.world.scenes import INVERSE_DEPTH_ROWS, Prop, Ridge, Stage, light_of, tint_of
from storybook.world.spec import ClipSpec, Rgb
from storybook.world.surfaces import SURFACES

Array = NDArray[np.floating[Any]]

PAN_WORLD = 0.50  # sideways travel in two seconds, at inverse depth 1, in frames
APPROACH_WORLD = 0.30  # forward travel in two seconds, in depths of inverse depth 1
TRAVEL_S = 2.0
SNOW_CAP: Rgb = (0.96, 0.97, 1.0)
ORBS: dict[str, Rgb] = {
    "day": (1.0, 0.92, 0.48), "dusk": (1.0, 0.78, 0.40), "night": (0.98, 0.97, 0.86),
    "dawn": (1.0, 0.95, 0.74),
}
CLOUDS: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0), "dusk": (1.0, 0.76, 0.66), "night": (0.26, 0.32, 0.54), "dawn": (1.0, 0.88, 0.90),
}


@dataclass(frozen=True)
class Camera:
    """Where the camera is, measured from the middle of the clip."""

    x: float  # to the right
    z: float  # forward

    def inverse_depth_now(self, inverse_depth: float) -> float:
        """What an inverse depth at the middle of the clip becomes."""
        return inverse_depth / (1 - inverse_depth * self.z)

    def frame_x(self, x: float, inverse_depth: float) -> float:
        """Where frame position `x` at an inverse depth moves to."""
        now = self.inverse_depth_now(inverse_depth)
        return 0.5 + ((x - 0.5) / inverse_depth - self.x) * now if inverse_depth > 0 else x


def camera_at(move: str, time_s: float) -> Camera:
    u = min(max(time_s / TRAVEL_S, -0.5), 1.5) - 0.5
    side = {"pan_left": -1.0, "pan_right": 1.0}.get(move, 0.0)
    return Camera(side * PAN_WORLD * u, APPROACH_WORLD * u if move == "approach" else 0.0)


class Backdrop:
    """Draws one clip's scene. The sky and the sprites are painted once."""

    def __init__(self, spec: ClipSpec, size: int) -> None:
        self.spec, self.size = spec, size
        self.stage: Stage = lay_out(spec)
        self.light = light_of(spec)
        self.tint = np.array(tint_of(spec), dtype=np.float32)
        rng = np.random.default_rng([spec.seed, 29])
        lamps = spec.time_of_day != "day"
        snowy = self.stage.snowy
        self.sprites = [paint(p.kind, p.height * size, tint_of(spec), rng, lamps=lamps, snowy=snowy)
                        for p in self.stage.props]
        self.waves = rng.uniform(0, 2 * np.pi, 8).astype(np.float32)
        self.x = ((np.arange(size, dtype=np.float32) + 0.5) / size)[None, :]
        self.v = ((np.arange(size, dtype=np.float32) + 0.5) / size)[:, None]
        self.sky = self._paint_sky(rng)
        self._still: tuple[Array, Array] | None = None

    @property
    def moves(self) -> bool:
        return self.spec.camera != "fixed" or self.stage.ground.water is not None

    def draw(self, time_s: float) -> tuple[Array, Array]:
        """Colour (H, W, 3) and inverse depth (H, W) at an instant; both are the caller's to change."""
        if self.moves:
            return self._draw(camera_at(self.spec.camera, time_s), time_s)
        if self._still is None:
            self._still = self._draw(camera_at(self.spec.camera, 0.0), 0.0)
        return self._still[0].copy(), self._still[1].copy()

    def _draw(self, camera: Camera, time_s: float) -> tuple[Array, Array]:
        rgb, inverse_depth = self.sky.copy(), np.zeros((self.size, self.size), dtype=np.float32)
        if self.stage.room is not None:
            grid, at = (self.x, self.v), (camera.x, camera.z)
            rgb, inverse_depth = draw_hall(self.stage.room, self.stage.horizon, grid, at, self.sky, self.tint)
        elif self.stage.wall:
            self._draw_wall(rgb, inverse_depth, camera, self.stage.ridges[0])
        else:
            for ridge in self.stage.ridges:
                self._draw_ridge(rgb, inverse_depth, camera, ridge)
        if self.stage.room is None:
            self._draw_ground(rgb, inverse_depth, camera, time_s)
        for prop, sprite in zip(self.stage.props, self.sprites, strict=True):
            self._draw_prop(rgb, inverse_depth, camera, prop, sprite)
        for solid in self.stage.solids:
            n = camera.inverse_depth_now(solid.inverse_depth)
            x = camera.frame_x(solid.x, solid.inverse_depth) * self.size
            y = (self.stage.horizon + n * INVERSE_DEPTH_ROWS) * self.size
            draw_solid(rgb, inverse_depth, solid, (x, y, n), self.light)
        return rgb, inverse_depth

    def _paint_sky(self, rng: np.random.Generator) -> Array:
        top, bottom = (np.array(c, dtype=np.float32) for c in self.stage.sky)
        sky = np.empty((self.size, self.size, 3), dtype=np.float32)
        sky[:] = top + (bottom - top) * np.clip(self.v / self.stage.horizon, 0, 1)[..., None] ** 1.3
        if self.spec.weather != "clear":
            grey = np.float32(sky.mean(axis=2, keepdims=True)) * np.array([0.92, 0.96, 1.0], dtype=np.float32)
            sky += (grey * (0.84 if self.spec.weather == "rain" else 1.0) - sky) * 0.72
        self._paint_orb(sky)
        night = self.spec.time_of_day == "night"
        if night and self.spec.weather == "clear":
            for x, v in zip(rng.uniform(0.04, 0.96, 9), rng.uniform(0.03, 0.30, 9), strict=True):
                _blend(sky, 0.9 * np.exp(-((self.x - x) ** 2 + (self.v - v) ** 2) / 0.0085**2),
                       (1.0, 0.97, 0.85))
        for _ in range(3):
            self._paint_cloud(sky, float(rng.uniform(0.0, 1.0)), float(rng.uniform(0.06, 0.26)),
                              float(rng.uniform(0.05, 0.075)))
        return sky

    def _paint_orb(self, sky: Array) -> None:
        if self.spec.weather in ("rain", "fog", "snowstorm"):
            return
        night = self.spec.time_of_day == "night"
        x, v = self.stage.orb
        if self.spec.time_of_day in ("dusk", "dawn"):
            v = self.stage.horizon * 0.66
        d = np.sqrt((self.x - x) ** 2 + (self.v - v) ** 2)
        colour = ORBS[self.spec.time_of_day]
        _blend(sky, 0.45 * np.exp(-((d / 0.13) ** 2)), colour)
        disc = np.clip((0.068 - d) * self.size + 0.5, 0, 1)
        if night:  # a crescent
            bite = np.sqrt((self.x - x - 0.035) ** 2 + (self.v - v + 0.018) ** 2)
            disc = disc * np.clip((bite - 0.056) * self.size + 0.5, 0, 1)
        _blend(sky, disc, colour)

    def _paint_cloud(self, sky: Array, x: float, v: float, r: float) -> None:
        soft = np.zeros((self.size, self.size), dtype=np.float32)
        for dx, dv, k in ((-1.3, 0.15, 0.75), (0.0, 0.0, 1.0), (1.3, 0.18, 0.7)):
            d = np.sqrt(((self.x - x) / 1.25 - dx * r) ** 2 + (self.v - v - dv * r) ** 2)
            soft = np.maximum(soft, np.clip((k * r - d) / 0.022 + 0.5, 0, 1))
        _blend(sky, soft * (0.85 if self.spec.time_of_day == "day" else 0.6), CLOUDS[self.spec.time_of_day])

    def _draw_ridge(self, rgb: Array, inverse_depth: Array, camera: Camera, ridge: Ridge) -> None:
        n = camera.inverse_depth_now(ridge.inverse_depth)
        x = (self.x - 0.5) * (ridge.inverse_depth / n) + 0.5 + camera.x * ridge.inverse_depth
        wave = int(ridge.inverse_depth * 100) % 5
        a, b = self.waves[wave], self.waves[wave + 2]
        phase = 2 * np.pi * ridge.waves * x
        if ridge.peaked:
            outline = 1.6 * np.abs(((phase + a) / np.pi) % 2
                                   - 1) - 0.8 + 0.5 * np.abs(((1.7 * phase + b) / np.pi) % 2 - 1)
        else:
            outline = 0.7 * np.sin(phase + a) + 0.4 * np.sin(1.9 * phase + b)
        line = self.stage.horizon - (ridge.height + ridge.swing * outline)  # (1, W) row of its top
        bottom = round(self.stage.horizon * self.size) + 2
        alpha = np.clip((self.v[:bottom] - line) * self.size + 0.5, 0, 1)
        base = np.array(ridge.rgb, dtype=np.float32) * self.tint
        depth_below = np.clip((self.v[:bottom] - line) / 0.25, 0, 1)[..., None]
        colour = base * (1.05 - 0.12 * depth_below)
        if ridge.peaked:
            snow_line = self.stage.horizon - ridge.height - 0.22 * ridge.swing
            snow_line = snow_line + 0.016 * np.sin(4.3 * phase + b)
            cap = np.clip((snow_line - self.v[:bottom]) * self.size * 0.6 + 0.5, 0, 1)
            colour = colour + (np.array(SNOW_CAP, dtype=np.float32) * self.tint - colour) * cap[..., None]
        rgb[:bottom] += (colour - rgb[:bottom]) * alpha[..., None]
        inverse_depth[:bottom][alpha > 0.5] = n

    def _draw_wall(self, rgb: Array, inverse_depth: Array, camera: Camera, wall: Ridge) -> None:
        n = camera.inverse_depth_now(wall.inverse_depth)
        foot = self.stage.horizon + n * INVERSE_DEPTH_ROWS
        k = n / wall.inverse_depth
        x = (self.x - 0.5) / k + camera.x * wall.inverse_depth + 0.5
        v = (self.v - self.stage.horizon) / k + self.stage.horizon
        paper = np.array(wall.rgb, dtype=np.float32) * self.tint
        stripe = 0.5 + 0.5 * np.clip(2.5 * np.sin(2 * np.pi * x * 6), -1, 1)
        paint_ = np.repeat((paper * (1 - 0.05 * stripe[..., None])), self.size, axis=0)
        side = wall.waves
        if self.stage.decor:
            surface = Wall(paint_, x, v, self.size * k, self.tint)
            decorate(self.stage.decor, surface, side, self.sky, self.stage.ground.patch)
            self._put_wall(rgb, inverse_depth, surface, n)
            return
        cx = 0.5 + side * 0.27
        frame = _rect(x, v, (cx - 0.155, cx + 0.155, 0.08, 0.40), self.size * k)
        pane = _rect(x, v, (cx - 0.125, cx + 0.125, 0.11, 0.37), self.size * k)
        bars = np.maximum(
            _rect(x, v, (cx - 0.012, cx + 0.012, 0.1, 0.38), self.size),
            _rect(x, v, (cx - 0.13, cx + 0.13, 0.228, 0.252), self.size),
        )
        wood = np.array([0.98, 0.97, 0.94], dtype=np.float32) * self.tint
        paint_ += (wood - paint_) * frame[..., None]
        paint_ += (self.sky - paint_) * (pane * (1 - bars))[..., None]
        floor = self.stage.horizon + wall.inverse_depth * INVERSE_DEPTH_ROWS
        skirting = np.clip((v - (floor - 0.035)) * self.size + 0.5, 0, 1)
        paint_ += (wood * 0.94 - paint_) * skirting[..., None]
        rows = self.v[:, 0] < foot
        rgb[rows], inverse_depth[rows] = paint_[rows], n

    def _put_wall(self, rgb: Array, inverse_depth: Array, wall: Wall, n: float) -> None:
        """The wall above its foot, with a skirting board."""
        foot = self.stage.horizon + self.stage.wall * INVERSE_DEPTH_ROWS
        white = np.array([0.93, 0.92, 0.89], dtype=np.float32) * self.tint
        wall.lay(np.clip((wall.v - (foot - 0.028)) * self.size + 0.5, 0, 1), white)
        rows = self.v[:, 0] < self.stage.horizon + n * INVERSE_DEPTH_ROWS
        rgb[rows], inverse_depth[rows] = wall.colour[rows], n

    def _draw_ground(self, rgb: Array, inverse_depth: Array, camera: Camera, time_s: float) -> None:
        horizon, ground = self.stage.horizon, self.stage.ground
        wall = camera.inverse_depth_now(self.stage.wall)
        first = int(np.ceil((horizon + wall * INVERSE_DEPTH_ROWS) * self.size - 0.5))
        n = np.maximum((self.v[first:] - horizon) / INVERSE_DEPTH_ROWS, 1e-3)  # (R, 1)
        z = 1 / n + camera.z
        x = (self.x - 0.5) / n + camera.x  # (R, W) world
        fade = np.clip((n - 0.10) / 0.35, 0, 1)
        w = self.waves
        soft = 0.5 + 0.28 * np.sin(2.3 * x + 2.0 * z + w[0]) + 0.28 * np.sin(-1.3 * x + 3.4 * z
                                                                             + w[1]) * np.sin(1.9 * x + w[2])
        main, patch = (np.array(c, dtype=np.float32) for c in (ground.main, ground.patch))
        mixed = np.clip(0.5 + (soft - 0.5) * fade, 0, 1)[..., None]
        colour = self._floor(x, z, main, patch) if ground.kind == "floor" else main + (patch - main) * mixed
        if ground.kind in SURFACES:
            colour = SURFACES[ground.kind](colour, x, z, main)
        if ground.water is not None:
            self._water(colour, x, z, n, time_s)
        outdoors = self.stage.ridges and not self.stage.wall
        haze = np.array(self.stage.ridges[-1].rgb if outdoors else ground.water or ground.main,
                        dtype=np.float32)
        colour += (haze - colour) * (0.55 * np.clip(1 - n / 0.16, 0, 1))[..., None]
        rgb[first:] = np.clip(colour * self.tint, 0, 1)
        inverse_depth[first:] = np.minimum(n, 1)

    def _floor(self, x: Array, z: Array, main: Array, rug: Array) -> Array:
        """Wide boards and a round rug."""
        board = np.clip(3.0 * np.sin(2 * np.pi * x / 0.5), -1, 1)
        colour = main * (0.97 + 0.035 * board[..., None])
        d = np.sqrt((x / 0.56) ** 2 + ((z - 1.38) / 0.34) ** 2)
        for limit, tone in ((1.0, 1.0), (0.80, 1.16), (0.60, 1.0)):
            colour += (np.clip(rug * tone, 0, 1) - colour) * np.clip((limit - d) * 24 + 0.5, 0, 1)[..., None]
        return colour

    def _water(self, colour: Array, x: Array, z: Array, n: Array, time_s: float) -> None:
        """Water beyond the shore, with slow waves and a soft edge of foam."""
        ground, w = self.stage.ground, self.waves
        blue = np.array(ground.water, dtype=np.float32)
        calm = np.clip((n - 0.08) / 0.3, 0, 1)
        wave = np.sin(5.2 * z + 0.9 * np.sin(2.1 * x + w[3] + 0.8 * time_s) + w[4] + 2.4 * time_s)
        wave *= np.sin(2.6 * x - 1.1 * z + w[5] + 0.9 * time_s)
        water = blue * (1 + (0.17 * calm * wave)[..., None]) + (0.05 * calm * (wave > 0) * wave)[..., None]
        edge = 1 / ground.shore + 0.07 * np.sin(2.2 * x + w[6]) + 0.05 * np.sin(1.5 * time_s + w[7])
        over = np.clip((z - edge) / 0.06 + 0.5, 0, 1)[..., None]
        colour += (water - colour) * over
        foam = np.exp(-(((z - edge - 0.06) / 0.10) ** 2))[..., None] * (0.85 if ground.shore < 1 else 0.0)
        colour += (np.float32(0.97) - colour) * foam * (0.8 if self.spec.scene == "beach" else 0.25)

    def _draw_prop(
        self, rgb: Array, inverse_depth: Array, camera: Camera, prop: Prop, sprite: Image.Image
    ) -> None:
        n = camera.inverse_depth_now(prop.inverse_depth)
        k = n / prop.inverse_depth
        height = prop.height * k * self.size
        width = height * PAINTERS[prop.kind][1]
        cx = camera.frame_x(prop.x, prop.inverse_depth) * self.size
        foot = (self.stage.horizon + n * INVERSE_DEPTH_ROWS) * self.size
        x0, x1 = max(int(cx - width / 2) - 1, 0), min(int(cx + width / 2) + 2, self.size)
        y0, y1 = max(int(foot - height) - 1, 0), min(int(foot) + 2, self.size)
        if x0 >= x1 or y0 >= y1 or n <= 0:
            return
        sx, sy = sprite.width / width, sprite.height / height
        place = (sx, 0.0, (x0 - cx + width / 2) * sx, 0.0, sy, (y0 - foot + height) * sy)
        seen = sprite.transform((x1 - x0, y1 - y0), Image.Transform.AFFINE, place, Image.Resampling.BILINEAR)
        rgba = np.asarray(seen, dtype=np.float32) * np.float32(1 / 255)
        alpha = rgba[..., 3:]
        if self.stage.room is not None:
            alpha = alpha * (inverse_depth[y0:y1, x0:x1] <= n)[..., None]  # walls are not only behind
        rgb[y0:y1, x0:x1] += (rgba[..., :3] - rgb[y0:y1, x0:x1]) * alpha
        inverse_depth[y0:y1, x0:x1][alpha[..., 0] > 0.5] = min(n, 1.0)


def _blend(image: Array, alpha: Array, rgb: Rgb) -> None:
    image += (np.array(rgb, dtype=np.float32) - image) * alpha[..., None].astype(np.float32)


def _rect(x: Array, v: Array, box: tuple[float, float, float, float], px: float) -> Array:
    ax = np.clip(np.minimum(x - box[0], box[1] - x) * px + 0.5, 0, 1)
    av = np.clip(np.minimum(v - box[2], box[3] - v) * px + 0.5, 0, 1)
    return ax * av
