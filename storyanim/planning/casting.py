"""Who plays whom: the user's characters, what the profile draws, and stand-ins for whom it cannot draw.

A part is given once for the whole film, so that a figure keeps its kind and colour. Those who act most choose first; a
stand-in is the nearest in kind by the classes of families.json, and another for each character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from storyanim.artifacts import CastMember, Role, Shot, Storyboard
from storyanim.errors import StoryError
from storyanim.planning.inflection import lemma_of_noun, with_article
from storyanim.planning.looks import colour_in, listed
from storyanim.planning.narrative import Beat, Looks, Narrative, Person
from storyanim.planning.vocabulary import Actor, Vocabulary
from storyanim.planning.words import is_animate, is_human

_ADULTS = {"m": "man", "f": "woman", "": "person"}


@dataclass(frozen=True)
class Part:
    """How somebody is drawn in the whole film."""

    creature: str                                    # the vocabulary's value
    colour: str = ""
    worn: tuple[str, str] = ("", "")                 # accessory and its colour that a person chose
    exact: bool = True                               # it is what the story calls it; False of a stand-in


# ── kinds and their families ─────────────────────────────────────────────────────────────────────────────────────────


@cache
def _families() -> dict[str, tuple[str, ...]]:
    """Noun or class → the classes that it belongs to, the widest first."""
    found: dict[str, tuple[str, ...]] = {}

    def read(tree: Mapping[str, object], above: tuple[str, ...]) -> None:
        for name, below in tree.items():
            here = (*above, name)
            found.setdefault(name, here)
            if isinstance(below, Mapping):
                read(below, here)
            elif isinstance(below, list):
                found.update({noun: here for noun in below})

    read(json.loads(resources.files("storyanim.planning").joinpath("families.json").read_text("utf-8")), ())
    return found


def family_of(noun: str) -> tuple[str, ...]:
    """Return the classes of a noun, the widest first: "wolf" → ("animal", "mammal", "canine", "wolf"); () if unknown."""
    words = noun.lower()
    known = _families().get(words) or _families().get(words.rpartition(" ")[2])
    return known or (("person", "adult", "grown-up") if is_human(words) else ("animal",) if is_animate(words) else ())


def kind_of(person: Person) -> str:
    """Return what somebody is, in one noun: "girl"; of whom nothing but a name is known "man", "woman" or "person"."""
    unknown = person.noun in {"person", "people", "adult", *(name.lower() for name in person.names)}
    return _ADULTS[person.gender] if unknown else person.noun


def may_be_it(person: Person) -> bool:
    """Tell whether a story may call somebody "it": an animal, a dragon, a thing that acts."""
    return person.noun != "person" and (not person.human or family_of(person.noun)[:1] == ("animal",))


def _nearness(noun: str, value: str, vocabulary: Vocabulary) -> int:
    """How many classes a noun and something that can be drawn share."""
    entry = vocabulary.kinds["creature"][value]
    path = family_of(entry.family) or next(filter(None, map(family_of, (value, *entry.words))), ())
    shared = 0
    for one, other in zip(family_of(noun), path, strict=False):
        if one != other:
            break
        shared += 1
    return shared


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Casting:
    """The parts given so far."""

    vocabulary: Vocabulary
    used: list[str] = field(default_factory=list)    # kinds that are in the film
    taken: set[tuple[str, str]] = field(default_factory=set)         # (kind, colour)
    parts: dict[int, Part] = field(default_factory=dict)             # id of a person → part

    def give(self, person: Person, creature: str, colour: str, worn: tuple[str, str] = ("", ""), *, exact: bool) -> None:
        colour = colour or self._free_colour(creature)
        self.used.append(creature)
        self.taken.add((creature, colour))
        self.parts[id(person)] = Part(creature, colour, worn, exact)

    def nearest(self, person: Person) -> str:
        """The kind that stands in for somebody: nearest, not yet in the film, said to be near, first of the vocabulary."""
        noun = kind_of(person)
        near = self.vocabulary.find("creature", noun)

        def merit(value: str) -> tuple[int, int, bool]:
            return (_nearness(noun, value, self.vocabulary), -self.used.count(value), near is not None and near.value == value)

        return max(self.vocabulary.kinds["creature"], key=merit)

    def _free_colour(self, creature: str) -> str:
        natural = self.vocabulary.kinds["creature"][creature].colours
        colours = dict.fromkeys([*natural, *self.vocabulary.kinds["colour"]])
        return next((c for c in colours if (creature, c) not in self.taken), next(iter(colours), ""))


def assign_parts(
    narrative: Narrative, vocabulary: Vocabulary, mode: str, chosen: Mapping[str, str]
) -> dict[int, Part]:
    """Return id of a person → part, for everybody whom the user's characters do not play.

    Args:
        narrative: the story.
        vocabulary: what can be drawn.
        mode: "auto"; "none": nobody stands in for whom the model cannot draw; "strict": there must be no such person.
        chosen: name of a role → who plays it: "brown bear with a red scarf".

    Raises StoryError.
    """
    casting = _Casting(vocabulary)
    names = role_names(narrative.people)
    people = sorted((p for p in narrative.people if not p.member), key=lambda p: (-p.acts, -p.mentions, p.first))
    for member in (p.member for p in narrative.people if p.member):
        if found := vocabulary.find("creature", member.noun):
            casting.used.append(found.value)
    for person in people:
        if (part := chosen.get(names[id(person)], "")) and part != kind_of(person):
            creature, colour, worn = _read_part(names[id(person)], part, vocabulary)
            casting.give(person, creature, colour, worn, exact=_draws(vocabulary, person) == creature)
    told = {id(p): _told_colour(p, narrative.beats, vocabulary) for p in people}
    exact = {id(p): value for p in people if (value := _draws(vocabulary, p))}
    if mode == "strict":
        _require_drawable([p for p in people if p.acts and id(p) not in exact and id(p) not in casting.parts], names)
    # whose colour the story tells comes first, so that nobody else takes it
    for person in sorted(people, key=lambda p: (id(p) not in exact, not told[id(p)])):
        if id(person) in casting.parts:
            continue
        found = vocabulary.find("creature", kind_of(person))
        if id(person) in exact:
            casting.give(person, exact[id(person)], told[id(person)], exact=True)
        elif mode != "none" or found:
            casting.give(person, found.value if found and mode == "none" else casting.nearest(person), told[id(person)],
                         exact=False)
    return casting.parts


def _draws(vocabulary: Vocabulary, person: Person) -> str:
    """The vocabulary's value for what somebody is; "" where it has only the nearest, or none."""
    for value, entry in vocabulary.kinds["creature"].items():
        if entry.say[:1].isupper() and any(name.lower() in entry.words for name in person.names):
            return value                             # Father Christmas is one person
    found = vocabulary.find("creature", kind_of(person))
    return found.value if found and found.exact else ""


