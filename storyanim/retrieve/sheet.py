"""A picture of found clips."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from storyanim import video
from storyanim.artifacts import ClipMatch
from storyanim.errors import ResourceError, VideoError

if TYPE_CHECKING:
    from PIL import Image

_FRAME_PX = (160, 120)                               # (width, height) that a frame is fitted into
_FRAMES = 3                                          # of each clip: begin, middle, end
_GAP_PX, _TEXT_PX, _LINE_PX = 8, 49, 15
_COLUMNS = 2
_PAPER, _INK, _FAINT, _EMPTY = "#faf7f2", "#2b2622", "#8a8178", "#e6dfd5"


def draw_sheet(query: str, matches: Sequence[ClipMatch], path: Path, reasons: Sequence[str] = ()) -> None:
    """Writes a PNG with three frames, rank, score, caption and reason of each clip; a clip whose video is gone stays blank.

    Raises ResourceError when `path` cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    title, small = ImageFont.load_default(16), ImageFont.load_default(12)
    width, height = _FRAMES * (_FRAME_PX[0] + 2) + _GAP_PX, _FRAME_PX[1] + _TEXT_PX + 2 * _GAP_PX
    rows = -(-len(matches) // _COLUMNS)
    top = 36
    sheet = Image.new("RGB", (_COLUMNS * (width + _GAP_PX) + _GAP_PX, top + max(1, rows) * height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP_PX, 10), query or "(no query)", _INK, title)
    for i, match in enumerate(matches):
        x, y = _GAP_PX + (i % _COLUMNS) * (width + _GAP_PX), top + (i // _COLUMNS) * height
        for j, picture in enumerate(_thumbnails(match)):
            corner = (x + j * (_FRAME_PX[0] + 2), y)
            draw.rectangle((*corner, corner[0] + _FRAME_PX[0] - 1, corner[1] + _FRAME_PX[1] - 1), fill=_EMPTY)
            if picture is not None:
                inset = (_FRAME_PX[0] - picture.width) // 2, (_FRAME_PX[1] - picture.height) // 2
                sheet.paste(picture, (corner[0] + inset[0], corner[1] + inset[1]))
        line = y + _FRAME_PX[1] + 4
        draw.text((x, line), textwrap.shorten(f"{match.rank}. {match.caption}", 76, placeholder=" …"), _INK, small)
        draw.text((x, line + _LINE_PX), f"{match.score:+.3f}  motion {match.motion:.3f}  {match.clip_id}", _FAINT, small)
        if i < len(reasons):
            draw.text((x, line + 2 * _LINE_PX), textwrap.shorten(reasons[i], 84, placeholder=" …"), _FAINT, small)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, "PNG")
    except OSError as error:
        raise ResourceError(f"{path} cannot be written: {error.strerror or error}",
                            hint="choose another place for the sheet") from error


def _thumbnails(match: ClipMatch) -> list[Image.Image | None]:
    from PIL import Image, ImageOps

    length_s = match.end_s - match.start_s
    try:
        rgb = video.sample(match.path, [match.start_s + (i + 0.5) / _FRAMES * length_s for i in range(_FRAMES)])
    except VideoError:
        return [None] * _FRAMES
    return [ImageOps.contain(Image.fromarray(frame), _FRAME_PX) for frame in rgb]
