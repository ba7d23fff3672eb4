"""The denoising objective of a base model (AaS 3.3), with the noise schedule of diffusers' own scheduler."""

from __future__ import annotations

from typing import Any

from diffusers import DDPMScheduler
from torch import Tensor

from storyanim.errors import ModelError


def training_scheduler(scheduler: Any) -> DDPMScheduler:
    """Return the scheduler that adds the noise of `scheduler`'s schedule, as in diffusers' training scripts.

    Raises ModelError for a scheduler of another family, such as flow matching.
    """
    if getattr(scheduler, "alphas_cumprod", None) is None:
        raise ModelError(f"characters cannot be learned with a {type(scheduler).__name__}",
                         hint="use a base model with a DDPM schedule, such as Stable Diffusion 1.5")
    kind = scheduler.config.prediction_type
    if kind not in {"epsilon", "v_prediction", "sample"}:
        raise ModelError(f"characters cannot be learned with predictions of type {kind!r}",
                         hint="epsilon, v_prediction and sample are known")
    return DDPMScheduler.from_config(scheduler.config)


def training_target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """Return what the U-Net has to predict, by the scheduler's type: noise, velocity or latents, (B, ...).

    Args:
        scheduler: see `training_scheduler`.
        latents: (B, ...) without noise.
        noise: (B, ...).
        timesteps: (B).
    """
    if scheduler.config.prediction_type == "epsilon":
        return noise
    if scheduler.config.prediction_type == "v_prediction":
        return scheduler.get_velocity(latents, noise, timesteps)
    return latents


def masked_mse(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the mean squared error of each clip, (B).

    Args:
        predicted: (B, C, T, h, w).
        target: (B, C, T, h, w).
        weight: (B, h, w), share of each cell that counts.
    """
    error = (predicted - target).square().mean(dim=(1, 2))                                        # (B, h, w)
    # A view that leaves the whole character out teaches nothing.
    return (error * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1.0)
