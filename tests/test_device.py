"""What a machine's processor is good at."""

from __future__ import annotations

import os
import subprocess
import sys


def test_bfloat16_is_not_used_where_onednn_may_not() -> None:
    """It decides when torch is imported, hence the process."""
    code = "from storyanim.device import cpu_has_bfloat16; print(cpu_has_bfloat16())"
    held = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    told = subprocess.run([sys.executable, "-c", code], env=held, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
