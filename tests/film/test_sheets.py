"""The sheets of a search and of a character."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from storyanim import video
from storyanim.artifacts import ClipMatch, Frames
from storyanim.film.sheet import character_sheet, search_sheet

EMPTY = (230, 223, 213)


def num_pixels(png: bytes, color: tuple[int, int, int], tolerance: int = 0) -> int:
    with Image.open(BytesIO(png)) as sheet:
        assert sheet.format == "PNG"
        away = np.abs(np.asarray(sheet.convert("RGB")).astype(int) - color).max(axis=-1)
    return int((away <= tolerance).sum())


def match(path: Path, caption: str = "a red thing") -> ClipMatch:
    return ClipMatch(clip_id="a@0-1", path=str(path), sha256="0", start_s=0, end_s=1, score=0.5, caption=caption, rank=1)


class TestSearchSheet:
    def test_shows_three_moments_of_each_match(self, tmp_path: Path) -> None:
        path = tmp_path / "red.mp4"
        video.write(Frames(np.full((8, 48, 64, 3), (210, 30, 30), np.uint8), 8.0), path, width_px=64, height_px=48, fps=8)
        assert num_pixels(search_sheet("red", [match(path)] * 3), (210, 30, 30), 12) == 3 * 3 * 160 * 120

    def test_reasons_are_on_it(self, tmp_path: Path) -> None:
        lost = match(tmp_path / "gone.mp4")
        assert search_sheet("red", [lost], ["its caption says red"]) != search_sheet("red", [lost])

    def test_a_match_whose_video_is_gone_is_empty(self, tmp_path: Path) -> None:
        lost = match(tmp_path / "gone.mp4", "ü 熊 " * 80)
        assert num_pixels(search_sheet("x" * 500, [lost]), EMPTY) == 3 * 160 * 120

    def test_without_query_and_matches(self) -> None:
        assert num_pixels(search_sheet("", []), EMPTY) == 0


def test_a_character_has_rows_of_photographs_before_and_after() -> None:
    red, green, blue = (np.full((32, 32, 3), color, np.uint8) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    png = character_sheet([red] * 3, [green] * 2, [blue] * 4)
    counts = [num_pixels(png, color) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    assert counts == [3 * 160 * 160, 2 * 160 * 160, 4 * 160 * 160]
