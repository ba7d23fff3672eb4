"""What a run imports before it knows whether anything is to do: each of these takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("torch", "peft", "accelerate", "transformers.trainer_utils", "diffusers.loaders.peft")


def test_building_the_components_imports_no_training_library() -> None:
    code = ("import sys; from storyanim.config import load_settings; "
            "from storyanim.run.components import build_components; build_components(load_settings(), None); "
            f"print([name for name in {SLOW!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["plan"], ["run", "--dry-run", "--out", "film"]], ids=["plan", "dry-run"])
def test_what_only_plans_imports_no_torch(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "hare.txt").write_text("A hare sat on the beach.")
    code = ("import atexit, sys; from storyanim.__main__ import main; "
            "atexit.register(lambda: print('torch' in sys.modules, 'thinc' in sys.modules, file=sys.stderr)); main()")
    done = subprocess.run([sys.executable, "-c", code, command[0], "hare.txt", *command[1:]], cwd=tmp_path,
                          capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False True"


def test_torch_is_there_for_all_but_thinc() -> None:
    code = ("import sys; from storyanim.__main__ import _NoTorchForThinc; "
            "sys.meta_path.insert(0, _NoTorchForThinc()); import thinc.compat; import torch; "
            "print(thinc.compat.has_torch, torch.ones(2).sum().item())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False 2.0"
