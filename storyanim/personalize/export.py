"""A character in the formats that stock diffusers loads: its LoRA, or its table averaged into one token.

Neither file says all that was learned: the LoRA lacks the word, the token lacks the LoRA and the change with
the timestep.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from storyanim.artifacts import CharacterToken, Float32
from storyanim.errors import UsageError

_METADATA = "storyanim_export"                       # one entry: several have no fixed order


@dataclass(frozen=True)
class Loss:
    """How far the rows of a table lie from their mean, each as a share of its own norm."""

    rows: int                                        # different ones
    mean: float                                      # over all timesteps
    largest: float


def lora_file(token: CharacterToken) -> bytes:
    """Return the LoRA as `load_lora_weights` of diffusers reads it: its own keys, alpha equal to the rank.

    It fits every U-Net with these layers, 2D or with motion. Raises UsageError for a character without one.
    """
    if not token.lora:
        raise UsageError(f"{token.name} has no LoRA, only a table",
                         hint="use --format ti-embedding --collapse")
    return _file(token.lora, token, {})


def embedding_file(token: CharacterToken, *, collapse: bool) -> tuple[bytes, Loss]:
    """Return the table as one textual-inversion token, the mean of its rows (1, d), and what that loses.

    Args:
        token: the character.
        collapse: whether rows may differ; else UsageError is raised for those that do.
    """
    row, loss = collapsed(token.table)
    if loss.rows > 1 and not collapse:
        raise UsageError(f"the table of {token.name} has {loss.rows} different rows, "
                         "a textual inversion has one for all steps",
                         hint="--collapse averages them; it says how much that loses")
    return _file({token.token: row[None]}, token, {"collapse": asdict(loss)}), loss


def collapsed(table: Float32) -> tuple[Float32, Loss]:
    """Return the mean row (d) of a table (T, d), and what it loses."""
    exact = table.astype(np.float64)
    row = exact.mean(axis=0)
    norms = np.maximum(np.linalg.norm(exact, axis=1), np.finfo(np.float32).tiny)
    far = np.linalg.norm(exact - row, axis=1) / norms                                             # (T)
    rows = len(np.unique(table, axis=0))
    if rows == 1:                                    # the mean of equal numbers may differ in its last bit
        return table[0], Loss(1, 0.0, 0.0)
    return row.astype(np.float32), Loss(rows, float(far.mean()), float(far.max()))


def _file(tensors: dict[str, Float32], token: CharacterToken, facts: dict[str, Any]) -> bytes:
    from safetensors.numpy import save

    who = {"name": token.name, "token": token.token, "noun": token.noun, "base": token.base}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return bytes(save(contiguous, {_METADATA: json.dumps(who | facts, sort_keys=True)}))
