"""Clips that are no pictures of anything are found, and rendered ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.broken_clips import find_faults
from storyanim.config import asset

RNG = np.random.default_rng(0)


def rendered(number: int, size_px: int = 128) -> np.ndarray:
    clip = video.read(asset(f"storybook/clips/clip-{number:03d}.mp4"), start_s=0, end_s=2, fps=8, max_frames=16).rgb
    return np.kron(clip, np.ones((1, size_px // 128, size_px // 128, 1), np.uint8))


@pytest.mark.parametrize("number", range(0, 528, 44))
def test_rendered_clips_are_in_order(number: int) -> None:
    assert find_faults(Frames(rendered(number), 8.0)) == ()


def blobs(num_frames: int, size_px: int) -> np.ndarray:
    """What decoded noise looks like: soft blobs of eight pixels, other ones in each frame."""
    coarse = RNG.normal(0.5, 0.15, (num_frames, size_px // 8 + 1, size_px // 8 + 1, 3))
    fine = np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)
    soft = sum(fine[:, i:i + size_px, j:j + size_px] for i in range(8) for j in range(8)) / 64
    return (soft.clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("size_px", [64, 128, 256, 512])
@pytest.mark.parametrize(("fault", "make"), [
    ("black", lambda n, s: np.zeros((n, s, s, 3), np.uint8)),
    ("black", lambda n, s: RNG.integers(0, 6, (n, s, s, 3)).astype(np.uint8)),
    ("flat", lambda n, s: np.full((n, s, s, 3), 127, np.uint8)),
    ("noise", lambda n, s: RNG.integers(0, 256, (n, s, s, 3)).astype(np.uint8)),
    ("noise", lambda n, s: np.repeat(RNG.integers(0, 256, (1, s, s, 3)), n, axis=0).astype(np.uint8)),
    ("noise", blobs),
])
def test_planted_faults(fault: str, make: object, size_px: int) -> None:
    assert fault in find_faults(Frames(make(8, size_px), 8.0))  # type: ignore[operator]


@pytest.mark.parametrize("size_px", [128, 256])
@pytest.mark.parametrize("number", [0, 100, 500])
def test_a_frozen_clip(number: int, size_px: int) -> None:
    frozen = np.repeat(rendered(number, size_px)[:1], 16, axis=0)
    assert find_faults(Frames(frozen, 8.0)) == ("frozen",)
    flicker = frozen.astype(int) + (RNG.random(frozen.shape) < 0.02)
    assert find_faults(Frames(flicker.clip(0, 255).astype(np.uint8), 8.0)) == ("frozen",)
    assert find_faults(Frames(frozen[:1], 8.0)) == ()
