"""The file of a learned character: one `.safetensors` with its table, its LoRA, and who it is.

Tensors: `table`, `lora.<diffusers' key>` for each matrix, `picture.<k>` for each picture that goes with it,
and `format`, the number of the layout. Because
there is always more than one tensor, stock diffusers refuses the file as a textual inversion, instead of
taking row 0 for all timesteps. The words stand as one JSON text in the metadata, with a checksum: safetensors
itself does not notice a changed value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import CharacterToken
from storyanim.engine.folders import write_file
from storyanim.engine.tensor_file import read_tensors, tensors_sha256
from storyanim.errors import CharacterError

FORMAT = 1
_METADATA = "storyanim_character"
_LORA, _PICTURE = "lora.", "picture."
_WORDS = ("name", "token", "noun", "base")
_HINT = "make one with `storyanim personalize FOLDER -o NAME.safetensors`"


def save_character_token(path: Path, token: CharacterToken) -> None:
    """Write the character's file, whole or not at all; equal tokens, equal bytes. Raises ResourceError."""
    write_file(path, character_bytes(token))


def character_bytes(token: CharacterToken) -> bytes:
    """Return the character's file as bytes."""
    from safetensors.numpy import save

    tensors = {"table": token.table, "format": np.array([FORMAT], np.int64)}
    tensors |= {f"{_LORA}{name}": matrix for name, matrix in token.lora.items()}
    tensors |= {f"{_PICTURE}{k}": picture for k, picture in enumerate(token.pictures)}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    words = {name: getattr(token, name) for name in _WORDS} | {
        "metadata": token.metadata, "sha256": tensors_sha256(contiguous)}
    return bytes(save(contiguous, {_METADATA: json.dumps(words, sort_keys=True)}))


def load_character_token(path: Path) -> CharacterToken:
    """Read a character's file. Raises CharacterError when it is missing, damaged, or something else."""
    tensors, metadata = read_tensors(path, "character file", CharacterError, _HINT)
    if _METADATA not in metadata or "format" not in tensors:
        raise CharacterError(f"{path} is no character file of storyanim{_likeness(tensors)}", hint=_HINT)
    _check_format(path, tensors["format"])
    try:
        words = json.loads(metadata[_METADATA])
        # files of the first version have none
        if "sha256" in words and words["sha256"] != tensors_sha256(tensors):
            raise ValueError("its values were changed after it was written")
        return _token(tensors, words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CharacterError(f"{path} is a broken character file ({error})",
                             hint=f"copy it again, or {_HINT}") from error


def _check_format(path: Path, written: Any) -> None:
    number = int(written.reshape(-1)[0]) if written.size and np.issubdtype(written.dtype, np.integer) else 0
    if number > FORMAT:
        raise CharacterError(
            f"{path} was written by another version of storyanim (format {number}, this one reads {FORMAT})",
            hint="update storyanim, or learn the character again with this version")
    if number < FORMAT:
        raise CharacterError(f"{path} is a broken character file (its format is {number})",
                             hint=f"copy it again, or {_HINT}")


def _token(tensors: Mapping[str, Any], words: Mapping[str, Any]) -> CharacterToken:
    """Raise ValueError, KeyError or TypeError for what is no character."""
    said = {name: words[name] for name in _WORDS}
    facts = words["metadata"]
    if not all(isinstance(text, str) for text in (*said.values(), *facts, *facts.values())):
        raise ValueError("its words are no texts")
    lora = {name.removeprefix(_LORA): tensor for name, tensor in sorted(tensors.items())
            if name.startswith(_LORA)}
    numbers = sorted(int(name.removeprefix(_PICTURE)) for name in tensors if name.startswith(_PICTURE))
    shown = [f"{_PICTURE}{number}" for number in numbers]
    if unknown := set(tensors) - {"table", "format", *shown, *(f"{_LORA}{name}" for name in lora)}:
        raise ValueError(f"it holds {min(unknown)}, which no character has")
    if odd := [name for name, matrix in lora.items() if matrix.ndim != 2 or matrix.dtype != np.float32]:
        raise ValueError(f"{odd[0]} is no float32 matrix")
    if not all(np.isfinite(tensor).all() for tensor in (tensors["table"], *lora.values())):
        raise ValueError("it holds values that are not numbers")
    return CharacterToken(table=tensors["table"], lora=lora, metadata=facts,
                          pictures=tuple(tensors[name] for name in shown), **said)


def _likeness(tensors: Mapping[str, Any]) -> str:
    """Return what a foreign file seems to be."""
    if tensors and all("lora" in name for name in tensors):
        return ", but a LoRA"
    return ", but a textual inversion" if len(tensors) == 1 else ""
