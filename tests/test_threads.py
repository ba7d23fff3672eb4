"""The tests' processes compute with as many threads as were asked for (conftest.py)."""

from __future__ import annotations

import os
import subprocess
import sys


def test_as_many_threads_as_asked_for() -> None:
    code = "import torch; print(torch.get_num_threads())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == os.environ["OMP_NUM_THREADS"]
