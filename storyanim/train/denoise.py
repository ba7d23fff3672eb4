"""What the three denoiser stages share: the v objective, captions, latents of a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.train.data import Shard, unpack_mask
from storyanim.world import captions

SAMPLE_STEPS = 20
SAMPLE_GUIDANCE = 3.0


class Objective:
    """v-prediction with creature cells counted more (arXiv 2202.00512; zero terminal SNR from 2305.08891)."""

    def __init__(self, scheduler: DDIMScheduler, device: torch.device, creature_weight: float = 2.5) -> None:
        self.alphas = scheduler.alphas_cumprod.to(device)
        self.creature_weight = creature_weight

    def noisy(self, latents: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(z_t, v) of latents (B, …) at timesteps (B,)."""
        shape = (-1, *[1] * (latents.ndim - 1))
        a, s = self.alphas[t].sqrt().view(shape), (1 - self.alphas[t]).sqrt().view(shape)
        return a * latents + s * noise, a * noise - s * latents

    def loss(self, output: torch.Tensor, v: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Weighted mean square; `cells` are the shares of creature pixels, broadcastable to v."""
        weight = 1 + (self.creature_weight - 1) * cells
        return ((output.float() - v).square() * weight).mean() / weight.mean()


def creature_cells(shard: Shard, row: int, frames: Any) -> np.ndarray[Any, Any]:
    """Share of creature pixels of each latent cell, (T, H / 8, W / 8) float32."""
    mask = unpack_mask(np.asarray(shard.mask[row])[frames]).astype(np.float32)
    t, h, w = mask.shape
    return mask.reshape(t, h // 8, 8, w // 8, 8).mean((2, 4))


def caption_ids(
    tokens: CLIPTokenizer, shards: list[tuple[Shard, int]], rng: np.random.Generator, blank: float = 0.1
) -> torch.Tensor:
    """Captions in varied words, a share of them blank for classifier-free guidance. (B, L)."""
    texts = ["" if rng.random() < blank else captions.caption(shard.specs[row], rng) for shard, row in shards]
    return tokens(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


def text_states(encoder: CLIPTextModel, ids: torch.Tensor) -> torch.Tensor:
    """(B, L) → (B, L, D), as the pipelines of diffusers take them."""
    return encoder(input_ids=ids).last_hidden_state


@torch.no_grad()
def sample_images(
    unet: Any,
    scheduler: DDIMScheduler,
    states: torch.Tensor,
    blank: torch.Tensor,
    shape: tuple[int, ...],
    *,
    structure: list[torch.Tensor] | None = None,
    seed: int = 0,
) -> torch.Tensor:
    """A plain sampler for sample sheets: image U-Net, DDIM. Returns latents."""
    scheduler.set_timesteps(SAMPLE_STEPS, device=states.device)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(states.device)
    both = torch.cat([blank.expand_as(states), states])
    for t in scheduler.timesteps:
        more = None if structure is None else [torch.cat([f, f]) for f in structure]
        with torch.autocast(states.device.type, torch.bfloat16):
            output = unet(
                torch.cat([latents, latents]), t, encoder_hidden_states=both, down_intrablock_additional_residuals=more
            ).sample
        without, with_text = output.float().chunk(2)
        latents = scheduler.step(without + SAMPLE_GUIDANCE * (with_text - without), t, latents).prev_sample
    return latents
