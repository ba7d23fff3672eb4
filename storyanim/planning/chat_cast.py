"""The cast of a chat plan: whom the model found in the story, and who plays them, the same in all shots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from storyanim.artifacts import CastMember, Role, Shot
from storyanim.config import PlanSettings
from storyanim.planning import people_of
from storyanim.planning.casting import Part, assign_parts, kind_of, list_roles, role_names
from storyanim.planning.inflection import lemma_of_noun, plural
from storyanim.planning.language import other_language
from storyanim.planning.looks import colour_in, listed
from storyanim.planning.mentions import gender_of
from storyanim.planning.narrative import Gender, Looks, Narrative, Person
from storyanim.planning.overview import Overview
from storyanim.planning.replies import CastEntry
from storyanim.planning.vocabulary import Actor, Vocabulary
from storyanim.planning.words import is_animate, is_human

_GENDERS: Mapping[str, Gender] = {"he": "m", "she": "f"}


class ChatCast:
    """Everybody of a story, and the parts that they have in its film."""

    def __init__(self, overview: Overview, text: str, members: Sequence[CastMember], vocabulary: Vocabulary | None,
                 settings: PlanSettings) -> None:
        """Args: text: of the story, read by the rules where the model found nobody. Raises StoryError of `assign_parts`."""
        people = [_person(entry, text) for entry in overview.cast]
        if not people and not other_language(text):
            people = list(people_of(text))
        _settle(people, members)
        self._narrative = Narrative(text, tuple(people), ())
        self._vocabulary = vocabulary
        self._parts = assign_parts(self._narrative, vocabulary, settings.cast, settings.stand_ins) if vocabulary else {}

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """Name or noun in small letters → how it is drawn; of two of one kind the first."""
        found: dict[str, Part] = {}
        for person in self._narrative.people:
            for word in (*person.names, kind_of(person)) if id(person) in self._parts else ():
                found.setdefault(word.lower(), self._parts[id(person)])
        return found

    @cached_property
    def stand_ins(self) -> dict[str, str]:
        """Name of a role → who plays it, as `plan.stand_ins` has it."""
        names = role_names(self._narrative.people)
        return {names[id(person)]: self._drawn(person) for person in self._narrative.people if id(person) in self._parts}

    def roles(self, shots: Sequence[Shot]) -> tuple[Role, ...]:
        """Return the cast of a storyboard with these shots."""
        shown = {id(person): [shot.id for shot in shots if self._is_in(person, shot)] for person in self._narrative.people}
        return list_roles(self._narrative, shown, self._parts, self._vocabulary)

    def _drawn(self, person: Person) -> str:
        """How prompts say somebody: "brown bear"; "" without a vocabulary."""
        part = self._parts.get(id(person))
        if part is None or self._vocabulary is None:
            return ""
        return re.sub(r"^an? ", "", self._vocabulary.say_actor(Actor(part.creature, part.colour, *part.worn)))

    def _is_in(self, person: Person, shot: Shot) -> bool:
        if person.member is not None and person.member.name in shot.characters:
            return True
        drawn, kind = self._drawn(person), kind_of(person)
        said = [*person.names, kind, plural(kind)]
        return bool(drawn and drawn in shot.prompt) or _says(said, shot.text) or (
            self._vocabulary is None and _says(said, shot.prompt))


def _says(words: Sequence[str], text: str) -> bool:
    return re.search(rf"\b(?:{'|'.join(map(re.escape, words))})\b", text, re.IGNORECASE) is not None


def _person(entry: CastEntry, text: str) -> Person:
    """Return somebody as the planner knows people. Args: text: the story, in which the mentions are counted."""
    name = re.sub(r"^(?:the|an?)\s+", "", entry.name, flags=re.IGNORECASE).strip()
    kind = entry.kind.lower().split()
    last = kind[-1] if kind else name.lower().rpartition(" ")[2] if is_animate(lemma_of_noun(name.lower().rpartition(" ")[2])) else "person"
    noun = lemma_of_noun(last)
    pronoun = re.match(r"\w*", entry.pronouns.lower())
    gender = _GENDERS.get(pronoun[0] if pronoun else "", "") or gender_of(noun)
    is_name = name[:1].isupper() and name.lower() not in {noun, last, entry.kind.lower()}
    mentions = len(re.findall(rf"\b{re.escape(name)}\b", text, re.IGNORECASE))
    return Person(noun=noun, names=[name] if is_name else [], gender=gender, plural=noun != last, human=noun == "person" or is_human(noun),
                  narrator=name == "I", looks=_looks(f"{entry.kind}, {entry.looks}"), mentions=mentions, acts=max(1, mentions),
                  first=max(0, text.lower().find(name.lower())))


def _looks(words: str) -> Looks:
    """Return looks in a model's words: "small, brown, with a red scarf"."""
    own, wearing = [], []
    for part in re.split(r"[,;]|\band\b|\b(?:with|in|wearing)\b", words.lower()):
        tokens = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", part)
        thing = next((lemma_of_noun(word) for word in tokens if lemma_of_noun(word) in listed("clothes") | listed("features")), "")
        if thing:
            wearing.append((thing, colour_in(tokens)))
        else:
            own += tokens
    seen = [word for word in dict.fromkeys(own) if word in listed("adjectives")]
    return Looks(colour_in(own), tuple(seen[:3]), tuple(wearing[:3]))


def _settle(people: Sequence[Person], members: Sequence[CastMember]) -> None:
    """Give each of the user's characters whom it plays: by name, then by kind."""
    for member in members:
        called = {word.lower() for word in (member.plays or member.name, member.noun) if word}
        free = [p for p in people if p.member is None]
        named = [p for p in free if called & {word.lower() for name in p.names for word in (name, *name.split())}]
        of_kind = [p for p in free if called & {p.noun, kind_of(p)}]
        for person in (*named, *of_kind)[:1]:
            person.member = member
