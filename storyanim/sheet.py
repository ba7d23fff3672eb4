"""The only drawer of contact sheets: rows of images, with labels left of them and captions below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from storyanim.fonts import lettering

Picture = NDArray[np.uint8]                          # (H, W, 3) RGB or (H, W) grey
INK, FAINT, PAPER = "#2b2622", "#8a8178", "#faf7f2"
_LINE_SPACING = 1.3                                  # times the height of the letters


@dataclass(frozen=True)
class Row:
    """Images side by side, with their words."""

    images: Sequence[Picture | None]                 # of any size; None leaves an empty cell
    label: str = ""                                  # left of the images
    captions: Sequence[str] = ()                     # lines below the images


@dataclass(frozen=True)
class Layout:
    """Sizes of a contact sheet, in pixels."""

    cell_px: tuple[int, int] = (160, 160)            # (width, height); images are fitted in and padded
    gap_px: int = 6
    label_px: int = 0                                # width of the column of labels
    columns: int = 1                                 # rows side by side
    font_px: int = 13
    empty_color: str = "black"
    # of the first line, of the second, ...; the last is for all others
    caption_colors: Sequence[str] = (INK, FAINT)


DEFAULT_LAYOUT = Layout()


def contact_sheet(rows: Sequence[Row], layout: Layout = DEFAULT_LAYOUT, title: str = "") -> Image.Image:
    """Return a page with all rows below the title, in as many columns as the layout says."""
    gap, line_px = layout.gap_px, round(layout.font_px * _LINE_SPACING)
    num_lines = max((len(row.captions) for row in rows), default=0)
    row_width = layout.label_px + max(
        (len(row.images) for row in rows), default=1) * (layout.cell_px[0] + gap)
    row_height = layout.cell_px[1] + num_lines * line_px + gap
    head = 4 * layout.font_px + 4 if title else gap
    size = (gap + layout.columns * row_width, head + -(-len(rows) // layout.columns) * row_height)
    page = Image.new("RGB", size, PAPER)
    _write(page, title, (2 * gap, layout.font_px), page.width - 4 * gap, 2 * layout.font_px, INK, max_lines=1)
    for k, row in enumerate(rows):
        left, top = gap + (k % layout.columns) * row_width, head + (k // layout.columns) * row_height
        max_lines = max(1, layout.cell_px[1] // line_px)
        _write(page, row.label, (
            left + gap, top), layout.label_px - 3 * gap, layout.font_px, INK, max_lines=max_lines)
        _paste(page, row.images, (left + layout.label_px, top), layout)
        for n, text in enumerate(row.captions):
            place = (left + layout.label_px, top + layout.cell_px[1] + 2 + n * line_px)
            color = layout.caption_colors[min(n, len(layout.caption_colors) - 1)]
            _write(page, text, place, row_width - layout.label_px - gap, layout.font_px, color, max_lines=1)
    return page


def strip(images: Sequence[Picture], height_px: int, gap_px: int = 4) -> Image.Image:
    """Return images of one size side by side, with transparent gaps between them."""
    height, width = images[0].shape[:2]
    layout = Layout((max(1, round(width * height_px / height)), height_px), gap_px)
    page = Image.new("RGBA", (len(images) * (layout.cell_px[0] + gap_px) - gap_px, height_px))
    _paste(page, images, (0, 0), layout)
    return page


def evenly_spaced(frames: Picture, count: int) -> list[Picture]:
    """Return `count` of (T, H, W, 3) or (T, H, W) frames, from the first to the last; they may repeat."""
    return list(frames[np.linspace(0, len(frames) - 1, count).round().astype(int)])


def png_bytes(page: Image.Image) -> bytes:
    """Return an image as the bytes of a PNG file."""
    data = BytesIO()
    page.save(data, "PNG")
    return data.getvalue()


def _paste(page: Image.Image, images: Sequence[Picture | None], at: tuple[int, int], layout: Layout) -> None:
    for column, image in enumerate(images):
        if image is None:
            cell = Image.new("RGB", layout.cell_px, layout.empty_color)
        else:
            rgb = Image.fromarray(image).convert("RGB")
            cell = ImageOps.pad(rgb, layout.cell_px, Image.Resampling.LANCZOS, layout.empty_color)
        page.paste(cell, (at[0] + column * (layout.cell_px[0] + layout.gap_px), at[1]))


def _write(
    page: Image.Image, text: str, at: tuple[int, int], width_px: int, font_px: int, color: Any, *,
    max_lines: int,
) -> None:
    """Write text in lines, ending in ... if there are too many; nothing where no font has its letters."""
    lettered = lettering(text, font_px) if text.strip() else None
    if lettered is None:
        return
    lines = [line for paragraph in lettered.words.split("\n")
             for line in replace(lettered, words=paragraph).wrap(width_px)]
    if len(lines) > max_lines:
        lines = [*lines[:max_lines - 1], lines[max_lines - 1] + " ..."]
    for number, line in enumerate(lines):
        lettered.draw(page, (at[0], at[1] + number * font_px * _LINE_SPACING), line, color)
