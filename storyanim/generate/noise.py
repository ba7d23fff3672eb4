"""Start noise that the frames of a clip have in common, and that moves as the camera does."""

from __future__ import annotations

from typing import TypeAlias

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

Generators: TypeAlias = "torch.Generator | list[torch.Generator] | None"


def correlated_noise(
    noise: Tensor, correlation: float, shift: float, generator: Generators, sigma: float = 1.0
) -> Tensor:
    """Mix independent noise of frames with noise that is common to them (mixed noise, arXiv 2305.10474 §3.2).

    Args:
        noise: (B, C, T, h, w), independent, on the CPU.
        correlation: of any two frames of the result, in [0, 1].
        shift: widths by which the common noise moves to the right from a frame to the next: what is drawn out
            of it moves along, as under a camera that pans left (noise warping, arXiv 2501.08331).
        generator: of the common noise.
        sigma: standard deviation of `noise` and of the result.

    Returns: (B, C, T, h, w), white within a frame.
    """
    batch, channels, num_frames, h, w = noise.shape
    offsets = [round(shift * w * k) for k in range(num_frames)]           # whole cells: the noise stays white
    left, right = max(offsets), -min(offsets)
    shape = (batch, channels, 1, h, left + w + right)
    wide = randn_tensor(shape, generator, noise.device, noise.dtype)
    common = torch.cat([wide[..., left - offset:left - offset + w] for offset in offsets], dim=2)
    return (1 - correlation) ** 0.5 * noise + correlation**0.5 * common * sigma
