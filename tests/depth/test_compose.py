"""Figures of several clips in one depth."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Box, DepthTrack, Float32
from storyanim.depth.compose import compose_figures, cut_figure

FRAMES, SIDE = 4, 64
GROUND = np.broadcast_to(np.linspace(0, 0.6, SIDE, dtype=np.float32)[:, None], (SIDE, SIDE))


def track(left: int, top: int, width: int, height: int, step: int = 0, depth: float = 0.8) -> DepthTrack:
    """Return a block that moves to the right on a ground that comes nearer towards the lower edge."""
    frames = np.repeat(GROUND[None], FRAMES, axis=0).copy()
    for number, frame in enumerate(frames):
        frame[top:top + height, left + step * number:left + step * number + width] = depth
    return DepthTrack(frames, 8.0)


def figures(composed: DepthTrack) -> Float32:
    return composed.inverse_depth - GROUND


class TestCut:
    def test_what_stands_out_of_its_row(self) -> None:
        figure = cut_figure(track(20, 20, 16, 30, step=3))
        assert figure is not None
        assert figure.bounds == (20, 20, 36 + 3 * 3, 50)
        assert figure.mask[0].sum() == 16 * 30

    def test_a_tree_behind_is_not_of_it(self) -> None:
        frames = track(24, 20, 16, 30).inverse_depth.copy()
        frames[:, 10:40, 40:50] = np.maximum(frames[:, 10:40, 40:50], 0.5)           # touches it
        figure = cut_figure(DepthTrack(frames, 8.0))
        assert figure is not None
        assert figure.bounds[2] <= 41

    def test_bare_ground_shows_none(self) -> None:
        assert cut_figure(DepthTrack(np.repeat(GROUND[None], FRAMES, axis=0), 8.0)) is None

    def test_who_is_seen_in_half_of_the_frames_is_none(self) -> None:
        frames = track(20, 20, 16, 30).inverse_depth.copy()
        frames[FRAMES // 2:] = GROUND
        assert cut_figure(DepthTrack(frames, 8.0)) is None


class TestCompose:
    def halves(self, *tracks: DepthTrack, boxes: list[list[Box]] | None = None) -> Float32:
        cut = [figure for each in tracks if (figure := cut_figure(each)) is not None]
        places = boxes or [[Box(x0=k / len(cut), x1=(k + 1) / len(cut))] for k in range(len(cut))]
        return figures(compose_figures(track(26, 10, 12, 40), cut, places))

    def test_each_stands_in_its_half_and_the_scenes_own_figure_is_gone(self) -> None:
        out = self.halves(track(20, 20, 16, 30), track(30, 30, 20, 20))
        columns = np.flatnonzero((out[0] > 0.05).any(axis=0))
        assert set(range(28, 36)).isdisjoint(columns)
        assert (columns < 32).any()
        assert (columns > 32).any()

    def test_feet_stay_on_their_row_and_take_the_grounds_depth(self) -> None:
        out = self.halves(track(20, 20, 16, 30), track(20, 20, 16, 30))
        rows = np.flatnonzero((out[0] > 0.05).any(axis=1))
        assert abs(rows[-1] - 49) <= 1
        assert out[0, rows[-1] - 1].max() < 0.8 - GROUND[49, 0] + 0.05

    def test_who_moves_goes_on_moving(self) -> None:
        out = self.halves(track(14, 20, 16, 30, step=3), track(20, 20, 16, 30))
        first, last = (np.flatnonzero((out[k, :, :32] > 0.05).any(axis=0)).mean() for k in (0, -1))
        assert last > first + 2

    def test_a_box_that_moves_takes_its_figure_along(self) -> None:
        walk = [Box(x0=0, x1=0.3), Box(x0=0.7, x1=1, at=1)]
        out = self.halves(track(20, 20, 16, 30), boxes=[walk])
        first, last = (np.flatnonzero((out[k] > 0.05).any(axis=0)).mean() for k in (0, -1))
        assert last > first + 15

    def test_the_later_is_in_front(self) -> None:
        box = [Box(x0=0.25, x1=0.75)]
        near, far = (cut_figure(track(20, 20, 16, 30, depth=depth)) for depth in (0.9, 0.75))
        assert near is not None
        assert far is not None
        scene = DepthTrack(np.repeat(GROUND[None], FRAMES, axis=0), 8.0)
        middle = compose_figures(scene, [near, far], [box, box]).inverse_depth[0, 40, 32]
        assert abs(middle - 0.75) < 0.03
