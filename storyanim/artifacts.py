"""Every value that passes between stages.

Values that a person may read are frozen pydantic models, saved as JSON or YAML. Arrays are frozen dataclasses
that check their own shape, saved as safetensors. Outside of the denoiser arrays are numpy, time first,
channels last.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from storyanim.errors import CharacterError, MotionError

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)      # libyaml's, where it is there

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


def to_yaml(value: object) -> str:
    """Return plain values as YAML for people: fields in their order."""
    return yaml.dump(value, Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=110)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────


class Story(FrozenModel):
    """A story as it was given."""

    title: str
    text: str


MAX_TAKES = 16                                       # drawings of a shot at once
# Fields that came later: a value without them has the key that it had before there were any.
LATER: JsonDict = {"left_out_when_empty": True}


class CastMember(FrozenModel):
    """Who a personalised character is in the storyboard."""

    name: str                                        # "bear", from the folder or file
    noun: str                                        # "bear", what its pictures show
    token: str = Field(pattern=r"^<[\w-]+>$")        # "<bear>", the pseudo-word in prompts
    plays: str = ""                                  # whom, in the story's words: "Tom", "I"; "": its noun


class Role(FrozenModel):
    """Somebody of the story, and who plays it in the film."""

    name: str = Field(min_length=1)                  # "Tom", or what the story calls it: "girl"
    noun: str                                        # what it is: "girl", "dragon", "person"
    pronouns: Literal["he", "she", "they", "it", "I"] = "it"
    first_shot: ShotId
    num_shots: int = Field(ge=1)                     # that show it
    looks: str = ""                                  # that the story tells: "old, with a red scarf"
    # a character's name, or what the profile draws: "brown bear"; "": nobody, or as the story has it
    played_by: str = ""
    # how it speaks: "en-gb female 2, pitch 60, speed 150"; "": by its kind
    voice: str = Field(default="", json_schema_extra=LATER)


class Box(FrozenModel):
    """A part of the picture at a moment of a shot; shares of width and height from the upper left corner."""

    x0: float = Field(default=0.0, ge=0, le=1)
    y0: float = Field(default=0.0, ge=0, le=1)
    x1: float = Field(default=1.0, ge=0, le=1)
    y1: float = Field(default=1.0, ge=0, le=1)
    at: float = Field(default=0.0, ge=0, le=1)       # of the shot; between two moments a box moves in a line

    @model_validator(mode="after")
    def _check(self) -> Box:
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ValueError(f"a box ends where it begins or before: {self.corners}")
        return self

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        return self.x0, self.y0, self.x1, self.y1


def corners_at(boxes: Sequence[Box], moments: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return x0, y0, x1, y1 at moments, (T, 4): linear between key moments, held outside of them."""
    ordered = sorted(boxes, key=lambda box: box.at)
    times, corners = [box.at for box in ordered], np.array([box.corners for box in ordered])
    return np.stack([np.interp(moments, times, side) for side in corners.T], axis=1)


def middles(num_frames: int) -> NDArray[np.float64]:
    """Return the moment of the middle of each frame, in shares of the shot, (T,)."""
    return (np.arange(num_frames) + 0.5) / num_frames


class ShotEntity(FrozenModel):
    """Somebody who does something of its own in a shot (DreamRunner 3.1)."""

    name: str = ""                                   # of a character, whose learned weights act there only
    prompt: str = Field(min_length=1)                # what its part of the picture shows
    query: str = ""                                  # what to look for in real footage
    boxes: tuple[Box, ...] = ()                      # at key moments; none: equal columns, in order
    # clip_id that a person chose for it, and those that they refused
    pinned: str | None = Field(default=None, json_schema_extra=LATER)
    banned: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)


