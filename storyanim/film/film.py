"""Clips to a film, and to a small animation for pages that play no video."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from storyanim import video
from storyanim.artifacts import Clip, Film
from storyanim.config import FilmSettings
from storyanim.engine.folders import write_file
from storyanim.film.cards import END_ID, TITLE_ID
from storyanim.film.subtitles import film_cues, to_srt


def join(
    folder: Path, title: str, clips: Sequence[Clip], texts: Sequence[str], settings: FilmSettings
) -> Film:
    """Join all clips, in order, as `folder`/film.mp4 by stream copy.

    `texts[i]` is the part of the story that `clips[i]` tells, "" for a card. With soft subtitles they become
    film.srt and a track of the film; burned ones are in the pictures already. Raises FilmError.
    """
    path, srt = folder / "film.mp4", folder / "film.srt"
    cues = film_cues(texts, clips) if settings.subtitles == "soft" else ()
    if cues:
        srt.write_text(to_srt(cues), "utf-8")
    video.concat(
        [clip.path for clip in clips], path, subtitles=srt if cues else None, metadata={"title": title})
    return Film(path=path, clips=tuple(clips), duration_s=sum(clip.duration_s for clip in clips))


def write_preview(
    film: Film, path: Path, *, width_px: int = 256, fps: float = 8.0, cards: bool = False
) -> None:
    """Write an animated WebP or GIF, by the suffix of `path`; the shots alone unless `cards`.

    Raises VideoError, and ResourceError when `path` cannot be written.
    """
    pictures: list[Image.Image] = []
    for clip in film.clips:
        if not cards and clip.shot_id in {TITLE_ID, END_ID}:
            continue
        height_px = round(width_px * clip.height_px / clip.width_px)
        frames = video.read(clip.path, fps=fps, size_px=(width_px, height_px))                # (T, H, W, 3)
        pictures += [Image.fromarray(picture) for picture in frames.rgb]
    moving = BytesIO()
    pictures[0].save(moving, format=path.suffix.removeprefix(".").upper(), save_all=True,
                     append_images=pictures[1:], duration=round(1000 / fps), loop=0, quality=70, method=4)
    write_file(path, moving.getvalue())
