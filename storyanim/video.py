"""The only file that runs ffmpeg or opens a container: probe, read, sample, write, concat.

Reading is PyAV's, writing is the ffmpeg binary's that imageio-ffmpeg brings. What is written is H.264 with
equal parameters for equal settings, so that clips are joined by stream copy; equal input gives equal bytes.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, takewhile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from storyanim import archive
from storyanim.artifacts import Frames, UInt8
from storyanim.errors import FilmError, VideoError

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".mpg", ".mpeg", ".ts", ".ogv", ".flv", ".wmv"})
# Demuxers that follow names are not let in: a playlist that is called film.mp4 could name other files.
_CONTAINERS = "mov,mp4,matroska,webm,avi,gif,mpegts,mpeg,ogg,flv,asf"
_PROTOCOLS = "file"
_MAX_PIXELS = 8192 * 8192                            # of a frame
_MAX_FRAMES = 1_000_000                              # decoded in a go: 4 hours at 60 a second
_TIMESTAMP_TOLERANCE_S = 1e-3                        # Matroska rounds its times to milliseconds
_MIN_TICKS = 12_800                                  # in a second of what is written
_MIN_SEEK_FRAMES = 4                                 # a seek that skips fewer costs more than decoding them
_MIN_SEEK_S = 5.0                                    # the same where the file has no index
_CUT_OFF_HINT = "the file may be cut off; write or download it again"

_Timed = tuple[float, Any]                           # seconds after the first frame, PyAV's frame


@dataclass(frozen=True)
class VideoInfo:
    """What a container says of its first video track, as it is shown (turned upright, square pixels)."""

    width_px: int
    height_px: int
    fps: float                                       # mean over the file
    duration_s: float
    num_frames: int                                  # rounded from the duration


def probe(path: Path | str) -> VideoInfo:
    """Return size, rate and length of a video; decodes one frame. Raises VideoError."""
    with _open(Path(path)) as (container, stream):
        first = next((frame for _, frame in _decode(container, stream, 0.0)), None)
        if first is None:
            raise VideoError(f"{path} has no pictures", hint=_CUT_OFF_HINT)
        fps, duration_s = _fps(stream), _duration_s(container, stream)
        # A file that was cut off still says how many frames it had.
        num_frames = round(duration_s * fps) or int(stream.frames) or 1
        return VideoInfo(*_upright_size(first, stream), fps, duration_s or num_frames / fps, num_frames)


def read(
    path: Path | str, *, start_s: float = 0.0, end_s: float | None = None, fps: float | None = None,
    max_frames: int | None = None, size_px: tuple[int, int] | None = None,
) -> Frames:
    """Return the frames that are on screen from `start_s` until `end_s`, turned upright.

    Args:
        path: of the video, or below that of an archive.
        start_s: seconds after the first frame.
        end_s: None, or later than the video: until its end.
        fps: None: each frame as it is; else round(fps * seconds) frames, those at start_s + i / fps.
        max_frames: the rest is cut off.
        size_px: (width, height) to scale to; None: as the video is.

    Returns (T, H, W, 3) uint8 in [0, 255]. Raises VideoError, also when nothing is shown in that time.
    """
    with _open(Path(path)) as (container, stream):
        decoded = _decode(container, stream, start_s)
        chosen: Iterable[_Timed]
        if fps is None:
            since = start_s - _TIMESTAMP_TOLERANCE_S
            until = (math.inf if end_s is None else end_s) - _TIMESTAMP_TOLERANCE_S
            before_end = takewhile(lambda timed: timed[0] < until, decoded)
            chosen = (timed for timed in before_end if timed[0] >= since)
        else:
            steps = count() if end_s is None else range(max(1, round((end_s - start_s) * fps)))
            chosen = _on_screen(decoded, (start_s + i / fps for i in steps), past_end_s=-0.5 / fps)
        images = _to_rgb(chosen, stream, size_px, max_frames)
        if not images:
            end = "its end" if end_s is None else f"{end_s:g} s"
            raise VideoError(f"{path} shows nothing from {start_s:g} s to {end}",
                             hint="it is shorter, or cut off")
        return Frames(np.stack(images), fps or _fps(stream))


def sample(path: Path | str, times_s: Sequence[float]) -> UInt8:
    """Return (N, H, W, 3) uint8: the frames on screen at times in any order; after the end, the last one.

    From one time to the next it decodes on or seeks, whichever is nearer by the container's index of key
    frames. Raises VideoError.
    """
    order = sorted(range(len(times_s)), key=lambda i: times_s[i])
    images: list[UInt8] = []
    with _open(Path(path)) as (container, stream):
        for run in _runs(stream, [times_s[i] for i in order]):
            decoded = _decode(container, stream, run[0])
            images += _to_rgb(_on_screen(decoded, run, past_end_s=math.inf), stream, None, None)
    if not images or len(images) != len(times_s):
        raise VideoError(f"{path} has no pictures", hint=_CUT_OFF_HINT)
    return np.stack([images[order.index(i)] for i in range(len(times_s))])


def _runs(stream: Any, times_s: Sequence[float]) -> list[list[float]]:
    """Return rising times in runs that are decoded through, each after a seek to the key frame before it."""
    runs: list[list[float]] = []
    for time_s in times_s:
        if not runs or _skipped_s(stream, runs[-1][-1], time_s) * _fps(stream) > _MIN_SEEK_FRAMES:
            runs.append([])
        runs[-1].append(time_s)
    return runs


def _skipped_s(stream: Any, from_s: float, to_s: float) -> float:
    """Return how much need not be decoded when one seeks from one time to another."""
    base, first = stream.time_base, stream.start_time or 0
    entries = stream.index_entries
    place = entries.search_timestamp(first + int(to_s / base)) if len(entries) else -1
    if place < 0:
        return to_s - from_s if to_s - from_s >= _MIN_SEEK_S else 0.0
    return float((entries[place].timestamp - first) * base) - from_s


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open PyAV's container and its first video track; PyAV's errors within the block become VideoError."""
    import av

    if (source := archive.find(path)) is None:
        raise VideoError(f"there is no video {path}", hint="check the path")
    options = {"protocol_whitelist": _PROTOCOLS, "format_whitelist": _CONTAINERS}
    try:
        with source as file, av.open(file, options=options, metadata_errors="replace") as container:
            if not container.streams.video:
                raise VideoError(f"{path} has no video track",
                                 hint="give a video, not sound or subtitles alone")
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > _MAX_PIXELS:
                raise VideoError(f"{path} has more than {_MAX_PIXELS} pixels a frame",
                                 hint="make it smaller with ffmpeg")
            stream.thread_type = "AUTO"
            yield container, stream
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VideoError(f"{path} cannot be read as a video: {reason}",
                         hint="cut off, empty or no video? play it, or convert it with ffmpeg") from error


