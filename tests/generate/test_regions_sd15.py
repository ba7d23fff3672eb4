"""Regions on Stable Diffusion 1.5 with AnimateDiff's motion layers, as the stock classes save them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler, MotionAdapter
from tolerance import assert_close

from storyanim.artifacts import Box
from storyanim.config import ModelRef, Models
from storyanim.generate.load import load_pipeline
from storyanim.generate.regions import Region, RegionAttention
from storyanim.generate.regions_lora import reads_text
from storyanim.generate.story_pipeline import StoryVideoPipeline

LEFT, RIGHT = Box(x1=0.5), Box(x0=0.5)
FRAMES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sd15")
    tiny.save_stable_diffusion(made)
    return made


@pytest.fixture(params=["t2i_adapter", "controlnet"])
def pipeline(request: pytest.FixtureRequest, folder: Path) -> StoryVideoPipeline:
    where = {"t2i_adapter": "t2i", "controlnet": "control"}[request.param]
    refs = {name: ModelRef(repo=str(folder / part))
            for name, part in (("pipeline", "base"), ("motion_adapter", "motion"), ("structure", where))}
    unused = ModelRef(repo="unused")
    return load_pipeline(Models(**refs, structure_kind=request.param, depth=unused, encoder=unused))


def draw(pipeline: Any, prompt: str = "a bear", **changes: Any) -> torch.Tensor:
    arguments = {"num_frames": FRAMES, "num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "latent",
                 "generator": torch.Generator().manual_seed(7), **changes}
    return pipeline(prompt, **arguments).frames


def record_cross_attention(pipeline: StoryVideoPipeline, draw_it: Callable[[], Any]) -> list[torch.Tensor]:
    """Outputs of the first layer of cross-attention, in which no text was mixed before: (2 × T, h × w, C) a step."""
    layer = next(module for name, module in pipeline.unet.named_modules() if name.endswith("attn2") and reads_text(name))
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda module, args, output: seen.append(output.detach().clone()))
    try:
        draw_it()
    finally:
        hook.remove()
    return seen


class TestOneRegion:
    """A region of the whole picture is the prompt: only its text is read, without a mask.

    The text encoder works on two texts at once instead of one, and may round their last bits differently.
    """

    def test_equals_the_unmasked_pipeline(self, pipeline: StoryVideoPipeline) -> None:
        assert_close(draw(pipeline, regions=[Region("a cab")]), draw(pipeline, "a cab"))

    def test_to_the_bit_with_equal_states_of_text(self, pipeline: StoryVideoPipeline) -> None:
        states = pipeline.encode_prompts(["a bear", "a cab"], {})                              # (2, L, D)
        sample = torch.randn(1, 4, FRAMES, 8, 8, generator=torch.Generator().manual_seed(1))
        attention = RegionAttention([Region("a cab")], FRAMES, (8, 8), states.shape[1])
        with torch.no_grad():
            plain = pipeline.predict(sample, torch.tensor(500), states[1:])
            with attention.applied(pipeline.unet):
                found = pipeline.predict(sample, torch.tensor(500), states.flatten(0, 1)[None])
        assert torch.equal(found, plain)

    def test_equals_the_stock_pipeline(self, pipeline: StoryVideoPipeline, folder: Path) -> None:
        stock = AnimateDiffPipeline.from_pretrained(folder / "base", motion_adapter=MotionAdapter.from_pretrained(folder / "motion"))
        stock.scheduler = DDIMScheduler.from_pretrained(
            folder / "base", subfolder="scheduler", clip_sample=False, timestep_spacing="linspace", beta_schedule="linear",
            steps_offset=1)
        stock.set_progress_bar_config(disable=True)
        assert_close(draw(pipeline, regions=[Region("a cab")]), draw(stock, "a cab"))


class TestTextStaysInItsRegion:
    """The other region's text is changed: what the first layer of cross-attention gives elsewhere stays, bit for bit."""

    def test_in_space(self, pipeline: StoryVideoPipeline) -> None:
        regions = [Region("a cab", (LEFT,)), Region("a bed", (RIGHT,))]
        one = record_cross_attention(pipeline, lambda: draw(pipeline, regions=regions, num_inference_steps=1))
        regions[1] = Region("a dodo", (RIGHT,))
        other = record_cross_attention(pipeline, lambda: draw(pipeline, regions=regions, num_inference_steps=1))
        for before, after in zip(one, other, strict=True):
            change = (before - after)[FRAMES:].unflatten(1, (8, 8)).abs().amax(dim=(0, 1, 3))   # (w,) of the half with text
            assert torch.equal(change[:4], torch.zeros(4))
            assert (change[4:] > 1e-4).all()

    def test_in_time(self, pipeline: StoryVideoPipeline) -> None:
        regions = [Region("a cab", end=0.5), Region("a bed", start=0.5)]
        one = record_cross_attention(pipeline, lambda: draw(pipeline, regions=regions, num_inference_steps=1))
        regions[1] = Region("a dodo", start=0.5)
        other = record_cross_attention(pipeline, lambda: draw(pipeline, regions=regions, num_inference_steps=1))
        for before, after in zip(one, other, strict=True):
            change = (before - after)[FRAMES:].abs().amax(dim=(1, 2))                           # (T,)
            assert torch.equal(change[:2], torch.zeros(2))
            assert (change[2:] > 1e-4).all()

    def test_the_shot_s_own_text_is_read_where_no_region_is(self, pipeline: StoryVideoPipeline) -> None:
        drawn = [record_cross_attention(pipeline, lambda prompt=prompt: draw(pipeline, prompt, regions=[Region("a cab", (LEFT,))],
                                                              num_inference_steps=1))[0] for prompt in ("a bear", "a dodo")]
        change = (drawn[0] - drawn[1])[FRAMES:].unflatten(1, (8, 8)).abs().amax(dim=(0, 1, 3))
        assert torch.equal(change[:4], torch.zeros(4))
        assert (change[4:] > 1e-4).all()

    def test_self_attention_still_joins_the_regions(self, pipeline: StoryVideoPipeline) -> None:
        """As in DreamRunner, what is masked is text: the picture changes everywhere, a little."""
        regions = [Region("a cab", (LEFT,)), Region("a bed", (RIGHT,))]
        one = draw(pipeline, regions=regions)
        other = draw(pipeline, regions=[regions[0], Region("a dodo", (RIGHT,))])
        assert ((one - other).abs().amax(dim=(0, 1, 2, 3))[:4] > 0).all()