class ShotEvent(FrozenModel):
    """What a shot shows in a part of its time."""

    prompt: str = Field(min_length=1)
    start: float = Field(default=0.0, ge=0, lt=1)    # of the shot
    end: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> ShotEvent:
        if self.end <= self.start:
            raise ValueError(f"an event ends where it begins or before: {self.start:g} to {self.end:g}")
        return self


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
    # who does something of its own, from the back to the front
    entities: tuple[ShotEntity, ...] = Field(default=(), json_schema_extra=LATER)
    events: tuple[ShotEvent, ...] = Field(default=(), json_schema_extra=LATER)       # one after the other
    # how it begins; "": as film.transition says
    transition: Literal["", "cut", "crossfade", "fade", "dip"] = Field(default="", json_schema_extra=LATER)
    # drawings, each with the next seed, whatever they score, the best is shown; 0: as the settings say
    takes: int = Field(default=0, ge=0, le=MAX_TAKES, json_schema_extra=LATER)
    # of its own, joined to all that is drawn of it: "watercolour"; the storyboard's is in its prompts
    style: str = Field(default="", json_schema_extra=LATER)

    def styled(self) -> Shot:
        """Return the shot with its style in its prompts."""
        if not self.style:
            return self

        def joined(part: Any) -> Any:
            return part.model_copy(update={"prompt": f"{part.prompt}, {self.style}"})

        parts = {name: tuple(map(joined, getattr(self, name))) for name in ("entities", "events")}
        return joined(self).model_copy(update={"style": "", **parts})

    def reseeded(self, offset: int = 1) -> Shot:
        """Return the shot with `offset` added to its seed: it is drawn anew."""
        return self.model_copy(update={"seed": (self.seed + offset) % 2**63})

    def boxes_of(self, index: int) -> tuple[Box, ...]:
        """Return where an entity is: its boxes, else its column, counted from the left."""
        count = len(self.entities)
        return self.entities[index].boxes or (Box(x0=index / count, x1=(index + 1) / count),)


