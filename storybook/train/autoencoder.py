"""Stage 1: the autoencoder, on square crops around heads, around creatures and anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import nn

from storyanim.device import quick_autocast
from storybook.train.data import ClipSet, Shard, to_pixels, unpack_mask
from storybook.train.loop import Batch

# weight of the square beside the absolute difference: what is far off, eyes and muzzles, counts more
SQUARED = 4.0
CREATURE_WEIGHT = 3.0  # of a creature pixel beside the 1 that each pixel counts


class AutoencoderStage:
    """L1 and squares with creature pixels counted more, image gradients.

    Latents near unit size, robust to noise and to halving.

    Pooled latents decode to the pooled picture: fine detail then lies in the fine frequencies of the latents,
    as diffusion learns fastest (arXiv 2502.14831). With `decoder_only` the latents stay what the later stages
    were trained on.
    """

    name = "autoencoder"
    # of a batch, for which it is checked that latents can be halved; of that loss
    halved_share, halved_weight = 1.0, 0.5

    def __init__(
        self,
        network: AutoencoderTiny,
        folder: Path,
        *,
        batch_size: int = 32,
        crop_px: int = 64,
        decoder_only: bool = False,
        device: torch.device,
    ) -> None:
        self.vae = network.to(device, memory_format=torch.channels_last)
        self.network: nn.Module = self.vae
        self.vae.encoder.requires_grad_(not decoder_only)
        self.set, self.batch_size, self.crop_px, self.device = ClipSet(folder), batch_size, crop_px, device
        self.decoder_only = decoder_only

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one parameter group."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return crops: half around heads, a quarter around the creature's place, a quarter anywhere."""
        crops, weights = [], []
        for shard, row in self.set.rows(rng, self.batch_size):
            crop, weight = self._crop(shard, row, rng)
            crops.append(crop)
            weights.append(weight)
        rgb = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)  # (B, 3, h, w) uint8
        return {"rgb": rgb, "weight": torch.from_numpy(np.stack(weights))[:, None]}

    def _crop(self, shard: Shard, row: int, rng: np.random.Generator) -> tuple[Any, Any]:
        frame = int(rng.integers(shard.rgb.shape[1]))
        rgb, mask = shard.rgb[row, frame], unpack_mask(shard.mask[row, frame])  # (H, W, 3), (H, W)
        size, limit = self.crop_px, rgb.shape[0] - self.crop_px
        kind = rng.random()
        if kind < 0.5:
            x, y = shard.head[row, frame] - size / 2 + rng.normal(0, size / 8, 2)
        elif kind < 0.75 and mask.any():
            places = np.argwhere(mask)
            y, x = places[rng.integers(len(places))] - size / 2
        else:
            x, y = rng.uniform(0, limit, 2)
        left, top = int(np.clip(x, 0, limit)), int(np.clip(y, 0, limit))
        part = np.s_[top : top + size, left : left + size]
        crop, weight = rgb[part], 1.0 + CREATURE_WEIGHT * mask[part].astype(np.float32)
        if rng.random() < 0.5:
            crop, weight = crop[:, ::-1], weight[:, ::-1]
        return np.ascontiguousarray(crop), np.ascontiguousarray(weight)

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss and PSNR of the batch."""
        rgb, weight = self._pixels(batch)
        with quick_autocast(self.device):
            latents = self._encode(rgb)
            output = self._decode(latents + self._noise(batch, latents)).float()
        loss, absolute = reconstruction_loss(output, rgb, weight)
        psnr = -10 * torch.log10((output - rgb).detach().square().mean() / 4)
        figures = {"l1": absolute.detach(), "psnr": psnr}
        if not self.decoder_only:
            penalty, more = self._latent_loss(latents, rgb)
            loss, figures = loss + penalty, figures | more
        return loss, {key: float(value) for key, value in figures.items()}

    def _pixels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pictures (B, 3, h, w) in [-1, 1] and weights (B, 1, h, w)."""
        rgb = batch["rgb"].to(self.device).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
        return rgb, batch["weight"].to(self.device)

    def _encode(self, rgb: torch.Tensor) -> torch.Tensor:
        return self.vae.encode(rgb).latents

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.vae.decode(latents).sample

    def _noise(self, batch: Batch, latents: torch.Tensor) -> torch.Tensor:
        """Return what the denoiser may leave in them."""
        return torch.randn_like(latents) * 0.1 * torch.rand(len(latents), 1, 1, 1, device=self.device)

    def _latent_loss(self, latents: torch.Tensor, rgb: torch.Tensor) -> tuple[torch.Tensor,
                                                                              dict[str, torch.Tensor]]:
        """Return what keeps latents easy to denoise: that they can be halved, and have unit size."""
        count = max(1, round(self.halved_share * len(latents)))
        with quick_autocast(self.device):
            half = self._decode(F.avg_pool2d(latents[:count],
                                             2).contiguous(memory_format=torch.channels_last))
        latents = latents.float()
        halved = (half.float() - F.avg_pool2d(rgb[:count], 2)).abs().mean()
        mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        unit = mean.square().mean() + (deviation - 1).square().mean()
        return self.halved_weight * halved + 0.02 * unit, {"half": halved.detach(),
                                                           "std": deviation.detach().mean()}


