"""Ordinary photographs, in all the ways in which they come."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from family import save_pictures
from PIL import Image, ImageFilter, PngImagePlugin

from storyanim.artifacts import CastMember
from storyanim.errors import CharacterError
from storyanim.personalize.images import (
    MAX_IMAGES,
    load_image,
    load_whole,
    pseudo_word,
    read_character,
    survey_folder,
)


def halves(width: int = 120, height: int = 80) -> Image.Image:
    """Left red, right green."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2, 0] = 255
    rgb[:, width // 2 :, 1] = 255
    return Image.fromarray(rgb)


def noise(seed: int, width: int = 96, height: int = 96) -> Image.Image:
    """Coarse random colours, unlike those of any other seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.NEAREST)


def save_noise(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        noise(number).save(folder / f"{number:02d}.png")
    return folder


def mean_colour(rgb: np.ndarray) -> list[int]:
    return [round(float(value)) for value in rgb.reshape(-1, 3).mean(axis=0)]


class TestFolder:
    def test_character_of_a_folder(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "Bruno the Bear")
        who = read_character(folder, noun=" teddy  bear ")
        assert (who.name, who.token, who.noun) == ("Bruno the Bear", "<bruno-the-bear>", "teddy bear")
        assert {path.name for path in who.images} == {"0.png", "1.png", "2.png"}
        assert all(path.is_absolute() for path in who.images)

    def test_order_is_by_content_not_by_name(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "bear", 4)
        before = [path.read_bytes() for path in read_character(folder, noun="bear").images]
        for number in range(4):
            (folder / f"{number}.png").rename(folder / f"other{9 - number}.png")
        assert [path.read_bytes() for path in read_character(folder, noun="bear").images] == before

    def test_passes_over_hidden_files_texts_and_folders(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "bear")
        (folder / "LICENSE").write_text("CC-BY, naïve")
        (folder / "notes.md").write_text("é" * 3000, "utf-8")
        (folder / ".DS_Store").write_bytes(b"\0\1")
        save_pictures(folder / "more")
        survey = survey_folder(folder)
        assert len(survey.images) == 3
        assert survey.problems == {}

    def test_bad_files_beside_enough_good_ones_are_reported(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder = save_pictures(tmp_path / "bear")
        (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
        with caplog.at_level(logging.WARNING):
            assert len(read_character(folder, noun="bear").images) == 3
        assert "broken.jpg" in caplog.text

    def test_too_few_names_each_bad_file_and_why(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "bear", 2)
        good = (folder / "0.png").read_bytes()
        (folder / "copy.png").write_bytes(good)
        (folder / "cut.png").write_bytes(good[: len(good) // 2])
        (folder / "empty.jpg").touch()
        (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
        (folder / "said.jpg").write_text("not a picture")
        halves(63, 200).save(folder / "thin.png")
        with pytest.raises(CharacterError) as caught:
            read_character(folder, noun="bear")
        message = caught.value.message
        assert "2 usable pictures, 3 are needed" in message
        reasons = {"copy.png": "same picture as 0.png", "cut.png": "cut off", "empty.jpg": "empty", "thin.png": "63x200",
                   "phone.heic": "a HEIC photograph: save it as JPEG", "said.jpg": "no picture that can be read"}
        for file, reason in reasons.items():
            assert f"{file}: " in message
            assert reason in message.split(f"{file}: ")[1].split(";")[0]
        assert caught.value.exit_code == 4
        assert caught.value.hint

    @pytest.mark.parametrize(("make", "noun", "words"), [
        (False, "bear", "no folder"), (True, "bear", "no usable picture"), (True, "  ", "no noun"),
    ])
    def test_folders_that_cannot_be(self, tmp_path: Path, make: bool, noun: str, words: str) -> None:
        folder = tmp_path / "bear"
        if make:
            folder.mkdir()
        with pytest.raises(CharacterError, match=words):
            read_character(folder, noun=noun)

    def test_a_folder_of_folders_is_told_which_has_the_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "bear" / "notes").mkdir(parents=True)
        inner = save_pictures(tmp_path / "bear" / "photos")
        with pytest.raises(CharacterError, match="no usable picture") as caught:
            read_character(tmp_path / "bear", noun="bear")
        assert str(inner) in caught.value.hint

    def test_picture_of_too_many_pixels_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = save_pictures(tmp_path / "bear")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert set(survey_folder(folder).problems.values()) == {"it has too many pixels"}

    def test_pictures_of_one_colour_are_not_used(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "bear")
        Image.new("RGB", (90, 90), (240, 240, 240)).save(folder / "lens cap.jpg")
        Image.new("RGBA", (90, 90), (200, 10, 10, 0)).save(folder / "transparent.png")
        survey = survey_folder(folder)
        assert len(survey.images) == 3
        assert survey.problems == dict.fromkeys(("lens cap.jpg", "transparent.png"), "it shows nothing but one colour")

    def test_near_copies_are_warned_of_but_count(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder = save_pictures(tmp_path / "bear", 1)
        with Image.open(folder / "0.png") as picture:
            picture.resize((70, 70)).save(folder / "small.png")
            picture.crop((4, 4, 92, 92)).save(folder / "cropped.jpg", quality=70)
        with caplog.at_level(logging.WARNING):
            who = read_character(folder, noun="bear")
        survey = survey_folder(folder)
        assert len(who.images) == len(survey.images) == 3
        assert survey.problems == {}
        assert len(survey.warnings) == 2             # which of the three is no copy is a matter of their bytes
        assert all("nearly the same picture as " in warning for warning in survey.warnings.values())
        assert [record.getMessage().split(": ")[1].split(" as ")[0] for record in caplog.records] == \
               ["it is nearly the same picture"] * 2

    def test_of_more_than_thirty_the_sharpest_are_taken_and_it_is_said(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = save_noise(tmp_path / "bear", 33)
        for name in ("05.png", "20.png"):
            with Image.open(folder / name) as picture:
                blurred = picture.filter(ImageFilter.GaussianBlur(2))
            blurred.save(folder / name)
        with Image.open(folder / "11.png") as picture:
            picture.save(folder / "11.webp", quality=60)
        with caplog.at_level(logging.WARNING):
            who = read_character(folder, noun="bear")
        left = set(survey_folder(folder).problems)
        assert len(who.images) == MAX_IMAGES
        assert len(left) == 4
        assert {"05.png", "20.png"} < left
        assert left & {"11.png", "11.webp"}          # a copy goes before the sharp ones
        assert len(caplog.records) == 1
        assert "more than 30 pictures" in caplog.text
        assert [path.read_bytes() for path in read_character(folder, noun="bear").images] == \
               sorted([path.read_bytes() for path in who.images], key=lambda data: hashlib.sha256(data).hexdigest())

    def test_exactly_thirty_are_all_taken(self, tmp_path: Path) -> None:
        survey = survey_folder(save_noise(tmp_path / "bear", MAX_IMAGES))
        assert (len(survey.images), survey.problems, survey.warnings) == (MAX_IMAGES, {}, {})

    @pytest.mark.parametrize(("error", "reason"), [
        (MemoryError(), "it has too many pixels"), (PermissionError(13, "refused"), "it cannot be read (refused)"),
        (SyntaxError("broken PNG file"), "it is damaged or cut off"),
    ])
    def test_whatever_reading_raises_is_a_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
    ) -> None:
        def fails(self: Image.Image) -> None:
            raise error

        folder = save_pictures(tmp_path / "bear")
        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fails)
        assert set(survey_folder(folder).problems.values()) == {reason}

    def test_a_link_to_nothing_is_told(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "bear")
        (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
        assert "there is no picture" in survey_folder(folder).problems["gone.jpg"]

    def test_every_kind_of_picture_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "bear"
        folder.mkdir()
        turned = Image.Exif()
        turned[0x0112] = 8
        noise(0, 90, 400).save(folder / "portrait.jpg", exif=turned)
        noise(1, 640, 64).save(folder / "panorama.png")
        noise(2).convert("RGBA").save(folder / "alpha.webp", lossless=True)
        noise(3).quantize(16).save(folder / "palette.gif")
        noise(4).convert("CMYK").save(folder / "print.jpg")
        noise(5).convert("1").save(folder / "fax.tiff")
        deep = np.asarray(noise(6).convert("L")).astype(np.uint16) * 257
        Image.fromarray(deep).save(folder / "deep.png")
        Image.fromarray(deep.astype(np.float32) / 65535).save(folder / "float.tiff")
        noise(7).save(folder / "moving.gif", save_all=True, append_images=[noise(8)])
        noise(9).save(folder / "progressive.jpg", progressive=True)
        survey = survey_folder(folder)
        assert survey.problems == {}
        assert len(survey.images) == 10
        assert all(load_image(path, 32, 32).std() > 5 for path in survey.images)

    @pytest.mark.parametrize(("name", "word"), [
        ("bear", "<bear>"), ("Mr. Bear_2!", "<mr-bear-2>"), ("Ourson é", "<ourson-é>"), ("熊", "<熊>"), ("!!!", "<cat>"),
    ])
    def test_pseudo_word_is_safe(self, name: str, word: str) -> None:
        assert pseudo_word(name, "cat") == word
        assert CastMember(name=name, noun="cat", token=word).token == word


class TestPixels:
    def test_centre_is_cropped_and_scaled(self, tmp_path: Path) -> None:
        picture = np.full((300, 100, 3), 255, np.uint8)
        picture[100:200] = (10, 200, 30)
        Image.fromarray(picture).save(tmp_path / "tall.png")
        rgb = load_image(tmp_path / "tall.png", 48, 48)
        assert rgb.shape == (48, 48, 3)
        assert rgb.dtype == np.uint8
        assert np.abs(rgb[2:-2].astype(int) - (10, 200, 30)).max() <= 12
        assert load_image(tmp_path / "tall.png", 64, 32).shape == (32, 64, 3)

    def test_is_turned_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6                             # turned clockwise to be shown: the left comes to the top
        halves(96, 96).save(tmp_path / "turned.jpg", exif=exif, quality=95)
        rgb = load_image(tmp_path / "turned.jpg", 32, 32)
        assert mean_colour(rgb[:12])[0] > 240
        assert mean_colour(rgb[-12:])[1] > 240

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
    def test_what_is_transparent_lies_on_grey(self, tmp_path: Path, mode: str) -> None:
        rgba = np.zeros((80, 80, 4), np.uint8)
        rgba[:40] = (255, 255, 255, 255)
        picture = Image.fromarray(rgba)
        if mode == "P":
            palette = Image.fromarray(np.repeat([[1], [0]], 40, axis=0).astype(np.uint8).repeat(80, axis=1), "P")
            palette.putpalette([0, 0, 0, 255, 255, 255])
            palette.save(tmp_path / "x.png", transparency=0)
        else:
            picture.convert("LA" if mode == "PA" else mode).save(tmp_path / "x.png")
        rgb = load_image(tmp_path / "x.png", 80, 80)
        assert mean_colour(rgb[:39]) == [255] * 3
        assert mean_colour(rgb[41:]) == [200] * 3

    def test_sixteen_bits_of_grey(self, tmp_path: Path) -> None:
        Image.fromarray(np.full((80, 80), 32768, np.uint16)).save(tmp_path / "deep.png")
        assert mean_colour(load_image(tmp_path / "deep.png", 40, 40)) == [127] * 3

    @pytest.mark.parametrize(("mode", "suffix"), [
        ("L", "jpg"), ("1", "png"), ("CMYK", "jpg"), ("RGB", "webp"), ("RGB", "bmp"), ("RGB", "avif"), ("P", "gif"), ("I;16", "tiff"),
    ])
    def test_other_modes_and_formats(self, tmp_path: Path, mode: str, suffix: str) -> None:
        path = tmp_path / f"x.{suffix}"
        deep, plain = np.full((80, 80), 65535, np.uint16), Image.new("RGB", (80, 80), "white")
        (Image.fromarray(deep) if mode == "I;16" else plain.convert(mode)).save(path)
        assert min(mean_colour(load_image(path, 40, 40))) >= 253

    def test_large_photograph_is_decoded_smaller(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        halves(2400, 1800).save(tmp_path / "large.jpg")
        sizes: list[tuple[int, int]] = []
        load = Image.Image.load
        monkeypatch.setattr(Image.Image, "load", lambda self: (sizes.append(self.size), load(self))[1])
        rgb = load_image(tmp_path / "large.jpg", 128, 128)
        assert max(sizes[0]) < 1300
        assert mean_colour(rgb[:, :60])[0] > 250
        assert mean_colour(rgb[:, 68:])[1] > 250

    def test_whole_picture_keeps_its_proportions_unless_it_is_very_long(self, tmp_path: Path) -> None:
        noise(0, 90, 120).save(tmp_path / "x.png")
        pixels, proportions = load_whole(tmp_path / "x.png", 48)
        assert (pixels.shape, proportions) == ((64, 48, 3), 0.75)
        noise(0, 900, 90).save(tmp_path / "x.png")
        pixels, proportions = load_whole(tmp_path / "x.png", 48)
        assert (pixels.shape, proportions) == ((48, 192, 3), 10)

    def test_values_that_are_no_numbers_are_black(self, tmp_path: Path) -> None:
        Image.fromarray(np.full((80, 80), np.nan, np.float32)).save(tmp_path / "x.tiff")
        assert mean_colour(load_image(tmp_path / "x.tiff", 40, 40)) == [0] * 3

    def test_picture_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(CharacterError, match="no picture"):
            load_image(tmp_path / "gone.png", 8, 8)
