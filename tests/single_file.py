"""A Stable Diffusion 1.5 folder of diffusers as one file, in the layout of the original checkpoints."""

from __future__ import annotations

import re
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
TOP = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
       "conv_norm_out": "out.0", "conv_out": "out.2"}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_single_file(unet: nn.Module, vae: nn.Module, text_encoder: nn.Module, file: Path) -> Path:
    weights = {f"model.diffusion_model.{_unet_name(name, unet.config.layers_per_block, unet)}": value
               for name, value in unet.state_dict().items()}
    for name, value in vae.state_dict().items():
        ldm = _vae_name(name)
        weights[f"first_stage_model.{ldm}"] = value[:, :, None, None] if ".attn_1." in ldm and value.ndim == 2 else value
    for name, value in text_encoder.state_dict().items():
        inner = name if name.startswith("text_model.") else f"text_model.{name}"
        weights[f"cond_stage_model.transformer.{inner}"] = value
    save_file({name: value.contiguous() for name, value in weights.items()}, file)
    return file


def _unet_name(name: str, layers: int, unet: nn.Module) -> str:
    for ours, theirs in TOP.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    if found := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name):
        way, block, kind, j, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        first = block * (layers + 1)
        if kind == "downsamplers":
            return f"input_blocks.{first + layers + 1}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            inner = 2 if hasattr(unet.up_blocks[block], "attentions") else 1
            return f"output_blocks.{first + layers}.{inner}.{rest}"
        place = f"input_blocks.{first + j + 1}" if way == "down" else f"output_blocks.{first + j}"
        return f"{place}.0.{_resnet(rest)}" if kind == "resnets" else f"{place}.1.{rest}"
    found = re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name)
    assert found, name
    if found[1] == "attentions":
        return f"middle_block.1.{found[3]}"
    return f"middle_block.{2 * int(found[2])}.{_resnet(found[3])}"


def _resnet(rest: str) -> str:
    part, _, end = rest.partition(".")
    return f"{RESNET[part]}.{end}"


def _vae_name(name: str) -> str:
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0." in name:
        before, after = name.split("mid_block.attentions.0.")
        part = next(ours for ours in ATTENTION if after.startswith(ours))
        return f"{before}mid.attn_1.{after.replace(part, ATTENTION[part], 1)}"
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
