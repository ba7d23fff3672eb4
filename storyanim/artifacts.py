"""Every value that passes between stages.

Values that a person may read are frozen pydantic models, saved as JSON or YAML. Arrays are frozen dataclasses
that check their own shape, saved as safetensors. Outside of the denoiser arrays are numpy, time first,
channels last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

ShotId = Annotated[str, Field(pattern=r"^s\d{2,4}$")]


class FrozenModel(BaseModel):
    """A value made of words and numbers: frozen, strict about its fields, one JSON text per value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """Return the value as JSON with sorted keys: equal values, equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False,
                          separators=(",", ":"))


class _Yaml(yaml.SafeDumper):
    """Quotes what YAML takes for ends of lines, so that it comes back as it was."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text,
                                   style='"' if set(text) & set("\x85\u2028\u2029") else None)


_Yaml.add_representer(str, _quoted)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────


class Story(FrozenModel):
    """A story as it was given."""

    title: str
    text: str


class CastMember(FrozenModel):
    """Who a personalised character is in the storyboard."""

    name: str                                        # "bear", from the folder or file
    noun: str                                        # "bear", what the story calls it
    token: str = Field(pattern=r"^<[\w-]+>$")        # "<bear>", the pseudo-word in prompts


class Shot(FrozenModel):
    """One event without a cut; the paper's plot (AaS 3.1)."""

    id: ShotId                                       # given once, never reused
    text: str                                        # its span of the story, verbatim
    query: str                                       # what to look for in real footage
    prompt: str                                      # what to draw, with the pseudo-words of its characters
    characters: tuple[str, ...] = ()                 # names of cast members
    figures: int = Field(default=1, ge=1)            # how many the prompt shows
    setting: str = ""
    duration_s: float = Field(default=2.0, gt=0, le=60)
    seed: int = Field(default=0, ge=0, lt=2**63)
    # clip_id that a person chose, or their own FILE[@START-END], in seconds
    pinned: str | None = None
    banned: tuple[str, ...] = ()                     # clip_ids that a person refused
    unsupported_words: tuple[str, ...] = ()          # words of the story that the model's vocabulary lacks


class Storyboard(FrozenModel):
    """All shots, in order."""

    title: str
    style: str = ""
    characters: tuple[CastMember, ...] = ()
    shots: tuple[Shot, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Storyboard:
        ids = [shot.id for shot in self.shots]
        if len(set(ids)) != len(ids):
            raise ValueError(f"shot ids repeat: {sorted(i for i in set(ids) if ids.count(i) > 1)}")
        known = {member.name for member in self.characters}
        for shot in self.shots:
            if missing := set(shot.characters) - known:
                raise ValueError(f"{shot.id} names characters that the storyboard lacks: {sorted(missing)}")
        return self

    def to_yaml(self) -> str:
        """Return the storyboard for people: YAML, fields in reading order."""
        return yaml.dump(self.model_dump(mode="json"), Dumper=_Yaml, sort_keys=False, allow_unicode=True,
                         width=110)

    @classmethod
    def from_yaml(cls, text: str) -> Storyboard:
        """Read what `to_yaml` wrote, or a person's edit of it.

        Raises yaml.YAMLError or pydantic.ValidationError.
        """
        return cls.model_validate(yaml.safe_load(text))


class ClipMatch(FrozenModel):
    """Footage found for a query."""

    clip_id: str                                     # stable name of the window, e.g. "a1b2c3@1.5-3.5"
    path: str                                        # of the video file
    sha256: str                                      # of the video file
    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)
    score: float = Field(ge=-1.001, le=1.001)        # cosine of query and clip
    caption: str = ""
    rank: int = Field(ge=1)                          # after joining vector and word ranks
    motion: float = Field(default=0.0, ge=0)         # mean absolute frame difference, in [0, 1]


class Candidates(FrozenModel):
    """What retrieval found for one shot; `chosen` indexes `matches`."""

    query: str
    matches: tuple[ClipMatch, ...] = Field(min_length=1)
    chosen: int = Field(default=0, ge=0)
    why: str = ""

    @model_validator(mode="after")
    def _check(self) -> Candidates:
        if self.chosen >= len(self.matches):
            raise ValueError(f"chosen is {self.chosen}, but there are {len(self.matches)} matches")
        return self

    @property
    def match(self) -> ClipMatch:
        """The chosen clip."""
        return self.matches[self.chosen]


class Clip(FrozenModel):
    """A drawn shot on disk, H.264."""

    shot_id: ShotId
    path: Path
    width_px: int
    height_px: int
    fps: float
    num_frames: int

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.num_frames / self.fps


class Film(FrozenModel):
    """All clips joined."""

    path: Path
    clips: tuple[Clip, ...]
    duration_s: float


class Character(FrozenModel):
    """A folder of images of one character, checked and sorted by content."""

    name: str
    token: str
    noun: str
    images: tuple[Path, ...] = Field(min_length=1)

    @field_validator("images")
    @classmethod
    def _absolute(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(path) for path in value)


# ── arrays ───────────────────────────────────────────────────────────────────────────────────────────────


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
    table: Float32                                   # (num_train_timesteps, d): one embedding a timestep
    lora: dict[str, Float32]                         # diffusers' LoRA keys → arrays; may be empty
    base: str                                        # fingerprint of the base model it fits
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_array("table", self.table, "(num_train_timesteps, d)", 2, np.float32)

    def expand_prompt(self, prompt: str) -> str:
        """Return a prompt with the appearance behind the character's name: "a <bear> bear with a hat"."""
        return insert_appearance(prompt, f"{self.token} {self.noun}", self.metadata.get("appearance", ""))


def insert_appearance(text: str, name: str, appearance: str) -> str:
    """Return a text in which `appearance` follows each `name` once, in captions as in prompts."""
    described = f"{name} {appearance}"
    return text.replace(described, name).replace(name, described) if appearance else text
