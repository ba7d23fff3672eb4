"""A tiny random control model of CogVideoX-Fun, saved by the stock classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXFunControlPipeline,
    CogVideoXTransformer3DModel,
)
from tiny_wan import letters
from transformers import T5Config, T5EncoderModel


def save_cogvideox(folder: Path, **transformer: Any) -> Path:
    torch.manual_seed(32)
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4, block_out_channels=(8,) * 4,
        latent_channels=4, layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4)
    network = CogVideoXTransformer3DModel(**{
        "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 8, "out_channels": 4, "time_embed_dim": 8, "text_embed_dim": 32,
        "num_layers": 2, "sample_width": 4, "sample_height": 4, "sample_frames": 9, "max_text_seq_length": 16,
        "use_rotary_positional_embeddings": True, **transformer})
    for layer in (network.proj_out, vae.encoder.conv_out.conv, vae.decoder.conv_out.conv):       # so that it all matters
        torch.nn.init.normal_(layer.weight, std=0.5)
    text = T5EncoderModel(T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8))
    CogVideoXFunControlPipeline(tokenizer=letters(), text_encoder=text, vae=vae, transformer=network,
                                scheduler=CogVideoXDDIMScheduler()).save_pretrained(folder)
    return folder
