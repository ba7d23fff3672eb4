"""Cores and memory that may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storyanim.engine import capacity
from storyanim.engine.capacity import free_memory_bytes, usable_cores

MIB = 2**20


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with eight cores and 8 GiB, of which half is free; cgroups are told below "cgroup"."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {8 * 2**20} kB\nMemAvailable: {4 * 2**20} kB\nHugePages_Total: 0\n")
    monkeypatch.setattr(capacity, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(capacity, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


def put_into(machine: Path, name: str, **files: str) -> None:
    """This process into a cgroup with such limits."""
    (machine / "proc/self/cgroup").write_text(f"0::/{name}\n")
    folder = machine / "cgroup" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)


def test_without_limits(machine: Path) -> None:
    assert (usable_cores(), free_memory_bytes()) == (8, 4096 * MIB)


@pytest.mark.parametrize(("asked", "cores"), [("3", 3), ("64", 8), ("2,4", 2), ("nonsense", 8), ("0", 1)])
def test_threads_that_were_asked_for(machine: Path, monkeypatch: pytest.MonkeyPatch, asked: str, cores: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [("max 100000\n", 8), ("250000 100000\n", 2), ("50000 100000\n", 1)])
def test_the_quota_of_a_container(machine: Path, quota: str, cores: int) -> None:
    put_into(machine, "", cpu_max=quota)
    assert usable_cores() == cores


def test_the_memory_of_a_container(machine: Path) -> None:
    put_into(machine, "", memory_max=f"{1000 * MIB}\n", memory_current=f"{700 * MIB}\n",
             memory_stat=f"anon 5\ninactive_file {100 * MIB}\n")
    assert free_memory_bytes() == 400 * MIB


def test_a_limit_above_holds_too(machine: Path) -> None:
    put_into(machine, "job", memory_max=f"{900 * MIB}\n", memory_current=f"{100 * MIB}\n", cpu_max="300000 100000")
    put_into(machine, "job/step", memory_max="max\n", memory_current=f"{50 * MIB}\n", cpu_max="max 100000")
    assert (usable_cores(), free_memory_bytes()) == (3, 800 * MIB)


def test_a_machine_that_tells_nothing(machine: Path) -> None:
    (machine / "proc/meminfo").unlink()
    assert free_memory_bytes() == 0


def test_this_machine() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert free_memory_bytes() > 0
