"""Training checkpoints: one safetensors file, written beside and renamed, so that a kill leaves the one
before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn


def save(
    path: Path, network: nn.Module, average: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer,
    state: dict[str, Any]
) -> None:
    """Network, EMA, Adam's moments and the loop's state."""
    tensors = {f"net.{name}": value.detach() for name, value in network.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in average.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{key}": value for key,
                    value in moments.items() if isinstance(value, torch.Tensor)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, partial,
              {"state": json.dumps(state)})
    partial.replace(path)


def load(path: Path, network: nn.Module, average: dict[str, torch.Tensor],
         optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a checkpoint into the three, and return the loop's state."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    with safe_open(path, "pt") as file:
        network.load_state_dict({key[4:]: file.get_tensor(key) for key in file.keys() if key.startswith("net.")})  # noqa: SIM118
        for key in file.keys():  # noqa: SIM118  (safe_open is no mapping)
            kind, _, rest = key.partition(".")
            if kind == "ema":
                average[rest].copy_(file.get_tensor(key))
            elif kind == "adam":
                number, _, name = rest.partition(".")
                moments.setdefault(int(number), {})[name] = _laid_out_as(weights[int(number)],
                                                                         file.get_tensor(key))
        state = json.loads(file.metadata()["state"])
    whole = optimizer.state_dict()
    whole["state"] = moments
    optimizer.load_state_dict(whole)
    return dict(state)


def _laid_out_as(weight: torch.Tensor, moment: torch.Tensor) -> torch.Tensor:
    """In the weight's own memory format: the fused step goes through both as they lie in memory."""
    return torch.empty_like(weight).copy_(moment) if moment.shape == weight.shape else moment
