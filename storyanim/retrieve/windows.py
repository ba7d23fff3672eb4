"""A video to windows: the pieces that an index holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import Float32, Frames, UInt8
from storyanim.errors import VideoError
from storyanim.near_duplicates import thumbnail_hash
from storyanim.retrieve.cuts import LAG, ShotBoundaryDetector
from storyanim.retrieve.marks import bars_of, black_of, cut_of

_LOOKS_PER_S = 8                                     # rate at which footage is looked at, for motion and for frames to embed
_SHORT_SIDE_PX = 256                                 # enough for an encoder's 224
_WINDOWS_A_READ = 16                                 # bounds the memory: 16 * 2 s * 8 fps * 256 * 455 px * 3 B = 90 MB
_MOST_LOOKS = 32 * _LOOKS_PER_S                      # as many as a read of windows holds
_MAX_LOOK_PIXELS = 256 * 2048                        # of a look; only strips of film are longer
_MOTION_BLOCK_PX = 8                                 # means over blocks hide film grain and compression


@dataclass(frozen=True)
class Limits:
    """What a video that nobody vouches for may cost."""

    max_seconds: float = 6 * 3600.0                  # what is longer is cut off, and listed
    timeout_s: float = 600.0                         # of waiting for one video
    memory_bytes: int = 8 * 2**30                    # of the process that decodes


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Span:
    """A piece of a video: its time in seconds, how much it moves, what speaks against it."""

    start_s: float
    end_s: float
    motion: float                                    # mean absolute difference of successive frames, in [0, 1]
    cut: float                                       # strongest jump, in [0, 1], see marks.py
    black: float                                     # part of its looks that are black
    bars: float                                      # part of the picture that is black bars
    aspect: float                                    # width by height of the video
    fps: float                                       # of the video
    thumbnail_hash: str                              # see near_duplicates.py


@dataclass(frozen=True)
class Window(Span):
    """A piece with its pictures."""

    frames: Frames


def read_windows(path: Path, window_s: float, limits: Limits = DEFAULT_LIMITS) -> Iterator[Window]:
    """The windows of a video, in order: those of each shot, each `window_s` long, the last one of a shot half that or more.

    Of a video whose shots are all shorter than half a window, its beginning is one window.

    Raises VideoError when the video, or its rest, cannot be read, or is beyond `limits`.
    """
    info = video.probe(path)
    looks = looks_of(window_s)
    fps = looks / window_s
    tiles, problem, more, beginning = Tiles(looks), None, True, None
    chunks = _chunks(path, fps, _WINDOWS_A_READ * looks, _small(info.width_px, info.height_px), limits)
    finder = ShotBoundaryDetector(fps)
    while more:
        rgb = None
        try:
            rgb, more = next(chunks)
        except VideoError as error:                  # what came before it is good
            problem, more = error, False
        if rgb is not None:
            beginning = (0, rgb[:looks]) if beginning is None else beginning
            tiles.add(rgb, finder.feed(rgb))
        for first, rgb in tiles.take(last=not more):
            beginning = (0, rgb[:0])
            yield _timed(first, rgb, fps, info)
    if beginning is not None and len(beginning[1]):
        yield _timed(*beginning, fps, info)
    if problem is not None:
        raise problem


class Tiles:
    """Looks that come a piece at a time, cut up into windows of `looks` that stay within a shot."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self._first = 0                              # number of the first look that is held
        self._held: UInt8 | None = None
        self._cuts: list[int] = []                   # numbers of looks that begin a shot, rising, of those held

    def add(self, rgb: UInt8, cuts: Sequence[int]) -> None:
        """The next looks, and the cuts that are known by now."""
        self._held = rgb if self._held is None else np.concatenate([self._held, rgb])
        self._cuts += [cut for cut in cuts if cut > self._first]

    def take(self, *, last: bool) -> Iterator[tuple[int, UInt8]]:
        """The windows that are complete, each with the number of its first look; with `last`, all that is left."""
        while self._cuts:
            yield from self._shot(self._cuts.pop(0) - self._first)
        if self._held is None:
            return
        if last:
            yield from self._shot(len(self._held))
            return
        while len(self._held) - LAG >= self.looks:   # in the last ones there may be a cut that is not known yet
            yield from self._shot(self.looks)

    def _shot(self, length: int) -> Iterator[tuple[int, UInt8]]:
        """The windows of so many looks, which are not held any longer."""
        assert self._held is not None
        for first, end in split(length, self.looks):
            yield self._first + first, self._held[first:end]
        self._held, self._first = self._held[length:], self._first + length


