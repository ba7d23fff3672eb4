"""The file of a learned motion: one `.safetensors` with its LoRA, the depth of its best clip, and its name.

Tensors: `lora.<diffusers' key>` for each matrix, `depth` (T, H, W), its `fps`, and `format`, the number of
the layout. The words stand as one JSON text in the metadata, with a checksum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import DepthTrack, Motion
from storyanim.engine.folders import write_file
from storyanim.engine.tensor_file import read_tensors, tensors_sha256
from storyanim.errors import MotionError

FORMAT = 1
_METADATA = "storyanim_motion"
_CHARACTER = "storyanim_character"
_LORA = "lora."
_HINT = "make one with `storyanim motion learn MOTION -o NAME.safetensors`"


def save_motion(path: Path, motion: Motion) -> None:
    """Write the motion's file, whole or not at all; equal motions, equal bytes. Raises ResourceError."""
    write_file(path, motion_bytes(motion))


def motion_bytes(motion: Motion) -> bytes:
    """Return the motion's file as bytes."""
    from safetensors.numpy import save

    tensors = {"depth": motion.depth.inverse_depth, "fps": np.array([motion.depth.fps], np.float64),
               "format": np.array([FORMAT], np.int64)}
    tensors |= {f"{_LORA}{name}": matrix for name, matrix in motion.lora.items()}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    words = {"name": motion.name, "base": motion.base, "metadata": motion.metadata,
             "sha256": tensors_sha256(contiguous)}
    return bytes(save(contiguous, {_METADATA: json.dumps(words, sort_keys=True)}))


def load_motion(path: Path) -> Motion:
    """Read a motion's file. Raises MotionError when it is missing, damaged, or something else."""
    tensors, metadata = read_tensors(path, "motion file", MotionError, _HINT)
    if _METADATA not in metadata or "format" not in tensors:
        raise MotionError(f"{path} is no motion file of storyanim{_likeness(tensors, metadata)}", hint=_HINT)
    written = int(np.asarray(tensors["format"]).reshape(-1)[0])
    if written != FORMAT:
        raise MotionError(
            f"{path} was written by another version of storyanim (format {written}, this one reads {FORMAT})",
            hint="update storyanim, or learn the motion again with this version")
    try:
        words = json.loads(metadata[_METADATA])
        if words["sha256"] != tensors_sha256(tensors):
            raise ValueError("its values were changed after it was written")
        return _motion(tensors, words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MotionError(f"{path} is a broken motion file ({error})",
                          hint=f"copy it again, or {_HINT}") from error


def _motion(tensors: Mapping[str, Any], words: Mapping[str, Any]) -> Motion:
    """Raise ValueError, KeyError or TypeError for what is no motion."""
    facts = words["metadata"]
    if not all(isinstance(text, str) for text in (words["name"], words["base"], *facts, *facts.values())):
        raise ValueError("its words are no texts")
    lora = {name.removeprefix(_LORA): tensor for name, tensor in sorted(tensors.items())
            if name.startswith(_LORA)}
    if odd := [name for name, matrix in lora.items() if matrix.ndim != 2 or not np.isfinite(matrix).all()]:
        raise ValueError(f"{odd[0]} is no matrix of numbers")
    depth = DepthTrack(tensors["depth"], float(tensors["fps"][0]))
    return Motion(name=words["name"], lora=lora, depth=depth, base=words["base"], metadata=facts)


def _likeness(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    """Return what a foreign file seems to be."""
    if _CHARACTER in metadata:
        return ", but a character file (give it with --character)"
    return ", but a LoRA" if tensors and all("lora" in name for name in tensors) else ""
