"""Stage 3: the depth network, on rendered frames and their exact inverse depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import DPTForDepthEstimation

from storyanim.device import quick_autocast
from storybook.train.data import ClipSet, draw_rows, to_pixels
from storybook.train.loop import Batch


class DepthStage:
    """L1 and gradients against the world's inverse depth; jittered colours make the look matter less."""

    name = "depth"

    def __init__(self, network: DPTForDepthEstimation, folders: list[Path], *, batch_size: int = 16,
                 device: torch.device) -> None:
        self.dpt = network.to(device)
        self.network: nn.Module = self.dpt
        self.sets = [ClipSet(folder) for folder in folders]
        self.batch_size, self.device = batch_size, device

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one parameter group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Single frames, some of them mirrored, brightened or bleached."""
        rgb, inverse_depth = [], []
        for shard, row in draw_rows(self.sets, rng, self.batch_size):
            frame = int(rng.integers(shard.num_frames))
            picture = np.asarray(shard.rgb[row, frame], np.float32) / 127.5 - 1.0
            depth = shard.inverse_depth[row, frame]
            if rng.random() < 0.5:
                picture, depth = picture[:, ::-1], depth[:, ::-1]
            if rng.random() < 0.5:
                grey = picture.mean(-1, keepdims=True)
                picture = grey + (picture - grey) * rng.uniform(0.2, 1.2)
                picture = np.clip(picture * rng.uniform(0.6, 1.3) + rng.uniform(-0.2, 0.2), -1, 1)
            rgb.append(picture.transpose(2, 0, 1).astype(np.float32))
            inverse_depth.append(np.ascontiguousarray(depth))
        arrays = {"rgb": rgb, "inverse_depth": inverse_depth}
        return {name: torch.from_numpy(np.stack(array)) for name, array in arrays.items()}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss and the mean absolute error in units of the world's whole range."""
        inverse_depth = batch["inverse_depth"].to(self.device).float().div(255)  # (B, H, W)
        with quick_autocast(self.device):
            output = self.dpt(batch["rgb"].to(self.device)).predicted_depth
        difference = output.float() - inverse_depth
        absolute = difference.abs().mean()
        edges = difference.diff(dim=1).abs().mean() + difference.diff(dim=2).abs().mean()
        return absolute + 2 * edges, {"mae": float(absolute.detach())}


@torch.no_grad()
def estimate(network: DPTForDepthEstimation, rgb: np.ndarray[Any, Any],
             device: torch.device) -> np.ndarray[Any, Any]:
    """Return (N, H, W, 3) uint8 → raw inverse depth (N, H, W) float32."""
    parts = []
    for start in range(0, len(rgb), 64):
        pixels = to_pixels(rgb[start : start + 64], device)
        with quick_autocast(device):
            parts.append(network(pixels).predicted_depth.float().cpu().numpy())
    return np.concatenate(parts)


def measure(network: DPTForDepthEstimation, folder: Path, device: torch.device,
            scenes: int = 100) -> dict[str, float]:
    """Return mean absolute error and correlation with the exact inverse depth on held-out scenes."""
    held = ClipSet(folder)
    errors, correlations = [], []
    for index in range(min(scenes, len(held))):
        shard, row = held.place(index)
        truth = np.asarray(shard.inverse_depth[row], np.float32) / 255
        output = estimate(network, np.asarray(shard.rgb[row]), device)
        errors.append(float(np.abs(output - truth).mean()))
        correlations.append(float(np.corrcoef(output.ravel(), truth.ravel())[0, 1]))
    return {"mae": float(np.mean(errors)), "correlation": float(np.mean(correlations))}
