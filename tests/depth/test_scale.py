"""One scale a clip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storyanim.artifacts import DepthTrack
from storyanim.depth.scale import scale_clip

RAMP = np.linspace(0, 1, 2 * 10 * 10, dtype=np.float32).reshape(2, 10, 10)


@given(raw=arrays(np.float32, (2, 3, 4), elements=st.floats(width=32)), percentile=st.floats(0, 49))
def test_anything_becomes_a_depth_track(raw: np.ndarray, percentile: float) -> None:
    DepthTrack(scale_clip(raw, percentile), 8.0)     # refuses what is not finite and in [0, 1]


@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (1000, 0), (1e-3, 5), (37, -900)])
def test_unit_and_offset_do_not_matter(factor: float, offset: float) -> None:
    assert np.allclose(scale_clip((RAMP * factor + offset).astype(np.float32), 0), RAMP, atol=1e-3)


def test_larger_is_nearer() -> None:
    inverse_depth = scale_clip(RAMP, 0)
    assert (inverse_depth[0, 0, 0], inverse_depth[-1, -1, -1]) == (0.0, 1.0)
    assert (np.diff(inverse_depth.ravel()) > 0).all()


def test_frames_share_the_scale() -> None:
    far, close = np.full((1, 4, 4), 1.0, np.float32), np.full((1, 4, 4), 3.0, np.float32)
    between = np.full((1, 4, 4), 2.0, np.float32)
    inverse_depth = scale_clip(np.concatenate([far, between, close]), 0)
    assert [float(frame.mean()) for frame in inverse_depth] == [0.0, 0.5, 1.0]


def test_single_pixels_do_not_set_the_scale() -> None:
    spiked = RAMP.copy()
    spiked[0, 5, 5] = 1e6
    assert np.abs(np.delete(scale_clip(spiked, 1.0) - scale_clip(RAMP, 1.0), 55)).max() < 0.02


def test_a_small_thing_before_a_wall_is_kept() -> None:
    wall = np.zeros((1, 100, 100), np.float32)
    wall[0, 50, 50] = 1.0                            # less than the percentile
    assert scale_clip(wall, 1.0)[0, 50, 50] == 1.0


@pytest.mark.parametrize("level", [0.0, 7.25, 1e8, np.nan, np.inf])
def test_one_depth_only_is_the_middle(level: float) -> None:
    assert (scale_clip(np.full((2, 4, 4), level, np.float32)) == 0.5).all()


@pytest.mark.parametrize(("length", "num", "shown"), [
    (4, 2, [0, 1]), (3, 8, [0, 1, 2, 1, 0, 1, 2, 1]), (2, 5, [0, 1, 0, 1, 0]), (1, 3, [0, 0, 0]), (5, 5, [0, 1, 2, 3, 4]),
])
def test_ping_pong_plays_a_track_back_and_forth(length: int, num: int, shown: list[int]) -> None:
    inverse_depth = np.repeat(np.arange(length, dtype=np.float32)[:, None, None] / 10, 4, axis=1)
    track = DepthTrack(inverse_depth, 8.0).ping_pong(num)
    assert (np.rint(track.inverse_depth[:, 0, 0] * 10).tolist(), track.fps) == (shown, 8.0)
