"""What a profile's model can draw, and how its training captions say it.

A small model knows few words. Its vocabulary names them by kind, with the words of stories that mean the same (`words`) and
those for which they are the nearest that can be drawn (`near`). A prompt is put into the model's own words; what was only
near, or nothing at all, is listed in `Shot.unsupported_words`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from storyanim.errors import ModelError
from storyanim.planning.inflection import article, base_of_action, lemma_of_noun

Kind = Literal["creature", "colour", "accessory", "action", "scene", "time_of_day", "weather", "camera"]
KINDS: tuple[Kind, ...] = ("creature", "colour", "accessory", "action", "scene", "time_of_day", "weather", "camera")
_GAPS = frozenset({"DT", "PRP$", "RB", "JJ", "RP", "IN", "CD"})
_SEPARABLE = 2                                       # words that may stand inside an action: "took (a long) walk"


class Word(Protocol):
    """What is read of a spaCy token."""

    @property
    def lower_(self) -> str: ...
    @property
    def lemma_(self) -> str: ...
    @property
    def pos_(self) -> str: ...
    @property
    def tag_(self) -> str: ...


@dataclass(frozen=True)
class _Plain:
    """A word of a phrase that nobody has parsed, taken for a noun or a verb."""

    lower_: str
    lemma_: str
    pos_: str = "NOUN"
    tag_: str = "NN"


class Entry(BaseModel):
    """One thing that can be drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str                                         # its words in a prompt; "" where it goes without saying
    words: tuple[str, ...] = ()                      # base forms that mean it
    near: tuple[str, ...] = ()                       # base forms for which it is the nearest
    family: str = ""                                 # of a creature: its class in families.json; "": by its words
    coloured: str = "{colour} {say}"                 # of a creature: as in "{say} in a {colour} dress"
    colours: tuple[str, ...] = ()                    # of a creature: those it has by nature, the likeliest first


@dataclass(frozen=True)
class Found:
    """A word of the story that the vocabulary knows."""

    value: str
    exact: bool                                      # False: it is only the nearest that can be drawn
    start: int                                       # index of the first token
    stop: int                                        # index after the last


@dataclass(frozen=True)
class Actor:
    """Someone in the picture."""

    creature: str = ""                               # canonical, or free text such as "<bear> bear"
    colour: str = ""
    accessory: str = ""
    accessory_colour: str = ""
    action: str = ""                                 # canonical


@dataclass(frozen=True)
class Picture:
    """What a prompt says, in canonical values; "" is left out."""

    actors: tuple[Actor, ...] = ()
    scene: str = ""
    time_of_day: str = ""
    weather: str = ""
    camera: str = ""


