"""How many threads compute, and how they wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def test_as_many_threads_as_asked_for() -> None:
    code = "import torch; print(torch.get_num_threads())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == os.environ["OMP_NUM_THREADS"]


def openmp_of(imports: str, **environment: str) -> set[str]:
    """The wait policies that the OpenMP libraries tell when they are loaded."""
    clean = {name: value for name, value in os.environ.items() if name not in {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}}
    told = subprocess.run([sys.executable, "-c", imports], env=clean | environment | {"OMP_DISPLAY_ENV": "true"},
                          capture_output=True, text=True, check=True)
    found = {line.split("=")[1].strip(" '") for line in told.stderr.splitlines() if "OMP_WAIT_POLICY" in line}
    assert found, told.stderr
    return found


@pytest.mark.parametrize("imports", ["import storyanim, torch", "import storybook.cli.app, torch"])
def test_threads_wait_without_spinning(imports: str) -> None:
    assert openmp_of(imports) == {"PASSIVE"}


def test_the_environment_decides() -> None:
    assert openmp_of("import storyanim, torch", OMP_WAIT_POLICY="active") == {"ACTIVE"}
