"""Windows of untrusted videos, decoded by a child process that may die: `WindowReader` here, `main` there.

Each line of the child's stdin is a JSON object: `path`, and `frame_indices`, the frames wanted of a window of
1, 2, ... frames. For each window of the video its stdout gets a JSON line, followed by these frames as bare
bytes; then a line with `end`, which says why the rest cannot be read, or nothing.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

import numpy as np

from storyanim.artifacts import Frames
from storyanim.errors import ResourceError, VideoError
from storyanim.near_duplicates import HASH_BYTES
from storyanim.retrieve.windows import Limits, Span, frames_per_window, read_windows

SampleFrameIndices = Callable[[int], list[int]]      # length of a window → indices of the frames wanted of it
_MAX_LINE_BYTES = 2**16                              # of a reply without its frames
_MAX_FRAMES_BYTES = 2**30                            # of one window
_HINT = "play it, or convert it with ffmpeg"


class WindowReader:
    """Reads windows in a child process, which is started at first use and again after each death.

    Args:
        window_s: length of a window.
        limits: what one video may cost.
    """

    def __init__(self, window_s: float, limits: Limits) -> None:
        self.window_s = window_s
        self.limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._waited_s = 0.0                         # for the current video
        self._num_videos = 0                         # that the child was asked for
        self.worth_retrying = False  # the last video broke a child that another may have spoiled

    def __enter__(self) -> WindowReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            _close(child.stdin)
            child.kill()
            child.wait()
            _close(child.stdout)

    def read(
        self, path: Path, sample_frame_indices: SampleFrameIndices | None = None
    ) -> Iterator[tuple[Span, Frames | None]]:
        """Yield the windows of a video in order, each with the frames that are sampled.

        Args:
            path: of the video.
            sample_frame_indices: see `TextVideoEncoder`; None: no frames are wanted.

        Raises VideoError when the video, or its rest, cannot be read within the limits, or when reading it
        kills the child; then `worth_retrying` tells whether the fault may be that of a video before.
        """
        self._waited_s, self.worth_retrying, ended = 0.0, False, False
        try:
            lengths = range(1, frames_per_window(self.window_s) + 1)
            indices = [sample_frame_indices(length) for length in lengths] if sample_frame_indices else []
            self._send({"path": str(path), "frame_indices": indices})
            while "end" not in (reply := self._receive(path)):
                yield self._receive_window(reply, {len(some) for some in indices} or {0}, path)
            ended = True
        finally:
            if not ended:                            # what is left of its replies is of no use
                self.close()
        if reply["end"]:
            raise VideoError(str(reply["end"]), hint=_HINT)

    def _send(self, request: dict[str, Any]) -> None:
        if self._child is None or self._child.poll() is not None:
            self._child, self._num_videos = self._start(), 0
        self._num_videos += 1
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):              # it died: the missing reply will tell
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            self._child.stdin.flush()

    def _receive(self, path: Path) -> dict[str, Any]:
        line = self._wait(path, _MAX_LINE_BYTES, line=True)
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not line.endswith(b"\n") or not isinstance(reply, dict) or not {"end", "span"} & set(reply):
            raise self._broken(path)
        return reply

    def _receive_window(
        self, reply: dict[str, Any], lengths: set[int], path: Path
    ) -> tuple[Span, Frames | None]:
        """Check what the child says, which may be under the video's control, and read the window's frames."""
        try:
            span, shape, fps = Span(**reply["span"]), tuple(map(int, reply["shape"])), float(reply["fps"])
            numbers = [float(value) for name, value in asdict(span).items() if name != "thumbnail_hash"]
            if shape[0] not in lengths or shape[3:] != (3,) or min(shape[1:3]) < 1 \
                    or math.prod(shape) > _MAX_FRAMES_BYTES:
                raise ValueError("shape")
            if not all(map(math.isfinite, numbers)) or not 0 <= span.start_s < span.end_s or not fps > 0:
                raise ValueError("span")
            if len(bytes.fromhex(span.thumbnail_hash)) != HASH_BYTES:
                raise ValueError("thumbnail_hash")
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise self._broken(path) from error
        data = self._wait(path, math.prod(shape))
        if len(data) != math.prod(shape):
            raise self._broken(path)
        return span, Frames(np.frombuffer(data, np.uint8).reshape(shape), fps) if shape[0] else None

    def _wait(self, path: Path, num_bytes: int, *, line: bool = False) -> bytes:
        """Return so many bytes of the child, or a line of at most so many; fewer when it died."""
        child = self._child
        assert child is not None
        assert child.stdout is not None
        timer = threading.Timer(max(0.0, self.limits.timeout_s - self._waited_s), child.kill)
        began = time.monotonic()  # before the timer, so that what it ends has waited as long
        timer.start()
        try:
            data = child.stdout.readline(num_bytes) if line else child.stdout.read(num_bytes)
        finally:
            timer.cancel()
            self._waited_s += time.monotonic() - began
        if self._waited_s >= self.limits.timeout_s:
            raise VideoError(f"{path} takes longer than {self.limits.timeout_s:g} s to read", hint=_HINT)
        return data

    def _broken(self, path: Path) -> VideoError:
        self.worth_retrying = self._num_videos > 1
        return VideoError(f"{path} cannot be read: it broke the program that decodes it", hint=_HINT)

    def _start(self) -> subprocess.Popen[bytes]:
        settings = json.dumps({"window_s": self.window_s, "limits": asdict(self.limits)})
        # One thread for sums, few memory arenas: else a machine of many cores takes its limit of memory
        # before it begins.
        few = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
               "MALLOC_ARENA_MAX": "4"}
        environment = os.environ | few | {
            "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
        command = [sys.executable, "-P", "-m", __name__, settings]      # -P: no modules of the working folder
        try:
            return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    # a Ctrl-C is for the build alone
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise ResourceError(f"no process to decode videos can be started ({error.strerror})",
                                hint="close other programs") from error


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


# ── the child ───────────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """Serve requests until stdin ends; `sys.argv[1]` has the window's length and the limits as JSON."""
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)     # what a library prints is no reply
    _confine(limits.memory_bytes)
    for line in sys.stdin.buffer:
        _answer(json.loads(line), settings["window_s"], limits, replies)
        replies.flush()


def _answer(request: dict[str, Any], window_s: float, limits: Limits, replies: BinaryIO) -> None:
    end = ""
    try:
        for window in read_windows(Path(request["path"]), window_s, limits):
            wanted = request["frame_indices"][len(window.frames.rgb) - 1] if request["frame_indices"] else []
            rgb = np.ascontiguousarray(window.frames.rgb[wanted])
            span = {name: getattr(window, name) for name in Span.__dataclass_fields__}
            _write_line(replies, {"span": span, "shape": rgb.shape, "fps": window.frames.fps})
            replies.write(rgb.tobytes())
    except VideoError as error:
        end = error.message
    except MemoryError:
        end = f"{request['path']} needs more than {limits.memory_bytes / 2**30:g} GiB of memory"
    _write_line(replies, {"end": end})


def _write_line(replies: BinaryIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")


def _confine(memory_bytes: int) -> None:
    """Forbid new files and core dumps and limit the memory, where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    limits = ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory_bytes))
    for kind, most in limits:
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
