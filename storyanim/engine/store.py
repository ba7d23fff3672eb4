"""How each kind of artifact lies on disk: text as JSON or YAML, arrays as safetensors with a preview."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from storyanim.artifacts import (
    Candidates,
    Character,
    Check,
    Clip,
    ClipMatch,
    DepthTrack,
    Film,
    Frames,
    FrozenModel,
    Reading,
    Shot,
    Speech,
    Story,
    Storyboard,
    UInt8,
)
from storyanim.engine.character_file import character_bytes, load_character_token, save_character_token
from storyanim.engine.motion_file import load_motion, motion_bytes
from storyanim.sheet import evenly_spaced, png_bytes, strip

__all__ = ["CODECS", "Codec", "json_codec", "load", "load_character_token", "save", "save_character_token"]

_PREVIEW_FRAMES, _PREVIEW_HEIGHT_PX = 8, 128
W = TypeVar("W", bound=FrozenModel)


@dataclass(frozen=True)
class Codec:
    """How one kind of artifact is written to its file and read again."""

    file: str
    encode: Callable[[Any, Path, Path], bytes]       # value, its folder, the root of the run → bytes
    decode: Callable[[Path], Any]                    # the file → value
    preview: Callable[[Any], bytes] | None = None    # value → PNG


def save(value: object, folder: Path, root: Path | None = None) -> str:
    """Write `value` and its preview.png into `folder`; return the name of its kind, which `load` wants.

    Paths below `root` (default: `folder`) are kept relative to `folder`, so that a run can be moved as a
    whole; others become absolute. Raises TypeError for a kind that has no codec.
    """
    kind = "Path" if isinstance(value, Path) else type(value).__name__
    codec = CODECS.get(kind)
    if codec is None:
        raise TypeError(f"a step gave {kind}, which cannot be stored; known are {', '.join(CODECS)}")
    (folder / codec.file).write_bytes(codec.encode(value, folder, root or folder))
    if codec.preview is not None:
        (folder / "preview.png").write_bytes(codec.preview(value))
    return kind


def load(kind: str, folder: Path) -> Any:
    """Read what `save` wrote; relative paths come back absolute."""
    codec = CODECS[kind]
    return codec.decode(folder / codec.file)


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────


def json_codec(kind: type[W], file: str) -> Codec:
    """Return the codec of words: one JSON file."""
    def encode(value: W, folder: Path, root: Path) -> bytes:
        data = _portable(value.model_dump(mode="python"), folder, root)
        return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()

    def decode(path: Path) -> W:
        value = kind.model_validate(json.loads(path.read_text("utf-8")))
        return _absolute(value, path.parent)

    return Codec(file, encode, decode)


def _portable(data: Any, folder: Path, root: Path) -> Any:
    """Return `data` with each Path as text: relative to `folder` when it lies below `root`, else absolute."""
    if isinstance(data, Path):
        path = Path(os.path.abspath(data))
        return Path(os.path.relpath(path, folder)).as_posix() if path.is_relative_to(root) else str(path)
    if isinstance(data, dict):
        return {name: _portable(part, folder, root) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [_portable(part, folder, root) for part in data]
    return data


def _absolute(data: Any, folder: Path) -> Any:
    """Return `data` with each relative Path, also inside models and tuples, taken from `folder`."""
    if isinstance(data, Path):
        return Path(os.path.normpath(folder / data))
    if isinstance(data, tuple):
        return tuple(_absolute(part, folder) for part in data)
    if isinstance(data, BaseModel):
        return data.model_copy(
            update={name: _absolute(getattr(data, name), folder) for name in type(data).model_fields})
    return data


# ── arrays ──────────────────────────────────────────────────────────────────────────────────────────────────


def _track_bytes(name: str) -> Callable[[Any, Path, Path], bytes]:
    def encode(value: Frames | DepthTrack, folder: Path, root: Path) -> bytes:
        from safetensors.numpy import save as to_bytes

        # fps as a tensor and no metadata: the order of metadata in the file is not fixed, its bytes must be.
        array = np.ascontiguousarray(getattr(value, name))
        return bytes(to_bytes({name: array, "fps": np.array([value.fps], np.float64)}))

    return encode


def _track_from(kind: type[Frames] | type[DepthTrack], name: str) -> Callable[[Path], Any]:
    def decode(path: Path) -> Frames | DepthTrack:
        from safetensors.numpy import load as from_bytes

        tensors = from_bytes(path.read_bytes())
        fields: dict[str, Any] = {name: tensors[name], "fps": float(tensors["fps"][0])}
        return kind(**fields)

    return decode


def _preview(frames: UInt8) -> bytes:
    """Return up to eight of (T, H, W, 3) or (T, H, W) frames side by side, as PNG."""
    shown = evenly_spaced(frames, min(_PREVIEW_FRAMES, len(frames)))
    return png_bytes(strip(shown, _PREVIEW_HEIGHT_PX))


CODECS: dict[str, Codec] = {
    "Story": json_codec(Story, "story.json"),
    "Shot": json_codec(Shot, "shot.json"),
    "Storyboard": Codec(
        "storyboard.yaml",
        lambda board, folder, root: board.to_yaml().encode(),
        lambda path: Storyboard.from_yaml(path.read_text("utf-8")),
    ),
    "ClipMatch": json_codec(ClipMatch, "match.json"),
    "Candidates": json_codec(Candidates, "match.json"),
    "Reading": json_codec(Reading, "reading.json"),
    "Check": json_codec(Check, "check.json"),
    "Clip": json_codec(Clip, "clip.json"),
    "Speech": json_codec(Speech, "speech.json"),
    "Film": json_codec(Film, "film.json"),
    "Character": json_codec(Character, "character.json"),
    "Frames": Codec(
        "frames.safetensors", _track_bytes("rgb"), _track_from(Frames, "rgb"),
        lambda frames: _preview(frames.rgb)),
    "DepthTrack": Codec(
        "depth.safetensors", _track_bytes("inverse_depth"), _track_from(DepthTrack, "inverse_depth"),
        lambda depth: _preview(np.rint(depth.inverse_depth * 255).astype(np.uint8))),    # white is nearest
    "CharacterToken": Codec(
        "character.safetensors", lambda token, folder, root: character_bytes(token), load_character_token),
    "Motion": Codec("motion.safetensors", lambda motion, folder, root: motion_bytes(motion), load_motion),
    "Path": Codec(
        "path.json",
        lambda value, folder, root: json.dumps(_portable(value, folder, root)).encode(),
        lambda path: _absolute(Path(json.loads(path.read_text("utf-8"))), path.parent),
    ),
}