def _told_colour(person: Person, beats: Sequence[Beat], vocabulary: Vocabulary) -> str:
    """The first colour that the story gives somebody, else that of clothes that nobody can draw: "a girl in a red coat"."""
    known = [looks for beat in beats if (looks := beat.looks.get(id(person)))] or [person.looks]
    colours = [looks.colour for looks in known if looks.colour]
    colours += [c for looks in known for thing, c in looks.wearing if c and not vocabulary.find("accessory", thing)]
    return next((f.value for c in colours if (f := vocabulary.find("colour", c))), "")


def _read_part(name: str, text: str, vocabulary: Vocabulary) -> tuple[str, str, tuple[str, str]]:
    """Creature, colour and accessory of a part in words. Raises StoryError."""
    body, _, wearing = text.lower().partition(" with ")
    creature, colour = vocabulary.find("creature", body), vocabulary.find("colour", body)
    worn, worn_colour = vocabulary.find("accessory", wearing), vocabulary.find("colour", wearing)
    if creature is None:
        raise StoryError(f"played_by of {name} is {text!r}, which this profile cannot draw",
                         hint=f"it draws {', '.join(vocabulary.kinds['creature'])}; or give it a --character")
    return (creature.value, colour.value if colour else "",
            (worn.value if worn else "", worn_colour.value if worn_colour else ""))


def _require_drawable(people: Sequence[Person], names: Mapping[int, str]) -> None:
    if people:
        who = ", ".join(names[id(p)] for p in people)
        raise StoryError(f"this profile cannot draw {who}",
                         hint=f"cast them, as in --character FOLDER={names[id(people[0])]}, or take --cast auto")


