"""The denoising objective of a scheduler, for the timesteps of a batch (AaS 3.3), and how a learning rate falls."""

from __future__ import annotations

import math
from typing import Any

from diffusers import DDPMScheduler
from torch import Tensor

from storyanim.errors import ModelError


def cosine_with_min_lr(done: float, last: float) -> float:
    """Part of a learning rate when the share `done` of the steps is over: from 1 to `last` by half a cosine."""
    return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2


class Objective:
    """Noisy latents, and the target that the scheduler's prediction type names: noise, velocity or the latents."""

    def __init__(self, scheduler: Any) -> None:
        """Take the schedule of a base model's scheduler. Raises ModelError for one without, such as flow matching."""
        if getattr(scheduler, "alphas_cumprod", None) is None:
            raise ModelError(f"characters cannot be learned with a {type(scheduler).__name__}",
                             hint="use a base model with a DDPM schedule, such as Stable Diffusion 1.5")
        self._prediction_type = scheduler.config.prediction_type
        if self._prediction_type not in {"epsilon", "v_prediction", "sample"}:
            raise ModelError(f"characters cannot be learned with predictions of type {self._prediction_type!r}",
                             hint="epsilon, v_prediction and sample are known")
        self._scheduler = DDPMScheduler.from_config(scheduler.config)

    def noisy_and_target(self, latents: Tensor, timesteps: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_t and the target, (B, ...) each, of latents (B, ...), timesteps (B) and noise (B, ...)."""
        noisy = self._scheduler.add_noise(latents, noise, timesteps)
        if self._prediction_type == "v_prediction":
            return noisy, self._scheduler.get_velocity(latents, noise, timesteps)
        return noisy, noise if self._prediction_type == "epsilon" else latents


def masked_mse(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean square of each clip: (B, C, T, h, w) twice, (B, h, w) → (B).

    Args: weight: share of each cell that counts.
    """
    wrong = (predicted - target).square().mean(dim=(1, 2))                                        # (B, h, w)
    # A view that leaves the whole character out teaches nothing.
    return (wrong * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1.0)
