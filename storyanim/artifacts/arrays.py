"""Moving pictures, depth, and what is learned of characters and motions.

Frozen dataclasses that check their own shape, saved as safetensors: numpy, time first, channels last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts.storyboard import LATER
from storyanim.errors import CharacterError, MotionError

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]


def _check_array(name: str, array: NDArray[Any], shape: str, ndim: int, dtype: type) -> None:
    if array.ndim != ndim or array.dtype != dtype or array.size == 0:
        raise ValueError(f"{name} must be {shape} {dtype.__name__}, got {array.shape} {array.dtype}")


@dataclass(frozen=True, eq=False)
class Frames:
    """Moving pictures."""

    rgb: UInt8                                       # (T, H, W, 3)
    fps: float                                       # frames per second

    def __post_init__(self) -> None:
        _check_array("rgb", self.rgb, "(T, H, W, 3)", 4, np.uint8)
        if self.rgb.shape[-1] != 3 or not self.fps > 0:
            raise ValueError(f"rgb must have 3 channels and fps > 0, got {self.rgb.shape}, {self.fps}")


@dataclass(frozen=True, eq=False)
class DepthTrack:
    """Relative inverse depth of every pixel, scaled once for the whole clip."""

    inverse_depth: Float32                           # (T, H, W) in [0, 1], 1 is nearest
    fps: float

    def __post_init__(self) -> None:
        _check_array("inverse_depth", self.inverse_depth, "(T, H, W)", 3, np.float32)
        if not ((self.inverse_depth >= 0.0) & (self.inverse_depth <= 1.0)).all():         # NaN is in no range
            raise ValueError("inverse_depth must lie in [0, 1]")

    def ping_pong(self, num_frames: int) -> DepthTrack:
        """Return the first `num_frames` of the track played in a ping-pong loop: 0 1 2 1 0 1 …"""
        around = [*range(len(self.inverse_depth)), *range(len(self.inverse_depth) - 2, 0, -1)]
        return DepthTrack(self.inverse_depth[[around[i % len(around)] for i in range(num_frames)]], self.fps)


@dataclass(frozen=True, eq=False)
class CharacterToken:
    """What the model learned of one character (AaS 3.3)."""

    name: str
    token: str                                       # "<bear>"
    noun: str
    table: Float32                                   # (num_train_timesteps, d), or (0, 0) with pictures
    lora: dict[str, Float32]                         # diffusers' LoRA keys → arrays; may be empty
    base: str                                        # fingerprint of the base model it fits
    metadata: dict[str, str] = field(default_factory=dict)
    # (H, W, 3) each, for models that see pictures; with them the table may be empty
    pictures: tuple[UInt8, ...] = field(default=(), metadata=LATER)

    def __post_init__(self) -> None:
        if self.table.size or not self.pictures:
            _check_array("table", self.table, "(num_train_timesteps, d)", 2, np.float32)
        for picture in self.pictures:
            _check_array("a picture", picture, "(H, W, 3)", 3, np.uint8)

    @property
    def is_learned(self) -> bool:
        """Whether there is more of it than pictures."""
        return bool(self.table.size)

    def check_base(self, base: str, profile: str) -> None:
        """Raise CharacterError unless the token was learned for the base model of this fingerprint."""
        if self.base != base:
            raise CharacterError(**_of_another_base(f"the character {self.name}", profile, "personalize"))

    def expand_prompt(self, prompt: str) -> str:
        """Return a prompt with the appearance behind the character's name: "a <bear> bear with a hat".

        Without anything learned the noun stands alone: "a bear".
        """
        if not self.is_learned:
            return prompt.replace(f"{self.token} ", "").replace(self.token, self.noun)
        return insert_appearance(prompt, f"{self.token} {self.noun}", self.metadata.get("appearance", ""))


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion that the model learned from footage (DreamRunner 3.2), with its best clip's depth."""

    name: str                                        # as prompts say it: "bowing"
    lora: dict[str, Float32]                         # diffusers' LoRA keys → arrays, of temporal layers
    depth: DepthTrack                                # that guides who moves so
    base: str                                        # fingerprint of the base model it fits
    metadata: dict[str, str] = field(default_factory=dict)

    def check_base(self, base: str, profile: str) -> None:
        """Raise MotionError unless the motion was learned for the base model of this fingerprint."""
        if self.base != base:
            raise MotionError(**_of_another_base(f"the motion {self.name}", profile, "motion learn"))

    def is_named_in(self, *texts: str) -> bool:
        """Return whether one of the texts says the motion's name."""
        return any(re.search(rf"(?<!\w){re.escape(self.name)}(?!\w)", text, re.IGNORECASE) for text in texts)


def _of_another_base(what: str, profile: str, command: str) -> dict[str, str]:
    """Return message and hint for what was learned for another base model than the profile's."""
    return {"message": f"{what} was learned for another base model than that of the profile {profile}",
            "hint": f"learn it again with this profile (`storyanim {command}`), or run with the profile "
                    "that it was learned with"}


def insert_appearance(text: str, name: str, appearance: str) -> str:
    """Return a text in which `appearance` follows each `name` once, in captions as in prompts."""
    described = f"{name} {appearance}"
    return text.replace(described, name).replace(name, described) if appearance else text
