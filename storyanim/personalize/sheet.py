"""The picture of what was learned: the photographs, and the same shots without and with the token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim.artifacts import UInt8
from storyanim.personalize.images import load_image

_CELL_PX, _GAP_PX, _LABEL_PX = 160, 6, 24
_PAPER, _INK = "#faf7f2", "#2b2622"


def before_after_sheet(photos: Sequence[Path], before: Sequence[UInt8], after: Sequence[UInt8]) -> bytes:
    """A PNG of three rows: photographs, frames (H, W, 3) drawn without the token, and the same with it.

    Raises CharacterError when a photograph is gone.
    """
    from io import BytesIO

    from PIL import Image, ImageDraw, ImageFont

    rows = {
        "photographs": [load_image(path, _CELL_PX, _CELL_PX) for path in photos],
        "without the token": list(before),
        "with the token": list(after),
    }
    columns = max(1, *(len(pictures) for pictures in rows.values()))
    step = _CELL_PX + _GAP_PX
    sheet = Image.new("RGB", (_GAP_PX + columns * step, len(rows) * (_LABEL_PX + step) + _GAP_PX), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, (label, pictures) in enumerate(rows.items()):
        top = row * (_LABEL_PX + step)
        draw.text((_GAP_PX, top + 5), label, _INK, font)
        for column, rgb in enumerate(pictures):
            picture = Image.fromarray(rgb).resize((_CELL_PX, _CELL_PX), Image.Resampling.LANCZOS)
            sheet.paste(picture, (_GAP_PX + column * step, top + _LABEL_PX))
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
