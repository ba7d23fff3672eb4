"""Reading safetensors files that people hand in, and a checksum of their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storyanim.errors import InputError


def read_tensors(
    path: Path, kind: str, error: type[InputError], hint: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return tensors and metadata of any safetensors file.

    Args:
        path: of the file.
        kind: what it should be, for the errors: "character file".
        error: raised when it is missing or cannot be read.
        hint: of the error.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise error(f"there is no {kind} {path}", hint=hint)
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as problem:
        raise error(f"{path} is not a readable safetensors file ({problem})", hint=hint) from problem


def tensors_sha256(tensors: Mapping[str, Any]) -> str:
    """Return the sha256 of names, kinds, shapes and values: safetensors does not notice a changed value."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0".encode() + tensor.tobytes())
    return digest.hexdigest()
