"""Nearly the same, nearly one colour, sharper."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from storyanim.config import asset
from storyanim.personalize.alike import copies, is_blank, sharpness, small


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Smooth random colours with some detail, as of a photograph."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.25)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


COPIES = {
    "smaller": lambda picture: picture.resize((picture.width // 3, picture.height // 3)),
    "larger": lambda picture: picture.resize((picture.width * 2, picture.height * 2)),
    "encoded again": lambda picture: as_jpeg(picture, 20),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "cropped all around": lambda picture: cropped(picture, 0.03, 0.03, 0.97, 0.97),
    "cropped at a corner": lambda picture: cropped(picture, 0.06, 0, 1, 0.94),
    "cropped at one edge": lambda picture: cropped(picture, 0, 0.07, 1, 1),
}
OTHERS = {
    "another": lambda picture: photo(99),
    "mirrored": ImageOps.mirror,
    "half of it": lambda picture: cropped(picture, 0, 0, 0.5, 1),
    "negative": ImageOps.invert,
}


class TestCopies:
    @pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_of_a_picture_are_found(self, change: object, seed: int) -> None:
        first, other = photo(seed), photo(seed + 50)
        assert copies([small(first), small(other), small(change(first))]) == {2: 0}               # type: ignore[operator]
        assert copies([small(change(first)), small(other), small(first)]) == {2: 0}               # type: ignore[operator]

    @pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
    def test_other_pictures_are_none(self, change: object) -> None:
        first = photo(0)
        assert copies([small(first), small(change(first))]) == {}                                 # type: ignore[operator]

    def test_the_bundled_examples_have_none(self) -> None:
        for name in ("bear", "fox"):
            paths = sorted((asset("examples") / name / name).glob("*.jpg"))
            squeezed = [small(Image.open(path).convert("RGB")) for path in paths]
            assert len(squeezed) == 5
            assert copies(squeezed) == {}
            assert not any(map(is_blank, squeezed))

    def test_of_no_pictures(self) -> None:
        assert copies([]) == {}


class TestBlank:
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
