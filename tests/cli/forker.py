"""Runs command lines in processes of their own that are born at once: all is imported here, then forked.

A line of stdin is a JSON object: `arguments`, the `cache` folder, and perhaps a `signal` that the process gets `after_s`
seconds into its work on the step `at`, or at that step's end if it comes sooner. `plain_user` takes root's rights away, for whom no folder
is read-only. The answers on stdout are "begun PID" and "ended PID CODE".
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import storyanim.generate.load
import storyanim.personalize.fit  # noqa: F401
from storyanim.cli import app
from storyanim.console import run_app
from storyanim.engine.run_dir import RunDir


def give_up_capabilities() -> None:
    """Let root mind the permissions of files, as anybody else does."""
    if os.geteuid() == 0:
        version, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(version, none) == 0


def strike(at: str, number: int, after_s: float) -> None:
    """From outside, as far as the program can tell: it and what it started get the signal, whatever it is doing."""
    compute = RunDir._compute

    def struck(self: RunDir, place: Path, *arguments: Any, **named: Any) -> Any:
        if place.relative_to(self.path).as_posix() != at:
            return compute(self, place, *arguments, **named)
        timer = threading.Timer(after_s, os.killpg, (os.getpid(), number))
        timer.start()
        facts = compute(self, place, *arguments, **named)
        timer.cancel()
        os.killpg(os.getpid(), number)               # on a fast machine the step is over
        return facts

    RunDir._compute = struck  # type: ignore[method-assign]


def work(asked: dict[str, Any]) -> int:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["STORYANIM_CACHE"] = asked["cache"]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if asked.get("plain_user"):
        give_up_capabilities()
    if "at" in asked:
        strike(asked["at"], asked["signal"], asked["after_s"])
    code = run_app(app, asked["arguments"])
    sys.stderr.flush()
    return code


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(work(json.loads(line)))
        print(f"begun {pid}", flush=True)
        print(f"ended {pid} {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}", flush=True)


if __name__ == "__main__":
    main()
