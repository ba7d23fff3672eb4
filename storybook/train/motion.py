"""Stage 6: the video denoiser and its text encoder, on 16-frame clips; the structure encoder is frozen."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter, UNetMotionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.device import quick_autocast
from storyanim.generate.structure import make_guide
from storybook.train import networks
from storybook.train.data import ClipSet, draw_rows
from storybook.train.denoise import caption_ids, creature_cells, creature_loss, text_states, timesteps
from storybook.train.loop import Batch, Figures
from storybook.train.structure import structure_depth

SPATIAL_RATE, TEXT_RATE = 0.4, 0.1  # of the motion layers' rate
NOISE_CORRELATION = 0.3  # of the noise's variance, common to a clip's frames; the profile draws with the same
STILL_SHARE = 0.15  # of batches
# in a batch: attention over time has a sequence a latent cell, and as single frames they take as long as
# clips
MOST_STILLS = 96
STRUCTURE_SHARE = 0.3  # of the clips' batches: what depth shows of a movement is learned soonest
HELD_BATCHES, HELD_SEED = 24, 5  # what measures it
NOISE_MIDDLE = 0.7  # logit of the clips' median timestep: how something moves is decided before how it looks


class MotionStage:
    """A part of the clips is learned under their own structure, so that temporal layers know both ways of
    drawing.

    The spatial layers and the text encoder, to which single frames never taught what a pan is, move along at
    a fraction of the rate, and some batches are of single frames, so that pictures stay as good as they were
    and a clip of one frame is no stranger (joint training as in arXiv 2204.03458).
    """

    name = "motion"
    recordable = True

    def __init__(
        self,
        unet: UNetMotionModel,
        adapter: T2IAdapter,
        text: CLIPTextModel,
        tokens: CLIPTokenizer,
        clips: list[Path],
        stills: list[Path],
        *,
        batch_size: int = 3,
        device: torch.device,
    ) -> None:
        self.unet, self.text = unet.to(device), text.to(device)
        self.network: nn.Module = nn.ModuleDict({"unet": self.unet, "text": self.text})
        self.adapter = adapter.to(device).requires_grad_(False)
        self.tokens, self.batch_size, self.device = tokens, batch_size, device
        self.clips, self.stills = ([ClipSet(folder) for folder in sets] for sets in (clips, stills))
        self.frames, self.instants = (
            min(s.shards[0].num_frames for s in sets) for sets in (self.clips, self.stills)
        )
        self.scheduler = networks.scheduler()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the motion layers at full rate, the spatial ones and the text encoder slower."""
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in self.unet.named_parameters():
            groups["motion_modules" in name].append(parameter)
        return [
            {"params": groups[True]},
            {"params": groups[False], "lr_scale": SPATIAL_RATE},
            {"params": list(self.text.parameters()), "lr_scale": TEXT_RATE},
        ]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Yield whole clips with one timestep each, all under structure or all without.

        Or as many single frames.
        """
        still = rng.random() < STILL_SHARE
        count = min(self.batch_size * self.frames, MOST_STILLS) if still else self.batch_size
        rows = list(draw_rows(self.stills if still else self.clips, rng, count))
        which = [slice(k, k + 1) if still else slice(None) for k in rng.integers(0, self.instants, count)]
        latents = np.stack([np.asarray(s.array("latents")[row, part]) for (s, row),
                            part in zip(rows, which, strict=True)])
        cells = np.stack([creature_cells(shard, row, part) for (shard, row),
                          part in zip(rows, which, strict=True)])
        common = rng.standard_normal((count, 1, *latents.shape[2:]), np.float32)
        own = rng.standard_normal(latents.shape, np.float32)
        batch = {
            "latents": torch.from_numpy(latents),  # (B, T, C, h, w)
            "cells": torch.from_numpy(cells),  # (B, T, h, w)
            "noise": torch.from_numpy(
                np.float32(NOISE_CORRELATION**0.5) * common + np.float32((1 - NOISE_CORRELATION) ** 0.5) * own
            ),
            "ids": caption_ids(self.tokens, rows, rng),
            "t": torch.from_numpy(timesteps(rng, count) if still
                                  else timesteps(rng, count, middle=NOISE_MIDDLE)),
        }
        if not still and rng.random() < STRUCTURE_SHARE:
            depths = [structure_depth(shard, row, exact=rng.random() < 1 / 3) for shard, row in rows]
            batch["inverse_depth"] = torch.from_numpy(np.stack(depths))  # (B, T, H, W)
        return batch

    def loss(self, batch: Batch) -> tuple[torch.Tensor, Figures]:
        """Return the v loss over whole clips."""
        on = {key: value.to(self.device) for key, value in batch.items()}
        latents = on["latents"].float()
        noisy = self.scheduler.add_noise(latents, on["noise"], on["t"])
        v = self.scheduler.get_velocity(latents, on["noise"], on["t"])
        sample = noisy.transpose(1, 2)  # (B, C, T, h, w)
        with quick_autocast(self.device):
            states = text_states(self.text, on["ids"]).repeat_interleave(noisy.shape[1], dim=0)
            with torch.no_grad():
                depth = on.get("inverse_depth")
                guide = None if depth is None else make_guide(self.adapter, self.unet, depth.float())
            with guide.applied(sample, on["t"], states) if guide else nullcontext({}) as more:
                output = self.unet(sample, on["t"], encoder_hidden_states=states, **more).sample
        loss = creature_loss(output.transpose(1, 2), v, on["cells"][:, :, None])
        error = (output.detach().float().transpose(1, 2) - v).square().mean()
        kind = "with_structure" if guide else "text_only" if noisy.shape[1] > 1 else "single_frames"
        return loss, {kind: error}


def measure(stage: MotionStage, clips: list[Path], stills: list[Path]) -> dict[str, float]:
    """Return the mean error of v on scenes never trained on, for each kind of batch that came up.

    The batches are the same whatever the weights, so that two trainings can be compared.
    """
    held = MotionStage(stage.unet, stage.adapter, stage.text, stage.tokens, clips, stills,
                       batch_size=stage.batch_size, device=stage.device)
    errors: dict[str, list[float]] = {}
    with torch.inference_mode():
        for number in range(HELD_BATCHES):
            for kind, error in held.loss(held.batch(np.random.default_rng([HELD_SEED, number])))[1].items():
                errors.setdefault(f"held_{kind}", []).append(float(error))
    return {kind: float(np.mean(values)) for kind, values in sorted(errors.items())}
