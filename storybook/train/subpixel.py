"""Both ends of an `AutoencoderTiny` without blocks at full size, each as one convolution at half size.

The decoder's last step, nearest upsampling and two convolutions at full size with nothing between them, is
linear: one 3 × 3 convolution at half size and a pixel shuffle give the same (Shi et al., arXiv 1609.07009).
The encoder's first step likewise is one 5 × 5 convolution of stride 2. The weights stay those of the stock
class; gradients reach them through the product. Only the outermost ring of pixels differs, where the stock
class pads between its two convolutions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import nn

# [phase, tap at half size + 1, tap at full size + 2]: where a tap falls when each pixel stands for two
_TAPS = torch.tensor(
    [
        [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]],
        [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]],
    ],
    dtype=torch.float32,
)


def is_foldable(vae: AutoencoderTiny) -> bool:
    """Return whether no blocks stand at full size, and upsampling is by nearest neighbours."""
    config = vae.config
    bare = config.num_encoder_blocks[0] == 0 and config.num_decoder_blocks[-1] == 0
    return bool(bare and config.upsample_fn == "nearest" and config.upsampling_scaling_factor == 2)


def compose(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the kernel (O, I, 5, 5) of a convolution (M, I, 3, 3) and another (O, M, 3, 3) after it."""
    return F.conv2d(first.transpose(0, 1), second.flip(2, 3), padding=2).transpose(0, 1)


def last_kernel(decoder: nn.Module) -> torch.Tensor:
    """Return (4 × out_channels, C, 3, 3): upsampling and the last two convolutions before a shuffle."""
    kernel = compose(decoder.layers[-2].weight, decoder.layers[-1].weight)  # (3, C, 5, 5)
    taps = _TAPS.to(kernel)
    return torch.einsum("pdu,qev,ckuv->cpqkde", taps, taps, kernel).flatten(0, 2)


def first_kernel(encoder: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (C, in_channels, 5, 5) and bias (C,): the first convolution and the one of stride 2 after it."""
    first, second = encoder.layers[0], encoder.layers[1]
    return compose(first.weight, second.weight), second.weight.sum((2, 3)) @ first.bias


def encode(vae: AutoencoderTiny, pixels: torch.Tensor) -> torch.Tensor:
    """Return latents (B, C, H / 16, W / 16), for five levels, of pixels (B, 3, H, W) in [-1, 1]."""
    with torch.autocast(pixels.device.type, enabled=False):
        kernel, bias = first_kernel(vae.encoder)
    half = F.conv2d(pixels.add(1).div(2), kernel, bias, stride=2, padding=2)
    return vae.encoder.layers[2:](half)


def decode(vae: AutoencoderTiny, latents: torch.Tensor) -> torch.Tensor:
    """Return pixels (B, 3, 16h, 16w), for five levels, around [-1, 1] of latents (B, C, h, w)."""
    with torch.autocast(latents.device.type, enabled=False):
        kernel = last_kernel(vae.decoder)
    bias = vae.decoder.layers[-1].bias.repeat_interleave(4)
    half = vae.decoder.layers[:-3](torch.tanh(latents / 3) * 3)
    return F.pixel_shuffle(F.conv2d(half, kernel, bias, padding=1), 2).mul(2).sub(1)


class SubPixelDecoder(nn.Module):
    """A trained decoder with its last step folded once and for all, for sampling: `vae.decoder = ...`."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        kernel = last_kernel(decoder).detach()
        self.inner = decoder.layers[:-3]
        self.last = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
        self.last.weight = nn.Parameter(kernel.clone())
        self.last.bias = nn.Parameter(decoder.layers[-1].bias.detach().repeat_interleave(4))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return pixels (B, 3, H, W) around [-1, 1] of latents (B, C, h, w)."""
        half = self.inner(torch.tanh(latents / 3) * 3)
        return F.pixel_shuffle(self.last(half), 2).mul(2).sub(1)
