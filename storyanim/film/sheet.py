"""Contact sheets: a film, or what was found for a shot, at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from storyanim import video
from storyanim.artifacts import Candidates, Frames, Shot
from storyanim.errors import VideoError
from storyanim.film.lettering import font_for, wrap

FRAMES_A_SHOT = 5
_FRAME_PX, _GAP_PX, _WORDS_PX = 160, 10, 300
_PAPER, _INK, _FAINT = (250, 246, 236), (58, 44, 34), (150, 130, 108)
THUMB_PX, THUMBS_A_MATCH = 96, 3


def draw_sheet(folder: Path, title: str, shots: Sequence[Shot], frames: Sequence[Frames]) -> Path:
    """`folder`/sheet.png: a row for each shot, its number and words, then five of its frames from first to last."""
    row_px = _FRAME_PX + _GAP_PX
    head_px = 56
    width_px = _WORDS_PX + FRAMES_A_SHOT * row_px + _GAP_PX
    sheet = Image.new("RGB", (width_px, head_px + row_px * len(shots) + _GAP_PX), _PAPER)
    _write(sheet, title, (2 * _GAP_PX, 14), 26, width_px - 4 * _GAP_PX, 1)
    for number, (shot, moving) in enumerate(zip(shots, frames, strict=True)):
        top = head_px + number * row_px
        ImageDraw.Draw(sheet).text((2 * _GAP_PX, top + 2), shot.id, _FAINT, ImageFont.load_default(13))
        _write(sheet, shot.text, (2 * _GAP_PX, top + 22), 16, _WORDS_PX - 4 * _GAP_PX, 6)
        chosen = np.linspace(0, len(moving.rgb) - 1, FRAMES_A_SHOT).round().astype(int)
        for column, index in enumerate(chosen):
            sheet.paste(_fitted(moving.rgb[index], _FRAME_PX), (_WORDS_PX + column * row_px, top))
    path = folder / "sheet.png"
    sheet.save(path)
    return path


def draw_thumbnails(candidates: Candidates, folder: Path) -> tuple[Path, ...]:
    """`folder`/candidate-1.png and so on: three moments of each candidate, side by side.

    A candidate whose video is gone stays blank; for the chosen one that raises VideoError.
    """
    paths = []
    for number, match in enumerate(candidates.matches, start=1):
        length_s = match.end_s - match.start_s
        times_s = [match.start_s + length_s * (moment + 0.5) / THUMBS_A_MATCH for moment in range(THUMBS_A_MATCH)]
        try:
            pictures = [_fitted(picture, THUMB_PX) for picture in video.sample(match.path, times_s)]
        except VideoError:
            if match is candidates.match:
                raise
            pictures = []
        strip = Image.new("RGB", (THUMB_PX * THUMBS_A_MATCH, THUMB_PX))
        for column, picture in enumerate(pictures):
            strip.paste(picture, (column * THUMB_PX, 0))
        paths.append(folder / f"candidate-{number}.png")
        strip.save(paths[-1])
    return tuple(paths)


def _fitted(picture: np.ndarray, size_px: int) -> Image.Image:
    """A square picture, bars where the frame is not square."""
    from PIL import ImageOps

    return ImageOps.pad(Image.fromarray(picture), (size_px, size_px), Image.Resampling.LANCZOS)


def _write(sheet: Image.Image, text: str, at: tuple[int, int], size_px: int, width_px: int, most_lines: int) -> None:
    """FrozenModel in lines below each other; "..." where there is no room for all, nothing where no font has their letters."""
    lettered = font_for(text, size_px)
    if lettered is None:
        return
    font, words = lettered
    lines = wrap(words, font, width_px)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], lines[most_lines - 1] + " ..."]
    for number, line in enumerate(lines):
        ImageDraw.Draw(sheet).text((at[0], at[1] + number * size_px * 1.3), line, _INK, font)
