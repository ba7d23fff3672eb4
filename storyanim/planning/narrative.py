"""What the offline planner understands of a story: who, what happens, where and when, shot by shot.

`read_narrative` (beats.py) makes these values of a text; `write_shots` (wording.py) puts them into words for a profile.
None of them knows a profile, so that no profile changes where a story is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from storyanim.artifacts import CastMember

if TYPE_CHECKING:
    from spacy.tokens import Span

Gender = Literal["m", "f", ""]
EventKind = Literal["event", "speech", "state", "heading"]


@dataclass(frozen=True)
class Looks:
    """How somebody looks at a point of the story, in its own words, small letters."""

    colour: str = ""                                 # "brown"; "" where the story tells none
    adjectives: tuple[str, ...] = ()                 # that can be seen: ("old", "tiny")
    wearing: tuple[tuple[str, str], ...] = ()        # (thing, colour): (("scarf", "red"), ("hat", ""))


@dataclass(eq=False)
class Person:
    """Somebody of the story: a human being, or an animal or thing that acts like one."""

    noun: str = "person"                             # lemma of what it is: "girl", "wolf"; "person" where nothing tells
    names: list[str] = field(default_factory=list)   # as the story writes them: ["Tom", "Tom Thumb"]
    gender: Gender = ""
    plural: bool = False                             # "the children"
    human: bool = False
    narrator: bool = False                           # "I" of the story
    looks: Looks = field(default_factory=Looks)      # at the end of the story; see Beat.looks
    member: CastMember | None = None                 # who plays it, of the user's characters
    mentions: int = 0                                # clauses that name it
    acts: int = 0                                    # clauses whose doer it is
    first: int = 0                                   # offset of the first mention


@dataclass(frozen=True)
class Phrase:
    """A noun phrase of a clause."""

    text: str                                        # without determiner's "this", relative clauses and marks: "a blue kite"
    head: str                                        # lemma of its head, small letters: "kite"; of a name the name
    plural: bool
    people: tuple[Person, ...]                       # whom it speaks of; () for a thing or a place
    preposition: str                                 # "in", "over", "with"; "" of a subject or object
    start: int                                       # offset in the story
    end: int


@dataclass(frozen=True)
class Event:
    """A clause: what it says happens, or is."""

    start: int                                       # offset in the story
    end: int
    kind: EventKind
    verb: str                                        # lemma; "" without one
    particle: str                                    # "up" of "picked up"
    negated: bool                                    # it does not happen in the picture: "could not sleep", "wanted to go"
    subjects: tuple[Phrase, ...]                     # who does it; filled in where the clause leaves it out
    objects: tuple[Phrase, ...]                      # direct objects, then to or for whom; of a passive none
    modifiers: tuple[Phrase, ...]                    # phrases with a preposition, in order
    while_doing: tuple[Event, ...]                   # "shouted Mia, scrambling out after him"
    tokens: Span                                     # spaCy's tokens of the clause, which may hold quoted speech
    meanwhile: tuple[Event, ...] = ()                # what others do at the same time: "while the rabbit slept"
    passive: bool = False                            # its subjects suffer it, and nobody is told who does it


@dataclass(frozen=True)
class Setting:
    """Where and when; "" is unknown."""

    place: str = ""                                  # head with what can be seen of it: "kitchen", "golden palace"
    preposition: str = ""                            # "in", "on", "at"
    time_of_day: Literal["", "dawn", "day", "dusk", "night"] = ""
    weather: Literal["", "rain", "snow", "storm", "fog", "wind"] = ""
    indoors: bool = False                            # weather is remembered but out of sight
    around: str = ""                                 # what a spot lies in: the lake of a jetty
    snow_lies: bool = False                          # somebody is in it: "danced in the snow"
    has: tuple[str, ...] = ()                        # what is said to be in it: the flowers of "a room with flowers"

    def stayed(self) -> Setting:
        """Return it for who is there and goes no way: at the stream that another jumps over."""
        return replace(self, preposition="by") if self.preposition in {"over", "along"} else self

    def words(self) -> str:
        """Return it for people: "in the kitchen, night, rain"."""
        place = f"{self.preposition} {'' if self.place == 'home' else 'the '}{self.place}".strip() if self.place else ""
        weather = "" if self.indoors else self.weather
        return ", ".join(part for part in (place, self.time_of_day, weather) if part)


@dataclass(frozen=True)
class Beat:
    """One shot in the making."""

    start: int                                       # offset in the story; together all beats are the whole text
    end: int
    events: tuple[Event, ...]                        # in the order of the text
    main: Event | None                               # the one to draw
    setting: Setting
    looks: Mapping[int, Looks]                       # id(person) → looks at that point
    steps: tuple[Event, ...] = ()                    # what the same people do in a row, where beats were merged


@dataclass(frozen=True)
class Narrative:
    """A story as it is understood."""

    text: str
    people: tuple[Person, ...]                       # in the order of their first mention
    beats: tuple[Beat, ...]
