"""Stage 4: the image denoiser and its text encoder, on single frames (AaS 3.2, stage 1: spatial weights
first)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.device import quick_autocast
from storybook.train import networks
from storybook.train.data import ClipSet, draw_rows
from storybook.train.denoise import caption_ids, creature_cells, creature_loss, text_states, timesteps
from storybook.train.loop import Batch


class BaseStage:
    """Trains U-Net and text encoder together.

    The text encoder starts from the retriever's and moves slower.
    """

    name = "base"

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text: CLIPTextModel,
        tokens: CLIPTokenizer,
        folders: list[Path],
        *,
        batch_size: int = 32,
        device: torch.device,
        compiled: bool = False,
    ) -> None:
        self.unet, self.text = unet.to(device, memory_format=torch.channels_last), text.to(device)
        self.network: nn.Module = nn.ModuleDict({"unet": self.unet, "text": self.text})
        self.tokens, self.sets, self.batch_size, self.device = tokens, [ClipSet(f)
                                                                        for f in folders], batch_size, device
        self.scheduler = networks.scheduler()
        self._draw: Any = torch.compile(self.unet) if compiled else self.unet

    def parameter_groups(self) -> list[dict[str, Any]]:
        """U-Net at full rate, text encoder at a third of it."""
        return [{"params": list(self.unet.parameters())},
                {"params": list(self.text.parameters()), "lr_scale": 0.3}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Single frames of random scenes."""
        rows = list(draw_rows(self.sets, rng, self.batch_size))
        frames = [int(rng.integers(shard.num_frames)) for shard, _ in rows]
        latents = np.stack([np.asarray(shard.array("latents")[row, f]) for (shard, row),
                            f in zip(rows, frames, strict=True)])
        cells = np.stack([creature_cells(shard, row, [f])[0] for (shard, row),
                          f in zip(rows, frames, strict=True)])
        return {
            "latents": torch.from_numpy(latents),
            "cells": torch.from_numpy(cells)[:, None],
            "ids": caption_ids(self.tokens, rows, rng),
            "t": torch.from_numpy(timesteps(rng, self.batch_size)),
            "noise": torch.from_numpy(rng.standard_normal(latents.shape, np.float32)),
        }

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the v loss, and its part at high noise."""
        on = {key: value.to(self.device) for key, value in batch.items()}
        latents = on["latents"].float()
        noisy = self.scheduler.add_noise(latents, on["noise"], on["t"])
        v = self.scheduler.get_velocity(latents, on["noise"], on["t"])
        with quick_autocast(self.device):
            states = text_states(self.text, on["ids"])
            output = self._draw(noisy.contiguous(memory_format=torch.channels_last), on["t"],
                                encoder_hidden_states=states).sample
        loss = creature_loss(output, v, on["cells"])
        high = on["t"] > 700
        error = (output.detach().float() - v).square().mean((1, 2, 3))
        return loss, {"high": float(error[high].mean()) if high.any() else 0.0}
