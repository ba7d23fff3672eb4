"""How many threads compute a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_clip import save_tiny_clip

from storyanim import hub
from storyanim.artifacts import Frames, Shot
from storyanim.config import ModelRef, load_settings
from storyanim.depth.dpt import DptEstimator, build_depth_estimator
from storyanim.device import are_small, one_thread_if_small
from storyanim.generate.families import build_generator
from storyanim.generate.generator import StoryGenerator


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def model(folder: Path, mib: int) -> ModelRef:
    folder.mkdir()
    with (folder / "weights.safetensors").open("wb") as file:
        file.truncate(mib * 2**20)                   # a hole: it takes no room on the disk
    return ModelRef(repo=str(folder))


def test_what_is_small(tmp_path: Path) -> None:
    one, other, large = model(tmp_path / "one", 300), model(tmp_path / "other", 200), model(tmp_path / "large", 600)
    assert are_small(one, None, other)
    assert not are_small(one, one)
    assert not are_small(large)
    assert not are_small(one, ModelRef(repo="someone/something"))


def test_small_models_have_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = model(tmp_path / "small", 1), model(tmp_path / "large", 600)
    for ref, threads in ((small, 1), (large, 3)):
        with one_thread_if_small(ref):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 3
    with pytest.raises(KeyboardInterrupt), one_thread_if_small(small):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 3
    monkeypatch.setattr("storyanim.device.choose_device", lambda: torch.device("mps"))
    with one_thread_if_small(small):
        assert torch.get_num_threads() == 3


def test_a_shot_is_computed_with_one_thread(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(str(profile))
    seen: list[int] = []
    for kind, name in ((DptEstimator, "_inverse_depth"), (StoryGenerator, "_video")):
        def counted(*given: object, real: object = getattr(kind, name)) -> object:
            seen.append(torch.get_num_threads())
            return real(*given)                      # type: ignore[operator]
        monkeypatch.setattr(kind, name, counted)
    frames = Frames(np.zeros((4, 64, 64, 3), np.uint8), 8.0)
    depth = build_depth_estimator(settings).estimate(frames)
    build_generator(settings).draw(Shot(id="s01", text="", query="", prompt="a bear", duration_s=0.5), depth, [])
    assert seen == [1, 1]
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("text", ["CUDA error: out of memory", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "MPS backend out of memory (MPS allocated)",
                                  "CUDA out of memory. Tried to allocate", "HIP out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling"])
def test_every_word_for_memory_that_ran_out(text: str) -> None:
    from storyanim.device import is_out_of_memory

    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(ValueError(text))


def test_batches_shrink_until_they_fit_and_end_on_the_cpu() -> None:
    import torch

    from storyanim.device import within_memory
    from storyanim.errors import ResourceError

    tried: list[int] = []

    def compute(size: int) -> str:
        tried.append(size)
        if size > 2:
            raise RuntimeError("CUDA error: out of memory")
        return "done"

    assert within_memory(compute, 8, torch.nn.Linear(1, 1), "depth") == "done"
    assert tried == [8, 4, 2]

    def never(size: int) -> str:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ResourceError, match="depth") as caught:
        within_memory(never, 4, torch.nn.Linear(1, 1), "depth")
    assert caught.value.exit_code == 6


def test_what_transformers_load_lies_on_the_device_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called: CUDA, or Apple's MPS; "meta" is one that every machine has."""
    monkeypatch.setattr("storyanim.hub.loading.choose_device", lambda: torch.device("meta"))
    clip = hub.load_transformer(ModelRef(repo=str(save_tiny_clip(tmp_path / "clip"))), "CLIPModel", model_type="clip")
    assert clip.device.type == "meta"
