"""A story and its storyboard: who is in it, its shots, what each shows and where."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.config import JsonDict

from storyanim.artifacts.base import YAML_LOADER, FrozenModel, ShotId, to_yaml


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

    def num_drawn(self, role: Role) -> int:
        """Return how many shots draw somebody: a picture holds fewer than a story's "all of them".

        A character is listed by its shots, a stand-in stands in their prompts by its words. Who plays itself
        is said in many ways there, and is in the shots that were planned for it.
        """
        if role.played_by in {member.name for member in self.characters}:
            return sum(role.played_by in shot.characters for shot in self.shots)
        if role.played_by == role.noun:
            return min(role.num_shots, len(self.shots))
        part = re.compile(rf"\b{re.escape(role.played_by)}\b") if role.played_by else None
        return sum(part is not None and part.search(shot.prompt) is not None for shot in self.shots)

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
