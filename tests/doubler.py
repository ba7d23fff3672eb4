"""A worker that doubles numbers, for every ShardExecutor."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyanim.errors import ModelError

CRASH, FAIL, OUR_ERROR, HANG, STUBBORN, LAMBDA = -1, -2, -3, -4, -5, -6


class Doubler:
    """Doubles numbers, and notes in a folder which process it runs in, what it was given and when it was at work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / f"started-{os.getpid()}").touch()

    def work(self, shard: list[int]) -> Any:
        self._note("given", f"{shard}")
        self._note("begun", f"{shard} {time.monotonic()}")
        try:
            return self._made(shard)
        finally:
            self._note("ended", f"{shard} {time.monotonic()}")

    def close(self) -> None:
        (self.folder / f"closed-{os.getpid()}").touch()

    def _made(self, shard: list[int]) -> Any:
        if CRASH in shard:
            time.sleep(0.1)                          # so that others are at work
            self._note("ended", f"{shard} {time.monotonic()}")
            os._exit(1)                              # as a crash does
        if FAIL in shard:
            raise RuntimeError("two below")
        if OUR_ERROR in shard:
            raise ModelError("no such model", hint="find one")
        if HANG in shard:
            self._hang()
        if STUBBORN in shard:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._hang()
        if LAMBDA in shard:
            return lambda: None
        return [2 * number for number in shard]

    def _hang(self) -> None:
        child = subprocess.Popen(["sleep", "60"])
        (self.folder / f"child-{child.pid}").touch()
        try:
            child.wait()
        finally:
            (self.folder / "tidied").touch()

    def _note(self, name: str, line: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(f"{line}\n")


@dataclass(frozen=True)
class Start:
    """Starts one in any process."""

    folder: Path
    error: Exception | None = None

    def __call__(self) -> Doubler:
        if self.error is not None:
            raise self.error
        return Doubler(self.folder)


def done(found: Iterator[tuple[Any, Any]]) -> dict[int, Any]:
    """Item → what was made of it."""
    made: dict[int, Any] = {}
    for shard, result in found:
        made |= {item: result if isinstance(result, Exception) else result[k] for k, item in enumerate(shard)}
    return made


def shards_of(count: int, told: list[int] | None = None) -> Iterator[list[int]]:
    for number in range(count):
        if told is not None:
            told.append(number)
        yield [2 * number, 2 * number + 1]
