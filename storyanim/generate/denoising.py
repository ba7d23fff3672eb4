"""The denoising loop of a shot: what each step is conditioned on, and its prediction of the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from storyanim.errors import UsageError
from storyanim.generate.step_cache import StepCache
from storyanim.generate.structure import StructureGuide

Callback = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor]]    # see StoryVideoPipeline


@dataclass(frozen=True)
class Conditioning:
    """What each step of the denoising loop is conditioned on."""

    timesteps: Tensor                                # (N,)
    prompt_embeds: Tensor                            # (N, B, L, D), or (1, B, L, D) when equal at every step
    negative_prompt_embeds: Tensor | None            # (B, L, D); None without classifier-free guidance
    guide: StructureGuide | None
    structure_steps: range                           # indices of the steps with structure
    guidance_steps: range                            # indices of the steps with classifier-free guidance
    # (B, n, ...) of n pictures, and of none; None without an IP-Adapter
    image_embeds: tuple[Tensor, Tensor] | None = None

    def of_one_clip(self) -> Conditioning:
        """Return the same with all texts behind one another, as regions of one clip read them: (N, 1, B × L, D)."""
        negative = self.negative_prompt_embeds
        return replace(self, prompt_embeds=self.prompt_embeds.flatten(1, 2)[:, None],
                       negative_prompt_embeds=None if negative is None else negative.flatten(0, 1)[None])


def check_callback_inputs(callback: Any, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise UsageError when a callback wants tensors that the loop does not give."""
    if odd := set(getattr(callback, "tensor_inputs", names)) - set(known):
        raise UsageError(f"a callback cannot have {min(odd)}", hint="it is given the latents")


def denoise(
    pipeline: Any, latents: Tensor, conditioning: Conditioning, step_kwargs: dict[str, Any],
    callback: Callback | None, cache: StepCache | None,
) -> Tensor:
    """Return latents (B, C, T, h, w) without noise.

    Args:
        pipeline: a StoryVideoPipeline, whose scheduler has its timesteps set.
        latents: of the first timestep.
        conditioning: of each step.
        step_kwargs: of the scheduler.
        callback: at the end of each step.
        cache: applied to the U-Net, if any.
    """
    networks = [network for network in (pipeline.unet, pipeline.structure) if network is not None]
    with pipeline.progress_bar(total=len(conditioning.timesteps)) as bar:
        for i, t in enumerate(conditioning.timesteps):
            if pipeline.interrupt:
                break
            sample = pipeline.scheduler.scale_model_input(latents, t)
            noise_pred = pipeline.finite_steps.predicted(
                partial(_noise_pred, pipeline, sample, i, conditioning, cache), networks,
                f"step {i + 1} of {len(conditioning.timesteps)}")
            latents = pipeline.scheduler.step(noise_pred, t, latents, **step_kwargs).prev_sample
            if callback is not None:
                latents = callback(pipeline, i, t, {"latents": latents}).get("latents", latents)
            bar.update()
    return latents


def _noise_pred(
    pipeline: Any, sample: Tensor, i: int, conditioning: Conditioning, cache: StepCache | None
) -> Tensor:
    if cache:
        cache.begin(i)
    t, embeds = conditioning.timesteps[i], conditioning.prompt_embeds
    prompt_embeds = embeds[i % len(embeds)]                                                   # (B, L, D)
    guide = conditioning.guide if i in conditioning.structure_steps else None
    negative = conditioning.negative_prompt_embeds
    shown, hidden = conditioning.image_embeds or (None, None)
    if negative is None or i not in conditioning.guidance_steps:
        return pipeline.predict(sample, t, prompt_embeds, guide, shown)
    if pipeline.halves_of_guidance:
        noise_pred_uncond, noise_pred_text = (
            pipeline.predict(sample, t, embeds, guide, pictures)
            for embeds, pictures in ((negative, hidden), (prompt_embeds, shown)))
    else:
        pictures = None if shown is None or hidden is None else torch.cat([hidden, shown])
        both = pipeline.predict(
            torch.cat([sample] * 2), t, torch.cat([negative, prompt_embeds]), guide, pictures)
        noise_pred_uncond, noise_pred_text = both.chunk(2)
    return noise_pred_uncond + pipeline._guidance_scale * (noise_pred_text - noise_pred_uncond)
