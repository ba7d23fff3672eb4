"""Windows of videos that nobody vouches for, read by a process of their own that may die (decoder.py)."""

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
from typing import IO, Any

import numpy as np

from storyanim.artifacts import Frames
from storyanim.errors import ResourceError, VideoError
from storyanim.near_duplicates import HASH_BYTES
from storyanim.retrieve.windows import Limits, Span, looks_of

LooksAt = Callable[[int], list[int]]                 # length of a window → indices of the frames wanted of it
_MAX_LINE = 2**16                                    # bytes of a reply without its pictures
_MAX_PICTURES = 2**30                                # bytes of the pictures of one window
_HINT = "play it, or convert it with ffmpeg"


class Reader:
    """Reads windows in a child process, which is started at first use and again after each death.

    Args:
        window_s: length of a window.
        limits: what one video may cost.
    """

    def __init__(self, window_s: float, limits: Limits) -> None:
        self.window_s = window_s
        self.limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._waited_s = 0.0                         # for the video at hand
        self._served = 0                             # videos that the child was asked for
        self.in_doubt = False                        # the last video broke a child that another may have spoiled

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def close(self) -> None:
        """Ends the child."""
        self._stop()

    def read(self, path: Path, sample_frame_indices: LooksAt | None = None) -> Iterator[tuple[Span, Frames | None]]:
        """The windows of a video in order, each with the pictures that are looked at.

        Args: sample_frame_indices: see `TextVideoEncoder`; None: no pictures are wanted.

        Raises VideoError when the video, or its rest, cannot be read within the limits, or when reading it kills the child;
        then `in_doubt` tells whether the fault may be that of a video before, so that it is worth to try again.
        """
        self._waited_s, self.in_doubt, ended = 0.0, False, False
        try:
            looks = [sample_frame_indices(length + 1) for length in range(looks_of(self.window_s))] if sample_frame_indices else []
            self._ask({"path": str(path), "looks": looks})
            while "end" not in (reply := self._reply(path)):
                yield self._window(reply, {len(look) for look in looks} or {0}, path)
            ended = True
        finally:
            if not ended:                            # what is left of its replies is of no use
                self._stop()
        if reply["end"]:
            raise VideoError(str(reply["end"]), hint=_HINT)

    def _ask(self, asked: dict[str, Any]) -> None:
        if self._child is None or self._child.poll() is not None:
            self._child, self._served = self._started(), 0
        self._served += 1
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):              # it died: the missing reply will tell
            self._child.stdin.write(json.dumps(asked).encode() + b"\n")
            self._child.stdin.flush()

    def _reply(self, path: Path) -> dict[str, Any]:
        line = self._wait(path, _MAX_LINE, line=True)
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not line.endswith(b"\n") or not isinstance(reply, dict) or not {"end", "span"} & set(reply):
            raise self._broken(path)
        return reply

    def _window(self, reply: dict[str, Any], lengths: set[int], path: Path) -> tuple[Span, Frames | None]:
        """Checks what the child says: it may be under the video's control."""
        try:
            span, shape, fps = Span(**reply["span"]), tuple(map(int, reply["shape"])), float(reply["fps"])
            numbers = [float(value) for name, value in asdict(span).items() if name != "thumbnail_hash"]
            if shape[0] not in lengths or shape[3:] != (3,) or min(shape[1:3]) < 1 or math.prod(shape) > _MAX_PICTURES:
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

    def _wait(self, path: Path, num: int, *, line: bool = False) -> bytes:
        """So many bytes of the child, or a line of at most so many; fewer when it died. Waiting counts, encoding does not."""
        child = self._child
        assert child is not None
        assert child.stdout is not None
        late = threading.Timer(max(0.0, self.limits.timeout_s - self._waited_s), child.kill)
        began = time.monotonic()                     # before the timer, so that what it ends has waited as long
        late.start()
        try:
            data = child.stdout.readline(num) if line else child.stdout.read(num)
        finally:
            late.cancel()
            self._waited_s += time.monotonic() - began
        if self._waited_s >= self.limits.timeout_s:
            raise VideoError(f"{path} takes longer than {self.limits.timeout_s:g} s to read", hint=_HINT)
        return data

    def _broken(self, path: Path) -> VideoError:
        self.in_doubt = self._served > 1
        return VideoError(f"{path} cannot be read: it broke the program that decodes it", hint=_HINT)

    def _started(self) -> subprocess.Popen[bytes]:
        asked = json.dumps({"window_s": self.window_s, "limits": asdict(self.limits)})
        # One thread for sums, few pools of memory: else a machine of many cores takes its limit of memory before it begins.
        few = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "4"}
        environment = os.environ | few | {"PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
        command = [sys.executable, "-P", "-m", "storyanim.retrieve.decoder", asked]     # -P: no modules of the working folder
        try:
            return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, start_new_session=True)  # a Ctrl-C is for the build alone
        except OSError as error:
            raise ResourceError(f"no process to decode videos can be started ({error.strerror})",
                                hint="close other programs") from error

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            _close(child.stdin)
            child.kill()
            child.wait()
            _close(child.stdout)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()
