"""What a run imports before it knows whether anything is to do: each of these takes seconds."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("torch", "peft", "accelerate", "transformers.trainer_utils", "diffusers.loaders.peft")


def test_building_the_components_imports_no_training_library() -> None:
    code = ("import sys; from storyanim.config import load_settings; "
            "from storyanim.run.components import build_components; build_components(load_settings(), None); "
            f"print([name for name in {SLOW!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