class Storyboard(FrozenModel):
    """All shots, in order."""

    title: str
    style: str = ""
    characters: tuple[CastMember, ...] = ()
    cast: tuple[Role, ...] = ()                      # everybody of the story
    shots: tuple[Shot, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()                      # what the planner could not do as asked

    @model_validator(mode="after")
    def _check(self) -> Storyboard:
        ids = [shot.id for shot in self.shots]
        if len(set(ids)) != len(ids):
            raise ValueError(f"shot ids repeat: {sorted(i for i in set(ids) if ids.count(i) > 1)}")
        known = {member.name for member in self.characters}
        for shot in self.shots:
            named = {*shot.characters, *(entity.name for entity in shot.entities if entity.name)}
            if missing := named - known:
                raise ValueError(f"{shot.id} names characters that the storyboard lacks: {sorted(missing)}")
        return self

    def restyled(self, style: str) -> Storyboard:
        """Return the storyboard with another style behind its prompts, in place of the one that it has."""
        if style == self.style:
            return self

        def said(text: str) -> str:
            plain = text.removesuffix(f", {self.style}") if self.style else text
            return f"{plain}, {style}" if style else plain

        def changed(part: Any) -> Any:
            return part.model_copy(update={"prompt": said(part.prompt)})

        shots = tuple(changed(shot).model_copy(update={"entities": tuple(map(changed, shot.entities)),
                                                       "events": tuple(map(changed, shot.events))})
                      for shot in self.shots)
        return self.model_copy(update={"style": style, "shots": shots})

    def to_yaml(self) -> str:
        """Return the storyboard for people: YAML, fields in reading order."""
        return to_yaml(self.model_dump(mode="json"))

    @classmethod
    def from_yaml(cls, text: str) -> Storyboard:
        """Read what `to_yaml` wrote, or a person's edit of it.

        Raises yaml.YAMLError or pydantic.ValidationError.
        """
        return parse_yaml(text)[0]


class _Loader(YAML_LOADER):
    """Notes whether a key is in a map twice, of which YAML takes the last in silence."""

    repeats = False

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.repeats |= len({key.value for key, _ in node.value}) < len(node.value)
        return dict(super().construct_mapping(node, deep))


_parsed: OrderedDict[str, tuple[Storyboard, bool]] = OrderedDict()   # the last few texts
_MAX_PARSED = 4


def parse_yaml(text: str) -> tuple[Storyboard, bool]:
    """Return the storyboard of a file's text, and whether a key is in one of its maps twice.

    A long one takes a second, and is read again and again: the last few are kept. Raises yaml.YAMLError or
    pydantic.ValidationError.
    """
    if text not in _parsed:
        loader = _Loader(text)
        try:
            remember_parsed(text, Storyboard.model_validate(loader.get_single_data()), loader.repeats)
        finally:
            loader.dispose()
    return _parsed[text]


def remember_parsed(text: str, board: Storyboard, repeats: bool = False) -> None:
    """Keep what a text is known to say."""
    _parsed[text] = board, repeats
    while len(_parsed) > _MAX_PARSED:
        _parsed.popitem(last=False)


class FootageQuery(FrozenModel):
    """What footage is asked for: words that somebody wrote, and a plan's, which count less."""

    text: str
    planned: str = ""

    @classmethod
    def of(cls, query: Query) -> FootageQuery:
        """Return a query of either form."""
        return cls(text=query) if isinstance(query, str) else query

    def __str__(self) -> str:
        """All words, as an encoder reads them."""
        return " ".join(filter(None, (self.planned, self.text)))


Query = str | FootageQuery


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
    # share of the query's words that its caption has, rare ones count more
    words: float = Field(default=0.0, ge=0, le=1)
    fits: bool = True                                # False: neither picture nor caption fits the query


class Candidates(FrozenModel):
    """What retrieval found for one shot; `chosen` indexes `matches`, None: no footage fits."""

    query: str
    matches: tuple[ClipMatch, ...] = Field(min_length=1)
    chosen: int | None = Field(default=0, ge=0)
    why: str = ""

    @model_validator(mode="after")
    def _check(self) -> Candidates:
        if self.chosen is not None and self.chosen >= len(self.matches):
            raise ValueError(f"chosen is {self.chosen}, but there are {len(self.matches)} matches")
        return self

    @property
    def match(self) -> ClipMatch | None:
        """The chosen clip; None: the shot is drawn from its text alone."""
        return None if self.chosen is None else self.matches[self.chosen]


class AskedPart(FrozenModel):
    """One thing that a prompt asks to be seen."""

    figure: int = Field(ge=0)                        # in the prompt's order; 0: of the picture
    attribute: str                                   # creature, colour, accessory, action, scene
    value: str
    remark: str                                      # where it is not seen: "the fox does not jump"


class Asked(FrozenModel):
    """What a drawn shot is to show."""

    text: str                                        # the prompt
    parts: tuple[AskedPart, ...] = ()                # that can be looked for one by one


class Reading(FrozenModel):
    """What was read back of a drawing."""

    by: str = ""                                     # "reader", "clip", a vision model; "": nobody could
    score: float = 1.0                               # how well it is what was asked
    mark: float = 0.0                                # below it a shot is drawn again
    scores: dict[str, float] = Field(default_factory=dict)           # "1 action" → likelihood, by figure
    remarks: tuple[str, ...] = ()                    # what is wrong, in plain words
    faults: tuple[str, ...] = ()                     # that make it no picture of anything: "black"

    @property
    def is_right(self) -> bool:
        """Whether it need not be drawn again."""
        return not self.faults and self.score >= self.mark


class Check(FrozenModel):
    """All drawings of a shot as they were read, and which of them is in the film."""

    readings: tuple[Reading, ...] = Field(min_length=1)              # of the shot's seed, the next one, ...
    chosen: int = Field(default=0, ge=0)

    @property
    def reading(self) -> Reading:
        """Of the drawing that is in the film."""
        return self.readings[self.chosen]


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


class Word(FrozenModel):
    """A spoken word: where in its shot's text, and when in its track, it begins."""

    at: int
    start_s: float


class Speech(FrozenModel):
    """What is spoken in a shot, a WAV file as long as the shot has to be."""

    path: Path
    duration_s: float                                # with silence before and after
    end_s: float                                     # of the last word
    words: tuple[Word, ...]


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
