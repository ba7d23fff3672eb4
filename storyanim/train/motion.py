"""Stage 6: the motion layers, on 16-frame clips; spatial layers, text encoder and structure encoder are frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter, UNetMotionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.train import networks
from storyanim.train.data import ClipSet
from storyanim.train.denoise import Objective, caption_ids, creature_cells, text_states
from storyanim.train.loop import Batch
from storyanim.train.structure import structure_near


class MotionStage:
    """Half of the clips are learned under their own structure, so that temporal layers know both ways of drawing."""

    name = "motion"

    def __init__(
        self,
        unet: UNetMotionModel,
        adapter: T2IAdapter,
        text: CLIPTextModel,
        tokens: CLIPTokenizer,
        folder: Path,
        *,
        batch_size: int = 3,
        shared_noise: float = 0.3,
        device: torch.device,
    ) -> None:
        self.unet, self.adapter, self.text = (
            unet.to(device),
            adapter.to(device).requires_grad_(False),
            text.to(device).requires_grad_(False),
        )
        self.network: nn.Module = self.unet
        for name, parameter in unet.named_parameters():
            parameter.requires_grad_("motion_modules" in name)
        self.tokens, self.set, self.batch_size, self.device = tokens, ClipSet(folder), batch_size, device
        self.objective, self.shared_noise = Objective(networks.scheduler(), device), shared_noise
        self.features: list[torch.Tensor] | None = None
        for level, block in enumerate(unet.down_blocks):
            self._hook(block, level)

    def _hook(self, block: nn.Module, level: int) -> None:
        """Adds a level's features after the last motion layer of a down block, where the 2D U-Net adds them."""

        def add(_module: nn.Module, _inputs: object, output: Any) -> Any:
            if self.features is None:
                return None
            feature = self.features[level]
            return (output[0] + feature, *output[1:]) if isinstance(output, tuple) else output + feature

        block.motion_modules[-1].register_forward_hook(add)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The motion layers."""
        return [{"params": [p for p in self.unet.parameters() if p.requires_grad]}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Whole clips with one timestep each; the clips of a batch are all under structure or all without."""
        rows = list(self.set.rows(rng, self.batch_size))
        latents = np.stack([np.asarray(shard.array("latents")[row]) for shard, row in rows])  # (B, T, C, h, w)
        cells = np.stack([creature_cells(shard, row, slice(None)) for shard, row in rows])  # (B, T, h, w)
        common = rng.standard_normal((self.batch_size, 1, *latents.shape[2:]), np.float32)
        own = rng.standard_normal(latents.shape, np.float32)
        share = self.shared_noise
        batch = {
            "latents": torch.from_numpy(latents),
            "cells": torch.from_numpy(cells),
            "noise": torch.from_numpy(np.float32(share**0.5) * common + np.float32((1 - share) ** 0.5) * own),
            "ids": caption_ids(self.tokens, rows, rng),
            "t": torch.from_numpy(rng.integers(0, 1000, self.batch_size)),
        }
        if rng.random() < 0.5:
            near = np.stack([structure_near(shard, row, exact=rng.random() < 1 / 3) for shard, row in rows])
            batch["near"] = torch.from_numpy(near)  # (B, T, H, W)
        return batch

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """The v loss over whole clips."""
        on = {key: value.to(self.device) for key, value in batch.items()}
        noisy, v = self.objective.noisy(on["latents"].float(), on["t"], on["noise"])
        frames = noisy.shape[1]
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.no_grad():
                states = text_states(self.text, on["ids"]).repeat_interleave(frames, dim=0)
                near = on["near"].float().flatten(0, 1)[:, None].expand(-1, 3, -1, -1) if "near" in on else None
                self.features = None if near is None else list(self.adapter(near))
            output = self.unet(noisy.transpose(1, 2), on["t"], encoder_hidden_states=states).sample  # (B, C, T, h, w)
        loss = self.objective.loss(output.transpose(1, 2), v, on["cells"][:, :, None])
        error = float((output.detach().float().transpose(1, 2) - v).square().mean())
        return loss, {("with_structure" if near is not None else "text_only"): error}