def _chunks(path: Path, fps: float, most: int, size_px: tuple[int, int], limits: Limits) -> Iterator[tuple[UInt8, bool]]:
    """The looks of a video, `most` at a time, each with whether there are more."""
    read_s, more = 0.0, True
    while more:
        # One frame too many tells whether there is more: what a container says of its length may be that of its sound.
        rgb = video.read(path, start_s=read_s, fps=fps, max_frames=most + 1, size_px=size_px).rgb
        more = len(rgb) > most
        read_s += most / fps
        if more and read_s >= limits.max_seconds:
            yield rgb[:most], True
            raise VideoError(f"{path} is longer than {limits.max_seconds:g} s", hint="cut it into parts")
        yield rgb[:most], more


def _timed(first: int, rgb: UInt8, fps: float, info: video.VideoInfo) -> Window:
    start_s, end_s = first / fps, (first + len(rgb)) / fps
    if start_s < info.duration_s < end_s:
        end_s = info.duration_s                      # its last frame was looked at less than 1 / fps before the end
    return _window(start_s, end_s, info, Frames(rgb, fps))


def look(path: Path, start_s: float, end_s: float) -> Window:
    """One piece of a video as a window of its own; of one longer than 32 s only its beginning is looked at.

    Raises VideoError.
    """
    info = video.probe(path)
    frames = video.read(path, start_s=start_s, end_s=end_s, fps=_LOOKS_PER_S, max_frames=_MOST_LOOKS,
                        size_px=_small(info.width_px, info.height_px))
    return _window(start_s, end_s, info, frames)


def _window(start_s: float, end_s: float, info: video.VideoInfo, frames: Frames) -> Window:
    rgb = frames.rgb
    return Window(round(start_s, 3), round(end_s, 3), round(motion_of(rgb), 6), round(cut_of(rgb), 4), round(black_of(rgb), 4),
                  bars_of(rgb), round(info.width_px / info.height_px, 6), round(info.fps, 6), thumbnail_hash(rgb), frames)


def looks_of(window_s: float) -> int:
    """How many frames of a full window are looked at."""
    return max(2, round(window_s * _LOOKS_PER_S))


def split(num_looks: int, looks_a_window: int) -> list[tuple[int, int]]:
    """(first, last + 1) of each window of a shot; the last one is kept when it is half as long or more."""
    spans = [(start, min(start + looks_a_window, num_looks)) for start in range(0, num_looks, looks_a_window)]
    return [(first, last) for first, last in spans if 2 * (last - first) >= looks_a_window]


def motion_of(rgb: np.ndarray) -> float:
    """(T, H, W, 3) uint8 → mean absolute difference of successive frames' brightness, in [0, 1]; black or still: 0."""
    length, height, width, _ = rgb.shape
    block = min(_MOTION_BLOCK_PX, height, width)
    rows, columns = height // block, width // block
    cut = rgb[:, :rows * block, :columns * block].reshape(length, rows, block, columns, block * 3)
    grey: Float32 = cut.mean(axis=(2, 4), dtype=np.float32) / 255
    return float(np.abs(np.diff(grey, axis=0)).mean()) if length > 1 else 0.0


def _small(width_px: int, height_px: int) -> tuple[int, int]:
    shrink = min(1.0, _SHORT_SIDE_PX / min(width_px, height_px), math.sqrt(_MAX_LOOK_PIXELS / (width_px * height_px)))
    return max(1, round(width_px * shrink)), max(1, round(height_px * shrink))
