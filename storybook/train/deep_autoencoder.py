"""The autoencoder of 256-pixel pictures: as many latents as at 128, so that the denoiser costs the same.

Two stages: `autoencoder` learns to reconstruct, from the 128-pixel weights (deepen.py); `decoder` then makes
it sharp with the latents fixed (adversarial.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny

from storybook.train import subpixel
from storybook.train.autoencoder import AutoencoderStage, decode, encode
from storybook.train.data import ClipSet, draw_rows, unpack_mask
from storybook.train.loop import Batch

SIZE_PX, CROP_PX = 256, 96
NOISE = 0.1  # at most, in the latents' own unit: what the denoiser leaves
UNFOLDED = 0.125  # share of steps computed as the stock class does, for the ring of pixels where it differs


class DeepAutoencoderStage(AutoencoderStage):
    """As at 128 pixels, with both ends folded (subpixel.py).

    Every random number is drawn with its batch: a resumed training goes on to the bit.
    """

    halved_share, halved_weight = 0.25, 0.2

    def __init__(
        self,
        network: AutoencoderTiny,
        folders: list[Path],
        *,
        batch_size: int,
        crop_px: int = CROP_PX,
        decoder_only: bool = False,
        device: torch.device,
    ) -> None:
        super().__init__(
            network,
            folders[0],
            batch_size=batch_size,
            crop_px=crop_px,
            decoder_only=decoder_only,
            device=device,
        )
        self.sets = [ClipSet(folder) for folder in folders]
        self._latent_px = crop_px // 2 ** (len(network.config.encoder_block_out_channels) - 1)
        self._folds, self._folded = subpixel.is_foldable(network), False

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return crops, as at 128 pixels; noise for their latents; whether this step is computed folded."""
        crops = [self._crop(shard, row, rng) for shard, row in draw_rows(self.sets, rng, self.batch_size)]
        rgb = torch.from_numpy(np.stack([crop for crop, _ in crops])).permute(
            0, 3, 1, 2
        )  # (B, 3, h, w) uint8
        weight = torch.from_numpy(np.stack([weight for _, weight in crops]))[:, None]
        shape = (self.batch_size, self.vae.config.latent_channels, self._latent_px, self._latent_px)
        noise = rng.standard_normal(shape, np.float32) * rng.uniform(
            0, NOISE, (self.batch_size, 1, 1, 1)
        ).astype(np.float32)
        return {
            "rgb": rgb,
            "weight": weight,
            "noise": torch.from_numpy(noise),
            "folded": bool(rng.random() >= UNFOLDED),
        }

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss and PSNR of the batch."""
        self._folded = self._folds and batch["folded"]
        return super().loss(batch)

    def _encode(self, rgb: torch.Tensor) -> torch.Tensor:
        return subpixel.encode(self.vae, rgb) if self._folded else super()._encode(rgb)

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        return subpixel.decode(self.vae, latents) if self._folded else super()._decode(latents)

    def _noise(self, batch: Batch, latents: torch.Tensor) -> torch.Tensor:
        return batch["noise"].to(latents)


def measure(vae: AutoencoderTiny, folder: Path, device: torch.device, scenes: int = 100) -> dict[str, float]:
    """Return PSNR in dB and gradient energy, over held-out frames and over their creature pixels alone.

    Gradient energy, the mean square of neighbouring pixels' differences, is a share of the rendered
    pictures': 1 is as sharp as rendered, less is softer.
    """
    held = ClipSet(folder)
    sums = np.zeros((2, 4))  # whole and creature; squared error, its count, energy decoded and rendered
    for index in range(min(scenes, len(held))):
        shard, row = held.place(index)
        rgb, mask = np.asarray(shard.rgb[row]), unpack_mask(shard.mask[row])
        output = decode(vae, torch.from_numpy(encode(vae, rgb, device)).to(device).float())
        error = ((output.astype(np.float32) - rgb) / 255.0) ** 2
        energies = gradient_energy(output), gradient_energy(rgb)
        for which, chosen in enumerate((np.ones_like(mask), mask)):
            sums[which] += (
                error[chosen].sum(),
                3 * chosen.sum(),
                *(energy[chosen].sum() for energy in energies),
            )
    figures = {}
    for name, (error_sum, count, decoded, rendered) in zip(("", "creature_"), sums, strict=True):
        figures[f"{name}psnr_db"] = float(-10 * np.log10(max(error_sum / count, 1e-10)))
        figures[f"{name}gradient_energy"] = float(decoded / rendered)
    return figures


def gradient_energy(rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (…, H, W) of (…, H, W, 3): squared differences to the right and lower neighbours."""
    pixels = rgb.astype(np.float32) / 255.0
    right = np.diff(pixels, axis=-2, append=pixels[..., :, -1:, :])
    below = np.diff(pixels, axis=-3, append=pixels[..., -1:, :, :])
    return (right**2 + below**2).sum(-1)
