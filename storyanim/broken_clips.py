"""Finds clips that are no pictures of anything: one colour throughout, frozen, or noise.

One detector for what any profile draws and for footage. Its limits lie between what was measured of rendered
clips of the storybook world and of planted faults; `benchmarks/broken_clips.py` measures both again.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from storyanim.artifacts import Float32, Frames, UInt8

Fault = Literal["black", "flat", "frozen", "noise"]
_SIDE_PX = 128                                       # to which frames are averaged down first
_MAX_BLACK = 0.1                                     # mean luminance in [0, 1]
_MIN_CONTRAST = 0.02                                 # standard deviation of luminance over a frame
_MIN_MOTION = 0.0006                                 # mean absolute difference of any two consecutive frames
_MIN_LIKENESS = 0.6                                  # correlation of a frame with itself one pixel further
_MIN_FAR_LIKENESS = 0.42                             # with itself a 32nd of its width further
_MIN_LASTING = 0.35                                  # correlation of consecutive frames


def find_faults(frames: Frames) -> tuple[Fault, ...]:
    """Return what is wrong with a clip, () when nothing is.

    "black" and "flat": nearly no contrast in most frames. "frozen": no frame differs from the one before (a
    single frame is not). "noise": neighbouring pixels, or consecutive frames, have nothing in common.
    """
    grey = _shrunk(frames.rgb)                                                                # (T, h, w)
    contrast = float(np.median(grey.std(axis=(1, 2))))
    if contrast < _MIN_CONTRAST:
        return ("black",) if float(grey.mean()) < _MAX_BLACK else ("flat",)
    found: list[Fault] = []
    if len(grey) > 1 and np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2)).max() < _MIN_MOTION:
        found.append("frozen")
    if _is_noise(grey):
        found.append("noise")
    return tuple(found)


def _is_noise(grey: Float32) -> bool:
    centred = grey - grey.mean(axis=(1, 2), keepdims=True)
    power = (centred**2).mean(axis=(1, 2)) + 1e-8                                                       # (T,)
    near, far = (float(np.median(_likeness(centred, power, lag))) for lag in (1, max(2, grey.shape[2] // 32)))
    if near < _MIN_LIKENESS or far < _MIN_FAR_LIKENESS:
        return True
    if len(grey) < 2:
        return False
    both = (centred[1:] * centred[:-1]).mean(axis=(1, 2)) / np.sqrt(power[1:] * power[:-1])
    return float(np.median(both)) < _MIN_LASTING


def _likeness(centred: Float32, power: Float32, lag: int) -> Float32:           # (T, h, w), (T,) → (T,)
    across = (centred[:, :, lag:] * centred[:, :, :-lag]).mean(axis=(1, 2))
    down = (centred[:, lag:] * centred[:, :-lag]).mean(axis=(1, 2))
    likeness: Float32 = (across + down) / (2 * power)
    return likeness


def _shrunk(rgb: UInt8) -> Float32:
    """Return luminance in [0, 1], (T, h, w), averaged over squares to 128 pixels or a little more."""
    grey = rgb.mean(axis=-1, dtype=np.float32) / 255
    times = max(1, min(grey.shape[1:]) // _SIDE_PX)
    height, width = (size // times * times for size in grey.shape[1:])
    squares = grey[:, :height, :width].reshape(len(grey), height // times, times, width // times, times)
    shrunk: Float32 = squares.mean(axis=(2, 4))
    return shrunk
