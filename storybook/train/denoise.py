"""What the three denoiser stages share: the v objective, captions, latents of a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.device import quick_autocast
from storybook.train.data import Shard, unpack_mask
from storybook.world import captions

SAMPLE_STEPS = 20
SAMPLE_GUIDANCE = 3.0
CREATURE_WEIGHT = 2.5  # of a cell full of creature, against one without
# a cell in the middle of a face counts as so many more cells of creature; how wide a face is, of the frame
FACE_SHARES, FACE_WIDTH = 1.5, 14 / 128


def creature_loss(output: torch.Tensor, target: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Return the mean square with creature cells counted more.

    `cells` are what `creature_cells` gives, broadcastable to the target.
    """
    weight = 1 + (CREATURE_WEIGHT - 1) * cells
    return ((output.float() - target).square() * weight).mean() / weight.mean()


def timesteps(rng: np.random.Generator, count: int, *, middle: float = 0.3) -> np.ndarray[Any, Any]:
    """Return (B,) of 0 … 999: a fifth evenly, the others logit-normal, mostly where shapes are decided (arXiv
    2403.03206).

    `middle` is the logit of their median: higher means noisier.
    """
    logistic = 1 / (1 + np.exp(-rng.normal(middle, 1.0, count)))
    return np.minimum(1000 * np.where(rng.random(count) < 0.2, rng.random(count), logistic),
                      999).astype(np.int64)


def creature_cells(shard: Shard, row: int, frames: Any, cells: int = 16) -> np.ndarray[Any, Any]:
    """Return the share of creature pixels of each latent cell, more than 1 where the first creature's face
    is, (T, cells, cells) float32: of 8 pixels a side in pictures of 128, of 16 in those of 256.

    Eyes and muzzle decide whether a picture is good, and are a few cells of many.
    """
    mask = unpack_mask(np.asarray(shard.mask[row])[frames]).astype(np.float32)
    t, size, _ = mask.shape
    px = size // cells
    shares = mask.reshape(t, cells, px, cells, px).mean((2, 4))
    x, y = np.nan_to_num(np.asarray(shard.head[row])[frames], nan=-1e3).T[..., None, None]  # (T, 1, 1) each
    middles = px * np.arange(cells) + (px - 1) / 2
    far = np.square(middles[None, :, None] - y) + np.square(middles[None, None, :] - x)
    return (shares * (1 + FACE_SHARES * np.exp(-far / (FACE_WIDTH * size) ** 2))).astype(np.float32)


def caption_ids(
    tokens: CLIPTokenizer, shards: list[tuple[Shard, int]], rng: np.random.Generator, blank: float = 0.1
) -> torch.Tensor:
    """Return captions in varied words, a share of them blank for classifier-free guidance. (B, L)."""
    texts = [
        "" if rng.random() < blank else captions.caption(shard.specs[row], rng, shard.world)
        for shard, row in shards
    ]
    return tokens(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


def text_states(encoder: CLIPTextModel, ids: torch.Tensor) -> torch.Tensor:
    """Return (B, L) → (B, L, D), as the pipelines of diffusers take them."""
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
    steps: int | None = None,
) -> torch.Tensor:
    """Return a plain sampler, DDIM, of an image U-Net, or without structure of a video U-Net.

    Returns latents. `steps`: SAMPLE_STEPS.
    """
    scheduler.set_timesteps(steps or SAMPLE_STEPS, device=states.device)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(states.device)
    both = torch.cat([blank.expand_as(states), states])
    for t in scheduler.timesteps:
        more = {} if structure is None else {"down_intrablock_additional_residuals": [torch.cat([f, f]) for f in structure]}
        with quick_autocast(states.device):
            output = unet(torch.cat([latents, latents]), t, encoder_hidden_states=both, **more).sample
        without, with_text = output.float().chunk(2)
        latents = scheduler.step(without + SAMPLE_GUIDANCE * (with_text - without), t, latents).prev_sample
    return latents