def _decode(container: Any, stream: Any, start_s: float) -> Iterator[_Timed]:
    """Yield timed frames, from a key frame at or before `start_s` on."""
    base, first = stream.time_base, stream.start_time or 0
    container.seek(first + max(0, int(start_s / base)), stream=stream, backward=True)
    step_s, time_s, found = 1 / _fps(stream), 0.0, False
    for number, frame in enumerate(container.decode(stream)):
        if number == _MAX_FRAMES:
            raise VideoError(f"it has more than {_MAX_FRAMES} frames at once",
                             hint="lower its rate with ffmpeg")
        time_s = float((frame.pts - first) * base) if frame.pts is not None else time_s + step_s
        if not found and time_s > start_s + _TIMESTAMP_TOLERANCE_S and start_s > 0:
            break                                    # the seek landed late: the file's index is wrong
        found = True
        yield time_s, frame
    if not found and start_s > 0:
        yield from _decode(container, stream, 0.0)


def _on_screen(decoded: Iterable[_Timed], times_s: Iterable[float], *, past_end_s: float) -> Iterator[_Timed]:
    """Yield the frame on screen at each of the rising times, until `past_end_s` after the last one's end."""
    wanted = iter(times_s)
    target = next(wanted, None)
    shown, shown_s, step_s = None, 0.0, 0.0
    for time_s, frame in decoded:
        while target is not None and shown is not None and time_s > target + _TIMESTAMP_TOLERANCE_S:
            yield shown_s, shown
            target = next(wanted, None)
        if target is None:
            return
        step_s = time_s - shown_s if shown is not None else step_s
        shown, shown_s = frame, time_s
    alone = step_s == 0
    if shown is not None and shown.duration:
        step_s = float(shown.duration * shown.time_base)
    if alone:                                        # a single frame is shown, however short
        step_s = max(step_s, -past_end_s)
    end_s = shown_s + step_s + past_end_s + _TIMESTAMP_TOLERANCE_S
    while shown is not None and target is not None and target <= end_s:
        yield shown_s, shown
        target = next(wanted, None)


def _to_rgb(
    chosen: Iterable[_Timed], stream: Any, size_px: tuple[int, int] | None, max_frames: int | None
) -> list[UInt8]:
    """Return (H, W, 3) uint8 each; a frame that is shown repeatedly is converted once."""
    images: list[UInt8] = []
    last = None
    for _, frame in chosen:
        images.append(images[-1] if frame is last else _frame_to_rgb(frame, stream, size_px))
        last = frame
        if max_frames is not None and len(images) >= max_frames:
            break
    return images


