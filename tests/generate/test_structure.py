"""Structure: once a shot, for as long as asked, and then not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerance import assert_close

from storyanim.errors import ModelError, UsageError
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.generate.structure import AdapterGuide, steps_of

STEPS = 4


@pytest.fixture
def pipeline(tmp_path: Path) -> StoryVideoPipeline:
    return tiny.story_pipeline(tmp_path, structure=tiny.t2i_adapter())


@contextmanager
def counted(module: torch.nn.Module) -> Iterator[list[int]]:
    calls: list[int] = []
    hook = module.register_forward_hook(lambda *args: calls.append(1))
    yield calls
    hook.remove()


def inverse_depth(*shape: int) -> torch.Tensor:
    return torch.rand(shape or (tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX), generator=torch.Generator().manual_seed(3))


def draw(pipeline: StoryVideoPipeline, **changes: Any) -> torch.Tensor:
    arguments = {"num_frames": tiny.NUM_FRAMES, "num_inference_steps": STEPS, "guidance_scale": 2.0, "output_type": "latent",
                 "generator": torch.Generator().manual_seed(7), "structure_frames": inverse_depth(),
                 **changes}
    return pipeline(arguments.pop("prompt", "a bear walks"), **arguments).frames


class TestUntil:
    def test_half_equals_zeros_after_it(self, pipeline: StoryVideoPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        half = draw(pipeline, control_guidance_end=0.5)
        whole = draw(pipeline, control_guidance_end=1.0)
        original, calls = AdapterGuide.applied, []

        def applied(self: AdapterGuide, *arguments: Any) -> Any:
            calls.append(1)
            if len(calls) > STEPS // 2:
                self._features = {n: [torch.zeros_like(f) for f in features] for n, features in self._features.items()}
            return original(self, *arguments)

        monkeypatch.setattr(AdapterGuide, "applied", applied)
        assert_close(draw(pipeline, control_guidance_end=1.0), half)
        assert len(calls) == STEPS
        assert not torch.allclose(half, whole, atol=1e-3)

    def test_zero_equals_no_structure_and_never_calls_the_adapter(self, pipeline: StoryVideoPipeline) -> None:
        with counted(pipeline.structure) as calls:
            none = draw(pipeline, control_guidance_end=0.0)
        assert not calls
        assert torch.equal(none, draw(pipeline, structure_frames=None))

    @pytest.mark.parametrize("until", [0.25, 1.0])
    def test_adapter_runs_once_a_shot(self, pipeline: StoryVideoPipeline, until: float) -> None:
        with counted(pipeline.structure) as calls:
            draw(pipeline, control_guidance_end=until)
        assert len(calls) == 1

    def test_controlnet_runs_at_the_structured_steps_only(self, tmp_path: Path) -> None:
        pipeline = tiny.story_pipeline(tmp_path, structure=tiny.controlnet(tiny.unet_2d()))
        with counted(pipeline.structure) as calls:
            half = draw(pipeline, control_guidance_end=0.5)
        assert len(calls) == STEPS // 2
        assert not torch.allclose(half, draw(pipeline, structure_frames=None), atol=1e-3)

    def test_leaves_no_hook(self, pipeline: StoryVideoPipeline) -> None:
        draw(pipeline, control_guidance_end=1.0)
        assert not [name for name, module in pipeline.unet.named_modules() if module._forward_hooks]

    def test_hooks_go_when_the_unet_fails(self, pipeline: StoryVideoPipeline) -> None:
        guide = pipeline.structure_guide(inverse_depth()[None])
        with pytest.raises(RuntimeError):
            pipeline.predict(torch.randn(1, 3, tiny.NUM_FRAMES, 8, 8), torch.tensor(1), torch.randn(1, 5, tiny.WIDTH), guide)
        assert not [name for name, module in pipeline.unet.named_modules() if module._forward_hooks]

    @given(st.floats(0, 1), st.integers(1, 200))
    def test_steps_of_rounds_halves_up_and_stays_inside(self, part: float, num_steps: int) -> None:
        steps = steps_of(part, num_steps)
        assert 0 <= steps <= num_steps
        assert abs(steps - part * num_steps) <= 0.5 + 1e-9

    def test_steps_of_a_half(self) -> None:
        assert [steps_of(0.5, n) for n in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


class TestGuide:
    def test_each_clip_of_a_batch_has_its_own_depth(self, pipeline: StoryVideoPipeline) -> None:
        depths = inverse_depth(2, tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX)
        noise = torch.randn((2, 4, tiny.NUM_FRAMES, 8, 8), generator=torch.Generator().manual_seed(1))
        both = draw(pipeline, prompt=["a bear", "a cab"], structure_frames=depths, latents=noise)
        for i, prompt in enumerate(["a bear", "a cab"]):
            alone = draw(pipeline, prompt=prompt, structure_frames=depths[i], latents=noise[i:i + 1])
            assert_close(both[i:i + 1], alone)

    @pytest.mark.parametrize("kind", ["t2i_adapter", "controlnet"])
    def test_gradients_reach_the_branch_at_mixed_timesteps(self, tmp_path: Path, kind: str) -> None:
        structure = tiny.t2i_adapter() if kind == "t2i_adapter" else tiny.controlnet(tiny.unet_2d())
        pipeline = tiny.story_pipeline(tmp_path, structure=structure)
        sample, text = torch.randn(2, 4, tiny.NUM_FRAMES, 8, 8), torch.randn(2, 5, tiny.WIDTH)
        guide = pipeline.structure_guide(inverse_depth(2, tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX))
        predicted = pipeline.predict(sample, torch.tensor([10, 900]), text, guide)
        predicted.square().mean().backward()
        assert predicted.shape == sample.shape
        assert all(parameter.grad is not None for parameter in structure.parameters())

    def test_depth_of_another_size_is_refused(self, pipeline: StoryVideoPipeline) -> None:
        with pytest.raises(UsageError, match="structure_frames"):
            draw(pipeline, structure_frames=inverse_depth(3, tiny.SIZE_PX, tiny.SIZE_PX))

    def test_features_that_fit_no_block_are_refused(self, tmp_path: Path) -> None:
        coarse = tiny.T2IAdapter(in_channels=3, channels=list(tiny.CHANNELS), num_res_blocks=1, downscale_factor=16)
        with pytest.raises(ModelError, match="features"):
            draw(tiny.story_pipeline(tmp_path, structure=coarse))

    def test_structure_without_a_branch_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no structure branch"):
            draw(tiny.story_pipeline(tmp_path))
