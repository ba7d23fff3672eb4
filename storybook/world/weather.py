"""Rain, snow and fog over a finished frame, soft enough for a small autoencoder."""

from __future__ import annotations

from math import pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from storybook.world.spec import ClipSpec

Array = NDArray[np.floating[Any]]

FOG_RGB: dict[str, tuple[float, float, float]] = {
    "day": (0.87, 0.90, 0.92),
    "dusk": (0.86, 0.72, 0.66),
    "night": (0.25, 0.31, 0.46),
    "dawn": (0.93, 0.86, 0.88),
}
STORM_HAZE = 0.45  # how much of far things a snowstorm hides


TILED = ("rain", "snowfall", "snowstorm")


class Weather:
    """One clip's weather. A tile of drops or flakes is made once and rolled past the camera."""

    def __init__(self, spec: ClipSpec, size: int) -> None:
        self.kind, self.size = spec.weather, size
        self.fog = np.array(FOG_RGB[spec.time_of_day], dtype=np.float32)
        rng = np.random.default_rng([spec.seed, 43])
        self.tiles = [self._tile(rng, k) for k in range(2)] if spec.weather in TILED else []

    def _tile(self, rng: np.random.Generator, layer: int) -> Array:
        """Opacity (H, W) of one layer; it wraps."""
        k = self.size / 128
        tile = np.zeros((self.size, self.size), dtype=np.float32)
        count = 24 if self.kind == "rain" else 16
        rows, columns = rng.integers(0, self.size, (2, count))
        if self.kind == "rain":
            for step in range(round((13 + 5 * layer) * k)):
                tile[(rows + step) % self.size, (columns - step // 4) % self.size] = 1
            return np.clip(gaussian_filter(tile, 0.95 * k, mode="wrap") * 1.25, 0, 0.55)
        if self.kind == "snowstorm":
            return self._streaks(rng, tile, layer)
        tile[rows, columns] = 1
        sigma = (1.25 + 0.45 * layer) * k
        return np.clip(gaussian_filter(tile, sigma, mode="wrap") * (2 * pi * sigma**2) * 1.5, 0, 0.95)

    def _streaks(self, rng: np.random.Generator, tile: Array, layer: int) -> Array:
        """Flakes of a snowstorm, drawn out by the wind."""
        k = self.size / 128
        rows, columns = rng.integers(0, self.size, (2, 40))
        for step in range(max(1, round((2 + layer) * k))):
            tile[(rows + step // 2) % self.size, (columns - step) % self.size] = 1
        sigma = (0.85 + 0.35 * layer) * k
        return np.clip(gaussian_filter(tile, sigma, mode="wrap") * (2 * pi * sigma**2) * 0.80 / k, 0, 0.80)

    def fall(self, rgb: Array, inverse_depth: Array, time_s: float) -> None:
        """Draw over a frame, in place. rgb (H, W, 3), inverse depth (H, W)."""
        if self.kind == "fog":
            soft = uniform_filter(inverse_depth, 3)  # depth has hard edges, fog must not
            thick = 0.86 * np.exp(-((soft / 0.42) ** 1.5)) + 0.09
            rgb += (self.fog - rgb) * thick[..., None]
        if self.kind == "snowstorm":
            thick = STORM_HAZE * np.exp(-uniform_filter(inverse_depth, 3) / 0.45) + 0.06
            rgb += (self.fog * np.float32(1.04) - rgb) * thick[..., None]
        for layer, tile in enumerate(self.tiles):
            if self.kind == "snowstorm":
                down, side = (0.55 + 0.2 * layer) * time_s, -(0.80 + 0.3 * layer) * time_s
                colour = np.float32(0.99)
            elif self.kind == "rain":
                down, side = (1.05 + 0.35 * layer) * time_s, -(1.05 + 0.35 * layer) * time_s / 4
                colour = np.float32(0.90)
            else:
                down, side = (0.20 + 0.09 * layer) * time_s, 0.03 * sin(2 * pi * (0.4 * time_s + 0.5 * layer))
                colour = np.float32(0.99)
            moved = np.roll(tile, (round(down * self.size), round(side * self.size)), axis=(0, 1))
            rgb += (colour - rgb) * moved[..., None]
