"""Ordinary photographs, in all the ways in which they come."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from family import save_pictures
from PIL import Image

from storyanim.artifacts import CastMember
from storyanim.errors import CharacterError
from storyanim.personalize.images import load_image, pseudo_word, read_character, survey_folder


def halves(width: int = 120, height: int = 80) -> Image.Image:
    """Left red, right green."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2, 0] = 255
    rgb[:, width // 2 :, 1] = 255
    return Image.fromarray(rgb)


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
                   "phone.heic": "no picture that can be read", "said.jpg": "no picture that can be read"}
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

    def test_picture_of_too_many_pixels_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = save_pictures(tmp_path / "bear")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert set(survey_folder(folder).problems.values()) == {"it has too many pixels"}

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
        ("L", "jpg"), ("1", "png"), ("CMYK", "jpg"), ("RGB", "webp"), ("RGB", "bmp"), ("P", "gif"), ("I;16", "tiff"),
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

    def test_picture_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(CharacterError, match="no picture"):
            load_image(tmp_path / "gone.png", 8, 8)
