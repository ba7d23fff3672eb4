"""Sample sheets: what a stage's networks make, in one picture, never picked."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, T2IAdapter, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer, DPTForDepthEstimation

from storyanim.sheet import Layout, Row, contact_sheet
from storybook.train import networks
from storybook.train.autoencoder import decode, encode
from storybook.train.data import ClipSet
from storybook.train.denoise import sample_images, text_states
from storybook.train.depth import estimate
from storybook.train.structure import structure_depth
from storybook.world import STORYBOOK_1, ClipSpec, World, captions, sample_spec

NUM_CAPTIONS = 40


def grid(rows: list[list[np.ndarray[Any, Any]]]) -> Image.Image:
    """Return a page of rows of equal (H, W, 3) uint8 images, without gaps."""
    height, width = rows[0][0].shape[:2]
    return contact_sheet([Row(images) for images in rows], Layout(cell_px=(width, height), gap_px=0))


def autoencoder_sheet(vae: AutoencoderTiny, folder: Path, device: torch.device, *,
                      scale: int = 2) -> Image.Image:
    """Held-out frames above their reconstructions, at `scale` times the size."""
    held = ClipSet(folder)
    places = [held.place(k % len(held)) for k in range(10)]
    truth = [np.asarray(shard.rgb[row, 0]) for shard, row in places]
    output = decode(vae, torch.from_numpy(encode(vae, np.stack(truth), device)).to(device).float())
    page = grid([truth[:5], list(output[:5]), truth[5:], list(output[5:])])
    return page.resize((page.width * scale, page.height * scale), Image.Resampling.NEAREST)


def depth_sheet(network: DPTForDepthEstimation, folder: Path, device: torch.device) -> Image.Image:
    """Held-out frames, exact inverse depth, estimated inverse depth."""
    held = ClipSet(folder)
    places = [held.place(k % len(held)) for k in range(8)]
    frames = np.stack([np.asarray(shard.rgb[row, 0]) for shard, row in places])
    exact = [grey(np.asarray(shard.inverse_depth[row, 0]) / 255) for shard, row in places]
    return grid([list(frames), exact, [grey(d) for d in estimate(network, frames, device)]])


def image_sheet(
    unet: UNet2DConditionModel, text: CLIPTextModel, tokens: CLIPTokenizer, vae: AutoencoderTiny,
    device: torch.device, world: World = STORYBOOK_1,
) -> Image.Image:
    """Return pictures of held-out looks, drawn from their captions alone, which stand below them."""
    texts = [captions.caption(spec, None, world) for spec in asked_specs(world)]
    states, blank = _states(text, tokens, texts, device)
    shape = (len(texts), networks.LATENT_CHANNELS, 16, 16)
    pictures = decode(vae, sample_images(unet, networks.scheduler(), states, blank, shape))
    size = pictures.shape[1]
    rows = [Row([picture], captions=wrap(words, size // 6)[:3])
            for picture, words in zip(pictures, texts, strict=True)]
    return contact_sheet(rows, Layout(cell_px=(size, size), gap_px=2, columns=8, font_px=11))


def asked_specs(world: World) -> list[ClipSpec]:
    """Return what the sheet of a world asks for: in worlds that have groups two of five are pairs or trios."""
    figures = (1,) if world is STORYBOOK_1 else (1, 1, 1, 2, 3, 1, 1, 2)
    return [
        sample_spec(9_500_000 + k, held_out=True, num_actors=figures[k % len(figures)], world=world)
        for k in range(NUM_CAPTIONS)
    ]


def structure_sheet(
    unet: UNet2DConditionModel,
    adapter: T2IAdapter,
    text: CLIPTextModel,
    tokens: CLIPTokenizer,
    vae: AutoencoderTiny,
    folder: Path,
    device: torch.device,
    world: World = STORYBOOK_1,
) -> Image.Image:
    """Return frames of clips, their depth, and other captions drawn under that depth."""
    clips = ClipSet(folder)
    places = [clips.place(k % len(clips)) for k in range(16)]
    frames = [np.asarray(shard.rgb[row, 0]) for shard, row in places]
    inverse_depth = np.stack([structure_depth(shard, row, exact=False)[0] for shard, row in places])
    specs = [sample_spec(9_600_000 + k, held_out=True, world=world) for k in range(16)]
    texts = [captions.caption(spec, None, world) for spec in specs]
    states, blank = _states(text, tokens, texts, device)
    with torch.no_grad():
        pictures = torch.from_numpy(inverse_depth).to(device)[:, None].expand(-1, 3, -1, -1).contiguous()
        features = list(adapter(pictures))
    shape = (16, networks.LATENT_CHANNELS, 16, 16)
    drawn = list(decode(vae,
                        sample_images(unet, networks.scheduler(), states, blank, shape, structure=features)))
    depth = [grey(d) for d in inverse_depth]
    return grid([frames[:8], depth[:8], drawn[:8], frames[8:], depth[8:], drawn[8:]])


def grey(inverse_depth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (H, W) in [0, 1] → (H, W, 3) uint8."""
    return np.repeat((np.clip(inverse_depth, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=-1)


@torch.no_grad()
def _states(
    text: CLIPTextModel, tokens: CLIPTokenizer, texts: list[str], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    ids = tokens([*texts, ""], padding="max_length", truncation=True,
                 return_tensors="pt").input_ids.to(device)
    states = text_states(text, ids)
    return states[:-1], states[-1:]
