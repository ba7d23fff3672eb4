"""A small moving picture of a film, for pages that play no video."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from storyanim import video
from storyanim.artifacts import Film
from storyanim.engine.folders import write_file


def write_preview(
    film: Film, path: Path, *, width_px: int = 256, fps: float = 8.0, cards: bool = False
) -> None:
    """Write an animated WebP or GIF, by the suffix of `path`; the shots alone unless `cards`.

    Raises VideoError, and ResourceError when `path` cannot be written.
    """
    pictures: list[Image.Image] = []
    for clip in film.clips:
        if not cards and clip.shot_id in {"s00", "s9999"}:
            continue
        height_px = round(width_px * clip.height_px / clip.width_px)
        frames = video.read(clip.path, fps=fps, size_px=(width_px, height_px))                # (T, H, W, 3)
        pictures += [Image.fromarray(picture) for picture in frames.rgb]
    moving = BytesIO()
    pictures[0].save(moving, format=path.suffix.removeprefix(".").upper(), save_all=True,
                     append_images=pictures[1:], duration=round(1000 / fps), loop=0, quality=70, method=4)
    write_file(path, moving.getvalue())
