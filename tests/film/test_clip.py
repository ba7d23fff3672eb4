"""Clips and cards: size, rate, length, words, and always the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from storyanim import fonts, video
from storyanim.artifacts import Frames, Shot
from storyanim.config import FilmSettings
from storyanim.errors import UsageError
from storyanim.film import cards, clip
from storyanim.film.clip import enlarge, num_hold_frames, write_clip

SMALL = FilmSettings(width_px=64, height_px=64)
SHOT = Shot(id="s03", text="It rained.", query="rain", prompt="rain")


def frames(length: int = 16, side: int = 16, fps: float = 8.0) -> Frames:
    rgb = np.zeros((length, side, side, 3), np.uint8)
    for index in range(length):
        rgb[index, :, : side // 2] = (200, 40, 40)
        rgb[index, :, side // 2 :] = (20, 40, 60 + 8 * (index % 16))
    return Frames(rgb, fps)


class TestWriteClip:
    def test_it_has_the_films_size_rate_and_the_shots_length(self, tmp_path: Path) -> None:
        made = write_clip(tmp_path, SHOT, frames(), SMALL)
        seen = video.probe(made.path)
        assert (seen.width_px, seen.height_px, seen.fps, seen.num_frames) == (64, 64, 24.0, 48)
        assert (made.shot_id, made.width_px, made.height_px, made.fps, made.num_frames) == ("s03", 64, 64, 24.0, 48)
        assert made.path.parent == tmp_path

    def test_it_shows_the_frames(self, tmp_path: Path) -> None:
        seen = video.read(write_clip(tmp_path, SHOT, frames(), SMALL).path).rgb
        assert np.abs(seen[0, 32, 10].astype(int) - (200, 40, 40)).max() < 12
        assert seen[0, 32, 54, 2] < seen[24, 32, 54, 2] < seen[-1, 32, 54, 2]
        assert np.abs(seen[0].astype(int) - seen[2]).max() <= 12                   # 8 frames a second, each shown thrice

    def test_the_same_frames_give_the_same_bytes(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / name).mkdir()
            write_clip(tmp_path / name, SHOT, frames(), SMALL)
        assert (tmp_path / "a" / "clip.mp4").read_bytes() == (tmp_path / "b" / "clip.mp4").read_bytes()

    def test_the_last_frame_is_held_until_the_words_are_read(self, tmp_path: Path) -> None:
        shot = SHOT.model_copy(update={"text": "x" * 51})                            # 3 s at 17 letters a second
        made = write_clip(tmp_path, shot, frames(), SMALL)
        assert made.duration_s == pytest.approx(3.0)
        seen = video.read(made.path).rgb
        assert np.abs(seen[47].astype(int) - seen[-1]).max() <= 12

    def test_or_all_frames_are_shown_back_and_forth(self, tmp_path: Path) -> None:
        shot = SHOT.model_copy(update={"text": "x" * 85})                            # 5 s, of which 2 are drawn
        made = write_clip(tmp_path, shot, frames(), SMALL.model_copy(update={"hold": "back_and_forth"}))
        assert made.duration_s == pytest.approx(5.0)
        blue = video.read(made.path).rgb[1::3, 32, 54, 2].astype(int)                # grows with the frames drawn
        assert blue[0] < blue[7] < blue[15]
        assert blue[15] > blue[22] > blue[30] < blue[38]
        assert np.abs(blue[30] - blue[0]) <= 6

    @pytest.mark.parametrize(("letters", "duration_s", "subtitles", "held"), [
        (10, 2.0, "soft", 0), (51, 2.0, "soft", 8), (51, 2.0, "burned", 8), (51, 2.0, "none", 0), (999, 2.0, "soft", 455),
        (10, 2.5, "soft", 4), (10, 30.0, "none", 224), (35, 2.0, "soft", 1), (34, 1.0, "soft", 0), (1, 0.5, "soft", -12), (17, 0.5, "soft", -8), (17, 0.5, "none", -12), (0, 0.01, "soft", -15),
    ])
    def test_how_long_it_is_held(self, letters: int, duration_s: float, subtitles: str, held: int) -> None:
        shot = SHOT.model_copy(update={"text": "x" * letters, "duration_s": duration_s})
        assert num_hold_frames(shot, frames(), FilmSettings(subtitles=subtitles)) == held

    def test_burned_words_are_in_the_picture(self, tmp_path: Path) -> None:
        settings = FilmSettings(width_px=128, height_px=128, subtitles="burned")
        words = SHOT.model_copy(update={"text": "A bear walks."})
        (tmp_path / "a").mkdir()
        with_words = video.read(write_clip(tmp_path, words, frames(), settings).path).rgb[24]
        without = video.read(write_clip(tmp_path / "a", words.model_copy(update={"text": " "}), frames(), settings).path).rgb[24]
        changed = np.abs(with_words.astype(int) - without).max(-1) > 60
        assert changed[100:].sum() > 100
        assert not changed[:90].any()

    def test_burned_words_change_with_the_time(self) -> None:
        rgb = np.zeros((24, 200, 200, 3), np.uint8)
        clip.burn_subtitles(rgb, "one two three four five six seven eight nine ten " * 4, 8.0)
        lower = rgb[:, 150:].astype(int)
        assert np.array_equal(lower[0], lower[1])
        assert np.abs(lower[0] - lower[-1]).max() > 100
        assert all(picture.max() > 200 for picture in lower)

    def test_burned_words_without_a_font_are_a_usage_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fonts, "_FONTS", ())
        with pytest.raises(UsageError, match="no font"):
            write_clip(tmp_path, SHOT.model_copy(update={"text": "熊"}), frames(), FilmSettings(subtitles="burned"))


class TestEnlarge:
    def test_flat_colours_stay(self) -> None:
        assert np.all(enlarge(np.full((2, 16, 16, 3), 77, np.uint8), 64, 64) == 77)

    @pytest.mark.parametrize("size", [(64, 64), (64, 128), (256, 64)])
    def test_other_shapes_stand_over_themselves_blurred(self, size: tuple[int, int]) -> None:
        rgb = np.full((1, 16, 32, 3), 40, np.uint8)
        rgb[0, 4:12, 12:20] = 220                                       # a square, which stays one
        made = enlarge(rgb, *size)[0]
        assert made.shape == (size[1], size[0], 3)
        rows, columns = np.nonzero(made[..., 0] > 150)
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 2
        assert 10 < made[0, 0].max() < 150
        assert made[size[1] // 2, size[0] // 2].min() > 200

    @pytest.mark.parametrize("size", [(16, 16), (8, 8), (24, 24)])
    def test_sizes_that_are_hardly_larger(self, size: tuple[int, int]) -> None:
        rgb = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
        large = enlarge(rgb, *size)
        assert large.shape == (1, size[1], size[0], 3)
        if size == (16, 16):
            assert np.array_equal(large, rgb)

    def test_edges_stay_where_they_are_and_sharp(self) -> None:
        rgb = np.zeros((1, 16, 16, 3), np.uint8)
        rgb[:, :, 8:] = 200
        row = enlarge(rgb, 64, 64)[0, 32, :, 0].astype(int)
        assert row[:28].max() <= 8
        assert row[36:].min() >= 185
        assert abs(int(np.argmax(row > 100)) - 32) <= 1


class TestCards:
    def test_they_fit_the_clips_and_last_as_set(self, tmp_path: Path) -> None:
        card = cards.title_card(tmp_path, "The Bear", FilmSettings(width_px=64, height_px=48, title_s=1.5))
        assert (card.width_px, card.height_px, card.fps, card.duration_s) == (64, 48, 24.0, 1.5)
        assert video.probe(card.path).num_frames == card.num_frames == 36

    def test_the_title_stands_from_the_first_frame_and_the_end_appears_and_goes_dark(self, tmp_path: Path) -> None:
        settings = FilmSettings(width_px=96, height_px=96)
        (tmp_path / "end").mkdir()
        title = video.read(cards.title_card(tmp_path, "The Bear", settings).path).rgb[:, 30:60].astype(int)
        assert np.abs(title - title[-1]).max() <= 12
        end = video.read(cards.end_card(tmp_path / "end", "The End", settings).path).rgb
        words = end[:, 30:60].astype(int)
        assert words[0].min() > words[24].min() + 50
        assert end[24].mean() > 180
        assert end[-1].mean() < 20

    @pytest.mark.parametrize("size", [(512, 512), (910, 512), (120, 200), (16, 16)])
    @pytest.mark.parametrize("title", ["A", "The Bear and the Lake", "word " * 60, "W" * 300, ""])
    def test_any_title_fits_any_page(self, size: tuple[int, int], title: str) -> None:
        page = cards.draw_page(title, *size)
        assert page.shape == (size[1], size[0], 3)
        rows, columns = np.nonzero(np.abs(page.astype(int) - cards.draw_page("", *size)).max(-1) > 8)
        for found, length in ((rows, size[1]), (columns, size[0])):                 # within the rules of the page
            assert not len(found) or 0.08 * length <= found.min() <= found.max() <= 0.92 * length

    def test_words_are_dark_on_the_page(self) -> None:
        differs = np.abs(cards.draw_page("The Bear", 256, 256).astype(int) - cards.draw_page("", 256, 256)).max(-1) > 100
        rows, columns = np.nonzero(differs)
        assert len(rows) > 200
        assert abs(columns.mean() - 128) < 8
        assert 80 < rows.mean() < 150

    def test_letters_without_a_font_leave_the_page_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fonts, "_FONTS", ())
        assert np.array_equal(cards.draw_page("熊", 128, 128)[:50], cards.draw_page("", 128, 128)[:50])


class TestOwnFont:
    def test_a_font_of_ones_own_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        own = str(tmp_path / "own.ttf")
        Path(own).write_bytes(ImageFont.load_default(16).font_bytes)
        monkeypatch.setattr(fonts, "_FONTS", ("DejaVuSerif.ttf",))
        assert fonts.is_font(own)
        found = fonts.lettering("A bear", 20, own) or pytest.fail("no font")
        assert (found.names, found.words) == ((own,), "A bear")
        (tmp_path / "a").mkdir()
        card = cards.title_card(tmp_path / "a", "A bear", FilmSettings(width_px=128, height_px=128, font=own))
        assert card.duration_s == 2

    def test_what_is_no_font(self, tmp_path: Path) -> None:
        (tmp_path / "x.ttf").write_bytes(b"no font")
        assert not fonts.is_font(str(tmp_path / "x.ttf"))
        assert not fonts.is_font(str(tmp_path / "none.ttf"))


class TestLettering:
    @pytest.fixture(autouse=True)
    def plain_fonts_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fonts, "_FONTS", ())
        monkeypatch.setattr(fonts, "_COLOURED", ())

    @pytest.mark.parametrize(("text", "drawn"), [
        ("The Bear", "The Bear"), ("Bär und Straße", "Bar und Strasse"), ("Łódź", "Lodz"), ("“Oh” — yes…", "“Oh” — yes…"),
        ("Tiếng Việt", "Tieng Viet"), ("", ""),
    ])
    def test_accents_are_dropped_where_no_font_has_them(self, text: str, drawn: str) -> None:
        words = fonts.drawable(text)
        assert words in {drawn, drawn.translate(fonts._SPELLED)}

    @pytest.mark.parametrize(("text", "drawn"), [("Bear 🐻", "Bear"), ("A 👩‍🚀 and ❤️ b", "A and b"), ("☔ rain", "rain"),
                                                 ("Bear 🐻.", "Bear.")])
    def test_emoji_are_left_out_where_no_font_has_them(self, text: str, drawn: str) -> None:
        assert fonts.drawable(text) == drawn
        assert fonts.left_out(text) == [letter for letter in fonts.letters_of(text) if letter.strip() and letter not in drawn]
        assert clip.check_drawable("The Bear", [text], FilmSettings(subtitles="burned")) == fonts.left_out(text)

    @pytest.mark.parametrize("text", ["熊", "Медведь", "😀"])
    def test_other_scripts_cannot_be_drawn(self, text: str) -> None:
        assert fonts.drawable(text) is None

    def test_it_is_told_before_anything_is_drawn(self) -> None:
        clip.check_drawable("The Bear", ["熊"], FilmSettings())
        clip.check_drawable("熊", ["熊"], FilmSettings(title_s=0))
        for title, texts, subtitles in (("熊", [], "soft"), ("The Bear", ["A bear.", "熊"], "burned"), ("🐻", [], "soft")):
            with pytest.raises(UsageError, match="no font") as caught:
                clip.check_drawable(title, texts, FilmSettings.model_validate({"subtitles": subtitles}))
            assert "--font" in caught.value.hint

    def test_wrapped_lines_fit_and_keep_all_words(self) -> None:
        text = "Once upon a time " + "W" * 40 + " there was a bear"
        lettered = fonts.lettering(text, 20) or pytest.fail("no font")
        lines = lettered.wrap(120)
        assert all(lettered.length(line) <= 120 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert (fonts.lettering("", 20) or pytest.fail("no font")).wrap(120) == []
