"""The file of a learned character: one `.safetensors` with its table, its LoRA, and who it is.

Tensors: `table`, `lora.<diffusers' key>` for each matrix, `weights.<key>` for each weight of the base that is replaced,
and `format`, the number of the layout. Because there is always
more than one tensor, stock diffusers refuses the file as a textual inversion instead of taking row 0 for all timesteps.
The words stand as one JSON text in the metadata.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from storyanim.artifacts import CharacterToken
from storyanim.engine.folders import write_file
from storyanim.errors import CharacterError

FORMAT = 1
_METADATA = "storyanim_character"
_LORA, _WEIGHTS = "lora.", "weights."
_WORDS = ("name", "token", "noun", "base")


def save_character_token(path: Path, token: CharacterToken) -> None:
    """Writes the character's file, whole or not at all; equal tokens give equal bytes. Raises ResourceError."""
    write_file(path, character_bytes(token))


def character_bytes(token: CharacterToken) -> bytes:
    """The character's file as bytes."""
    from safetensors.numpy import save

    tensors = {"table": token.table, "format": np.array([FORMAT], np.int64)}
    tensors |= {f"{_LORA}{name}": matrix for name, matrix in token.lora.items()}
    tensors |= {f"{_WEIGHTS}{name}": weight for name, weight in token.weights.items()}
    words = {name: getattr(token, name) for name in _WORDS} | {"metadata": token.metadata}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return bytes(save(contiguous, {_METADATA: json.dumps(words, sort_keys=True)}))


def load_character_token(path: Path) -> CharacterToken:
    """Reads a character's file. Raises CharacterError when it is missing, broken, or something else."""
    from safetensors import SafetensorError, safe_open

    hint = "make one with `storyanim personalize FOLDER -o NAME.safetensors`"
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CharacterError(f"{path} is not a readable safetensors file ({error})", hint=hint) from error
    if _METADATA not in metadata or "format" not in tensors:
        raise CharacterError(f"{path} is no character file of storyanim", hint=hint)
    if int(tensors["format"].reshape(-1)[0]) != FORMAT:
        raise CharacterError(f"{path} was written by another version of storyanim", hint=hint)
    try:
        words = json.loads(metadata[_METADATA])
        lora, weights = (
            {name.removeprefix(prefix): tensor for name, tensor in sorted(tensors.items()) if name.startswith(prefix)}
            for prefix in (_LORA, _WEIGHTS)
        )
        return CharacterToken(table=tensors["table"], lora=lora, weights=weights, metadata=words["metadata"],
                              **{name: words[name] for name in _WORDS})
    except (ValueError, KeyError, TypeError) as error:
        raise CharacterError(f"{path} is a broken character file ({error})", hint=hint) from error
