"""How much of this machine may be used: cores and memory, as far as a container or a batch system allows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return how many cores this process may use by its affinity, its cgroup's quota, and OMP_NUM_THREADS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    limits = [cores, *_quotas(), *([int(asked)] if asked.isdigit() else [])]
    return max(1, min(limits))


def free_memory_bytes() -> int:
    """Return how much memory the machine and this process's cgroup have left; 0 when it is not known."""
    found = [_meminfo().get("MemAvailable", 0), *_cgroup_memory()]
    return max(0, min(found))


def _quotas() -> Iterator[int]:
    for folder in _cgroups():
        quota, period = (*_words(folder / "cpu.max"), "", "")[:2]
        if quota.isdigit() and period.isdigit():
            yield int(quota) // int(period)


def _cgroup_memory() -> Iterator[int]:
    for folder in _cgroups():
        limit, used = (_words(folder / name) for name in ("memory.max", "memory.current"))
        if limit and used and limit[0].isdigit():
            pairs = [line.split() for line in _text(folder / "memory.stat").splitlines()]
            cache = next((int(pair[1]) for pair in pairs if pair[0] == "inactive_file"), 0)   # given up when needed
            yield int(limit[0]) - int(used[0]) + cache


def _cgroups() -> Iterator[Path]:
    """This process's cgroup (version 2) and those above it, whose limits hold for it, too."""
    for line in _text(_PROC / "self/cgroup").splitlines():
        if line.startswith("0::/"):
            own = _CGROUP / line.removeprefix("0::/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(_CGROUP))


def _meminfo() -> dict[str, int]:
    """Name → bytes."""
    rows = [line.split() for line in _text(_PROC / "meminfo").splitlines()]
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) > 1}


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
