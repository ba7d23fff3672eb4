"""The drawer of contact sheets."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from storyanim.sheet import FAINT, INK, PAPER, Layout, Row, contact_sheet, evenly_spaced, png_bytes, strip

RED, BLUE = (255, 0, 0), (0, 0, 255)


def image(color: tuple[int, int, int], height: int = 8, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def box_of(page: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of all that has this color."""
    same = (np.asarray(page.convert("RGB")) == color).all(axis=-1)
    return Image.fromarray(same).getbbox()


def has_ink(page: Image.Image, box: tuple[int, int, int, int], color: str = INK) -> bool:
    darkest = np.asarray(page.crop(box).convert("L")).min()
    return bool(darkest <= np.asarray(Image.new("RGB", (1, 1), color).convert("L"))[0, 0] + 30)


class TestContactSheet:
    def test_cells_lie_at_their_places(self) -> None:
        page = contact_sheet([Row([image(RED), None]), Row([None, image(BLUE)])], Layout(cell_px=(20, 10), gap_px=4))
        assert page.size == (4 + 2 * 24, 4 + 2 * 14)
        assert box_of(page, RED) == (9, 4, 19, 14)   # a square in a wide cell, black on both sides
        assert box_of(page, BLUE) == (33, 18, 43, 28)
        assert page.getpixel((4, 4)) == (0, 0, 0)

    def test_columns_take_rows_in_turn(self) -> None:
        rows = [Row([image(RED)]), Row([image(BLUE)]), Row([image(BLUE)])]
        page = contact_sheet(rows, Layout(cell_px=(8, 8), gap_px=0, columns=2))
        assert page.size == (16, 16)
        assert page.getpixel((12, 4)) == page.getpixel((4, 12)) == BLUE

    def test_grey_images(self) -> None:
        page = contact_sheet([Row([np.full((8, 8), 77, np.uint8)])], Layout(cell_px=(8, 8), gap_px=0))
        assert page.getpixel((4, 4)) == (77, 77, 77)

    def test_labels_captions_and_title(self) -> None:
        layout = Layout(cell_px=(200, 40), gap_px=4, label_px=80, caption_colors=(INK, FAINT))
        page = contact_sheet([Row([image(RED)], "a label", ("one line", "another"))], layout, "A title")
        head, line = 56, 17
        assert page.size == (4 + 80 + 204, head + 40 + 2 * line + 4)
        assert has_ink(page, (4, 0, 200, head))
        assert has_ink(page, (4, head, 80, head + 40))
        assert has_ink(page, (84, head + 42, 288, head + 40 + line))
        below = (84, head + 42 + line, 288, head + 40 + 2 * line)
        assert has_ink(page, below, FAINT)
        assert not has_ink(page, below)

    def test_long_words_stay_in_their_row(self) -> None:
        layout = Layout(cell_px=(40, 40), gap_px=4, label_px=80)
        page = contact_sheet([Row([image(RED)], "word " * 100), Row([image(RED)])], layout)
        assert not has_ink(page, (4, 48 + 6, 84, page.height))

    def test_no_rows(self) -> None:
        assert contact_sheet([]).getpixel((0, 0)) == (250, 247, 242)
        assert PAPER == "#faf7f2"


def test_a_strip_has_transparent_gaps() -> None:
    page = strip([image(RED, 16, 8), image(BLUE, 16, 8)], height_px=32)
    assert page.size == (16 + 4 + 16, 32)
    assert page.getpixel((8, 8)) == (*RED, 255)
    assert page.getpixel((18, 8)) == (0, 0, 0, 0)


@pytest.mark.parametrize(("length", "indices"), [(1, [0] * 5), (3, [0, 0, 1, 2, 2]), (9, [0, 2, 4, 6, 8])])
def test_evenly_spaced_frames(length: int, indices: list[int]) -> None:
    frames = np.arange(length, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    assert [int(frame[0, 0, 0]) for frame in evenly_spaced(frames, 5)] == indices


def test_png_bytes() -> None:
    assert Image.open(BytesIO(png_bytes(Image.new("RGB", (3, 2), RED)))).getpixel((1, 1)) == RED
