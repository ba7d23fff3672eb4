"""What is on the contact sheets of a film, of a search, and of a character."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim import video
from storyanim.artifacts import Candidates, ClipMatch, Frames, Shot, UInt8
from storyanim.errors import VideoError
from storyanim.sheet import Layout, Row, contact_sheet, evenly_spaced, png_bytes

FRAMES_PER_SHOT, FRAMES_PER_MATCH = 5, 3
THUMBNAIL_PX = 96
_FILM = Layout(gap_px=10, label_px=300)
_MATCHES = Layout(cell_px=(160, 120), columns=2, font_px=12, empty_color="#e6dfd5")
_CHARACTER = Layout(label_px=150)
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


def _moments(match: ClipMatch, *, may_be_gone: bool) -> list[UInt8] | list[None]:
    """Return frames at the middle of each third of a clip."""
    third_s = (match.end_s - match.start_s) / FRAMES_PER_MATCH
    try:
        return list(
            video.sample(match.path, [match.start_s + (i + 0.5) * third_s for i in range(FRAMES_PER_MATCH)]))
    except VideoError:
        if not may_be_gone:
            raise
        return [None] * FRAMES_PER_MATCH
