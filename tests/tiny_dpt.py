"""Tiny random DPT repositories, in the layouts of Intel/dpt-large (plain) and Intel/dpt-hybrid-midas (hybrid)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_NARROW = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 32,
           "backbone_out_indices": [0, 1, 2, 3], "fusion_hidden_size": 8, "use_auxiliary_head": False}
_PLAIN = {"patch_size": 8, "neck_hidden_sizes": [8, 8, 8, 8]}
_BIT = {"model_type": "bit", "global_padding": "same", "layer_type": "bottleneck", "depths": [1, 1, 1],
        "hidden_sizes": [8, 8, 16], "embedding_size": 8, "num_groups": 2, "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True}
_HYBRID = {"patch_size": 16, "neck_hidden_sizes": [8, 8, 16, 16], "is_hybrid": True, "readout_type": "project",
           "backbone_featmap_shape": [1, 16, 2, 2], "neck_ignore_stages": [0, 1], "backbone_config": _BIT}


def save_plain(folder: Path, *, seed: int = 0) -> Path:
    return _save(folder, _PLAIN, seed)


def save_hybrid(folder: Path, *, seed: int = 0) -> Path:
    return _save(folder, _HYBRID, seed)


def _save(folder: Path, layout: dict[str, Any], seed: int) -> Path:
    import torch
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    torch.manual_seed(seed)
    model = DPTForDepthEstimation(DPTConfig(**_NARROW, **layout, initializer_range=0.5))
    with torch.no_grad():
        model.head.head[-2].weight.abs_()            # the head ends in a ReLU, which random weights may leave at zero
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    DPTImageProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(folder)
    return folder
