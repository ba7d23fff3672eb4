"""Flicker goes, motion stays."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim.generate.temporal_filter import temporal_bilateral_filter

SIDE, FRAMES = 48, 16


def still(noise: float) -> np.ndarray:
    """A picture that stands still, and flickers."""
    rng = np.random.default_rng(0)
    picture = rng.random((SIDE, SIDE, 3))
    return np.clip(picture + rng.normal(0, noise, (FRAMES, SIDE, SIDE, 3)), 0, 1).astype(np.float32)


def square(background: float = 0.2) -> np.ndarray:
    """A bright square that moves by three pixels a frame."""
    video = np.full((8, SIDE, SIDE, 3), background, np.float32)
    for number, frame in enumerate(video):
        frame[16:32, 3 * number:3 * number + 16] = 0.9
    return video


def change(video: np.ndarray) -> float:
    return float(np.abs(np.diff(video, axis=0)).mean())


def test_flicker_goes() -> None:
    video = still(0.01)
    assert change(temporal_bilateral_filter(video, 0.03)) < 0.4 * change(video)
    filtered, mean = temporal_bilateral_filter(video, 0.03), video.mean(axis=0)
    assert np.abs(filtered - mean).mean() < np.abs(video - mean).mean()


def test_what_moves_stays() -> None:
    assert np.abs(temporal_bilateral_filter(square(), 0.03) - square()).max() < 0.01


def test_a_cut_stays() -> None:
    video = np.concatenate([np.full((4, 8, 8, 3), 0.2, np.float32), np.full((4, 8, 8, 3), 0.5, np.float32)])
    assert np.abs(temporal_bilateral_filter(video, 0.03) - video).max() < 1e-6


def test_more_takes_more() -> None:
    video = still(0.02)
    less, more = (change(temporal_bilateral_filter(video, difference)) for difference in (0.02, 0.05))
    assert change(video) > less > more


@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames_do(frames: int) -> None:
    video = still(0.01)[:frames]
    mixed = temporal_bilateral_filter(video, 0.03)
    assert mixed.shape == video.shape
    assert mixed.dtype == np.float32
    assert frames > 1 or np.array_equal(mixed, video)
    assert mixed.min() >= 0
    assert mixed.max() <= 1


def test_what_was_given_is_left_alone() -> None:
    video = still(0.01)
    before = video.copy()
    temporal_bilateral_filter(video, 0.03)
    assert np.array_equal(video, before)
