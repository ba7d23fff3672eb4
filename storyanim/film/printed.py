"""A storyboard on paper: shots with pictures, words, prompts and seconds, as PDF or as one HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from jinja2 import Environment
from PIL import Image

from storyanim.artifacts import Clip, Shot, Storyboard, UInt8
from storyanim.engine.folders import write_file
from storyanim.film.sheet import moments
from storyanim.sheet import Layout, Row, contact_sheet, png_bytes, strip

_IMAGES_PER_SHOT, _SHOTS_PER_PAGE = 3, 7
_DPI = 150.0
_PAGE = Layout(cell_px=(210, 210), gap_px=14, label_px=520, font_px=18)      # seven rows fit A4 at 150 dpi
_PICTURE_PX = 160
_HTML = """<!doctype html>
<html><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 11pt/1.45 Georgia, serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
section { display: grid; grid-template-columns: 30em 1fr; gap: 1.2em; padding: .8em 0;
  border-top: 1px solid #ccc; break-inside: avoid; }
img { width: 100%; } small { color: #666; } p { margin: .3em 0; }
@media (max-width: 50em) { section { grid-template-columns: 1fr; } }
@page { margin: 14mm; }
</style></head><body><h1>{{ title }}</h1>
{% for shot, picture in shots %}<section><div>{% if picture %}<img alt="{{ shot.prompt }}"
src="data:image/png;base64,{{ picture }}">{% else %}<small>not drawn</small>{% endif %}</div><div>
<p><b>{{ shot.id }}</b> <small>{{ "%g"|format(shot.duration_s) }} s</small></p>
<p>{{ shot.text }}</p><p><small>{{ shot.prompt }}</small></p></div></section>
{% endfor %}</body></html>
"""


def write_storyboard(board: Storyboard, clips: Mapping[str, Clip], path: Path) -> None:
    """Write a storyboard as PDF (A4, seven shots a page) or HTML (one file), by the suffix of `path`.

    Args:
        board: what to print.
        clips: shot id → its drawn clip; shots without one are printed without pictures.
        path: ending in .pdf or .html.

    Raises VideoError, and ResourceError when `path` cannot be written.
    """
    images = {shot: moments(clip.path, 0.0, clip.duration_s, _IMAGES_PER_SHOT)
              for shot, clip in clips.items()}
    write_file(path, _html(board, images) if path.suffix == ".html" else _pdf(board, images))


def _html(board: Storyboard, images: Mapping[str, list[UInt8]]) -> bytes:
    pictures = {shot: base64.b64encode(png_bytes(strip(found, _PICTURE_PX))).decode()
                for shot, found in images.items()}
    shots = [(shot, pictures.get(shot.id)) for shot in board.shots]
    page = Environment(autoescape=True).from_string(_HTML)
    return page.render(title=board.title, shots=shots).encode()


def _pdf(board: Storyboard, images: Mapping[str, list[UInt8]]) -> bytes:
    empty = [None] * _IMAGES_PER_SHOT
    rows = [Row(images.get(shot.id, empty), _label(shot)) for shot in board.shots]
    parts = [rows[k:k + _SHOTS_PER_PAGE] for k in range(0, len(rows), _SHOTS_PER_PAGE)]
    pages = [_upright(contact_sheet(part, _PAGE, _head(board.title, number, len(parts))))
             for number, part in enumerate(parts, start=1)]
    data = BytesIO()
    pages[0].save(data, "PDF", save_all=True, append_images=pages[1:], resolution=_DPI, title=board.title)
    return data.getvalue()


def _head(title: str, number: int, pages: int) -> str:
    return f"{title} ({number} of {pages})" if pages > 1 else title


def _label(shot: Shot) -> str:
    return f"{shot.id}, {shot.duration_s:g} s\n{shot.text}\n\n{shot.prompt}"


def _upright(page: Image.Image) -> Image.Image:
    """Return a page of the shape of A4, its rows at the top."""
    height = max(page.height, round(page.width * 2**0.5))
    whole = Image.new("RGB", (page.width, height), page.getpixel((0, 0)))
    whole.paste(page, (0, 0))
    return whole
