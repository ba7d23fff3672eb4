"""The loop's own settings: where it is guided, what noise it starts from, what it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from tolerance import assert_close

from storyanim.errors import UsageError
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.generate.tokens import TokenTable

STEPS = 4


@pytest.fixture
def pipeline(tmp_path: Path) -> StoryVideoPipeline:
    return tiny.story_pipeline(tmp_path)


def draw(pipeline: StoryVideoPipeline, prompt: Any = "a bear", **changes: Any) -> Any:
    arguments = {"num_frames": 2, "num_inference_steps": STEPS, "guidance_scale": 2.0, "output_type": "latent",
                 "generator": torch.Generator().manual_seed(7), **changes}
    return pipeline(prompt, **arguments).frames


class TestGuidance:
    def batches(self, pipeline: StoryVideoPipeline, **changes: Any) -> list[int]:
        """How many clips the U-Net saw at each step."""
        seen: list[int] = []
        hook = pipeline.unet.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
        draw(pipeline, **changes)
        hook.remove()
        return seen

    @pytest.mark.parametrize(("interval", "expected"), [((0, 1), [2, 2, 2, 2]), ((0, 0.5), [2, 2, 1, 1]),
                                                        ((0.25, 0.75), [1, 2, 2, 1]), ((0.5, 0.5), [1, 1, 1, 1])])
    def test_unconditional_half_runs_inside_the_interval_only(self, pipeline: StoryVideoPipeline, interval: tuple[float, float],
                                                              expected: list[int]) -> None:
        assert self.batches(pipeline, guidance_interval=interval) == expected

    def test_scale_of_one_is_none(self, pipeline: StoryVideoPipeline) -> None:
        assert self.batches(pipeline, guidance_scale=1.0) == [1] * STEPS

    def test_empty_interval_equals_no_guidance(self, pipeline: StoryVideoPipeline) -> None:
        assert_close(draw(pipeline, guidance_interval=(0, 0)), draw(pipeline, guidance_scale=1.0))

    def test_negative_prompt_matters_under_guidance(self, pipeline: StoryVideoPipeline) -> None:
        assert not torch.equal(draw(pipeline), draw(pipeline, negative_prompt="blur"))
        plain = {"guidance_scale": 1.0}
        assert torch.equal(draw(pipeline, **plain), draw(pipeline, **plain, negative_prompt="blur"))


class TestNoise:
    def noise(self, pipeline: StoryVideoPipeline, shared: float, num_frames: int = 8) -> torch.Tensor:
        shape, seed = (2, num_frames, 256, 256), torch.Generator().manual_seed(0)
        return pipeline._noise(shape, seed, None, shared, 0.0)                                         # (2, 4, T, 32, 32)

    @pytest.mark.parametrize("shared", [0.0, 0.3, 0.9])
    def test_share_is_the_correlation_of_two_frames_and_variance_stays(self, pipeline: StoryVideoPipeline, shared: float) -> None:
        noise = self.noise(pipeline, shared).transpose(0, 2).flatten(1)                           # (T, values)
        correlation = torch.corrcoef(noise)
        assert abs(noise.var() - 1) < 0.05
        assert abs(correlation[~torch.eye(8, dtype=bool)].mean() - shared) < 0.05

    def test_a_little_sharing_changes_the_noise_a_little(self, pipeline: StoryVideoPipeline) -> None:
        assert (self.noise(pipeline, 1e-6) - self.noise(pipeline, 0.0)).abs().max() < 0.01

    def test_given_latents_are_the_start(self, pipeline: StoryVideoPipeline) -> None:
        latents = torch.randn((1, 4, 2, 8, 8), generator=torch.Generator().manual_seed(7))
        given = draw(pipeline, latents=latents, generator=None, noise_correlation=0.5)
        assert torch.equal(given, draw(pipeline))

    def test_same_seed_same_bytes(self, pipeline: StoryVideoPipeline) -> None:
        first, second = (draw(pipeline, output_type="np", noise_correlation=0.2) for _ in range(2))
        assert first.tobytes() == second.tobytes()


class TestBatch:
    def test_each_prompt_is_drawn_as_alone(self, pipeline: StoryVideoPipeline) -> None:
        table = TokenTable("<new>", torch.randn((1000, tiny.WIDTH), generator=torch.Generator().manual_seed(0)))
        latents = torch.randn((2, 4, 2, 8, 8), generator=torch.Generator().manual_seed(1))
        prompts = ["a <new> sits", "a cab"]
        both = draw(pipeline, prompts, tokens=[table], latents=latents)
        for i, prompt in enumerate(prompts):
            assert_close(both[i:i + 1], draw(pipeline, prompt, tokens=[table], latents=latents[i:i + 1]))


class TestOutput:
    def test_types_show_the_same_pictures(self, pipeline: StoryVideoPipeline) -> None:
        array, tensor, pictures = (draw(pipeline, output_type=kind) for kind in ("np", "pt", "pil"))
        assert array.shape == (1, 2, 64, 64, 3)
        assert 0 <= array.min() < array.max() <= 1
        assert np.array_equal(tensor.permute(0, 1, 3, 4, 2).numpy(), array)
        assert np.array_equal(np.asarray(pictures[0][1]), (array[0, 1] * 255).round().astype("uint8"))

    def test_size_is_the_models_own_when_none_is_given(self, pipeline: StoryVideoPipeline) -> None:
        assert draw(pipeline).shape == (1, 4, 2, 8, 8)
        assert draw(pipeline, height=32, width=96).shape == (1, 4, 2, 4, 12)

    def test_decoding_in_chunks_changes_nothing_to_be_seen(self, pipeline: StoryVideoPipeline) -> None:
        assert_close(draw(pipeline, output_type="np", decode_chunk_size=1), draw(pipeline, output_type="np"))

    def test_callback_sees_each_step_and_may_replace_the_latents(self, pipeline: StoryVideoPipeline) -> None:
        steps: list[int] = []

        def blank_at_the_end(pipe: Any, i: int, t: torch.Tensor, seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            steps.append(i)
            return {"latents": torch.zeros_like(seen["latents"])} if i == STEPS - 1 else {}

        assert not draw(pipeline, callback_on_step_end=blank_at_the_end).any()
        assert steps == [0, 1, 2, 3]

    def test_free_init_is_refused_rather_than_ignored(self, pipeline: StoryVideoPipeline) -> None:
        pipeline.enable_free_init()
        with pytest.raises(UsageError, match="FreeInit"):
            draw(pipeline)
