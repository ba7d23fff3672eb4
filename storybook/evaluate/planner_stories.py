"""Stories cut and labelled by hand, for measuring planners: `tests/planning/stories/{seen,held,fresh,...}/`.

The halves were there while the rules were written: seen to look at, held to score.
Of those that came after, `fresh` is to score and `further` to look at.
The pieces of a story in order are its text. A label says what the one picture of its piece has to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from storyanim.errors import UsageError

STORIES = Path(__file__).parents[2] / "tests" / "planning" / "stories"
HALVES = ("seen", "held")


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


TimeOfDay = Literal["", "dawn", "day", "dusk", "night"]
Weather = Literal["", "clear", "rain", "snow", "storm", "fog", "wind"]


class _Label(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Somebody(_Label):
    """A character of a story."""

    noun: str                                        # what it is: "girl"
    also: tuple[str, ...] = ()                       # other nouns for it that are right
    gender: Literal["", "m", "f"] = ""
    names: tuple[str, ...] = ()
    plural: bool = False                             # several that are always together
    narrator: bool = False                           # "I"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every noun that says what it is, the last word of each, in lower case."""
        return tuple(dict.fromkeys(noun.lower().split()[-1] for noun in (self.noun, *self.also)))


class Label(_Label):
    """What the picture of a piece shows; "" among the values of a field: not showing it is right, too."""

    who: tuple[str, ...]                             # keys of who acts; empty: a view without anybody
    action: tuple[str, ...] = ()                     # base forms of verbs that are right
    with_: tuple[str, ...] = Field((), alias="with")  # keys of others who may be seen
    object: tuple[str, ...] = ()                     # heads of things that may be named
    place: tuple[str, ...]                           # words that are right; none: no place is known
    time: Annotated[tuple[TimeOfDay, ...], BeforeValidator(_as_tuple)]
    weather: Annotated[tuple[Weather, ...], BeforeValidator(_as_tuple)]
    may_join_next: bool = False                      # one shot with the next piece is right as well


class Piece(_Label):
    """The text of one shot, and its label; between `parts` a cut is right as well."""

    parts: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(min_length=1, alias="text")
    label: Label

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.parts)


class LabelledStory(_Label):
    """A story with everything that its film has to show."""

    title: str
    form: str
    source: str
    characters: dict[str, Somebody]
    pieces: tuple[Piece, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> LabelledStory:
        for piece in self.pieces:
            if unknown := {*piece.label.who, *piece.label.with_} - set(self.characters):
                raise ValueError(f"{piece.text[:40]!r} names unknown characters {sorted(unknown)}")
            if not all(any(char.isalnum() for char in part) for part in piece.parts):
                raise ValueError(f"a piece without a letter: {piece.text!r}")
        if self.pieces[-1].label.may_join_next:
            raise ValueError("the last piece has no next one to join")
        return self

    @property
    def text(self) -> str:
        """The whole story."""
        return "".join(piece.text for piece in self.pieces)


def load_story(path: Path) -> LabelledStory:
    """Read one labelled story. Raises UsageError."""
    try:
        return LabelledStory.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        hint = "the others in tests/planning/stories show the form"
        raise UsageError(f"{path} is no labelled story: {error}", hint=hint) from error


def load_stories(folder: Path = STORIES, halves: Sequence[str] = HALVES) -> list[LabelledStory]:
    """Read the labelled stories of some halves, in the order of their names. Raises UsageError."""
    paths = [path for half in halves for path in sorted((folder / half).glob("*.yaml"))]
    if not paths:
        raise UsageError(f"{folder} has no labelled stories", hint="run it from a checkout, which has them")
    return [load_story(path) for path in paths]
