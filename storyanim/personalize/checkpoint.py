"""The state of unfinished training on disk, so that a killed one goes on and ends with the same numbers.

accelerate and torch pickle an optimizer's state; this file is safetensors, whole or not there, and its bytes
are data.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from storyanim.engine.folders import write_file

SAVE_EVERY_S = 20.0
_METADATA = "storyanim_learning"


@dataclass
class TrainCheckpoint:
    """A file for what is trained; without a path nothing is saved."""

    path: Path | None
    key: str                                         # what is trained from what: files of others are ignored
    tensors: dict[str, Tensor]                       # by name, among them those that the optimizer steps
    optimizer: torch.optim.Optimizer
    _saved_s: float = field(default_factory=time.monotonic)

    def load(self) -> int:
        """Restore tensors and optimizer; return the number of steps done, 0 without a file of this key."""
        from safetensors import SafetensorError, safe_open

        if self.path is None:
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
                if about.get("key") != self.key:
                    return 0
                saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        except (OSError, SafetensorError, ValueError):
            return 0                                 # none yet, or a broken one: train from the start
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(saved[name])
        states: dict[int, dict[str, Tensor]] = {}
        for index, name in enumerate(self._parameter_names()):
            prefix = f"optimizer.{name}."
            if fields := {key.removeprefix(prefix): saved[key] for key in saved if key.startswith(prefix)}:
                states[index] = fields
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})
        return int(about["step"])

    def save_if_due(self, step: int) -> None:
        """Write the state after `step` steps, unless it was written a short time ago.

        Raises ResourceError.
        """
        from safetensors.torch import save

        if self.path is None or time.monotonic() - self._saved_s < SAVE_EVERY_S:
            return
        names, tensors = self._parameter_names(), dict(self.tensors)
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{names[index]}.{name}": value for name, value in state.items()}
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_file(self.path, save(plain, {_METADATA: json.dumps({"key": self.key, "step": step})}))
        self._saved_s = time.monotonic()

    def remove(self) -> None:
        """Remove the file of finished training."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _parameter_names(self) -> list[str]:
        """Return the tensors' names in the optimizer's order."""
        names = {id(tensor): name for name, tensor in self.tensors.items()}
        return [names[id(weight)] for group in self.optimizer.param_groups for weight in group["params"]]
