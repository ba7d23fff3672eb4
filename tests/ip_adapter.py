"""A tiny random IP-Adapter in the published layout, with its image encoder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

TOKENS, EMBED = 4, 12                               # diffusers takes four to be in this layout


def save_ip_adapter(unet: nn.Module, width: int, file: Path) -> Path:
    rng = torch.Generator().manual_seed(21)
    weights = {"image_proj.proj.weight": torch.randn(TOKENS * width, EMBED, generator=rng), "image_proj.proj.bias": torch.zeros(TOKENS * width),
               "image_proj.norm.weight": torch.ones(width), "image_proj.norm.bias": torch.zeros(width)}
    number = 1
    for name in unet.attn_processors:
        if "motion_modules" not in name and ".attn2." in name:
            inner = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            for half in ("to_k_ip", "to_v_ip"):
                weights[f"ip_adapter.{number}.{half}.weight"] = torch.randn(inner, width, generator=rng)
            number += 2
    save_file(weights, file)
    return file


def save_image_encoder(folder: Path) -> Path:
    torch.manual_seed(22)
    CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8, projection_dim=EMBED,
    )).save_pretrained(folder)
    return folder
