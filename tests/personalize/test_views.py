"""Views: pixels, depth and words go together."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim.personalize.views import ENLARGED, KINDS, PLAIN, SHRUNK, Kind, make_view


def photo() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brighter to the right and to the bottom, in a way that no mirroring keeps; depth is the brightness."""
    rows, columns = np.mgrid[:96, :144]
    inverse_depth = ((columns + 2 * rows) / (143 + 190)).astype(np.float32)
    grey = (inverse_depth * 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2), inverse_depth, np.ones_like(inverse_depth)


@pytest.mark.parametrize("kind", [PLAIN, SHRUNK, ENLARGED])
def test_depth_follows_the_pixels(kind: Kind) -> None:
    for seed in range(6):
        view = make_view(*photo(), (72, 48), kind, np.random.default_rng(seed))
        assert view.rgb.shape == (48, 72, 3)
        assert view.inverse_depth.shape == view.weight.shape == (48, 72)
        there = view.weight == 1
        assert np.abs(view.rgb[..., 0] / 255 - view.inverse_depth)[there].max() < 0.03
        assert (view.inverse_depth[~there] == 0).all()


def test_scale_is_what_the_words_say() -> None:
    rng = np.random.default_rng(0)
    areas = {kind: [make_view(*photo(), (72, 48), kind, rng).weight.mean() for _ in range(20)] for kind in set(KINDS)}
    ranges = {
        kind: [np.ptp(make_view(*photo(), (72, 48), kind, rng).inverse_depth) for _ in range(20)]
        for kind in set(KINDS)
    }
    assert 0.2 <= min(areas[SHRUNK]) <= max(areas[SHRUNK]) <= 0.6
    assert min(areas[ENLARGED]) == 1
    assert max(ranges[ENLARGED]) < 0.86              # 1 / 1.2 of the whole gradient
    assert any("small" in caption or "far" in caption for caption in SHRUNK.captions)
    assert all("close" in caption or "zoomed" in caption for caption in ENLARGED.captions)


def test_half_are_mirrored() -> None:
    views = [make_view(*photo(), (72, 48), PLAIN, np.random.default_rng(seed)) for seed in range(60)]
    mirrored = sum(bool(view.inverse_depth[24, 20] > view.inverse_depth[24, 50]) for view in views)
    assert 18 <= mirrored <= 42


def test_is_decided_by_the_generator() -> None:
    first, second, other = (make_view(*photo(), (72, 48), SHRUNK, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.rgb, second.rgb)
    assert not np.array_equal(first.weight, other.weight)


def test_weight_follows_the_pixels() -> None:
    rgb, inverse_depth, _ = photo()
    for seed, kind in enumerate(KINDS):
        view = make_view(rgb, inverse_depth, inverse_depth, (72, 48), kind, np.random.default_rng(seed))
        assert np.abs(view.weight - view.inverse_depth).max() < 1e-6
