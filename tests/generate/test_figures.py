"""A guide of one figure for several characters."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim.generate.figures import beside_itself

WIDTH, HEIGHT, FRAMES = 64, 48, 4


def track(starts: list[int]) -> np.ndarray:
    """(T, H, W): ground that comes nearer towards the lower edge, and a figure 8 wide that begins at these columns."""
    near = np.repeat(np.linspace(0.1, 0.5, HEIGHT, dtype=np.float32)[None, :, None], len(starts), 0).repeat(WIDTH, 2)
    for frame, start in zip(near, starts, strict=True):
        frame[16:40, start:start + 8] = 0.9
    return near


def columns(frame: np.ndarray) -> list[int]:
    """Where figures stand."""
    return np.flatnonzero(frame[30] > 0.8).tolist()


@pytest.mark.parametrize("start", [0, 10, 28, 56])
def test_it_stands_twice_wherever_it_stood(start: int) -> None:
    for frame in beside_itself(track([start] * FRAMES), 2):
        assert columns(frame) == [*range(12, 20), *range(44, 52)]


def test_all_copies_move_alike() -> None:
    found = beside_itself(track([20, 22, 26, 28]), 3)
    firsts = np.array([[place for place in columns(frame) if place - 1 not in columns(frame)] for frame in found])
    assert firsts.shape == (FRAMES, 3)
    assert (np.diff(firsts, axis=0) == np.array([[2], [4], [2]])).all()
    assert (np.abs(np.diff(firsts, axis=1) - WIDTH / 3) <= 1).all()


def test_ground_stays_as_near_and_values_stay_nearness() -> None:
    near = track([10] * FRAMES)
    found = beside_itself(near, 2)
    assert found.shape == near.shape
    assert np.array_equal(found[:, :10], near[:, :10])
    assert found.min() >= 0
    assert found.max() <= 1


def test_one_character_needs_no_copy() -> None:
    near = track([10] * FRAMES)
    assert beside_itself(near, 1) is near
    assert beside_itself(near, 0) is near


def test_where_nothing_stands_out_it_stays_whole() -> None:
    flat = np.full((2, 6, 8), 0.5, np.float32)
    assert np.array_equal(beside_itself(flat, 2), flat)
