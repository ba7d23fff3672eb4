"""Metrics on arrays whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim.artifacts import Frames
from storybook.evaluate import metrics
from storybook.evaluate.labels import labels_of
from storybook.evaluate.metrics import (
    LEAST_CHANGE,
    accuracy,
    accuracy_by_class,
    change,
    coat,
    depth_correlation,
    frechet,
    interval,
    pan,
    ratio,
    seam_ratio,
    still_pixels,
)
from storybook.evaluate.storybook import camera_of
from storybook.evaluate.trials import make_camera_trials
from storybook.world import STORYBOOK_2, render_clip, sample_spec, with_


def gaussian(mean: list[float], spread: list[float], *, count: int = 20_000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (np.array(mean) + np.array(spread) * rng.standard_normal((count, len(mean)))).astype(np.float32)


class TestCoat:
    def test_known_colours(self) -> None:
        for rgb, lab in (((255, 255, 255), (100, 0, 0)), ((255, 0, 0), (54.3, 81, 70)), ((0, 0, 255), (29.6, 68, -112))):
            picture = np.full((1, 16, 16, 3), rgb, np.uint8)
            assert coat(picture, np.ones((1, 16, 16), bool)) == pytest.approx(lab, abs=1)    # CIELAB at D50

    def test_most_of_the_figure_counts_and_neither_its_edge_nor_what_is_behind(self) -> None:
        picture = np.zeros((2, 32, 32, 3), np.uint8)
        picture[:, 8:24, 8:24] = (200, 30, 30)
        picture[:, 8:11, 8:24] = picture[:, 14:17, 14:17] = (0, 255, 0)
        mask = np.zeros((2, 32, 32), bool)
        mask[:, 8:24, 8:24] = True
        whole = coat(np.full((1, 16, 16, 3), (200, 30, 30), np.uint8), np.ones((1, 16, 16), bool))
        assert coat(picture, mask) == pytest.approx(whole)

    def test_two_colours_are_not_mixed(self) -> None:
        picture = np.full((1, 40, 40, 3), (220, 120, 150), np.uint8)
        picture[:, ::8], picture[:, 1::8], picture[:, 2::8], picture[:, 3::16] = [(230, 140, 20)] * 4
        alone = coat(picture[:, 4:8], np.ones((1, 4, 40), bool))
        assert coat(picture, np.ones((1, 40, 40), bool)) == pytest.approx(alone, abs=0.1)

    def test_a_figure_of_edges_alone_counts_as_it_is(self) -> None:
        mask = np.zeros((1, 16, 16), bool)
        mask[0, 4] = True
        assert coat(np.full((1, 16, 16, 3), 255, np.uint8), mask) == pytest.approx((100, 0, 0))

    def test_no_figure_has_no_colour(self) -> None:
        assert np.isnan(coat(np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 16, 16), bool))).all()

    def test_another_shade_of_the_same_name_is_seen(self) -> None:
        spec = sample_spec(0)
        bare = with_(spec, colour="red", accessory=None, accessory_colour=None, accessory_rgb=None, weather="clear")
        shades = [render_clip(with_(bare, rgb=rgb), size=64, num_frames=2, fps=8) for rgb in ((0.8, 0.1, 0.1), (0.6, 0.1, 0.15))]
        one, other = (coat(clip.rgb, clip.mask) for clip in shades)
        assert np.linalg.norm(one - other) > 5


class TestAccuracy:
    TRUTH = np.array([[0, 1, 2, 3, 4], [5, -1, 0, 0, 0]], np.int8)

    def test_all_right(self) -> None:
        assert set(accuracy(self.TRUTH, self.TRUTH).values()) == {1.0}

    def test_what_is_unknown_does_not_count(self) -> None:
        read = np.array([[0, 9, 2, 3, 4], [5, 7, 0, 0, 1]], np.int8)
        assert accuracy(read, self.TRUTH) == {"creature": 1.0, "colour": 0.0, "accessory": 1.0, "scene": 1.0, "action": 0.5,
                                              "all": 0.0}

    def test_all_needs_every_one_of_the_same_clip(self) -> None:
        read = self.TRUTH.copy()
        read[0, 0] += 1
        assert (accuracy(read, self.TRUTH)["all"], accuracy(read, self.TRUTH)["creature"]) == (0.5, 0.5)

    def test_other_shapes_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\(1, 5\)"):
            accuracy(self.TRUTH[:1], self.TRUTH)
        with pytest.raises(ValueError):
            accuracy(self.TRUTH[:0], self.TRUTH[:0])


    def test_by_class_only_what_was_asked_is_counted(self) -> None:
        rows = [labels_of(sample_spec(k, world=STORYBOOK_2), world=STORYBOOK_2) for k in range(40)]
        truth = np.stack(rows)
        read = truth.copy()
        first = int(truth[0, 0])
        wrong = truth[:, 0] == first
        read[0, 0] = (first + 1) % 25
        shares = accuracy_by_class(read, truth, STORYBOOK_2)
        kind = STORYBOOK_2.creatures[first]
        assert shares["kinds"].pop(kind) == pytest.approx(1 - 1 / wrong.sum())
        assert set(shares["kinds"].values()) == {1.0}
        assert set(shares["actions"]) == {STORYBOOK_2.actions[value] for value in truth[:, 4]}
        assert set(shares["scenes"].values()) == {1.0}


class TestFrechet:
    def test_a_set_and_itself(self) -> None:
        features = gaussian([1, 2, 3], [1, 2, 3], count=50)
        assert frechet(features, features) == pytest.approx(0, abs=1e-9)

    def test_shifted_gaussians(self) -> None:
        one, other = gaussian([0, 0], [1, 2]), gaussian([3, 4], [1, 2], seed=1)
        assert frechet(one, other) == pytest.approx(25, rel=0.02)            # |m1 - m2|²

    def test_wider_gaussians(self) -> None:
        one, other = gaussian([0, 0, 0], [1, 1, 2]), gaussian([0, 0, 0], [3, 1, 5], seed=1)
        assert frechet(one, other) == pytest.approx((3 - 1) ** 2 + (5 - 2) ** 2, rel=0.03)   # Σ (s1 - s2)²

    def test_as_the_root_of_a_matrix_gives_it(self) -> None:
        from scipy.linalg import sqrtm

        rng = np.random.default_rng(2)
        one, other = (rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4)) + rng.standard_normal(4) for _ in range(2))
        c1, c2 = np.cov(one.T), np.cov(other.T)
        wanted = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
        assert frechet(one.astype(np.float32), other.astype(np.float32)) == pytest.approx(wanted, rel=1e-4)

    def test_is_symmetric_and_finite_with_fewer_clips_than_numbers(self) -> None:
        one, other = gaussian([0.0] * 64, [1.0] * 64, count=5), gaussian([0.0] * 64, [1.0] * 64, count=9, seed=1)
        assert frechet(one, other) == pytest.approx(frechet(other, one), rel=1e-9)
        assert frechet(one, other) > 0

    def test_other_shapes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="2 rows"):
            frechet(gaussian([0], [1], count=1), gaussian([0], [1], count=5))
        with pytest.raises(ValueError):
            frechet(gaussian([0], [1], count=5), gaussian([0, 0], [1, 1], count=5))


class TestChange:
    def test_still_frames(self) -> None:
        assert change(np.full((4, 8, 8, 3), 77, np.uint8)) == 0
        assert change(np.zeros((1, 8, 8, 3), np.uint8)) == 0

    def test_from_black_to_white_and_back(self) -> None:
        rgb = np.zeros((3, 8, 8, 3), np.uint8)
        rgb[1] = 255                                                         # the way down must not wrap around
        assert change(rgb) == 1

    def test_only_the_pixels_that_count(self) -> None:
        rgb = np.zeros((2, 4, 4, 3), np.uint8)
        rgb[1, :2] = 51
        upper = np.zeros((4, 4), bool)
        upper[:2] = True
        assert change(rgb, upper) == pytest.approx(0.2)
        assert change(rgb, ~upper) == 0
        assert change(rgb) == pytest.approx(0.1)

    def test_ratio(self) -> None:
        assert ratio([0.02, 0.04], [0.01, 0.02]) == pytest.approx(2)
        assert ratio([LEAST_CHANGE], [0.0]) == pytest.approx(1)


def test_still_pixels_are_the_quarter_that_is_covered_least() -> None:
    cover = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    still = still_pixels(cover)
    assert still[:2].all()
    assert not still[2:].any()
    assert still_pixels(np.zeros((8, 8), np.float32)).all()


class TestDepthCorrelation:
    NEAR = np.random.default_rng(0).random((3, 8, 8), np.float32)

    @pytest.mark.parametrize(("scale", "offset", "wanted"), [(1, 0, 1), (0.3, 0.5, 1), (-1, 1, -1)])
    def test_scale_and_offset_do_not_count(self, scale: float, offset: float, wanted: float) -> None:
        assert depth_correlation(scale * self.NEAR + offset, self.NEAR) == pytest.approx(wanted, abs=1e-5)

    def test_one_scale_a_clip_not_a_frame(self) -> None:
        factors = np.array([1, 0.2, 0.6], np.float32)[:, None, None]
        assert depth_correlation(factors * self.NEAR, self.NEAR) < 0.9

    def test_other_depth_and_none(self) -> None:
        other = np.random.default_rng(1).random((3, 8, 8), np.float32)
        assert abs(depth_correlation(other, self.NEAR)) < 0.3
        assert depth_correlation(np.full_like(other, 0.5), other) == 0
        with pytest.raises(ValueError):
            depth_correlation(other[:2], other)


def test_the_metrics_know_nothing_of_files() -> None:
    assert not hasattr(metrics, "Path")


def test_seams_are_seen() -> None:
    """Brightness goes up by 1 a frame, and by 3 where windows of 8 frames, every 4, begin or end."""
    jumps = np.ones(19, int)
    even = np.cumsum([0, *jumps])
    jumps[[3, 7, 11, 15]] = 3
    seamed = np.cumsum([0, *jumps])
    clips = [np.broadcast_to(level[:, None, None, None], (20, 4, 4, 3)).astype(np.uint8) for level in (even, seamed)]
    assert seam_ratio(clips[:1], 8, 4) == pytest.approx(1)
    assert seam_ratio(clips[1:], 8, 4) == pytest.approx(3)
    assert seam_ratio(clips, 8, 4) == pytest.approx(2)


def test_the_last_window_of_an_odd_length_has_its_seam() -> None:
    level = np.cumsum([0, *np.where(np.arange(1, 14) == 6, 5, 1)])           # windows 0-7, 4-11 and 6-13
    clip = np.broadcast_to(level[:, None, None, None], (14, 4, 4, 3)).astype(np.uint8)
    assert seam_ratio([clip], 8, 4) == pytest.approx((1 + 5 + 1 + 1) / 4)


def test_interval_holds_the_mean_and_narrows() -> None:
    few, many = (np.tile(np.array([0.0, 1.0], np.float32), count) for count in (10, 1000))
    (low, high), (lower, higher) = interval(few), interval(many)
    assert 0.2 < low < lower < 0.5 < higher < high < 0.8
    assert interval(few) == (low, high)
    assert interval(np.ones(5, np.float32)) == (1, 1)


def test_a_pan_moves_the_picture_the_other_way() -> None:
    wide = np.random.default_rng(0).random((64, 256))
    wide = np.cumsum(np.cumsum(wide - wide.mean(), axis=0), axis=1)
    wide = (255 * (wide - wide.min()) / np.ptp(wide)).astype(np.uint8)[..., None].repeat(3, axis=-1)
    still, right, left = (np.stack([wide[:, 60 + step * k:124 + step * k] for k in range(9)]) for step in (0, 1, -2))
    assert pan(still) == 0
    assert pan(right) == pytest.approx(-1 / 64)
    assert pan(left) == pytest.approx(2 / 64)
    assert pan(right[:4]) == 0


def test_the_worlds_cameras_are_read() -> None:
    asked = make_camera_trials(9)
    assert [trial.spec.camera for trial in asked] == ["pan_left", "pan_right", "fixed"] * 3
    assert "the camera pans left" in asked[0].prompt
    assert "camera" not in asked[2].prompt
    read = [camera_of(Frames(render_clip(trial.spec).rgb, 8.0)) for trial in asked]
    assert sum(one == trial.spec.camera for one, trial in zip(read, asked, strict=True)) >= 7
