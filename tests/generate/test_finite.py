"""NaN and infinity are caught at their step, which is done again in float32."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from storyanim.errors import ModelError
from storyanim.generate.finite import finite_calls
from storyanim.generate.memory import cast


def spoil(unet: torch.nn.Module, value: float, dtype: torch.dtype | None, calls: list[torch.dtype]) -> None:
    """Make one cell of every output `value`, in one dtype alone or in any."""
    def hook(module: Any, args: Any, output: Any) -> Any:
        calls.append(unet.dtype)
        if dtype is None or unet.dtype == dtype:
            noise = output[0].clone(memory_format=torch.contiguous_format)
            noise.view(-1)[5] = value
            return (noise, *output[1:])
        return None

    unet.register_forward_hook(hook)


def draw(pipeline: Any) -> torch.Tensor:
    return pipeline("a bear", num_frames=2, num_inference_steps=3, output_type="pt", generator=torch.Generator().manual_seed(7)).frames


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_step_is_done_again_in_float32_and_told_once(tmp_path: Path, value: float, caplog: pytest.LogCaptureFixture) -> None:
    plain, pipeline = (tiny.story_pipeline(tmp_path) for _ in range(2))
    cast(pipeline, torch.bfloat16)
    calls: list[torch.dtype] = []
    spoil(pipeline.unet, value, torch.bfloat16, calls)
    with caplog.at_level(logging.WARNING):
        video = draw(pipeline)
    assert video.isfinite().all()
    assert calls == [torch.bfloat16, torch.float32] * 3
    assert pipeline.unet.dtype == torch.bfloat16
    assert [record.getMessage().split(" gave")[0] for record in caplog.records
            if record.name.startswith("storyanim")] == ["step 1 of 3"]
    assert (video - draw(plain)).abs().max() < 0.1   # the weights themselves were rounded once


def test_no_numbers_in_float32_either_end_it_at_the_step(tmp_path: Path) -> None:
    pipeline = tiny.story_pipeline(tmp_path)
    calls: list[torch.dtype] = []
    spoil(pipeline.unet, float("nan"), None, calls)
    with pytest.raises(ModelError, match="at step 1 of 3"):
        draw(pipeline)
    assert len(calls) == 1


@pytest.mark.parametrize("spoiled", [torch.bfloat16, None])
def test_calls_of_a_stock_pipeline_are_done_again_too(spoiled: torch.dtype | None) -> None:
    class Halved(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)
            self.dtypes: list[torch.dtype] = []

        def forward(self, sample: torch.Tensor, *, scale: torch.Tensor) -> tuple[torch.Tensor]:
            self.dtypes.append(sample.dtype)
            out = self.layer(sample) * scale
            return (out * float("inf") if spoiled in (None, out.dtype) else out,)

    network = Halved().bfloat16()
    sample, scale = torch.ones(1, 2, dtype=torch.bfloat16), torch.tensor(2.0, dtype=torch.bfloat16)
    with finite_calls(network, lambda: "step 2 of 9"):
        if spoiled is None:
            with pytest.raises(ModelError, match="at step 2 of 9"):
                network(sample, scale=scale)
        else:
            assert network(sample, scale=scale)[0].isfinite().all()
    assert network.dtypes == [torch.bfloat16, torch.float32]
    assert network.layer.weight.dtype == torch.bfloat16
    network(sample, scale=scale)
    assert len(network.dtypes) == 3                  # no longer watched
