"""Builds indexes in processes that are born at once: all is imported here, then forked.

A line of stdin is a JSON object: `sources`, `out`, `append`, and perhaps `after_s`, at which the process is killed, or `at`, the
name of a function of the build in which it is killed, and `times`, the call at which that happens. The answer is "ended CODE".
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import faiss  # noqa: F401
from coloured import ColourEncoder
from near_reader import NearReader

from storyanim.retrieve import build, build_state, index_writer, worker

_HOMES = {"keep": build_state.BuildState, "set_key": build_state.BuildState, "replace_index": build_state.BuildState,
          "_exchange": build_state, "write_index": build, "_insert": index_writer._RowWriter, "_encode_windows": worker.VideoWorker}


def die(*ignored: object) -> None:
    os.killpg(os.getpid(), signal.SIGKILL)


def strike(at: str, times: int) -> None:
    """Killed at that call, just after its work was done."""
    home, calls = _HOMES[at], []
    real = getattr(home, at)

    def struck(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named)
        calls.append(at)
        if len(calls) == times:
            die()
        return done

    setattr(home, at, struck)


def work_on(asked: dict[str, Any]) -> int:
    os.setsid()
    build.WindowReader = NearReader  # type: ignore[misc]
    if "after_s" in asked:
        threading.Timer(asked["after_s"], die).start()
    if "at" in asked:
        strike(asked["at"], asked["times"])
    sources = [Path(source) for source in asked["sources"]]
    build.build_index(sources, Path(asked["out"]), ColourEncoder(), append=asked["append"])
    return 0


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = work_on(json.loads(line))
            finally:
                os._exit(code)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}", flush=True)


if __name__ == "__main__":
    main()