def _frame_to_rgb(frame: Any, stream: Any, size_px: tuple[int, int] | None) -> UInt8:
    width_px, height_px = size_px or _upright_size(frame, stream)
    turns = round(frame.rotation / 90) % 4           # counterclockwise
    width_px, height_px = (height_px, width_px) if turns % 2 else (width_px, height_px)
    how = "AREA" if width_px < frame.width else "BICUBIC"
    rgb: UInt8 = frame.to_ndarray(format="rgb24", width=width_px, height=height_px, interpolation=how)
    return np.ascontiguousarray(np.rot90(rgb, turns))


def _upright_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Return (width, height) as shown: pixels made square, turned by the rotation flag."""
    aspect = min(stream.sample_aspect_ratio or 1, 16)                   # a file may claim any
    width_px, height_px = max(1, round(frame.width * aspect)), int(frame.height)
    return (height_px, width_px) if round(frame.rotation / 90) % 2 else (width_px, height_px)


def _fps(stream: Any) -> float:
    return float(stream.average_rate or stream.guessed_rate or 25)


def _duration_s(container: Any, stream: Any) -> float:
    own_s = float(stream.duration * stream.time_base) if stream.duration else 0.0
    return own_s or float(container.duration or 0) / 1_000_000          # AV_TIME_BASE: microseconds


def write(  # noqa: PLR0913
    frames: Frames, path: Path | str, *, width_px: int, height_px: int, fps: float | Fraction, crf: int = 18,
    preset: str = "medium", key_frame: int = 0, interpolate: bool = False,
) -> None:
    """Write frames as H.264 in mp4 (yuv420p, BT.709), scaled, and repeated or dropped to reach `fps`.

    A part that begins at `key_frame` can be copied alone. With `interpolate`, frames between are drawn by the
    motion that is seen, not repeated. Equal arguments give equal bytes. Raises FilmError.
    """
    length, height, width, _ = frames.rgb.shape
    rate, given_rate = (Fraction(one).limit_denominator(1001) for one in (fps, frames.fps))
    filters = [
        f"scale={width_px}:{height_px}:flags=lanczos+accurate_rnd+full_chroma_int:"
        "out_color_matrix=bt709:out_range=tv",
        "setsar=1,format=yuv420p,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        f"minterpolate=fps={rate}:mc_mode=aobmc:vsbmc=1" if interpolate else f"fps={rate}",
        f"tpad=stop_mode=clone:stop={math.ceil(rate)}",
        # minterpolate ends before its last frames would, and what is shown on begins after them: no gap stays
        *([f"setpts=N/({rate}*TB)"] if interpolate else []),
    ]
    with _replacing(Path(path)) as partial:
        _ffmpeg(["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
                 "-framerate", str(given_rate), "-i", "pipe:0", "-vf", ",".join(filters),
                 "-frames:v", str(max(1, round(Fraction(length) * rate / given_rate))),
                 # Without B-frames no edit list is needed, and joined clips keep exact times.
                 "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-bf", "0",
                 "-force_key_frames", f"expr:eq(n,0)+eq(n,{key_frame})",
                 "-x264-params", "open-gop=0", "-video_track_timescale", str(_ticks(rate)),
                 "-flags:v", "+bitexact"], partial, stdin=frames.rgb.tobytes())


def _ticks(rate: Fraction) -> int:
    """Return in how many parts of a second a clip counts, such that each frame lasts whole ones."""
    return rate.numerator * math.ceil(_MIN_TICKS / rate.numerator)


@dataclass(frozen=True)
class Part:
    """A part of a clip that `write` made: it begins at a key frame."""

    path: Path
    fps: Fraction
    start: int                                       # of its frames
    end: int                                         # not any more in it

    def listed(self) -> str:
        """Return what ffmpeg's concat demuxer wants to know, in whole microseconds within the part."""
        name = str(self.path.absolute()).replace("'", "'\\''")
        start_us, end_us = math.ceil(10**6 * self.start / self.fps), math.floor(10**6 * self.end / self.fps)
        return (f"file '{name}'\ninpoint {start_us}us\noutpoint {end_us}us\n"
                f"duration {round(10**6 * (self.end - self.start) / self.fps)}us\n")


