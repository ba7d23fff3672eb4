"""What every DepthEstimator keeps to. A new estimator joins by one line in ESTIMATORS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_dpt import save_hybrid, save_plain

from storyanim.artifacts import Frames
from storyanim.config import ModelRef
from storyanim.depth.dpt import DptEstimator
from storyanim.stages import DepthEstimator

Build = Callable[[Path], DepthEstimator]


def build_plain(folder: Path) -> DepthEstimator:
    return DptEstimator(ModelRef(repo=str(save_plain(folder / "plain"))), batch_size=3)


def build_hybrid(folder: Path) -> DepthEstimator:
    return DptEstimator(ModelRef(repo=str(save_hybrid(folder / "hybrid"))), batch_size=3)


ESTIMATORS = {"plain": build_plain, "hybrid": build_hybrid}


@pytest.fixture(scope="module", params=ESTIMATORS.values(), ids=ESTIMATORS)
def estimator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DepthEstimator:
    return request.param(tmp_path_factory.mktemp("estimator"))


def moving_square(length: int = 7, height: int = 36, width: int = 52) -> Frames:
    rgb = np.full((length, height, width, 3), 60, np.uint8)
    for i in range(length):
        rgb[i, 8:24, 4 * i:4 * i + 16] = (250, 180, 40)
    return Frames(rgb, 8.0)


class TestEveryDepthEstimator:
    @pytest.mark.parametrize(("length", "height", "width"), [(7, 36, 52), (1, 64, 64), (2, 33, 17)])
    def test_keeps_length_size_and_rate(self, estimator: DepthEstimator, length: int, height: int, width: int) -> None:
        track = estimator.estimate(moving_square(length, height, width))
        assert track.inverse_depth.shape == (length, height, width)
        assert track.fps == 8.0

    def test_fills_the_unit_range(self, estimator: DepthEstimator) -> None:
        inverse_depth = estimator.estimate(moving_square()).inverse_depth
        assert inverse_depth.dtype == np.float32
        assert (inverse_depth.min(), inverse_depth.max()) == (0.0, 1.0)
        assert 0.1 < inverse_depth.mean() < 0.9

    def test_same_frames_same_depth(self, estimator: DepthEstimator) -> None:
        one, other = (estimator.estimate(moving_square()).inverse_depth for _ in range(2))
        assert np.array_equal(one, other)

    def test_the_picture_matters(self, estimator: DepthEstimator) -> None:
        inverse_depth = estimator.estimate(moving_square()).inverse_depth
        assert np.abs(inverse_depth[0] - inverse_depth[-1]).max() > 0.01

    def test_one_scale_for_the_clip(self, estimator: DepthEstimator) -> None:
        """A frame's depth in the clip and alone differ by one factor and offset only."""
        clip = moving_square()
        stills = Frames(clip.rgb[:1], 8.0)
        first, alone = (estimator.estimate(frames).inverse_depth[0] for frames in (clip, stills))
        inside = (alone > 0.01) & (alone < 0.99) & (first > 0.01) & (first < 0.99)
        assert inside.sum() > 100
        assert np.corrcoef(first[inside], alone[inside])[0, 1] > 0.9999

    def test_the_fingerprint_names_the_model(self, estimator: DepthEstimator) -> None:
        assert isinstance(estimator.fingerprint, str)
        assert estimator.fingerprint
