"""The denoising objective of a scheduler, for the timesteps of a batch (AaS 3.3), and how a learning rate falls."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from storyanim.errors import ModelError


def cosine_with_min_lr(done: float, last: float) -> float:
    """Part of a learning rate when the share `done` of the steps is over: from 1 to `last` by half a cosine."""
    return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2


class Objective:
    """Noisy latents and what the U-Net has to say of them: noise, velocity or the latents, as the scheduler was set."""

    def __init__(self, scheduler: Any) -> None:
        """Raises ModelError for a scheduler of another family, such as flow matching."""
        if getattr(scheduler, "alphas_cumprod", None) is None:
            raise ModelError(f"characters cannot be learned with a {type(scheduler).__name__}",
                             hint="use a base model with a DDPM schedule, such as Stable Diffusion 1.5")
        self._alphas = scheduler.alphas_cumprod.float()
        self._kind = scheduler.config.prediction_type
        if self._kind not in {"epsilon", "v_prediction", "sample"}:
            raise ModelError(f"characters cannot be learned with predictions of type {self._kind!r}",
                             hint="epsilon, v_prediction and sample are known")

    def noisy_and_target(self, latents: Tensor, timesteps: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """(B, ...), (B), (B, ...) → z_t and the target, (B, ...) each."""
        self._alphas = self._alphas.to(latents.device)   # once: a copy at each step would have a GPU wait
        share = self._alphas[timesteps].view(-1, *[1] * (latents.ndim - 1))
        signal, chaos = share.sqrt(), (1 - share).sqrt()
        noisy = signal * latents + chaos * noise
        if self._kind == "epsilon":
            return noisy, noise
        return noisy, signal * noise - chaos * latents if self._kind == "v_prediction" else latents


def masked_mse(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean square of each clip: (B, C, T, h, w) twice, (B, h, w) → (B).

    Args: weight: share of each cell that counts.
    """
    wrong = (predicted - target).square().mean(dim=(1, 2))                                        # (B, h, w)
    # A view that leaves the whole character out teaches nothing.
    return (wrong * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1.0)
