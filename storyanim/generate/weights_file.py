"""A file of weights: its tensors, and what it is by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import infer_diffusers_model_type
from torch import Tensor

from storyanim import hub

TEXTUAL_INVERSION = "a textual inversion"
_KINDS = {                                           # what `infer_diffusers_model_type` calls a checkpoint
    "xl": "an SDXL checkpoint", "v2": "a Stable Diffusion 2 checkpoint", "sd3": "a Stable Diffusion 3 checkpoint",
    "inpainting": "an inpainting checkpoint", "flux": "a FLUX checkpoint", "wan": "a Wan checkpoint",
    "ltx": "an LTX-Video checkpoint", "controlnet": "a ControlNet", "animatediff": "a motion module",
    "playground": "a Playground (SDXL) checkpoint", "stable_cascade": "a Stable Cascade checkpoint",
}
# What the names of layers tell, of the whole file's or of a LoRA's base.
_FAMILIES = {
    r"\b(transformer_)?double_blocks|_double_blocks_|single_transformer_blocks": "FLUX",
    r"joint_blocks|\.attn\.add_[qkv]_proj": "Stable Diffusion 3",
    r"\blora_te2_|text_encoder_2\.|\b(?:lora_)?unet\S*[._]transformer_blocks[._][1-9]": "SDXL",
    r"\bblocks\.\d+\.(self|cross)_attn\.": "Wan",
}
_PARTS = {                                           # of a model, by the names of its weights
    r"\b(adapter\.)?body\.0\.": "a T2I-Adapter",
    r"\bdown_blocks\..* up_blocks\.|\bup_blocks\..* down_blocks\.": "the U-Net of a diffusers folder, alone",
    r"\b(encoder|decoder)\.(conv_in|mid)": "a VAE",
    r"\btext_model\.encoder\.": "a text encoder",
}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, or of another that torch reads without running code."""
    from safetensors.torch import load_file

    with map_file_errors(path):
        hub.check_file(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        inner = dict(_flat(found.get("state_dict", found)))
        return {name: value for name, value in inner.items() if isinstance(value, Tensor)}


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what lies in nested dicts, under names joined by points, as safetensors has them."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def name_of(weights: Mapping[str, Tensor]) -> str:
    """Return what a file of weights is, by their names: "an SDXL checkpoint", "a LoRA"."""
    if kind := kind_of(weights):
        return kind
    names = " ".join(weights)
    if "lora" in names.lower():
        family = family_of(weights)
        return f"a LoRA of {family}" if family else "a LoRA"
    if "ip_adapter" in names or "image_proj" in names:
        return "an IP-Adapter"
    if "motion_modules" in names:
        return "a motion module"
    if weights.keys() == {"clip_g", "clip_l"}:
        return "a textual inversion of SDXL"
    if len(weights) <= 4:
        return TEXTUAL_INVERSION if all(value.ndim <= 2 for value in weights.values()) else "too little"
    if "model.diffusion_model." in names:
        return "a checkpoint of Stable Diffusion 1.5"
    if part := _first_match(_PARTS, names):
        return part
    return f"a file of other weights ({next(iter(weights), 'empty')}, ...)"


def kind_of(weights: Mapping[str, Tensor]) -> str | None:
    """Return what a whole checkpoint of another kind than Stable Diffusion 1.5 is; None of any other file."""
    try:
        kind = str(infer_diffusers_model_type(weights))
    except Exception:                                # it looks for weights that not each file of a kind has
        kind = ""
    if known := next((words for part, words in _KINDS.items() if kind.startswith(part)), None):
        return known
    family = None if any("lora" in name.lower() for name in weights) else family_of(weights)
    return f"a checkpoint of {family}" if family else None


def family_of(weights: Mapping[str, Tensor]) -> str | None:
    """Return the family that layers are of by their names, "SDXL"; None when they do not tell."""
    return _first_match(_FAMILIES, " ".join(weights))


def _first_match(patterns: Mapping[str, str], names: str) -> str | None:
    return next((words for pattern, words in patterns.items() if re.search(pattern, names)), None)


def map_file_errors(path: Path) -> AbstractContextManager[None]:
    """Map what the libraries raise over a file to a ModelError that names it."""
    return hub.map_model_errors(path.name, hint="it must be made for the profile's base model")
