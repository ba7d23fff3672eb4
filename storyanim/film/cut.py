"""The cut: clips are copied, and only where one gives way to the next frames are drawn and encoded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import Clip, Frames, UInt8
from storyanim.config import FilmSettings
from storyanim.film.timeline import Timeline, Transition
from storyanim.video import Part

_BLACK, _DIP = (0, 0, 0), (249, 240, 219)            # the second as the paper of the cards


def cut(folder: Path, timeline: Timeline, settings: FilmSettings) -> list[Part]:
    """Return the parts of clips that make the film, in order; transitions are written to `folder`."""
    parts: list[Part] = []
    number, pieces = timeline.transition_frames, timeline.pieces
    for index, piece in enumerate(pieces):
        clip, before = piece.clip, pieces[index - 1].clip
        follows: Transition = pieces[index + 1].transition if index + 1 < len(pieces) else "cut"
        start, end = 0, clip.num_frames
        if piece.transition != "cut":
            head = _read(clip, 0, number)
            tail = _read(before, before.num_frames - number, before.num_frames)
            drawn = blend(piece.transition, tail, head)
            parts.append(_write(folder / f"{clip.shot_id}.mp4", drawn, clip, settings))
            start = number
        if follows != "cut":
            end -= number
        parts.append(Part(clip.path, clip.fps, start, end))
    return parts


def blend(transition: Transition, tail: UInt8, head: UInt8) -> UInt8:
    """Return the frames of a transition from (N, H, W, 3) frames to as many; 2 N of a fade or dip."""
    rise = ((np.arange(len(head)) + 1) / (len(head) + 1))[:, None, None, None]
    if transition == "crossfade":
        return np.rint(tail * (1 - rise) + head * rise).astype(np.uint8)
    through = np.array(_BLACK if transition == "fade" else _DIP, np.float64)
    shares = np.concatenate([rise[::-1], rise])
    return np.rint(np.concatenate([tail, head]) * shares + through * (1 - shares)).astype(np.uint8)


def _read(clip: Clip, start: int, end: int) -> UInt8:
    return video.read(clip.path, start_s=float(start / clip.fps), end_s=float(end / clip.fps)).rgb


def _write(path: Path, rgb: UInt8, clip: Clip, settings: FilmSettings) -> Part:
    video.write(Frames(rgb, float(clip.fps)), path, width_px=clip.width_px, height_px=clip.height_px,
                fps=clip.fps, crf=settings.crf)
    return Part(path, clip.fps, 0, len(rgb))
