"""Feed-forward layers in parts give what they give whole, and need less memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from storyanim.generate.chunks import chunked_feed_forward


@pytest.mark.parametrize("long", [False, True])
def test_in_parts_is_the_same(tmp_path: Path, long: bool) -> None:
    pipeline = tiny.story_pipeline(tmp_path)
    if long:
        pipeline.enable_free_noise(4, 2)
    sample, states = torch.randn(1, 4, 8, 8, 8), torch.randn(1, 20, tiny.WIDTH)
    whole = pipeline.predict(sample, torch.tensor(3), states)
    seen: list[int] = []
    layer = next(module for name, module in pipeline.unet.named_modules() if name.endswith(".ff"))
    hook = layer.net[0].register_forward_hook(lambda module, args, output: seen.append(args[0].shape[:2].numel()))
    with chunked_feed_forward(pipeline.unet, 32):
        parts = pipeline.predict(sample, torch.tensor(3), states)
    hook.remove()
    assert (whole - parts).abs().max() <= 1e-5
    assert len(seen) > 1
    assert max(seen) <= 64                           # a row is never cut
    assert torch.equal(pipeline.predict(sample, torch.tensor(3), states), whole)