def actor_of(person: Person, part: Part, looks: Looks, vocabulary: Vocabulary, action: str) -> Actor:
    """Return somebody as he is drawn in one shot."""
    accessory, colour = part.worn
    for thing, its_colour in () if accessory else looks.wearing:
        if worn := vocabulary.find("accessory", thing):
            found = vocabulary.find("colour", its_colour) if its_colour else None
            accessory, colour = worn.value, found.value if found else ""
            break
    if accessory and not colour:                     # one that stays, and can be told from what wears it
        colour = next((c for c in vocabulary.kinds["colour"] if c != part.colour), "")
    return Actor(part.creature, part.colour, accessory, colour, action)


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def role_names(people: Sequence[Person]) -> dict[int, str]:
    """Return id of a person → its name in the storyboard, each once: "Tom", "girl", "girl 2"."""
    names: dict[int, str] = {}
    for person in people:
        name = person.names[0] if person.names else "I" if person.narrator else person.noun
        number = 1
        while (unique := name if number == 1 else f"{name} {number}") in names.values():
            number += 1
        names[id(person)] = unique
    return names


def list_roles(
    narrative: Narrative, shown: Mapping[int, Sequence[str]], parts: Mapping[int, Part], vocabulary: Vocabulary | None
) -> tuple[Role, ...]:
    """Return the cast of a storyboard in the order of its coming.

    Args:
        narrative: the story.
        shown: id of a person → ids of the shots that it plays in.
        parts: what `assign_parts` gave.
        vocabulary: what the profile can draw; None: any words.
    """
    names = role_names(narrative.people)
    roles = []
    for person in narrative.people:
        if shots := shown.get(id(person)):
            roles.append(Role(name=names[id(person)], noun=kind_of(person), pronouns=_pronouns(person), first_shot=shots[0],
                              num_shots=len(shots), looks=say_looks(person.looks),
                              played_by=_played_by(person, parts.get(id(person)), vocabulary)))
    return tuple(sorted(roles, key=lambda role: int(role.first_shot[1:])))


def _played_by(person: Person, part: Part | None, vocabulary: Vocabulary | None) -> str:
    if person.member:
        return person.member.name
    if vocabulary is None:
        return kind_of(person)
    if part is None:
        return ""
    words = vocabulary.say_actor(Actor(part.creature, part.colour, *part.worn))
    return re.sub(r"^an? ", "", words)


def _pronouns(person: Person) -> str:
    if person.narrator:
        return "I"
    if person.plural:
        return "they"
    return {"m": "he", "f": "she"}.get(person.gender, "it" if may_be_it(person) else "they")


def say_looks(looks: Looks) -> str:
    """Return looks in a few words: "old, brown, with a red scarf"."""
    worn = [f"{colour} {thing}".strip() for thing, colour in looks.wearing]
    return ", ".join(filter(None, [*looks.adjectives, looks.colour, f"with {', '.join(worn)}" if worn else ""]))


def recast(board: Storyboard, before: Mapping[str, str], vocabulary: Vocabulary) -> Storyboard:
    """Return a storyboard whose shots follow what a person wrote into `played_by` since it was planned.

    Args:
        board: as it was edited.
        before: role → who plays it in the prompts as they are.
        vocabulary: what the profile can draw.

    Raises StoryError for a part that it cannot draw.
    """
    members = {member.name: member for member in board.characters}
    changed: dict[str, str] = {}
    for role in board.cast:
        old, new = before.get(role.name, ""), role.played_by
        if old and new and old != new:
            changed[_say_part(old, role.name, members, vocabulary)] = _say_part(new, role.name, members, vocabulary)
    if not changed:
        return board
    parts = re.compile("|".join(map(re.escape, sorted(changed, key=len, reverse=True))))
    def say(text: str) -> str:
        return parts.sub(lambda found: changed[found[0]], text)

    shots = []
    for shot in board.shots:
        prompt = say(shot.prompt)
        query = shot.query
        for words in parts.findall(shot.prompt) if prompt != shot.prompt else ():
            old, new = (with_article(_kind_said(text, vocabulary)) for text in (words, changed[words]))
            query = query.replace(old, new, 1)
        names = tuple(name for name, member in members.items() if member.token in prompt)
        shots.append(shot.model_copy(update={"prompt": prompt, "query": query, "characters": names,
                                             **_recast_parts(shot, say, {members[n].token: n for n in names})}))
    return board.model_copy(update={"shots": tuple(shots)})


