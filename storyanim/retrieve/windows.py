"""A video to windows: the spans that an index holds, each within one shot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import Frames, UInt8
from storyanim.errors import VideoError
from storyanim.near_duplicates import thumbnail_hash
from storyanim.retrieve import window_quality

_SAMPLE_FPS = 8  # rate at which footage is read, for motion and for frames to embed
_SHORT_SIDE_PX = 256                                 # enough for an encoder's 224
_WINDOWS_PER_READ = 16  # bounds the memory: 16 * 2 s * 8 fps * 256 * 455 px * 3 B = 90 MB
_MAX_WINDOW_FRAMES = 32 * _SAMPLE_FPS                # as many as a read of windows holds
_MAX_FRAME_PIXELS = 256 * 2048                       # only very wide or tall videos have more at that side
_MIN_SHOT_S = 0.5
_DETECTOR_LAG = 2                                    # frames after a cut that the detector needs to find it


@dataclass(frozen=True)
class Limits:
    """What an untrusted video may cost."""

    max_seconds: float = 6 * 3600.0                  # what is longer is cut off, and listed
    timeout_s: float = 600.0                         # of waiting for one video
    memory_bytes: int = 8 * 2**30                    # of the process that decodes


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Span:
    """A window of a video: its time, its motion, what speaks against it."""

    start_s: float
    end_s: float
    motion: float  # mean absolute difference of successive frames, in [0, 1]
    cut: float                                       # scene change score, in [0, 1], see window_quality.py
    black: float                                     # share of its frames that are black
    bars: float                                      # share of the picture that is letterbox bars
    aspect: float                                    # width by height of the video
    fps: float                                       # of the video
    thumbnail_hash: str                              # see near_duplicates.py


@dataclass(frozen=True)
class Window(Span):
    """A window with its frames."""

    frames: Frames


def read_windows(path: Path, window_s: float, limits: Limits = DEFAULT_LIMITS) -> Iterator[Window]:
    """Yield the windows of each shot of a video, `window_s` long, the last of a shot at least half that.

    Of a video whose shots are all shorter than half a window, its beginning is one window.

    Raises VideoError when the video, or its rest, cannot be read, or is beyond `limits`.
    """
    info = video.probe(path)
    length = frames_per_window(window_s)
    fps = length / window_s
    splitter, detector = WindowSplitter(length), ShotBoundaryDetector(fps)
    problem, more, beginning = None, True, None
    chunks = _read_chunks(path, fps, _WINDOWS_PER_READ * length, _reduced_size(info), limits)
    while more:
        rgb = None
        try:
            rgb, more = next(chunks)
        except VideoError as error:                  # what came before it is good
            problem, more = error, False
        if rgb is not None:
            beginning = (0, rgb[:length]) if beginning is None else beginning
            splitter.add(rgb, detector.process_frames(rgb))
        for first, rgb in splitter.pop_windows(last=not more):
            beginning = (0, rgb[:0])
            yield _timed(first, rgb, fps, info)
    if beginning is not None and len(beginning[1]):
        yield _timed(*beginning, fps, info)
    if problem is not None:
        raise problem


def read_window(path: Path, start_s: float, end_s: float) -> Window:
    """Return a span of a video as a window; of one over 32 s only the beginning. Raises VideoError."""
    info = video.probe(path)
    frames = video.read(path, start_s=start_s, end_s=end_s, fps=_SAMPLE_FPS, max_frames=_MAX_WINDOW_FRAMES,
                        size_px=_reduced_size(info))
    return _window(start_s, end_s, info, frames)


def frames_per_window(window_s: float) -> int:
    """Return how many frames of a full window are read."""
    return max(2, round(window_s * _SAMPLE_FPS))


def split_shot(num_frames: int, window_frames: int) -> list[tuple[int, int]]:
    """Return (first, last + 1) of each window of a shot; the last one has at least half the length."""
    spans = [(start, min(start + window_frames, num_frames)) for start in range(0, num_frames, window_frames)]
    return [(first, end) for first, end in spans if 2 * (end - first) >= window_frames]


class ShotBoundaryDetector:
    """PySceneDetect's adaptive detector, fed chunk by chunk.

    A cut in the last `_DETECTOR_LAG` frames of all is not found.

    It compares each change of colour and brightness with those around it, so that a quick camera is no cut.
    """

    def __init__(self, fps: float) -> None:
        import cv2
        from scenedetect.detectors import AdaptiveDetector

        cv2.setNumThreads(1)
        self._fps = fps
        self._detector = AdaptiveDetector(
            min_scene_len=max(1, round(_MIN_SHOT_S * fps)), window_width=_DETECTOR_LAG)
        self._num_frames = 0

    def process_frames(self, rgb: UInt8) -> list[int]:
        """Return the numbers, counted from the first frame of all, of frames that begin a shot.

        Args:
            rgb: (T, H, W, 3) uint8, the next frames.
        """
        from scenedetect import FrameTimecode

        found: list[int] = []
        for frame in rgb:
            cuts = self._detector.process_frame(
                FrameTimecode(self._num_frames, self._fps), np.ascontiguousarray(frame[..., ::-1]))
            found += [cut.frame_num for cut in cuts]
            self._num_frames += 1
        return found


class WindowSplitter:
    """Splits frames that come chunk by chunk into windows of `window_frames` that stay within a shot."""

    def __init__(self, window_frames: int) -> None:
        self.window_frames = window_frames
        self._first = 0                              # number of the first frame that is held
        self._held: UInt8 | None = None
        self._cuts: list[int] = []  # numbers of frames that begin a shot, rising, of those held

    def add(self, rgb: UInt8, cuts: Sequence[int]) -> None:
        """Take the next frames, and the cuts that are known by now."""
        self._held = rgb if self._held is None else np.concatenate([self._held, rgb])
        self._cuts += [cut for cut in cuts if cut > self._first]

    def pop_windows(self, *, last: bool) -> Iterator[tuple[int, UInt8]]:
        """Yield complete windows, each with the number of its first frame; with `last`, all that is left."""
        while self._cuts:
            yield from self._pop_shot(self._cuts.pop(0) - self._first)
        if self._held is None:
            return
        if last:
            yield from self._pop_shot(len(self._held))
            return
        # the last ones may have a cut not known yet
        while len(self._held) - _DETECTOR_LAG >= self.window_frames:
            yield from self._pop_shot(self.window_frames)

    def _pop_shot(self, length: int) -> Iterator[tuple[int, UInt8]]:
        """Yield the windows of so many frames, which are not held any longer."""
        assert self._held is not None
        for first, end in split_shot(length, self.window_frames):
            yield self._first + first, self._held[first:end]
        self._held, self._first = self._held[length:], self._first + length


def _read_chunks(
    path: Path, fps: float, most: int, size_px: tuple[int, int], limits: Limits
) -> Iterator[tuple[UInt8, bool]]:
    """Yield the frames of a video, `most` at a time, each with whether there are more."""
    read_s, more = 0.0, True
    while more:
        # One frame too many tells whether there is more: what a container says of its length may be that of
        # its sound.
        try:
            rgb = video.read(path, start_s=read_s, fps=fps, max_frames=most + 1, size_px=size_px).rgb
        except VideoError:
            for good in _read_before_damage(path, read_s, fps, most // 2, size_px):
                yield good, True
            raise
        more = len(rgb) > most
        read_s += most / fps
        if more and read_s >= limits.max_seconds:
            yield rgb[:most], True
            raise VideoError(f"{path} is longer than {limits.max_seconds:g} s", hint="cut it into parts")
        yield rgb[:most], more


def _read_before_damage(
    path: Path, start_s: float, fps: float, most: int, size_px: tuple[int, int]
) -> Iterator[UInt8]:
    """Yield what can be read from a moment on, fewer than 2 `most` frames, in ever smaller parts."""
    while most:
        with suppress(VideoError):
            yield video.read(path, start_s=start_s, fps=fps, max_frames=most, size_px=size_px).rgb
            start_s += most / fps
        most //= 2


def _timed(first: int, rgb: UInt8, fps: float, info: video.VideoInfo) -> Window:
    start_s, end_s = first / fps, (first + len(rgb)) / fps
    if start_s < info.duration_s < end_s:
        end_s = info.duration_s  # its last frame was read less than 1 / fps before the end
    return _window(start_s, end_s, info, Frames(rgb, fps))


def _window(start_s: float, end_s: float, info: video.VideoInfo, frames: Frames) -> Window:
    rgb = frames.rgb
    return Window(
        start_s=round(start_s, 3), end_s=round(end_s, 3), motion=round(window_quality.motion(rgb), 6),
        cut=round(window_quality.scene_change_score(rgb), 4), black=round(window_quality.black_share(rgb), 4),
        bars=window_quality.letterbox_share(rgb), aspect=round(info.width_px / info.height_px, 6),
        fps=round(info.fps, 6), thumbnail_hash=thumbnail_hash(rgb), frames=frames)


def _reduced_size(info: video.VideoInfo) -> tuple[int, int]:
    """Return (width, height) at which a video is read."""
    scale = min(1.0, _SHORT_SIDE_PX / min(info.width_px, info.height_px),
                math.sqrt(_MAX_FRAME_PIXELS / (info.width_px * info.height_px)))
    return max(1, round(info.width_px * scale)), max(1, round(info.height_px * scale))
