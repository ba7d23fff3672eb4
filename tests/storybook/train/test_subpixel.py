"""Both ends of an autoencoder, folded into one convolution each."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderTiny

from storybook.train import subpixel


@pytest.fixture
def vae() -> AutoencoderTiny:
    torch.manual_seed(3)
    return AutoencoderTiny(
        latent_channels=4,
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(0, 0, 1, 1),
        num_decoder_blocks=(1, 1, 1, 0),
    )


def inside(pixels: torch.Tensor, ring: int = 1) -> torch.Tensor:
    return pixels[..., ring:-ring, ring:-ring]


def test_decodes_as_the_stock_class_but_for_the_outermost_ring(vae: AutoencoderTiny) -> None:
    latents = torch.randn(2, 4, 4, 6)
    folded, stock = subpixel.decode(vae, latents), vae.decode(latents).sample
    torch.testing.assert_close(inside(folded), inside(stock), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(folded, stock, atol=1e-4)


def test_encodes_as_the_stock_class_away_from_the_edge(vae: AutoencoderTiny) -> None:
    pixels = torch.rand(1, 3, 160, 160) * 2 - 1
    middle = slice(8, 12)  # of 20 × 20 latents: what the ring reaches lies outside
    folded, stock = subpixel.encode(vae, pixels), vae.encode(pixels).latents
    torch.testing.assert_close(folded[..., middle, middle], stock[..., middle, middle], atol=1e-5, rtol=1e-5)


def test_gradients_reach_the_stock_weights(vae: AutoencoderTiny) -> None:
    target = torch.rand(1, 3, 48, 48)
    gradients = []
    for decode in (lambda z: subpixel.decode(vae, z), lambda z: vae.decode(z).sample):
        vae.zero_grad()
        inside(decode(torch.ones(1, 4, 6, 6)) - target, 2).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in vae.decoder.parameters()])
    for folded, stock in zip(*gradients, strict=True):
        torch.testing.assert_close(folded, stock, atol=1e-3, rtol=1e-3)


def test_a_folded_decoder_stands_in_for_the_stock_one(vae: AutoencoderTiny) -> None:
    latents = torch.randn(1, 4, 4, 4)
    wanted = subpixel.decode(vae, latents)
    vae.decoder = subpixel.SubPixelDecoder(vae.decoder)
    torch.testing.assert_close(vae.decode(latents).sample, wanted)


def test_blocks_at_full_size_are_not_folded_away(vae: AutoencoderTiny) -> None:
    assert subpixel.is_foldable(vae)
    assert not subpixel.is_foldable(
        AutoencoderTiny(
            num_encoder_blocks=(0, 0),
            num_decoder_blocks=(1, 1),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
        )
    )
