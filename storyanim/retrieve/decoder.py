"""The process that opens videos nobody vouches for: what they break, breaks here (see reader.py).

Each line of stdin is a JSON object: `path`, and `looks`, the frames wanted of a window of 1, 2, ... frames. For each window
of the video stdout gets a JSON line, followed by its pictures as bare bytes; then a line with `end`, which says why the rest
cannot be read, or nothing.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from storyanim.errors import VideoError
from storyanim.retrieve.windows import Limits, Span, read_windows

_FIELDS = tuple(Span.__dataclass_fields__)


def main() -> None:
    """Serves until stdin ends; `sys.argv[1]` tells the window's length and the limits as JSON."""
    asked = json.loads(sys.argv[1])
    limits = Limits(**asked["limits"])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)      # what a library prints is no reply
    _confine(limits.memory_bytes)
    for line in sys.stdin.buffer:
        _answer(json.loads(line), asked["window_s"], limits, replies)
        replies.flush()


def _answer(asked: dict[str, Any], window_s: float, limits: Limits, replies: BinaryIO) -> None:
    end = ""
    try:
        for window in read_windows(Path(asked["path"]), window_s, limits):
            wanted = asked["looks"][len(window.frames.rgb) - 1] if asked["looks"] else []
            rgb = np.ascontiguousarray(window.frames.rgb[wanted])
            span = {name: value for name, value in asdict(window).items() if name in _FIELDS}
            _say(replies, {"span": span, "shape": rgb.shape, "fps": window.frames.fps})
            replies.write(rgb.tobytes())
    except VideoError as error:
        end = error.message
    except MemoryError:
        end = f"{asked['path']} needs more than {limits.memory_bytes / 2**30:g} GiB of memory"
    _say(replies, {"end": end})


def _say(replies: BinaryIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")


def _confine(memory_bytes: int) -> None:
    """No new files, no core dump, so much memory; where the system knows such limits."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory_bytes)):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
