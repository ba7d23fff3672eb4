"""One level more around a trained autoencoder."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny

from storyanim.config import asset
from storybook.train.deepen import DECODER_BLOCKS, ENCODER_BLOCKS, deepen
from storybook.world import render_frames, sample_spec


@pytest.fixture(scope="module")
def bundled() -> AutoencoderTiny:
    return AutoencoderTiny.from_pretrained(
        asset("storybook") / "pipeline/vae", torch_dtype=torch.float32
    ).eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    rgb = render_frames(sample_spec(11), [0.5], size=256).rgb
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_is_a_stock_network_of_sixteenth_size(bundled: AutoencoderTiny, pixels: torch.Tensor) -> None:
    deeper = deepen(bundled)
    assert type(deeper) is AutoencoderTiny
    assert (deeper.config.num_encoder_blocks, deeper.config.num_decoder_blocks) == (
        ENCODER_BLOCKS,
        DECODER_BLOCKS,
    )
    assert deeper.encode(pixels).latents.shape == (1, bundled.config.latent_channels, 16, 16)


@torch.no_grad()
def test_begins_as_the_old_one_at_half_size(bundled: AutoencoderTiny, pixels: torch.Tensor) -> None:
    deeper, half = deepen(bundled), F.avg_pool2d(pixels, 2)
    old = bundled.encode(half).latents
    error = (deeper.encode(pixels).latents - old).abs().mean() / old.abs().mean()
    assert error < 0.1  # a sixth tap of the mean lies outside the kernel
    doubled = F.interpolate(bundled.decode(old).sample, scale_factor=2)
    assert (deeper.decode(old).sample - doubled).abs().mean() < 0.04
    fresh = AutoencoderTiny.from_config(deeper.config)
    assert (fresh.decode(old).sample - doubled).abs().mean() > 0.2


def test_added_blocks_are_the_identity_where_nothing_is_negative(bundled: AutoencoderTiny) -> None:
    deeper = deepen(bundled, encoder_blocks=(0, 0, 0, 4, 5))
    states = torch.rand(1, 48, 4, 4)
    added = deeper.encoder.layers[-2]
    torch.testing.assert_close(added(states), states)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(deeper.encoder.layers[-3](states), states)
