"""Nearly one colour, sharper."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from storyanim.config import asset
from storyanim.personalize.image_quality import is_blank, sharpness, small


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Smooth random colours with some detail, as of a photograph."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.25)


class TestBlank:
    def test_the_bundled_examples_are_pictures(self) -> None:
        paths = [path for name in ("bear", "fox") for path in (asset("examples") / name / name).glob("*.jpg")]
        assert len(paths) == 10
        assert not any(is_blank(small(Image.open(path).convert("RGB"))) for path in paths)

    def test_one_colour_with_noise_and_vignetting(self) -> None:
        rng = np.random.default_rng(0)
        dim = 4 * np.hypot(*np.mgrid[-1:1:240j, -1:1:320j])[..., None]
        wall = np.clip(180 - dim + rng.normal(0, 6, (240, 320, 3)), 0, 255).astype(np.uint8)
        assert is_blank(small(Image.fromarray(wall)))

    @pytest.mark.parametrize("shade", [235, 250])
    def test_a_white_toy_on_white_is_a_picture(self, shade: int) -> None:
        rgb = np.full((240, 320, 3), 255, np.uint8)
        down, across = np.mgrid[:240, :320]
        ball = (down - 120) ** 2 + (across - 160) ** 2 < 40**2
        rgb[ball] = (shade - 30 * (down[ball] - 80) / 80)[:, None]                                # darker below
        assert not is_blank(small(Image.fromarray(rgb)))

    def test_a_small_figure_is_a_picture(self) -> None:
        rgb = np.full((240, 240, 3), 255, np.uint8)
        rgb[100:130, 100:130] = (200, 100, 50)
        assert not is_blank(small(Image.fromarray(rgb)))


def test_a_blurred_or_enlarged_picture_is_less_sharp() -> None:
    picture = photo(0, 640, 480)
    sharp = sharpness(picture)
    assert sharpness(picture.filter(ImageFilter.GaussianBlur(6))) < 0.5 * sharp
    assert sharpness(picture.resize((80, 60)).resize((640, 480))) < 0.9 * sharp