def _recast_parts(shot: Shot, say: Callable[[str], str], names: Mapping[str, str]) -> dict[str, object]:
    """Return the entities and events of a shot with other parts. Args: names: token → character."""
    entities = []
    for k, entity in enumerate(shot.entities):
        prompt = say(entity.prompt)
        figures = prompt.split(" and ")              # everybody, from the left
        name = next((name for token, name in names.items() if k < len(figures) and token in figures[k]), "")
        entities.append(entity.model_copy(update={"prompt": prompt, "name": name}))
    events = (event.model_copy(update={"prompt": say(event.prompt)}) for event in shot.events)
    return {"entities": tuple(entities), "events": tuple(events)}


def _say_part(text: str, name: str, members: Mapping[str, CastMember], vocabulary: Vocabulary) -> str:
    """A part as prompts say it: "a brown bear", "a <bear> bear"."""
    if text in members:
        return with_article(f"{members[text].token} {members[text].noun}")
    creature, colour, worn = _read_part(name, text, vocabulary)
    return vocabulary.say_actor(Actor(creature, colour, *worn))


def _kind_said(words: str, vocabulary: Vocabulary) -> str:
    """The kind in a part's words, as queries say it."""
    found = vocabulary.find("creature", words.partition(" with ")[0])
    return vocabulary.kinds["creature"][found.value].say if found else words.rpartition(" ")[2]


# ── the user's characters ────────────────────────────────────────────────────────────────────────────────────────────


def guess_noun(folder_name: str, people: Sequence[Person], vocabulary: Vocabulary | None) -> str:
    """Return what the character of a folder is: "bear_plushie" → "bear", "pip" → "mouse" if Pip is the story's mouse."""
    words = _words_of(folder_name)
    named = next((p for p in people for w in reversed(words) if w in {n.lower() for n in p.names}), None)
    nouns = {person.noun for person in people}
    shown = next((w for w in reversed(words) if w in nouns), "") or kind_shown(folder_name, vocabulary)
    return shown or (kind_of(named) if named else words[-1])


def kind_shown(folder_name: str, vocabulary: Vocabulary | None) -> str:
    """Return the kind that a folder's name tells: "my_bear" → "bear"; "" of a mere name."""
    for word in reversed(_words_of(folder_name)):
        found = vocabulary.find("creature", word) if vocabulary else None
        if family_of(word) or (found and found.exact):
            return word
    return ""


def settle_noun(
    folder_name: str, told: str, people: Sequence[Person], vocabulary: Vocabulary | None
) -> tuple[str, str]:
    """Return the noun of a character and whom it plays, of `--character FOLDER=TOLD`.

    The noun is what the pictures show, by the folder's name, or what the story tells of him who is named; a name is never
    one: `./bear=Tom` is a bear that plays Tom, `./ellie=Ellie` a girl if Ellie is one. Nothing told is guessed.
    """
    if not told:
        return guess_noun(folder_name, people, vocabulary), ""
    shown, is_kind = kind_shown(folder_name, vocabulary), bool(family_of(told) or told.lower() in {p.noun for p in people})
    found = vocabulary.find("creature", told) if vocabulary else None
    if is_kind and told[:1].islower():
        drawable = vocabulary is None or (found is not None and found.exact)
        if not shown or (drawable and family_of(shown)[:1] == family_of(told)[:1]):
            return told, ""
        return shown, told
    named = next((p for p in people if told.lower() in {n.lower() for n in p.names} or (p.narrator and told == "I")), None)
    return shown or (kind_of(named) if named else "person"), told


def _words_of(folder_name: str) -> list[str]:
    """The words of a folder's name that could say what it shows."""
    words = [lemma_of_noun(w.lower()) for w in re.split(r"[^\w]+|_|\d+|(?<=[a-z])(?=[A-Z])", folder_name) if w]
    useful = [w for w in words if w not in listed("folder words") and not colour_in([w]) and w not in listed("adjectives")]
    return useful or words or ["character"]