class Vocabulary(BaseModel):
    """The words that a model knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    open: bool = False                               # the model takes any words; these are only for understanding stories
    template: str                                    # of a prompt: {actors} {scene} {time_of_day} {weather} {camera}
    empty_template: str                              # of a prompt without anybody
    default_action: str
    default_scene: str
    indoors: tuple[str, ...] = ()                    # scenes without weather
    max_actors: int = Field(2, ge=1)                 # creatures that one picture holds
    max_together: int = Field(2, ge=1)               # that it can hold when the story shows them together
    kinds: dict[Kind, dict[str, Entry]] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Vocabulary:
        if missing := [kind for kind in KINDS if kind not in self.kinds]:
            raise ValueError(f"kinds lacks {', '.join(missing)}")
        for kind, default in (("action", self.default_action), ("scene", self.default_scene)):
            if default not in self.kinds[kind]:     # type: ignore[index]
                raise ValueError(f"default_{kind} {default!r} is not one of its {kind}s")
        for kind, entries in self.kinds.items():
            owner: dict[str, str] = {}
            for value, entry in entries.items():
                for word in (*entry.words, *entry.near):
                    if owner.setdefault(word, value) != value:
                        raise ValueError(f"{kind}: {word!r} stands for both {owner[word]!r} and {value!r}")
        return self

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read and check a vocabulary. Raises ModelError."""
        hint = "it ships beside the model; a profile without one needs no `vocabulary` line"
        try:
            return cls.model_validate(json.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"the vocabulary {path} cannot be read ({type(error).__name__})", hint=hint) from error
        except json.JSONDecodeError as error:
            raise ModelError(f"the vocabulary {path} is not JSON: {error}", hint=hint) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise ModelError(f"the vocabulary {path} is wrong at {where}: {first['msg']}", hint=hint) from error

    def with_actions(self, names: Sequence[str]) -> Vocabulary:
        """Return it with more actions, by their participles: "bowing"; words that were only near go to them."""
        kinds = {kind: dict(entries) for kind, entries in self.kinds.items()}
        actions = kinds["action"]
        for name in names:
            if name in {entry.say for entry in actions.values()}:
                continue
            base = base_of_action(name)
            for value, entry in actions.items():
                left = {field: tuple(word for word in getattr(entry, field) if word != base) for field in ("words", "near")}
                actions[value] = entry.model_copy(update=left)
            actions[name] = Entry(say=name, words=(base,))
        dumped = {kind: {value: entry.model_dump() for value, entry in entries.items()} for kind, entries in kinds.items()}
        return Vocabulary.model_validate(self.model_dump() | {"kinds": dumped})

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of all of it."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    @property
    def synonyms(self) -> list[tuple[str, ...]]:
        """For each thing that can be drawn, the words and phrases that mean just it."""
        return [tuple(filter(None, (value.replace("_", " "), entry.say, *entry.words)))
                for entries in self.kinds.values() for value, entry in entries.items()]

    # ── the story's words ──

    @cached_property
    def _phrases(self) -> dict[Kind, dict[str, list[tuple[tuple[str, ...], str, bool]]]]:
        """kind → first word → (all words, value, exact), longest first."""
        index: dict[Kind, dict[str, list[tuple[tuple[str, ...], str, bool]]]] = {kind: {} for kind in KINDS}
        for kind, entries in self.kinds.items():
            for value, entry in entries.items():
                own = () if kind == "camera" else (value,)           # "approach" is what a bear does, too
                for exact, words in ((True, (*own, *entry.words)), (False, entry.near)):
                    for word in words:
                        parts = tuple(word.lower().split())
                        index[kind].setdefault(parts[0], []).append((parts, value, exact))
            for found in index[kind].values():
                found.sort(key=lambda item: (-len(item[0]), not item[2]))
        return index

    def at(self, kind: Kind, tokens: Sequence[Word], i: int) -> Found | None:
        """Return what the words from token i on mean in `kind`, the longest first."""
        for form in _forms(kind, tokens[i]):
            for parts, value, exact in self._phrases[kind].get(form, ()):
                if (stop := _match(kind, parts, tokens, i)) is not None:
                    return Found(value, exact, i, stop)
        return None

    def scan(self, kind: Kind, tokens: Sequence[Word]) -> list[Found]:
        """Return everything of `kind` among the tokens, from left to right."""
        found: list[Found] = []
        i = 0
        while i < len(tokens):
            here = self.at(kind, tokens, i)
            if here:
                found.append(here)
            i = here.stop if here and kind != "action" else i + 1
        return found

    def find(self, kind: Kind, text: str) -> Found | None:
        """Return what a few words mean in `kind`, the last of them first: "golden palace", "polar bears"."""
        is_verb = kind == "action"
        words = [_Plain(word, word if is_verb else lemma_of_noun(word), "VERB" if is_verb else "NOUN")
                 for word in text.lower().split()]
        found = self.scan(kind, words)
        return max(found, key=lambda f: (f.stop, f.exact), default=None)

    # ── the model's words ──

    def say(self, picture: Picture) -> str:
        """Return the picture in the words of the model's training captions."""
        scene = picture.scene if picture.scene in self.kinds["scene"] else self.default_scene
        pieces = {
            "actors": self._say_actors(picture.actors),
            "scene": self.kinds["scene"][scene].say,
        }
        weather = "" if scene in self.indoors else picture.weather
        for kind, value in (("time_of_day", picture.time_of_day), ("weather", weather), ("camera", picture.camera)):
            pieces[kind] = self.kinds[kind][value].say if value in self.kinds[kind] else ""      # type: ignore[index]
        return _tidy((self.template if picture.actors else self.empty_template).format(**pieces))

    def say_actor(self, actor: Actor) -> str:
        """Return who it is and what it wears: "a brown bear with a red scarf"."""
        known = self.kinds["creature"].get(actor.creature)
        body = known.say if known else actor.creature
        if actor.colour:
            body = (known.coloured if known else "{colour} {say}").format(colour=actor.colour, say=body)
        worn = self.kinds["accessory"].get(actor.accessory)
        wearing = worn.say.replace("{colour}", actor.accessory_colour) if worn else ""
        return _right_articles(f"{'' if body[:1].isupper() else 'a'} {body} {wearing}")

    def _say_actors(self, actors: Sequence[Actor]) -> str:
        """ "a fox and a cat running", or "a fox running and a cat sitting"."""
        doing = [self.kinds["action"][a.action if a.action in self.kinds["action"] else self.default_action].say for a in actors]
        who = [self.say_actor(actor) for actor in actors]
        if len(set(doing)) <= 1:
            return f"{' and '.join(who)} {''.join(doing[:1])}"
        return " and ".join(f"{actor} {action}" for actor, action in zip(who, doing, strict=True))


def _right_articles(text: str) -> str:
    """One blank between words, "an" where it belongs."""
    words = text.split()
    return " ".join(article(words[i + 1].lstrip("<")) if word == "a" and i + 1 < len(words) else word
                    for i, word in enumerate(words))


def _tidy(text: str) -> str:
    """One blank between words, no empty or doubled commas."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    return ", ".join(part for part in parts if part)


def _forms(kind: Kind, token: Word) -> tuple[str, ...]:
    """How a token may stand in a vocabulary: as it is, or its base form."""
    lemma = token.lemma_.lower()
    if kind == "action":
        return (lemma,) if token.pos_ in {"VERB", "AUX"} else ()
    if token.pos_ == "PUNCT" or (token.pos_ == "AUX") or (
            token.pos_ == "VERB" and kind in {"creature", "scene", "accessory", "colour"}):
        return ()
    return (token.lower_,) if lemma == token.lower_ else (token.lower_, lemma)


def _match(kind: Kind, parts: tuple[str, ...], tokens: Sequence[Word], i: int) -> int | None:
    """Index after the last token of the phrase `parts` that begins at token i; None when it does not."""
    gap = _SEPARABLE if kind == "action" else 0
    at = i + 1
    for part in parts[1:]:
        for skipped in range(gap + 1):
            if at + skipped >= len(tokens):
                return None
            token = tokens[at + skipped]
            if part in {token.lower_, token.lemma_.lower()}:
                at += skipped + 1
                break
            if skipped == gap or token.tag_ not in _GAPS:
                return None
    return at
