"""Weight files as the stages leave them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from storyanim.train.export import average_weights


def test_mean_of_two_weight_files(tmp_path: Path) -> None:
    first, second, out = (tmp_path / f"{name}.safetensors" for name in ("first", "second", "out"))
    save_file({"a": torch.tensor([1.0, 2.0]).half(), "b": torch.zeros(1)}, first)
    save_file({"a": torch.tensor([3.0, 8.0]).half(), "b": torch.ones(1)}, second)
    average_weights(first, second, out)
    mean = load_file(out)
    assert mean["a"].dtype == torch.float16
    assert mean["a"].tolist() == [2.0, 5.0]
    assert mean["b"].tolist() == [0.5]


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    first, second, out = (tmp_path / f"{name}.safetensors" for name in ("first", "second", "out"))
    save_file({"a": torch.zeros(2)}, first)
    save_file({"a": torch.zeros(3)}, second)
    with pytest.raises(ValueError, match="different layout"):
        average_weights(first, second, out)
    assert not out.exists()