def concat(
    parts: Sequence[Part], out: Path | str, *, subtitles: Path | None = None, sound: Path | None = None,
    chapters: Path | None = None, language: str = "und", metadata: dict[str, str] | None = None,
) -> None:
    """Join clips that `write` made by stream copy, with SRT subtitles as a track that players can switch on.

    `sound` is a file of AAC, whose track is copied; `language`, by ISO 639-2, is that of both. `chapters` is
    a file in ffmpeg's own format. Raises FilmError, also when clips differ in codec, size, rate or time base.
    """
    if not parts:
        raise FilmError("there are no clips to join", hint="draw a shot first")
    _check_equal(list(dict.fromkeys(part.path for part in parts)))
    inputs = ["-i", str(sound.absolute())] if sound else []
    track = ["-map", "1:a:0", "-c:a", "copy"] if sound else []
    if subtitles:
        track += ["-map", f"{2 if sound else 1}:s:0", "-c:s", "mov_text", "-disposition:s:0", "0"]
        inputs += ["-f", "srt", "-i", str(subtitles.absolute())]
    if chapters:
        track += ["-map_chapters", str(1 + bool(sound) + bool(subtitles))]
        inputs += ["-f", "ffmetadata", "-i", str(chapters.absolute())]
    for kind in "as":
        track += [f"-metadata:s:{kind}", f"language={language}"] if f"-c:{kind}" in track else []
    tags = [part for key, value in sorted((metadata or {}).items())
            for part in ("-metadata", f"{key}={value}")]
    with _replacing(Path(out)) as partial, tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "clips.txt"
        listing.write_text("ffconcat version 1.0\n" + "".join(part.listed() for part in parts), "utf-8")
        _ffmpeg(["-f", "concat", "-safe", "0", "-i", str(listing), *inputs, "-map", "0:v:0", "-c:v", "copy",
                 *track, "-map_metadata:g", "-1", "-map_metadata:s", "-1", *tags,
                 "-video_track_timescale", str(_ticks(parts[0].fps)), "-movflags", "+faststart"], partial)


def ffmpeg_exe() -> str:
    """Return the path of the ffmpeg binary. Raises FilmError when this machine has none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FilmError("there is no ffmpeg for this machine",
                        hint="install ffmpeg and set IMAGEIO_FFMPEG_EXE to it") from error


def _check_equal(paths: Sequence[Path]) -> None:
    first: dict[str, Any] = {}
    for path in paths:
        with _open(path) as (_, stream):
            codec = stream.codec_context
            here = {"codec": codec.name, "size": (codec.width, codec.height), "rate": round(_fps(stream), 1),
                    "time base": stream.time_base, "codec parameters": codec.extradata}
        first = first or here
        if differing := [name for name, value in here.items() if value != first[name]]:
            raise FilmError(f"{path} and {paths[0]} differ in {', '.join(differing)}",
                            hint="clips are joined by copy: write all of them with the same settings")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to it when the block ends well, else removed."""
    partial = path.with_name(f".{uuid4().hex}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise FilmError(f"{path} cannot be written", hint=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def check_ffmpeg() -> None:
    """Raise FilmError when the ffmpeg binary does not run, so that this is known before anything is drawn."""
    exe = ffmpeg_exe()
    try:
        done = subprocess.run([exe, "-hide_banner", "-version"], capture_output=True, timeout=60, check=False)
        works = done.returncode == 0 and done.stdout.startswith(b"ffmpeg")
    except (OSError, subprocess.SubprocessError):
        works = False
    if not works:
        raise FilmError(f"{exe} is no ffmpeg that runs here",
                        hint="let IMAGEIO_FFMPEG_EXE lead to one, or unset it")


def _ffmpeg(arguments: Sequence[str], out: Path, *, stdin: bytes = b"") -> None:
    run_ffmpeg([*arguments, "-f", "mp4", str(out.absolute())], stdin=stdin)


def run_ffmpeg(
    arguments: Sequence[str], *, stdin: bytes = b"", level: str = "error", timeout_s: float | None = None
) -> str:
    """Run ffmpeg, whose last argument is the output, so that equal input gives equal bytes.

    Returns what it prints at that level. Raises FilmError.
    """
    *options, out = arguments
    fixed = ["-threads", "1", "-filter_threads", "1", "-filter_complex_threads", "1",
             "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    command = [ffmpeg_exe(), "-hide_banner", "-nostats", "-v", level, "-y", *options, *fixed, out]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise FilmError("ffmpeg refused", hint=f"it did not end in {timeout_s:.0f} s") from error
    printed = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        # The first line has the cause, behind the part of ffmpeg that says it: "[out#0/mp4 @ 0x7f] No space".
        reason = re.sub(r"^(?:\[[^\]]*\] )*", "", printed.split("\n")[0])
        reason = reason or f"it ended with code {done.returncode}"
        raise FilmError("ffmpeg refused", hint=reason)
    return printed
