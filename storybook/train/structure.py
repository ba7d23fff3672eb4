"""Stage 5: the structure encoder, with everything else frozen (AaS 3.2, stage 2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.depth.scale import scale_clip
from storyanim.device import quick_autocast
from storybook.train import networks
from storybook.train.data import ClipSet, Shard, draw_rows
from storybook.train.denoise import caption_ids, creature_cells, creature_loss, text_states
from storybook.train.loop import Batch


class StructureStage:
    """The adapter learns on the image U-Net: it does not depend on time, nor on the timestep."""

    name = "structure"

    def __init__(
        self,
        adapter: T2IAdapter,
        unet: UNet2DConditionModel,
        text: CLIPTextModel,
        tokens: CLIPTokenizer,
        folders: list[Path],
        *,
        batch_size: int = 40,
        device: torch.device,
    ) -> None:
        self.network: nn.Module = adapter.to(device, memory_format=torch.channels_last)
        self.adapter = adapter
        self.unet, self.text = (
            unet.to(device, memory_format=torch.channels_last).requires_grad_(False),
            text.to(device).requires_grad_(False),
        )
        self.sets = [ClipSet(folder) for folder in folders]
        self.tokens, self.batch_size, self.device = tokens, batch_size, device
        self.scheduler = networks.scheduler()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one parameter group."""
        return [{"params": list(self.adapter.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return frames with depth: two thirds as the depth network sees it, one third exact.

        Mostly at high noise.
        """
        rows = list(draw_rows(self.sets, rng, self.batch_size))
        latents, cells, inverse_depth = [], [], []
        for shard, row in rows:
            frame = int(rng.integers(shard.num_frames))
            latents.append(np.asarray(shard.array("latents")[row, frame]))
            cells.append(creature_cells(shard, row, [frame])[0])
            inverse_depth.append(structure_depth(shard, row, exact=rng.random() < 1 / 3)[frame])
        t = 999 - (1000 * rng.random(self.batch_size) ** 1.5).astype(np.int64)
        stacked = np.stack(latents)
        return {
            "latents": torch.from_numpy(stacked),
            "cells": torch.from_numpy(np.stack(cells))[:, None],
            "inverse_depth": torch.from_numpy(np.stack(inverse_depth))[:, None],
            "ids": caption_ids(self.tokens, rows, rng, blank=0.2),
            "t": torch.from_numpy(t),
            "noise": torch.from_numpy(rng.standard_normal(stacked.shape, np.float32)),
        }

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the v loss under structure."""
        on = {key: value.to(self.device) for key, value in batch.items()}
        latents = on["latents"].float()
        noisy = self.scheduler.add_noise(latents, on["noise"], on["t"])
        v = self.scheduler.get_velocity(latents, on["noise"], on["t"])
        with quick_autocast(self.device):
            with torch.no_grad():
                states = text_states(self.text, on["ids"])
            pictures = on["inverse_depth"].float().expand(-1, 3, -1, -1)
            features = self.adapter(pictures.contiguous(memory_format=torch.channels_last))
            output = self.unet(
                noisy.contiguous(memory_format=torch.channels_last),
                on["t"],
                encoder_hidden_states=states,
                down_intrablock_additional_residuals=list(features),
            ).sample
        return creature_loss(output, v, on["cells"]), {}


def structure_depth(shard: Shard, row: int, *, exact: bool) -> np.ndarray[Any, Any]:
    """Depth of one scene in [0, 1], scaled once for the clip as at inference. (T, H, W) float32."""
    if exact:
        return scale_clip(np.asarray(shard.inverse_depth[row], np.float32))
    return np.asarray(shard.array("depth")[row], np.float32) / 255
