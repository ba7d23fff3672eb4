"""The reader's network: what the profile's own denoiser computes of a clip, and linear layers that read it.

A denoiser that learned to draw a world tells its things apart (Baranchuk et al., arXiv 2112.03126; Tang et
al., arXiv 2306.03881). Read are statistics of its blocks' outputs, for a clip with little noise and no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ReaderConfig:
    """What a reader can read, and of what."""

    names: Mapping[str, tuple[str, ...]]             # attribute → its values, in the order of the logits
    num_features: int
    size_px: int = 128                               # at which frames are read
    fps: float = 8.0
    num_frames: int = 16                             # of a window
    timestep: int = 60                               # of the noise, of 1000
    blocks: tuple[str, ...] = field(default=("mid", "up0", "up1", "up2", "down0", "down1", "down2"))


class ReaderNetwork(nn.Module):
    """Features to logits of each attribute; `text` is the empty prompt as the denoiser hears it."""

    def __init__(self, config: ReaderConfig, text_shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.num_features))
        self.register_buffer("scale", torch.ones(config.num_features))
        self.register_buffer("text", torch.zeros(text_shape))
        self.heads = nn.ModuleDict({name: nn.Linear(config.num_features, len(values))
                                    for name, values in config.names.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:                                # (B, F)
        """Return logits by attribute, (B, values)."""
        standard = (features - self.mean) * self.scale
        return {name: head(standard) for name, head in self.heads.items()}


@torch.inference_mode()
def clip_features(
    rgb: Tensor, unet: Any, vae: Any, scheduler: Any, text: Tensor, config: ReaderConfig
) -> Tensor:
    """Return the statistics of the denoiser's blocks, (F,).

    Args:
        rgb: (T, 3, S, S) in [-1, 1].
        unet: UNetMotionModel.
        vae: whose latents it denoises.
        scheduler: that adds noise.
        text: (L, d) the empty prompt.
        config: of the reader.
    """
    seen: dict[str, Tensor] = {}
    handles = [block.register_forward_hook(_keep(name, seen)) for name, block in _blocks(unet, config.blocks)]
    try:
        latents = vae.encode(rgb).latents.float() * vae.config.scaling_factor                # (T, C, h, w)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(latents)
        noised = scheduler.add_noise(latents, noise, torch.tensor([config.timestep]))
        unet(noised.transpose(0, 1)[None], torch.tensor(config.timestep, device=rgb.device),
             encoder_hidden_states=text[None].expand(len(rgb), -1, -1))
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat([_statistics(seen[name].float()) for name in config.blocks])


def _blocks(unet: Any, names: Sequence[str]) -> list[tuple[str, nn.Module]]:
    """Return the denoiser's blocks by name: down0, ..., mid, up0, ..."""
    found = {"mid": unet.mid_block} | {f"{side}{k}": block for side in ("down", "up")
                                       for k, block in enumerate(getattr(unet, f"{side}_blocks"))}
    return [(name, found[name]) for name in names]


def _keep(name: str, seen: dict[str, Tensor]) -> Any:
    def hook(module: nn.Module, given: Any, output: Any) -> None:
        seen[name] = output[0] if isinstance(output, tuple) else output

    return hook


def _statistics(seen: Tensor) -> Tensor:                                                     # (T, C, h, w)
    """Return mean, peak and spread over the picture, in the mean over time and as they change, (6 C,)."""
    mean, peak, spread = seen.mean((2, 3)), seen.amax((2, 3)), seen.std((2, 3))              # (T, C)
    change = [mean.std(0), peak.std(0), seen.std(0).mean((1, 2))]
    return torch.cat([mean.mean(0), peak.mean(0), spread.mean(0), *change])
