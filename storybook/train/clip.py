"""Stage 2: the retriever, a CLIP that meets captions with the mean of a clip's frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPModel, CLIPTokenizer

from storyanim.device import quick_autocast
from storybook.train.data import ClipSet, draw_rows, to_pixels
from storybook.train.loop import Batch
from storybook.world import captions


class ClipStage:
    """Symmetric InfoNCE over a batch.

    Frames of a clip are embedded apart and averaged, as the retriever does.
    """

    name = "clip"

    def __init__(
        self, network: CLIPModel, tokens: CLIPTokenizer, folders: list[Path], *, batch_size: int = 64,
        device: torch.device
    ) -> None:
        self.clip = network.to(device)
        self.network: nn.Module = self.clip
        self.sets = [ClipSet(folder) for folder in folders]
        self.tokens, self.batch_size, self.device = tokens, batch_size, device
        self.num_frames = 2

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one parameter group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return clips of a few frames with one caption each."""
        frames, texts = [], []
        for shard, row in draw_rows(self.sets, rng, self.batch_size):
            chosen = np.sort(rng.choice(shard.num_frames, self.num_frames, replace=False))
            frames.append(shard.rgb[row][chosen])
            texts.append(captions.caption(shard.specs[row], rng, shard.world))
        ids = self.tokens(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return {"rgb": torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3), "ids": ids}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss and the share of texts whose own clip comes first in the batch."""
        rgb = batch["rgb"].to(self.device).float().div(127.5).sub(1)  # (B, F, 3, H, W)
        with quick_autocast(self.device):
            images = embedding(self.clip.get_image_features(pixel_values=rgb.flatten(0, 1))).float()
            texts = embedding(self.clip.get_text_features(input_ids=batch["ids"].to(self.device))).float()
        clips = F.normalize(F.normalize(images, dim=-1).unflatten(0, rgb.shape[:2]).mean(1), dim=-1)
        logits = F.normalize(texts, dim=-1) @ clips.T * self.clip.logit_scale.clamp(max=4.6).exp()
        truth = torch.arange(len(logits), device=self.device)
        loss = (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2
        return loss, {"top1": float((logits.argmax(1) == truth).float().mean())}


def embedding(output: Any) -> torch.Tensor:
    """Return the projected vectors, which transformers 5 wraps and earlier versions returned."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


@torch.no_grad()
def measure(network: CLIPModel, tokens: CLIPTokenizer, folder: Path, device: torch.device,
            scenes: int = 200) -> dict[str, float]:
    """Return text-to-clip recall among held-out scenes, with their plain captions, and whether the first hit
    does the same action."""
    held = ClipSet(folder)
    count = min(scenes, len(held))
    specs, texts, vectors = [], [], []
    for index in range(count):
        shard, row = held.place(index)
        rgb = to_pixels(shard.rgb[row], device)
        vectors.append(F.normalize(F.normalize(embedding(network.get_image_features(pixel_values=rgb)),
                                               dim=-1).mean(0), dim=-1))
        specs.append(shard.specs[row])
        texts.append(captions.caption(shard.specs[row], None, shard.world))
    ids = tokens(texts, padding="max_length", truncation=True,
                 return_tensors="pt").input_ids.to(
        device
    )
    queries = F.normalize(embedding(network.get_text_features(input_ids=ids)), dim=-1)
    order = (queries @ torch.stack(vectors).T).argsort(dim=1, descending=True).cpu()
    rank = (order == torch.arange(count)[:, None]).float().argmax(1)
    first = [specs[int(order[k, 0])].actors[0].action == specs[k].actors[0].action for k in range(count)
             if specs[k].actors]
    return {
        "recall@1": float((rank < 1).float().mean()),
        "recall@5": float((rank < 5).float().mean()),
        "recall@10": float((rank < 10).float().mean()),
        "same_action@1": float(np.mean(first)),
    }
