"""Weights and figures on disk, as a stage leaves them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNetMotionModel
from transformers import CLIPTextModel, CLIPTokenizer

from storybook.train import card, networks


def save_pipeline_parts(folder: Path, unet: UNetMotionModel, text: CLIPTextModel,
                        tokens: CLIPTokenizer) -> None:
    """Write the video U-Net, text encoder, tokenizer, scheduler and index of the pipeline in `folder`."""
    save_weights(unet, folder / "unet", UNetMotionModel)
    save_weights(text, folder / "text_encoder", CLIPTextModel)
    tokens.save_pretrained(folder / "tokenizer")
    networks.scheduler().save_pretrained(folder / "scheduler")
    card.write_model_index(folder)


def save_weights(network: Any, folder: Path, kind: type) -> None:
    """Write fp16 safetensors in shards under 15 MB.

    Written beside and renamed, so that the weights before survive a kill.
    """
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    state = {
        key: value.detach().to("cpu", torch.float16 if value.is_floating_point() else None).contiguous()
        for key, value in network.state_dict().items()
    }
    copy = kind.from_config(network.config) if hasattr(kind, "from_config") else kind(network.config)
    copy.to(torch.float16).load_state_dict(state)
    copy.save_pretrained(temporary, max_shard_size="14MB")
    _forget_origin(temporary / "config.json")
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")]:
        old.unlink()
    for path in temporary.iterdir():
        path.replace(folder / path.name)
    temporary.rmdir()


def _forget_origin(config: Path) -> None:
    """Take out the folder that the weights were once loaded from."""
    settings = json.loads(config.read_text("utf-8"))
    settings.pop("_name_or_path", None)
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")


def last_figures(log: Path, keys: tuple[str, ...], rows: int = 50) -> dict[str, float]:
    """Return the mean of the last rows of a training log."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()[-rows:]]
    return {
        key: float(np.mean([line[key] for line in lines if key in line])) for key in keys
        if any(key in line for line in lines)
    }
