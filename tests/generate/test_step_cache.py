"""Deep features kept over steps: which are computed, and that an interval of one is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from storyanim.config import load_settings
from storyanim.generate.generator import StoryGenerator


def draw(pipeline: Any, **changes: Any) -> torch.Tensor:
    asked = {"num_frames": 2, "num_inference_steps": 6, "guidance_scale": 3.0, "output_type": "latent",
             "structure_frames": torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(2)), "control_guidance_end": 0.5}
    return pipeline("a bear", generator=torch.Generator().manual_seed(1), **{**asked, **changes}).frames


@pytest.fixture
def pipeline(tmp_path: Path) -> Any:
    return tiny.story_pipeline(tmp_path, structure=tiny.t2i_adapter())


@pytest.mark.parametrize(("interval", "halves", "end", "calls"), [
    (1, False, 1.0, 6), (2, False, 1.0, 3), (3, False, 1.0, 2), (2, True, 1.0, 6), (2, False, 0.5, 4)])
def test_the_middle_is_computed_at_every_so_many_steps(pipeline: Any, interval: int, halves: bool, end: float, calls: int) -> None:
    pipeline.halves_of_guidance = halves
    seen: list[int] = []
    pipeline.unet.mid_block.resnets[0].register_forward_hook(lambda *_: seen.append(1))
    draw(pipeline, cache_interval=interval, guidance_interval=(0.0, end))
    assert len(seen) == calls                        # where guidance ends the batch is another, and all is computed


def test_it_changes_the_picture_a_little_and_is_gone_after_it(pipeline: Any) -> None:
    whole, kept = draw(pipeline), draw(pipeline, cache_interval=2)
    assert 0 < (whole - kept).abs().mean() < 0.5 * whole.abs().mean()
    assert torch.equal(draw(pipeline), whole)
    pipeline.halves_of_guidance = True
    assert (draw(pipeline, cache_interval=2) - kept).abs().max() < 1e-4


def test_it_is_in_the_key_where_it_does_something() -> None:
    one, two = (StoryGenerator(load_settings("storybook", generate={"cache_interval": k})).fingerprint for k in (1, 2))
    assert one == StoryGenerator(load_settings("storybook")).fingerprint != two
