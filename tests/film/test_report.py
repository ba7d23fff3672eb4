"""The report and the contact sheets."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from storyanim import video
from storyanim.artifacts import (
    Candidates,
    CastMember,
    Check,
    Clip,
    ClipMatch,
    Film,
    Frames,
    Reading,
    Shot,
    Storyboard,
)
from storyanim.config import FilmSettings, GenerateSettings
from storyanim.errors import VideoError
from storyanim.film.report import Report, ReportCharacter, ReportShot, ReportTake, render
from storyanim.film.sheet import THUMBNAIL_PX, draw_sheet, draw_thumbnails

NASTY = "<script>alert('x')</script> & \"quotes\""


class Page(HTMLParser):
    """What a page links, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in {"src", "href", "poster", "data", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def match(number: int, path: Path | str = "x.mp4") -> ClipMatch:
    return ClipMatch(clip_id=f"clip{number}@0-1", path=str(path), sha256="0", start_s=0, end_s=1, score=0.3 - number / 100,
                     caption=f"caption {number}", rank=number, motion=0.02)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    folder = tmp_path / "run"
    shots = (
        Shot(id="s01", text="A bear walked.", query="bear walks", prompt="a <bear> walking", characters=("bear",),
             setting="forest", seed=41, unsupported_words=("honey",), pinned="clip2@0-1"),
        Shot(id="s02", text=NASTY, query="rain", prompt="rain"),
    )
    cast = (CastMember(name="bear", noun="bear", token="<bear>"),)
    board = Storyboard(title=NASTY, style="storybook", characters=cast, shots=shots)
    made = Clip(shot_id="s01", path=folder / "shots/s01/clip/clip.mp4", width_px=512, height_px=512, fps=24, num_frames=60)
    first = ReportShot(
        shot=shots[0], candidates=Candidates(query="bear walks", matches=(match(1), match(2)), chosen=1, why="it moves"),
        thumbnails=(folder / "shots/s01/match/candidate-1.png", folder / "shots/s01/match/candidate-2.png"),
        depth=folder / "shots/s01/depth/preview.png", frames=folder / "shots/s01/frames/a picture?.png", clip=made,
        seconds={"depth": 0.5, "frames": 61.0},
    )
    return Report(
        storyboard=board, shots=(first, ReportShot(shot=shots[1], error="the disk is full")),
        film=Film(path=folder / "film.mp4", clips=(made,), duration_s=2.5), sheet=folder / "sheet.png",
        settings={"profile": "storybook", "generate": GenerateSettings().model_dump()}, versions={"torch": "2.15"},
        seconds={"film": 1.25}, worked_s=62.7,
        cast=(ReportCharacter(name="bear", token="<bear>", noun="bear", source="folder bear", method="timeinv+lora", pictures="5",
                              shots=("s01",)),),
    )


def page(report: Report, tmp_path: Path) -> tuple[str, Page]:
    html = render(report, tmp_path / "run")
    return html, Page(html)


def test_it_tells_how_the_drawings_were_read_back(report: Report, tmp_path: Path) -> None:
    bad = Reading(by="reader", score=0.02, mark=0.5, scores={"action": 0.02}, remarks=("the bear does not walk",))
    good = Reading(by="reader", score=0.93, mark=0.5, scores={"action": 0.95})

    def words(*readings: Reading, chosen: int) -> str:
        first = report.shots[0].model_copy(update={"check": Check(readings=readings, chosen=chosen)})
        return page(report.model_copy(update={"shots": (first, report.shots[1])}), tmp_path)[1].words

    assert "seed 41: 0.02 (action 0.02) · seed 42: 0.93 (action 0.95), in the film" in words(bad, good, chosen=1)
    assert "does not walk" not in words(bad, good, chosen=1)
    assert "As it was read back: the bear does not walk." in words(bad, bad, chosen=0)
    assert "came out frozen, with the next seed, too." in words(bad, Reading(score=0, faults=("frozen",)), chosen=1)
    assert "read back" not in words(Reading(), chosen=0)


def test_it_shows_the_takes(report: Report, tmp_path: Path) -> None:
    takes = tuple(ReportTake(number=number, seed=40 + number, prompt="a <bear> walking", reading=Reading(by="reader", score=0.5),
                             picture=tmp_path / f"run/shots/s01/takes/{number}/preview.png", in_film=number == 2) for number in (1, 2))
    first = report.shots[0].model_copy(update={"takes": takes})
    _, seen = page(report.model_copy(update={"shots": (first, report.shots[1])}), tmp_path)
    assert {"shots/s01/takes/1/preview.png", "shots/s01/takes/2/preview.png"} <= set(seen.links)
    assert "storyanim shot choose run s01 1" in seen.words
    assert "storyanim shot choose run s01 2" not in seen.words
    assert "Takes" not in page(report, tmp_path)[1].words


def test_it_links_only_files_beside_it(report: Report, tmp_path: Path) -> None:
    html, seen = page(report, tmp_path)
    assert not re.search(r"(https?:)?//[a-z]|@import|url\(", html)
    assert {unquote(link) for link in seen.links} == {
        "film.mp4", "sheet.png", "#s01", "#s02", "shots/s01/clip/clip.mp4", "shots/s01/depth/preview.png",
        "shots/s01/frames/a picture?.png", "shots/s01/match/candidate-1.png", "shots/s01/match/candidate-2.png",
    }
    assert str(tmp_path) not in html
    assert "poster=" not in html                     # of a film from before there was one
    assert 'poster="poster.jpg"' in page(report.model_copy(update={"poster": tmp_path / "run/poster.jpg"}), tmp_path)[0]


def test_it_tells_what_was_bound_to_whom(report: Report, tmp_path: Path) -> None:
    html, seen = page(report, tmp_path)
    cells = "".join(f"<td>{words}</td>" for words in ("&lt;bear&gt; bear", "bear, folder bear", "timeinv+lora, 5 pictures"))
    assert cells in html
    assert "bear as <bear>" in " ".join(seen.words.split())
    alone = report.model_copy(update={"cast": ()})
    assert "The cast" not in render(alone, tmp_path / "run")


def test_it_says_what_a_character_wears_where_it_was_drawn(report: Report, tmp_path: Path) -> None:
    shot = report.shots[0].shot.model_copy(update={"prompt": "a <bear> bear walking"})
    who = report.cast[0].model_copy(update={"appearance": "with a red hat"})
    dressed = report.model_copy(update={"cast": (who,), "shots": (report.shots[0].model_copy(update={"shot": shot}),)})
    html, seen = page(dressed, tmp_path)
    assert "a <bear> bear with a red hat walking" in " ".join(seen.words.split())
    assert "<td>&lt;bear&gt; bear with a red hat</td>" in html
    assert "red hat" not in page(report, tmp_path)[0]


def test_words_of_a_story_are_no_markup(report: Report, tmp_path: Path) -> None:
    html, seen = page(report, tmp_path)
    assert seen.tags.count("script") == 1            # the page's own, which its policy names
    assert NASTY in seen.words
    assert "alert('x')</script>" not in html


@pytest.mark.parametrize("words", [
    "A bear walked.", "bear walks", "a <bear> walking", "honey", "forest", "41", "it moves", "caption 1", "caption 2",
    "score 0.280", "the disk is full", "2.5 s", "512 × 512", "depth 0.5 s", "frames 1 min 1 s", "generate.num_inference_steps",
    "torch", "2.15", "storybook", "made in 1 min 3 s", "pinned",
])
def test_it_tells(report: Report, tmp_path: Path, words: str) -> None:
    assert words in page(report, tmp_path)[1].words


def test_one_candidate_is_marked_as_chosen(report: Report, tmp_path: Path) -> None:
    html, _ = page(report, tmp_path)
    assert html.count('class="chosen"') == 1
    assert html.index("caption 1") < html.index('class="chosen"') < html.rindex("caption 2")


def test_it_is_the_same_every_time(report: Report, tmp_path: Path) -> None:
    assert page(report, tmp_path)[0] == page(report, tmp_path)[0]


def test_a_storyboard_alone_is_enough(report: Report, tmp_path: Path) -> None:
    bare = Report(storyboard=report.storyboard, shots=tuple(ReportShot(shot=shot) for shot in report.storyboard.shots))
    _, seen = page(bare, tmp_path)
    assert seen.links == ["#s01", "#s02"]
    assert {"video", "img"}.isdisjoint(seen.tags)


def coloured(colour: tuple[int, int, int], length: int = 7, shape: tuple[int, int] = (32, 32)) -> Frames:
    return Frames(np.full((length, *shape, 3), colour, np.uint8), 8.0)


class TestSheet:
    def test_a_row_for_each_shot(self, report: Report, tmp_path: Path) -> None:
        shots = report.storyboard.shots
        path = draw_sheet(tmp_path, "The Bear", shots, [coloured((200, 0, 0)), coloured((0, 0, 200), length=1)])
        sheet = np.asarray(Image.open(path).convert("RGB")).astype(int)
        for colour, rows in (((200, 0, 0), slice(56, 216)), ((0, 0, 200), slice(226, 386))):
            found = np.abs(sheet[rows] - colour).max(-1) < 3
            assert found.sum() == 5 * 160 * 160
        words = sheet[56:216, :290]
        assert (words.max(-1) < 120).sum() > 100

    def test_long_words_and_many_shots_stay_in_their_rows(self, tmp_path: Path) -> None:
        shots = [Shot(id=f"s{n:02}", text="word " * 200 if n == 1 else "", query="q", prompt="p") for n in range(1, 5)]
        sheet = np.asarray(Image.open(draw_sheet(tmp_path, "T", shots, [coloured((0, 0, 0))] * 4)).convert("RGB"))
        assert len(sheet) == 56 + 170 * 4
        assert sheet[250:380, 20:290].min() > 200                                  # the second row's words are empty

    def test_the_same_bytes_every_time(self, report: Report, tmp_path: Path) -> None:
        made = []
        for name in "ab":
            (tmp_path / name).mkdir()
            shots = report.storyboard.shots
            made.append(draw_sheet(tmp_path / name, "T", shots, [coloured((9, 9, 9))] * 2).read_bytes())
        assert made[0] == made[1]


class TestThumbnails:
    def test_three_moments_of_each_candidate(self, tmp_path: Path) -> None:
        rgb = np.zeros((24, 32, 64, 3), np.uint8)
        rgb[:, :, :, 0] = np.repeat([40, 130, 220], 8)[:, None, None]
        video.write(Frames(rgb, 24.0), tmp_path / "x.mp4", width_px=64, height_px=32, fps=24)
        found = Candidates(query="q", matches=(match(1, tmp_path / "x.mp4"), match(2, tmp_path / "x.mp4")))
        first, second = draw_thumbnails(found, tmp_path)
        picture = Image.open(first)
        assert picture.size == (3 * THUMBNAIL_PX, THUMBNAIL_PX)
        reds = [picture.getpixel((THUMBNAIL_PX * n + 48, 48))[0] for n in range(3)]
        assert reds == pytest.approx([40, 130, 220], abs=8)
        assert picture.getpixel((48, 4)) == (0, 0, 0)                                # bars: the clip is wide
        assert second.read_bytes() == first.read_bytes()

    def test_a_lost_candidate_that_was_not_chosen_stays_blank(self, tmp_path: Path) -> None:
        rgb = np.full((8, 32, 64, 3), 200, np.uint8)
        video.write(Frames(rgb, 8.0), tmp_path / "x.mp4", width_px=64, height_px=32, fps=8)
        found = Candidates(query="q", matches=(match(1, tmp_path / "x.mp4"), match(2, tmp_path / "lost.mp4")))
        shown, blank = (np.asarray(Image.open(path)) for path in draw_thumbnails(found, tmp_path))
        assert shown.max() > 150
        assert blank.max() == 0

    def test_lost_footage_is_a_video_error(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError):
            draw_thumbnails(Candidates(query="q", matches=(match(1, tmp_path / "lost.mp4"),)), tmp_path)


def test_settings_of_the_film_are_told(report: Report, tmp_path: Path) -> None:
    told = report.model_copy(update={"settings": {"film": FilmSettings(crf=23).model_dump()}})
    assert re.search(r"film\.crf\s*23", page(told, tmp_path)[1].words)


@pytest.mark.parametrize(("who", "settings", "expected"), [
    (("bear",), {"control_guidance_end": 0.5, "control_guidance_end_multi": 0.0}, True),
    (("bear", "fox"), {"control_guidance_end": 0.5, "control_guidance_end_multi": 0.0}, False),
    (("bear", "fox"), {"control_guidance_end": 0.5, "control_guidance_end_multi": None}, True),
    (("bear",), {"control_guidance_end": 0.0}, False),
    (("bear", "fox"), {}, True),
])
def test_it_tells_whether_depth_guided_a_shot(
    report: Report, tmp_path: Path, who: tuple[str, ...], settings: dict[str, float | None], expected: bool
) -> None:
    first = report.shots[0].model_copy(update={"shot": report.shots[0].shot.model_copy(update={"characters": who})})
    told = report.model_copy(update={"shots": (first,), "settings": {"generate": settings}})
    words = render(told, tmp_path / "run")
    assert ("Depth that guided them" in words) is expected
    assert ("the text alone did" in words) is not expected
