"""Clips to a film, and to a small animation for pages that play no video."""

from __future__ import annotations

import re
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from storyanim import video
from storyanim.artifacts import Film
from storyanim.config import FilmSettings
from storyanim.engine.folders import write_file
from storyanim.engine.steps import step_version
from storyanim.film.cards import END_ID, TITLE_ID
from storyanim.film.cut import cut
from storyanim.film.languages import iso_639_2
from storyanim.film.subtitles import srt_to_vtt, to_srt
from storyanim.film.timeline import Timeline


@step_version(4)
def assemble(
    folder: Path, timeline: Timeline, sound: Path | None, settings: FilmSettings, made_by: str = ""
) -> Film:
    """Join the timeline's clips as `folder`/film.mp4, with the sound that was mixed for it.

    Clips are copied; only frames of transitions are encoded again. The metadata tell that the film is
    AI-made, and by what. Its first frame becomes poster.jpg, for pages that show no video of themselves.
    Soft subtitles become film.srt, film.vtt and a track of the film; burned ones are in the pictures already.
    Raises FilmError.
    """
    path, srt = folder / "film.mp4", folder / "film.srt"
    cues = timeline.cues() if settings.subtitles == "soft" else ()
    if cues:
        srt.write_text(to_srt(cues), "utf-8")
        (folder / "film.vtt").write_text(srt_to_vtt(to_srt(cues)), "utf-8")
    about = {"title": timeline.title, "artist": settings.author,
             "comment": f"AI-made: drawn by a video diffusion model from a story. {made_by}".strip()}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        chapters = Path(temporary) / "chapters.txt"
        if any(piece.chapter for piece in timeline.pieces):
            chapters.write_text(_chapters(timeline), "utf-8")
        video.concat(
            cut(Path(temporary), timeline, settings), path, subtitles=srt if cues else None, sound=sound,
            chapters=chapters if chapters.is_file() else None,
            metadata=about, language=iso_639_2(timeline.language))
    first = Image.fromarray(video.sample(path, [0.0])[0])
    first.save(folder / "poster.jpg", quality=90, subsampling=0)
    return Film(path=path, clips=timeline.clips, duration_s=timeline.duration_s)


def _chapters(timeline: Timeline) -> str:
    """Return the chapters in ffmpeg's own format."""
    begun = [piece for piece in timeline.pieces if piece.chapter]
    ends_s = [*(piece.start_s for piece in begun[1:]), timeline.duration_s]
    lines = [";FFMETADATA1"]
    for piece, end_s in zip(begun, ends_s, strict=True):
        title = re.sub(r"([=;#\\])", r"\\\1", " ".join(piece.chapter.split()))
        lines.append(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={round(1000 * piece.start_s)}\n"
                     f"END={round(1000 * end_s)}\ntitle={title}")
    return "\n".join(lines) + "\n"


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
