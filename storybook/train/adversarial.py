"""The last stage of the autoencoder at 256 pixels: the decoder alone, against a patch discriminator.

Reconstruction stays the largest part. Beside it: what the retriever's CLIP sees, the discriminator's own
features (feature matching), and its verdict (hinge). Each part's gradient at the picture is scaled to a share
of the reconstruction's, as in EnCodec's balancer (arXiv 2210.13438), so that no weight has to be found again
when a loss changes its size.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from transformers import CLIPVisionModel

from storyanim.device import quick_autocast
from storybook.train.autoencoder import reconstruction_loss
from storybook.train.deep_autoencoder import DeepAutoencoderStage
from storybook.train.loop import Batch

# of the length of the reconstruction's gradient
SHARES = {"perceptual": 0.3, "matching": 0.4, "adversarial": 0.4}
DISCRIMINATOR_BETAS = (0.5, 0.9)
CROP_PX = 128  # what the retriever sees
CLIP_LAYERS = 3  # the first ones, which still see edges


class PatchDiscriminator(nn.Module):
    """A verdict on each 46-pixel patch: rendered or not (Isola et al., arXiv 1611.07004); spectral norm."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.levels = nn.ModuleList(spectral_norm(nn.Conv2d(*pair, 4, 2, 1)) for pair in pairwise(widths))
        self.verdict = spectral_norm(nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return verdicts (B, 1, h, w) on (B, 3, H, W), positive for rendered, and each level's features."""
        features = []
        for level in self.levels:
            pixels = F.leaky_relu(level(pixels), 0.2)
            features.append(pixels)
        return self.verdict(pixels), features


class DecoderStage(DeepAutoencoderStage):
    """The decoder and its discriminator, one step of both at a time; the encoder is fixed."""

    name = "decoder"

    def __init__(
        self,
        network: AutoencoderTiny,
        folders: list[Path],
        vision: CLIPVisionModel,
        *,
        batch_size: int,
        crop_px: int = CROP_PX,
        device: torch.device,
    ) -> None:
        super().__init__(
            network, folders, batch_size=batch_size, crop_px=crop_px, decoder_only=True, device=device
        )
        self.vision = vision.to(device).eval().requires_grad_(False)
        self.discriminator = PatchDiscriminator().to(device, memory_format=torch.channels_last)
        self.network = nn.ModuleDict({"vae": self.vae, "discriminator": self.discriminator})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the decoder, and the discriminator without momentum of long memory."""
        return [
            {"params": list(self.vae.decoder.parameters())},
            {
                "params": list(self.discriminator.parameters()),
                "betas": DISCRIMINATOR_BETAS,
                "weight_decay": 0.0,
            },
        ]

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return a loss of which only the gradient means something, and figures."""
        self._folded = self._folds and batch["folded"]
        rgb, weight = self._pixels(batch)
        with quick_autocast(self.device):
            with torch.no_grad():
                latents = self._encode(rgb)
            output = self._decode(latents + self._noise(batch, latents)).float()
        seen = output.detach().requires_grad_()
        parts, figures = self._parts(seen, rgb, weight)
        gradients = {
            name: torch.autograd.grad(part, seen, retain_graph=True)[0] for name, part in parts.items()
        }
        pull = balance(gradients)
        against = self._discriminator_loss(rgb, seen.detach())
        figures |= {name: float(part.detach()) for name, part in parts.items()} | {
            "discriminator": float(against.detach())
        }
        return (output * pull).sum() + against, figures

    def _parts(
        self, output: torch.Tensor, rgb: torch.Tensor, weight: torch.Tensor
    ) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        """Return each loss of the decoder, on a graph of its own that begins at `output`."""
        reconstruction, absolute = reconstruction_loss(output, rgb, weight)
        self.discriminator.requires_grad_(False)
        with quick_autocast(self.device):
            verdict, features = self.discriminator(output)
            with torch.no_grad():
                _, wanted = self.discriminator(rgb)
            matching = torch.stack(
                [(a.float() - b.float()).abs().mean() for a, b in zip(features, wanted, strict=True)]
            ).mean()
            perceptual = self._perceptual(output, rgb)
        self.discriminator.requires_grad_(True)
        parts = {"perceptual": perceptual, "matching": matching, "adversarial": -verdict.float().mean()}
        with torch.no_grad():
            psnr = -10 * torch.log10((output - rgb).square().mean() / 4)
            energy = _energy(output) / _energy(rgb)
        figures = {"l1": float(absolute.detach()), "psnr": float(psnr), "energy": float(energy)}
        return {"reconstruction": reconstruction, **parts}, figures

    def _perceptual(self, output: torch.Tensor, rgb: torch.Tensor) -> torch.Tensor:
        """Return the squared distance of unit features in the retriever's first layers."""
        size = (self.vision.config.image_size,) * 2
        states = []
        for pixels in (output, rgb):
            fitting = (
                pixels
                if pixels.shape[2:] == size
                else F.interpolate(pixels, size, mode="bilinear", antialias=True)
            )
            hidden = self.vision(pixel_values=fitting, output_hidden_states=True).hidden_states
            states.append([F.normalize(layer.float(), dim=-1) for layer in hidden[1 : 1 + CLIP_LAYERS]])
        return torch.stack([(a - b).square().sum(-1).mean() for a, b in zip(*states, strict=True)]).mean()

    def _discriminator_loss(self, rgb: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """Return the hinge loss (arXiv 1705.02894)."""
        with quick_autocast(self.device):
            rendered, drawn = self.discriminator(rgb)[0].float(), self.discriminator(output)[0].float()
        return F.relu(1 - rendered).mean() + F.relu(1 + drawn).mean()


def _energy(pixels: torch.Tensor) -> torch.Tensor:
    """Return the mean square of neighbouring pixels' differences."""
    return pixels.diff(dim=2).square().mean() + pixels.diff(dim=3).square().mean()


def balance(gradients: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the reconstruction's gradient, plus every other one at its share of the same length."""
    total = gradients["reconstruction"].clone()
    length = total.norm()
    for name, share in SHARES.items():
        total += gradients[name] * (share * length / gradients[name].norm().clamp_min(1e-12))
    return total
