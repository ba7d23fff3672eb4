"""Figures that the middle of a picture leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import BrightnessDepth

from storyanim.personalize.foreground import cropped_figures, kept_shares, lost_share

SIZE_PX = (64, 64)


def save_figure(path: Path, size_px: tuple[int, int], box: tuple[int, int, int, int]) -> Path:
    """A bright figure (left, top, right, bottom) on dark ground; bright is near."""
    rgb = np.full((size_px[1], size_px[0], 3), 30, np.uint8)
    rgb[box[1]:box[3], box[0]:box[2]] = (240, 220, 200)
    Image.fromarray(rgb).save(path)
    return path


class TestCutFigures:
    @pytest.mark.parametrize(("size_px", "box", "cut"), [
        ((120, 240), (40, 80, 80, 160), False),      # in the middle of a portrait
        ((120, 240), (40, 5, 80, 75), True),         # above its middle
        ((120, 160), (40, 0, 80, 160), False),       # as high as a portrait: a quarter is lost
        ((90, 160), (30, 0, 60, 160), True),         # of a slim one nearly half
        ((800, 160), (10, 40, 90, 120), True),       # at the edge of a panorama
        ((800, 160), (360, 40, 440, 120), False),
        ((160, 160), (0, 0, 40, 60), False),         # nothing of a square is cut away
        ((165, 160), (0, 0, 40, 60), False),         # hardly anything
    ])
    def test_are_told(self, tmp_path: Path, size_px: tuple[int, int], box: tuple[int, int, int, int], cut: bool) -> None:
        path = save_figure(tmp_path / "x.png", size_px, box)
        found = cropped_figures([path], BrightnessDepth(), SIZE_PX)
        assert set(found) == ({"x.png"} if cut else set())
        assert all("% of the figure" in warning for warning in found.values())

    def test_only_pictures_of_other_proportions_are_looked_at(self, tmp_path: Path) -> None:
        depth = BrightnessDepth()
        paths = [save_figure(tmp_path / f"{n}.png", (160, n), (0, 0, 40, 60)) for n in (160, 90)]
        cropped_figures(paths, depth, SIZE_PX)
        assert depth.seen == [(1, 96, 171, 3)]
        cropped_figures(paths, depth, (128, 72))
        assert depth.seen[1:] == [(1, 108, 108, 3)]

    def test_a_long_panorama_is_squeezed(self, tmp_path: Path) -> None:
        depth = BrightnessDepth()
        cropped_figures([save_figure(tmp_path / "x.png", (6000, 100), (0, 0, 40, 60))], depth, SIZE_PX)
        assert depth.seen == [(1, 96, 384, 3)]

    def test_nothing_is_said_where_depth_shows_no_figure(self, tmp_path: Path) -> None:
        assert cropped_figures([save_figure(tmp_path / "x.png", (120, 480), (0, 0, 120, 480))], BrightnessDepth(), SIZE_PX) == {}


class TestLostShare:
    def test_of_a_figure_half_outside(self) -> None:
        sure = np.zeros((100, 200), np.float32)
        sure[:, 30:70] = 1                           # the middle begins at 50
        assert lost_share(sure, (0.5, 1.0)) == pytest.approx(0.5)
        assert lost_share(sure.T.copy(), (1.0, 0.5)) == pytest.approx(0.5)
        assert lost_share(sure, (1.0, 1.0)) == 0

    def test_of_no_figure(self) -> None:
        assert lost_share(np.ones((100, 200), np.float32), (0.5, 1.0)) == 0


def test_the_middle_has_the_proportions_of_what_is_drawn() -> None:
    assert kept_shares(2.0, (64, 64)) == (0.5, 1.0)
    assert kept_shares(0.5, (64, 64)) == (1.0, 0.5)
    assert kept_shares(2.0, (128, 64)) == (1.0, 1.0)
    assert kept_shares(1.0, (128, 64)) == (1.0, 0.5)