def reconstruction_loss(
    output: torch.Tensor, rgb: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return differences of pixels, of neighbours and of the pooled picture; and the first of them alone.

    Args: output, rgb: (B, 3, h, w) in [-1, 1]; weight: (B, 1, h, w) of each pixel.
    """
    error = (output - rgb).abs()
    absolute = ((error + SQUARED * error.square()) * weight).mean() / weight.mean()
    edges = sum(((output - rgb).diff(dim=d).abs() * weight.narrow(d, 1, weight.shape[d] - 1)).mean()
                for d in (2, 3))
    coarse = (F.avg_pool2d(output, 4) - F.avg_pool2d(rgb, 4)).abs().mean()
    return absolute + edges + 0.5 * coarse, absolute


@torch.no_grad()
def encode(vae: AutoencoderTiny, rgb: np.ndarray[Any, Any], device: torch.device,
           batch_size: int = 32) -> np.ndarray[Any, Any]:
    """Return (N, H, W, 3) uint8 → latents (N, C, H / 8, W / 8) float16."""
    parts = []
    for start in range(0, len(rgb), batch_size):
        pixels = to_pixels(rgb[start : start + batch_size],
                           device).contiguous(memory_format=torch.channels_last)
        with quick_autocast(device):
            parts.append(vae.encode(pixels).latents.to(torch.float16).cpu().contiguous().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def decode(vae: AutoencoderTiny, latents: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return (N, C, h, w) → (N, 8h, 8w, 3) uint8."""
    with quick_autocast(latents.device):
        pixels = vae.decode(latents.contiguous(memory_format=torch.channels_last)).sample
    return pixels.float().add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def measure(vae: AutoencoderTiny, folder: Path, device: torch.device, scenes: int = 100) -> dict[str, float]:
    """PSNR in dB over whole held-out frames, and over creature pixels alone."""
    held = ClipSet(folder)
    whole, creature = [], []
    for index in range(min(scenes, len(held))):
        shard, row = held.place(index)
        rgb, mask = np.asarray(shard.rgb[row]), unpack_mask(shard.mask[row])
        output = decode(vae, torch.from_numpy(encode(vae, rgb, device)).to(device).float())
        error = ((output.astype(np.float32) - rgb) / 255.0) ** 2
        whole.append(error.mean())
        creature.append(error[mask].mean() if mask.any() else error.mean())
    return {"psnr_db": float(-10 * np.log10(np.mean(whole))),
            "creature_psnr_db": float(-10 * np.log10(np.mean(creature)))}
