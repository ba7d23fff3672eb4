"""Footage of a person's own for one shot, which no index holds: `pinned: /videos/dog.mp4@3.2-5.2` in the storyboard."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from storyanim import hub, video
from storyanim.artifacts import Candidates, ClipMatch, Frames
from storyanim.errors import VideoError
from storyanim.retrieve.windows import look
from storyanim.stages import TextVideoEncoder

_FORM = re.compile(r"(?P<path>.+?)(?:@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?))?", re.DOTALL)
_HINT = "give FILE, or FILE@START-END in seconds, as in dog.mp4@3.2-5.2"


@dataclass(frozen=True)
class UserFootage:
    """A span of a video file."""

    path: str                                        # absolute
    sha256: str
    start_s: float
    end_s: float


def is_user_footage(pinned: str | None) -> bool:
    """Whether what is pinned is a video file rather than a clip of the index, whose names are no paths."""
    path, _ = _parts(pinned or "")
    return os.path.isabs(path) or Path(path).suffix.lower() in video.SUFFIXES


def told(pinned: str) -> str:
    """The same with an absolute path, which any working folder understands."""
    path, _ = _parts(pinned)
    return os.path.abspath(path) + pinned[len(path):]


def read_user_footage(pinned: str, duration_s: float) -> UserFootage:
    """The footage that `pinned` names; without a span its first `duration_s`, or all of it when it is shorter.

    Raises VideoError when there is no such file, when it is no video, and when the span is empty or lies outside of it.
    """
    path, span = _parts(told(pinned))
    try:
        info, sha256 = video.probe(path), hub.file_sha256(Path(path))
    except VideoError as error:
        raise VideoError(error.message, hint=_HINT) from error
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror})", hint="give a file, with the right to read it") from error
    start_s, end_s = span or (0.0, min(duration_s, info.duration_s))
    if start_s >= end_s:
        raise VideoError(f"the span {start_s:g}-{end_s:g} ends before it begins", hint=_HINT)
    if end_s > info.duration_s + 1 / info.fps:
        raise VideoError(f"{path} lasts {info.duration_s:.4g} s, so {start_s:g}-{end_s:g} lies outside of it", hint=_HINT)
    return UserFootage(path, sha256, start_s, end_s)


def choose_user_footage(own: UserFootage, found: Candidates | None, query: str, encoder: TextVideoEncoder) -> Candidates:
    """The footage as the chosen candidate, behind those that a search found; likeness and motion measured as in an index.

    Raises VideoError.
    """
    window = look(Path(own.path), own.start_s, own.end_s)
    rgb = window.frames.rgb
    frames = Frames(rgb[encoder.sample_frame_indices(len(rgb))], window.frames.fps)
    score = float(encoder.encode_clips([frames])[0] @ encoder.encode_texts([query])[0])
    others = found.matches if found else ()
    name = Path(own.path).name
    match = ClipMatch(
        clip_id=f"{own.sha256[:12]}@{own.start_s:g}-{own.end_s:g}", path=own.path, sha256=own.sha256, start_s=own.start_s,
        end_s=own.end_s, score=score, caption=name, rank=len(others) + 1, motion=window.motion,
    )
    why = f"footage of your own, pinned by a person: {name} from {own.start_s:g} s to {own.end_s:g} s"
    return Candidates(query=query, matches=(*others, match), chosen=len(others), why=why)


def _parts(pinned: str) -> tuple[str, tuple[float, float] | None]:
    """Path and span."""
    form = _FORM.fullmatch(pinned)
    if form is None:
        return "", None
    return form["path"], (float(form["start"]), float(form["end"])) if form["end"] else None
