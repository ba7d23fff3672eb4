"""Clips to a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim import video
from storyanim.artifacts import Clip, Film
from storyanim.config import FilmSettings
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
