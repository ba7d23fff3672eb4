from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from storyanim.device import choose_device
from storyanim.errors import ResourceError
from storyanim.generate.memory import MemoryLadder, choose_dtype, is_out_of_memory, save_memory

GPU = torch.device("cuda")


class FakePipeline:
    """Records where it is put."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.vae, self.halves_of_guidance, self.text_encoder_leaves = None, False, False

    def to(self, device: Any) -> None:
        self.log.append(f"to {torch.device(device).type}")

    def enable_model_cpu_offload(self, device: torch.device) -> None:
        self.log.append("offload")

    def enable_sequential_cpu_offload(self, device: torch.device) -> None:
        self.log.append("sequential")

    def remove_all_hooks(self) -> None:
        self.log.append("unhook")


def fails(times: int, error: Exception) -> Any:
    left = [error] * times

    def work() -> str:
        if left:
            raise left.pop()
        return "drawn"

    return work


class TestLadder:
    def test_stays_fast_while_memory_lasts_and_places_once(self) -> None:
        pipeline = FakePipeline()
        ladder = MemoryLadder(pipeline, GPU)
        assert [ladder.run(lambda: "drawn") for _ in range(2)] == ["drawn", "drawn"]
        assert pipeline.log == ["to cuda"]

    def test_steps_down_and_draws_again(self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
        pipeline = FakePipeline()
        ladder = MemoryLadder(pipeline, GPU)
        with caplog.at_level(logging.WARNING):
            assert ladder.run(fails(3, torch.OutOfMemoryError("CUDA out of memory"))) == "drawn"
        assert ladder.run(lambda: "again") == "again"
        assert pipeline.log == ["to cuda", "unhook", "to cpu", "to cuda", "unhook", "to cpu", "offload", "unhook", "to cpu", "sequential"]
        assert len(caplog.records) == 3
        assert pipeline.halves_of_guidance

    @pytest.mark.parametrize(("memory", "tries"), [("auto", 4), ("offload", 2), ("fast", 1)])
    def test_below_the_last_rung_is_a_resource_error(self, memory: Any, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
        pipeline = FakePipeline()
        with pytest.raises(ResourceError, match="not enough memory") as caught:
            MemoryLadder(pipeline, GPU, memory).run(fails(9, torch.OutOfMemoryError()))
        assert "num_frames" in caught.value.hint
        assert pipeline.log.count("unhook") == tries - 1

    def test_cpu_has_one_rung(self) -> None:
        with pytest.raises(ResourceError):
            MemoryLadder(FakePipeline(), torch.device("cpu")).run(fails(1, MemoryError()))

    def test_other_errors_pass(self) -> None:
        with pytest.raises(RuntimeError, match="shapes"):
            MemoryLadder(FakePipeline(), GPU).run(fails(1, RuntimeError("shapes differ")))

    def test_knows_the_cpu_allocators_words(self) -> None:
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**60)
        assert is_out_of_memory(caught.value)


class TestDtype:
    def test_as_asked(self) -> None:
        assert choose_dtype("float16", torch.device("cpu")) is torch.float16

    @pytest.mark.parametrize(("bf16", "amx", "onednn", "expected"), [
        (True, False, True, torch.bfloat16), (False, True, True, torch.bfloat16), (False, False, True, torch.float32),
        (True, True, False, torch.float32),
    ])
    def test_cpu(self, monkeypatch: pytest.MonkeyPatch, bf16: bool, amx: bool, onednn: bool, expected: torch.dtype) -> None:
        monkeypatch.setattr("storyanim.device._onednn_has_bfloat16", lambda: onednn)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
        assert choose_dtype("auto", torch.device("cpu")) is expected

    @pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float16), ((9, 0), torch.bfloat16)])
    def test_gpu(self, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        assert choose_dtype("auto", GPU) is expected

    def test_device_is_one_of_three(self) -> None:
        assert choose_device().type in {"cuda", "mps", "cpu"}


@pytest.mark.parametrize("structure", [tiny.t2i_adapter, lambda: tiny.controlnet(tiny.unet_2d())])
def test_a_pipeline_that_saves_memory_draws_the_same(tmp_path: Path, structure: Any) -> None:
    depth = torch.rand((2, tiny.SIZE_PX, tiny.SIZE_PX), generator=torch.Generator().manual_seed(3))
    drawn = []
    for on in (False, True):
        torch.manual_seed(5)
        pipeline = tiny.story_pipeline(tmp_path, structure=structure())
        save_memory(pipeline, on, off=on)
        calls: list[int] = []
        pipeline.unet.register_forward_pre_hook(lambda module, args, calls=calls: calls.append(len(args[0])))
        drawn.append(pipeline("a bear", num_frames=2, num_inference_steps=2, structure_frames=depth, guidance_scale=3.0, output_type="pt",
                              generator=torch.Generator().manual_seed(7)).frames)
        assert calls == ([1, 1, 1, 1] if on else [2, 2])
    assert (drawn[0] - drawn[1]).abs().max() < 1e-4
