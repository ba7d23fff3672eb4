"""Frames of a shot to a clip on disk, large enough to watch and long enough to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from storyanim import video
from storyanim.artifacts import Clip, Frames, Shot, Speech, UInt8, Word
from storyanim.config import FilmSettings
from storyanim.engine.steps import step_version
from storyanim.errors import UsageError
from storyanim.film.subtitles import cues_of
from storyanim.fonts import Lettering, drawable, left_out, lettering

# Debian's packages; they are called so, or alike, elsewhere.
FONT_HINT = ("give a font that has them (--font FILE) or install one: fonts-noto-cjk, fonts-noto-core, "
             "fonts-noto-color-emoji")
_AROUND_LIGHT = 0.55                                 # of the blurred picture around one of another shape


@step_version(3)
def write_clip(
    folder: Path, shot: Shot, frames: Frames, settings: FilmSettings, speech: Speech | None = None,
    overlap_s: float = 0.0,
) -> Clip:
    """Write the shot as `folder`/clip.mp4 in the film's size and rate.

    The last frame is held, or all are shown back and forth, until the shot has its duration and its words can
    be read, but no longer than `max_hold_s`; until they are spoken, however long that takes. Of more frames
    the first are shown. At its end `overlap_s` more are shown together with what follows. Raises FilmError,
    and UsageError when words are to be burned in that no font here can draw.
    """
    large = enlarge(frames.rgb, settings.width_px, settings.height_px)
    length, held = len(large), num_hold_frames(shot, frames, settings, speech, overlap_s)
    order = np.minimum(np.arange(length + held), length - 1)             # held < 0: the shot ends before
    if settings.hold == "back_and_forth" and length > 1:
        order = np.abs((np.arange(length + held) + length - 1) % (2 * length - 2) - (length - 1))
    large = large[order]
    if settings.subtitles == "burned":
        alone = large[: max(1, len(large) - round(overlap_s * frames.fps))]
        burn_subtitles(alone, shot.text, frames.fps, speech.words if speech else (), settings.font)
    return save_clip(folder, shot.id, Frames(large, frames.fps), settings)


def save_clip(folder: Path, shot_id: str, frames: Frames, settings: FilmSettings) -> Clip:
    """Write frames as `folder`/clip.mp4, with the parameters that all clips of a film share."""
    path = folder / "clip.mp4"
    width_px, height_px = settings.width_px, settings.height_px
    video.write(frames, path, width_px=width_px, height_px=height_px, fps=settings.fps, crf=settings.crf,
                key_frame=round(settings.transition_s * settings.fps), interpolate=settings.interpolate)
    num_frames = video.probe(path).num_frames
    return Clip(shot_id=shot_id, path=path, width_px=width_px, height_px=height_px, fps=settings.fps,
                num_frames=num_frames)


def num_hold_frames(
    shot: Shot, frames: Frames, settings: FilmSettings, speech: Speech | None = None, overlap_s: float = 0.0
) -> int:
    """Return how many times the last frame is shown again; negative: how many are left out at the end."""
    length_s = len(frames.rgb) / frames.fps
    reading_s, spoken_s = words_s(shot.text, settings, speech, overlap_s)
    held_s = min(max(reading_s, shot.duration_s) - length_s, settings.max_hold_s)
    held = math.ceil(round(max(held_s, spoken_s - length_s) * frames.fps, 6))
    return max(held, 1 - len(frames.rgb))


def words_s(
    text: str, settings: FilmSettings, speech: Speech | None = None, overlap_s: float = 0.0
) -> tuple[float, float]:
    """Return how many seconds a shot's words take to be read, and to be spoken; 0: there are none."""
    shown = settings.subtitles != "none" and text.strip()
    return (len(text) / settings.reading_chars_per_s + overlap_s if shown else 0.0,
            speech.duration_s + overlap_s if speech else 0.0)


def enlarge(rgb: UInt8, width_px: int, height_px: int) -> UInt8:
    """Return (T, H, W, 3) frames as (T, height_px, width_px, 3), over itself, blurred, where shapes differ.

    From twice the size on, Lanczos alone shows the old pixels as stairs along slanted edges: a blur of under
    half an old pixel removes them, and an unsharp mask brings the edges back.
    """
    scale = min(width_px / rgb.shape[2], height_px / rgb.shape[1])
    return np.stack([_enlarge_one(Image.fromarray(picture), (width_px, height_px), scale) for picture in rgb])


def burn_subtitles(
    rgb: UInt8, text: str, fps: float, spoken: Sequence[Word] = (), own: str = ""
) -> None:
    """Draw a text into (T, H, W, 3) frames, in place. Raises UsageError when no font has its letters."""
    if not text.strip():
        return
    width_px, height_px = rgb.shape[2], rgb.shape[1]
    lettered = lettering(text, max(8, round(min(height_px / 23, width_px / 24))), own)
    if lettered is None:
        raise no_font(text)
    cues = cues_of(lettered.words, len(rgb) / fps, words=spoken if lettered.words == text else ())
    lines = [line for cue in cues for line in cue.lines]
    while lettered.size_px > 8 and max(map(lettered.length, lines)) > 0.95 * width_px:
        lettered = lettered.smaller()
    for cue in cues:
        for index in range(round(cue.start_s * fps), round(cue.end_s * fps)):
            picture = Image.fromarray(rgb[index])
            _draw_subtitle(picture, cue.lines, lettered)
            rgb[index] = np.asarray(picture)


def check_drawable(title: str, texts: Sequence[str], settings: FilmSettings) -> list[str]:
    """Return the letters that are to be in the picture and will not, since no font here has them.

    Raises UsageError for words of which none could be drawn.
    """
    drawn = [title, settings.author] if settings.title_s > 0 else []
    drawn += texts if settings.subtitles == "burned" else []
    for text in drawn:
        if text.strip() and drawable(text, settings.font) is None:
            raise no_font(text)
    return list(dict.fromkeys(letter for text in drawn for letter in left_out(text, settings.font)))


def no_font(text: str) -> UsageError:
    """Return the error of words that no font has."""
    return UsageError(f"no font on this machine has the letters of {text[:40]!r}",
                      hint=f"{FONT_HINT}; or take soft subtitles, and no title (film.title_s)")


def _draw_subtitle(picture: Image.Image, lines: Sequence[str], lettered: Lettering) -> None:
    """Draw lines at the bottom of `picture`, in white with a dark outline."""
    size_px = lettered.size_px
    step_px = round(size_px * 1.25)
    top = picture.height - round(picture.height * 0.045) - step_px * len(lines)
    for number, line in enumerate(lines):
        place = (picture.width / 2, top + step_px * (number + 0.5))
        lettered.draw(picture, place, line, "white", anchor="mm", stroke_width=max(1, round(size_px / 11)),
                      stroke_fill="#16130f")


def _enlarge_one(picture: Image.Image, size: tuple[int, int], scale: float) -> UInt8:
    whole = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    if scale >= 2:
        whole = whole.filter(ImageFilter.GaussianBlur(0.4 * scale)).filter(
            ImageFilter.UnsharpMask(0.75 * scale, 110, 2))
    if whole.size != size:
        around = ImageOps.fit(picture, size, Image.Resampling.BICUBIC).filter(
            ImageFilter.GaussianBlur(min(size) / 20)).point(lambda value: round(_AROUND_LIGHT * value))
        around.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
        return np.asarray(around)
    return np.asarray(whole)
