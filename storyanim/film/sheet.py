"""What is on the contact sheets of a film, of a search, and of a character."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim import video
from storyanim.artifacts import Candidates, ClipMatch, Frames, Shot, UInt8
from storyanim.errors import VideoError
from storyanim.sheet import Layout, Row, contact_sheet, evenly_spaced, png_bytes

FRAMES_PER_SHOT, FRAMES_PER_MATCH, FRAMES_PER_MOTION = 5, 3, 8
THUMBNAIL_PX = 96
_FILM = Layout(gap_px=10, label_px=300)
_MATCHES = Layout(cell_px=(160, 120), columns=2, font_px=12, empty_color="#e6dfd5")
_CHARACTER = Layout(label_px=150)
_MOTION = Layout(cell_px=(112, 112), label_px=260)
_THUMBNAILS = Layout(cell_px=(THUMBNAIL_PX, THUMBNAIL_PX), gap_px=0)


def draw_sheet(folder: Path, title: str, shots: Sequence[Shot], frames: Sequence[Frames]) -> Path:
    """Write `folder`/sheet.png: a row for each shot, with its id, its text and five frames."""
    rows = [Row(evenly_spaced(moving.rgb, FRAMES_PER_SHOT), f"{shot.id}\n{shot.text}")
            for shot, moving in zip(shots, frames, strict=True)]
    path = folder / "sheet.png"
    contact_sheet(rows, _FILM, title).save(path)
    return path


def draw_thumbnails(candidates: Candidates, folder: Path) -> tuple[Path, ...]:
    """Write `folder`/candidate-1.png and so on: three moments of each candidate, side by side.

    A candidate whose video is gone stays black. Raises VideoError when that is the chosen one.
    """
    paths = []
    for number, match in enumerate(candidates.matches, start=1):
        images = _moments(match, may_be_gone=match is not candidates.match)
        paths.append(folder / f"candidate-{number}.png")
        contact_sheet([Row(images)], _THUMBNAILS).save(paths[-1])
    return tuple(paths)


def search_sheet(query: str, matches: Sequence[ClipMatch], reasons: Sequence[str] = ()) -> bytes:
    """Return a PNG of matches: three frames (empty if the video is gone), rank, caption, score, reason."""
    rows = []
    for i, match in enumerate(matches):
        facts = f"{match.score:+.3f}  motion {match.motion:.3f}  {match.clip_id}"
        captions = (f"{match.rank}. {match.caption}", facts, *reasons[i:i + 1])
        rows.append(Row(_moments(match, may_be_gone=True), captions=captions))
    return png_bytes(contact_sheet(rows, _MATCHES, query or "(no query)"))


def character_sheet(photos: Sequence[UInt8], before: Sequence[UInt8], after: Sequence[UInt8]) -> bytes:
    """Return a PNG of three rows: photographs, frames drawn without the token, and the same with it."""
    rows = {"photographs": photos, "without the token": before, "with the token": after}
    return png_bytes(contact_sheet([Row(images, label) for label, images in rows.items()], _CHARACTER))


def motion_sheet(
    title: str, clips: Sequence[tuple[UInt8, str]], samples: Sequence[tuple[UInt8, str]]
) -> bytes:
    """Return a PNG of clips that a motion was learned from, or not, and of what is drawn with it.

    Args:
        title: of the page.
        clips: (T, H, W, 3) or (T, H, W) frames and what to say of them, one a row.
        samples: the same, below.
    """
    rows = [Row(evenly_spaced(frames, FRAMES_PER_MOTION), label) for frames, label in (*clips, *samples)]
    return png_bytes(contact_sheet(rows, _MOTION, title))


def moments(path: Path | str, start_s: float, end_s: float, count: int = FRAMES_PER_MATCH) -> list[UInt8]:
    """Return frames at the middle of each of `count` equal parts of a video. Raises VideoError."""
    part_s = (end_s - start_s) / count
    return list(video.sample(path, [start_s + (i + 0.5) * part_s for i in range(count)]))


def _moments(match: ClipMatch, *, may_be_gone: bool) -> list[UInt8] | list[None]:
    """Return three moments of a match."""
    try:
        return list(moments(match.path, match.start_s, match.end_s))
    except VideoError:
        if not may_be_gone:
            raise
        return [None] * FRAMES_PER_MATCH
