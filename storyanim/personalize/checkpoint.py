"""The state of an unfinished learning on disk, so that a killed one goes on and ends with the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from storyanim.engine.folders import write_file

_METADATA = "storyanim_learning"


def save(path: Path, key: str, step: int, parts: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Writes the state after `step` steps, whole or not at all.

    Args:
        key: what is being learned from what; another key's checkpoint is not taken up.
        parts: tensors by name, among them those that the optimizer steps.
    """
    from safetensors.torch import save as to_bytes

    names = _names(parts, optimizer)
    tensors = dict(parts)
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{names[index]}.{field}": value for field, value in state.items()}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_file(path, to_bytes(plain, {_METADATA: json.dumps({"key": key, "step": step})}))


def resume(path: Path, key: str, parts: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> int:
    """Puts the state of `path` into `parts` and the optimizer; gives the number of steps done, 0 when there is none for `key`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
            if about.get("key") != key:
                return 0
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (OSError, SafetensorError, ValueError):
        return 0                                     # none yet, or a broken one: learn from the start
    with torch.no_grad():
        for name, tensor in parts.items():
            tensor.copy_(tensors[name])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": _states(tensors, parts, optimizer)})
    return int(about["step"])


def _names(parts: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> list[str]:
    """The parts' names in the optimizer's order."""
    of_tensor = {id(tensor): name for name, tensor in parts.items()}
    return [of_tensor[id(weight)] for weight in _weights(optimizer)]


def _weights(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _states(tensors: dict[str, Tensor], parts: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[int, Any]:
    states: dict[int, Any] = {}
    for index, name in enumerate(_names(parts, optimizer)):
        prefix = f"optimizer.{name}."
        fields = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        if fields:
            states[index] = fields
    return states
