"""Locks of a run's folder by the processes that work in it beside the one that has it open."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from storyanim.engine import folders
from storyanim.errors import UsageError

_LAST_WORK_S = 5.0                   # workers end at once when the process that they work for is gone


def share(path: Path) -> int:
    """Lock a folder as one of several, as long as the descriptor that is returned is open."""
    folder = os.open(path, os.O_RDONLY)
    with suppress(OSError):                          # not every file system has such locks
        fcntl.flock(folder, fcntl.LOCK_SH)
    return folder


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left half-made in a folder, once nobody shares it any more.

    To be called by the process that has the folder open. Raises UsageError when somebody goes on sharing it.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        if not _lock_within(folder, _LAST_WORK_S):
            raise UsageError(f"{path} is in use by processes that draw for another",
                             hint="wait for them, or choose another --out")
        folders.remove_leftovers(path)
    finally:
        os.close(folder)


def _lock_within(folder: int, seconds: float) -> bool:
    """Whether nobody else has a lock of the folder, or has one no more within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        except OSError:
            return True
