"""The first and the last page of the film: warm paper, a double rule, a few leaves, and words."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from storyanim.artifacts import Clip, Frames, UInt8
from storyanim.config import FilmSettings
from storyanim.engine.steps import step_version
from storyanim.film.clip import save_clip
from storyanim.fonts import Lettering, is_unspaced, lettering

TITLE_ID, END_ID = "s00", "s9999"                    # no shot of a storyboard has these
FPS = 12.0                                           # of the fades
FADE_S = 0.4
_PAPER, _PAPER_EDGE = (249, 240, 219), (226, 205, 165)
_INK, _RULE, _LEAF = (74, 52, 36), (164, 122, 78), (122, 140, 84)
_SUPERSAMPLING = 2                                   # for smooth edges of lines


@step_version(5)
def title_card(folder: Path, title: str, settings: FilmSettings) -> Clip:
    """Write the title on a page, `title_s` long. Raises FilmError.

    It does not fade in: browsers and file managers show a film by its first frame.
    """
    page = draw_page(title, settings.width_px, settings.height_px, settings.font, settings.author)
    rgb = np.repeat(page[None], _num_frames(settings), axis=0)
    return save_clip(folder, TITLE_ID, Frames(rgb, FPS), settings)


@step_version(3)
def end_card(folder: Path, words: str, settings: FilmSettings) -> Clip:
    """Write the last page, fading in with its words, then to black. Raises FilmError."""
    rgb = _appearing(words, settings)
    left = np.clip(np.arange(len(rgb))[::-1] / (FADE_S * FPS), 0, 1)                     # of the light
    dimmed = np.rint(rgb * left[:, None, None, None]).astype(np.uint8)
    return save_clip(folder, END_ID, Frames(dimmed, FPS), settings)


def draw_page(words: str, width_px: int, height_px: int, font: str = "", author: str = "") -> UInt8:
    """Return (H, W, 3): a page with centred `words`, or without where no font here has their letters."""
    size = (width_px * _SUPERSAMPLING, height_px * _SUPERSAMPLING)
    page = Image.fromarray(_paper(*size))
    draw = ImageDraw.Draw(page)
    unit = min(size) / 100
    for inset, width in ((4.5, 0.55), (6.2, 0.22)):
        box = (inset * unit, inset * unit, size[0] - inset * unit, size[1] - inset * unit)
        draw.rounded_rectangle(box, 2.2 * unit, outline=_RULE, width=max(1, round(width * unit)))
    near, right, low = 9.5 * unit, size[0] - 9.5 * unit, size[1] - 9.5 * unit
    for x, sign_x in ((near, 1), (right, -1)):
        for y, sign_y in ((near, 1), (low, -1)):
            _twig(draw, (x, y), unit, (sign_x, sign_y))
    if words:
        bottom = _words(page, words, unit, font)
        _flourish(draw, size[0] / 2, bottom + 7 * unit, unit)
        if lettered := lettering(author, round(5 * unit), font) if author else None:
            name = lettered.wrap(size[0] * 0.74)[0]
            lettered.draw(page, (size[0] / 2, bottom + 15 * unit), name, _RULE, anchor="mm")
    return np.asarray(page.resize((width_px, height_px), Image.Resampling.LANCZOS))


def _num_frames(settings: FilmSettings) -> int:
    return max(1, round(settings.title_s * FPS))


def _appearing(words: str, settings: FilmSettings) -> UInt8:
    """Return (T, H, W, 3): an empty page, on which the words fade in."""
    size = (settings.width_px, settings.height_px)
    empty, full = (np.float32(draw_page(shown, *size, settings.font)) for shown in ("", words))
    num_frames = _num_frames(settings)
    fade_frames = FADE_S * FPS
    shares = np.ones(num_frames)
    if num_frames > fade_frames:
        shares = np.clip((np.arange(num_frames) + 1) / fade_frames, 0, 1)
    return np.stack([np.rint(empty + (full - empty) * share).astype(np.uint8) for share in shares])


def _paper(width_px: int, height_px: int) -> UInt8:
    """Return paper, darker towards the edges, with a fine grain that is the same every time."""
    y, x = np.mgrid[-1 : 1 : height_px * 1j, -1 : 1 : width_px * 1j].astype(np.float32)
    edge = np.clip(np.hypot(x, y) / math.sqrt(2), 0, 1)[..., None] ** 2.5
    grain = np.random.default_rng(7).normal(0, 2.2, (height_px, width_px, 1)).astype(np.float32)
    paper = (1 - edge) * np.array(_PAPER, np.float32) + edge * np.array(_PAPER_EDGE, np.float32) + grain
    return np.clip(np.rint(paper), 0, 255).astype(np.uint8)


def _words(page: Image.Image, words: str, unit: float, own: str) -> float:
    """Draw the words in the largest size that fits; return the height at which they end."""
    width, height = page.size
    fitted = _fitted(words.strip(), width * 0.74, height * 0.5, unit, own)
    if fitted is None:
        return height / 2 - 7 * unit
    lettered, lines, step = fitted
    top = height * 0.47 - step * len(lines) / 2
    for number, line in enumerate(lines):
        lettered.draw(page, (width / 2, top + step * (number + 0.5)), line, _INK, anchor="mm")
    return top + step * len(lines)


def _fitted(
    words: str, width: float, height: float, unit: float, own: str
) -> tuple[Lettering, list[str], float] | None:
    for size in (11, 9.5, 8, 7, 6, 5, 4):
        lettered = lettering(words, round(size * unit), own) if words else None
        if lettered is None:
            return None
        lines, step = lettered.wrap(width), size * unit * 1.32
        fitted = lettered, lines[: max(1, int(height / step))], step
        broken = set(lettered.words.split()) - set(" ".join(lines).split())
        if step * len(lines) <= height and all(map(is_unspaced, broken)):
            return lettered, lettered.wrap_evenly(width), step
    return fitted


def _twig(draw: ImageDraw.ImageDraw, at: tuple[float, float], unit: float, sides: tuple[int, int]) -> None:
    """Draw three leaves, growing inwards from a corner."""
    for angle, length in ((8, 7.5), (45, 6.0), (82, 7.5)):
        _leaf(draw, at, length * unit, math.radians(angle), sides)


def _leaf(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], length: float, angle: float, sides: tuple[int, int]
) -> None:
    along = np.linspace(0, 1, 24)
    width = 0.17 * np.sin(math.pi * along) ** 0.8
    outline = np.concatenate([np.stack([along, width], 1), np.stack([along, -width], 1)[::-1]]) * length
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    points = (outline @ turn) * sides + at
    draw.polygon([tuple(point) for point in points.tolist()], fill=_LEAF)


def _flourish(draw: ImageDraw.ImageDraw, x: float, y: float, unit: float) -> None:
    """Draw a line that swells in the middle, with a leaf at each side and a dot."""
    for side in (-1, 1):
        near, far = x + side * 3 * unit, x + side * 17 * unit
        draw.polygon([(near, y - 0.28 * unit), (far, y), (near, y + 0.28 * unit)], fill=_RULE)
        _leaf(draw, (x + side * 2.2 * unit, y), 4.6 * unit, math.radians(-32), (side, 1))
    draw.ellipse((x - 0.9 * unit, y - 0.9 * unit, x + 0.9 * unit, y + 0.9 * unit), fill=_RULE)
