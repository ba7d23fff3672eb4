"""Frozen in Time (Bain et al. 2021, arXiv 2104.00650): texts and clips in one space.

A vision transformer that attends over time and then over space, and DistilBERT, each projected to one space.
All parameters have the names of the published checkpoint.
"""

from __future__ import annotations

from typing import Literal

import torch
from timm.layers import Mlp, PatchEmbed, trunc_normal_
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import DistilBertConfig, DistilBertModel

from storyanim.retrieve.frozen_in_time_config import FrozenInTimeConfig, VideoConfig

_EPS = 1e-6


class DividedAttention(nn.Module):
    """Divided space-time attention: a patch attends to its group and CLS, CLS attends to everything.

    Args:
        width: of the tokens.
        num_heads: of attention.
        over: what a group spans. "time": the patches at one place in every frame; "space": those of one
            frame.
    """

    def __init__(self, width: int, num_heads: int, over: Literal["time", "space"]) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.over = over
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:            # (B, 1 + F·P, D) → the same
        # (3, B, h, 1 + F·P, d)
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = qkv
        cls = scaled_dot_product_attention(q[:, :, :1], k, v)                                # (B, h, 1, d)
        patches = self._attend_in_groups(qkv, num_frames)                                    # (B, h, F·P, d)
        return self.proj(torch.cat([cls, patches], dim=2).transpose(1, 2).flatten(2))

    def _attend_in_groups(self, qkv: Tensor, num_frames: int) -> Tensor:
        grouped = qkv[:, :, :, 1:].unflatten(3, (num_frames, -1))  # (3, B, h, F, P, d)
        if self.over == "time":
            grouped = grouped.transpose(3, 4)  # (3, B, h, P, F, d)
        q, k, v = grouped.transpose(2, 3)  # each (B, G, h, n, d)
        # each (B, G, h, 1, d)
        _, cls_k, cls_v = qkv[:, :, None, :, :1].expand(-1, -1, q.shape[1], -1, -1, -1)
        keys, values = torch.cat([cls_k, k], dim=3), torch.cat([cls_v, v], dim=3)  # (B, G, h, 1 + n, d)
        # One dimension for batch and groups: the fused kernels take no more.
        seen = scaled_dot_product_attention(*(part.flatten(0, 1) for part in (q, keys, values)))
        seen = seen.unflatten(0, q.shape[:2]).transpose(1, 2)                                # (B, h, G, n, d)
        return (seen.transpose(2, 3) if self.over == "time" else seen).flatten(2, 3)


class SpaceTimeBlock(nn.Module):
    """Attend over time, then space; space adds to the block's input, unlike TimeSformer's."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=_EPS)
        self.attn = DividedAttention(config.width, config.num_heads, "space")
        self.timeattn = DividedAttention(config.width, config.num_heads, "time")
        self.norm2 = nn.LayerNorm(config.width, eps=_EPS)
        self.mlp = Mlp(config.width, config.mlp_width)
        self.norm3 = nn.LayerNorm(config.width, eps=_EPS)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:            # (B, 1 + F·P, D) → the same
        in_time = x + self.timeattn(self.norm3(x), num_frames)
        in_space = x + self.attn(self.norm1(in_time), num_frames)
        return in_space + self.mlp(self.norm2(in_space))


class SpaceTimeTransformer(nn.Module):
    """Encode clips (section 3.1). With fresh weights it is an image model: time attention starts at zero."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config.image_px, config.patch_px, embed_dim=config.width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.patch_embed.num_patches, config.width))
        self.temporal_embed = nn.Parameter(torch.zeros(1, config.num_frames, config.width))
        self.blocks = nn.ModuleList(SpaceTimeBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=_EPS)
        self._initialise()

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, D) of (B, F, 3, H, W), normalised as ImageNet; F is at most that of `temporal_embed`."""
        num_frames = frames.shape[1]
        if num_frames > self.temporal_embed.shape[1]:
            most = self.temporal_embed.shape[1]
            raise ValueError(f"{num_frames} frames are more than the {most} that the network knows")
        patches = self.patch_embed(frames.flatten(0, 1)).unflatten(0, (-1, num_frames))      # (B, F, P, D)
        patches = patches + self.pos_embed[:, None, 1:] + self.temporal_embed[:, :num_frames, None]
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(len(frames), -1, -1)           # (B, 1, D)
        x = torch.cat([cls, patches.flatten(1, 2)], dim=1)                                   # (B, 1 + F·P, D)
        for block in self.blocks:
            x = block(x, num_frames)
        return self.norm(x)[:, 0]

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        for parameter in (self.cls_token, self.pos_embed):
            trunc_normal_(parameter, std=0.02)
        for block in self.blocks:
            nn.init.zeros_(block.timeattn.qkv.weight)
            nn.init.ones_(block.timeattn.proj.weight)


class FrozenInTime(nn.Module):
    """Both towers. Embeddings are not normalised: similarity is the inner product after that."""

    def __init__(self, config: FrozenInTimeConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = DistilBertModel(DistilBertConfig(**config.text.model_dump()))
        self.video_model = SpaceTimeTransformer(config.video)
        self.txt_proj = nn.Sequential(nn.ReLU(), nn.Linear(config.text.dim, config.projection_dim))
        self.vid_proj = nn.Sequential(nn.Linear(config.video.width, config.projection_dim))

    def encode_texts(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # (B, L), (B, L) → (B, dim)
        states = self.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.txt_proj(states[:, 0])

    def encode_clips(self, frames: Tensor) -> Tensor:  # (B, F, 3, H, W) → (B, dim)
        return self.vid_proj(self.video_model(frames))
