"""Everybody of a story, as far as it is read: found again by name and by kind, met, and learned about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from storyanim.artifacts import CastMember
from storyanim.planning.casting import family_of
from storyanim.planning.looks import listed
from storyanim.planning.mentions import Mention, gender_of
from storyanim.planning.narrative import Gender, Person
from storyanim.planning.words import is_animate, is_human, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_GENERIC = {"boy": "m", "man": "m", "fellow": "m", "lad": "m", "gentleman": "m", "girl": "f", "woman": "f", "lady": "f", "lass": "f",
            "maiden": "f", "child": "", "kid": "", "person": "", "youngster": ""}
_GROWN = frozenset({"man", "woman", "lady", "gentleman", "fellow"})
_CREATURES = frozenset({"animal", "creature", "beast", "thing", "fellow"})
# what somebody is who is called by a title: "Mrs Patel", "our teacher"
_TITLED = frozenset({"teacher", "doctor", "nurse", "neighbour", "neighbor", "professor", "headmaster", "headmistress", "principal", "librarian",
                     "coach", "vicar", "landlady", "landlord", "inspector", "headteacher"})
_BEARERS = {"sir": ("knight", "lord"), "lord": ("lord",), "lady": ("lady",), "dr": ("doctor",), "st": ("saint",)}
_PARENTS = ("mother", "father", "grandmother", "grandfather")
REACH = 8                                            # clauses back in which a group can be "they"
Meant = dict[int, tuple[Person, ...]]                # index of a noun phrase's head → whom it speaks of


class KnownPeople:
    """Who was met, what is known of them, and when they were last there."""

    def __init__(self, names: frozenset[str], beings: frozenset[str], cast: Sequence[CastMember], kinds: Mapping[str, str]) -> None:
        """Args: names: words that are names. beings: things that act like people. kinds: name → what its bearer is."""
        self._kinds = kinds
        self._children: set[int] = set()             # whose mother, or grandfather, the story speaks of
        self._young: set[int] = set()                # whose age is told
        self._by_kin = False                         # somebody is called "Grandma", as if by name
        self._peers: list[tuple[Person, Person]] = []            # friends, brothers and sisters, and whose they are
        self._siblings: dict[int, Person] = {}       # id(person) → its brother or sister
        self._called: dict[str, Person] = {}         # "the Admiral", as he was introduced → who it is
        self._beings = beings
        self.everybody: list[Person] = []
        self._names = names
        self._cast = cast
        self._marks: dict[int, frozenset[str]] = {}  # id(person) → words that tell it from others of its kind
        self._nouns: dict[int, set[str]] = {}        # id(person) → all that it was called
        self._acted: dict[int, int] = {}             # id(person) → number of the last clause whose doer it was
        self._seen: dict[int, int] = {}
        self._where: dict[int, int] = {}             # id(person) → number of the last paragraph with it
        self._neuter: set[int] = set()               # whom the story calls "it"
        self._called_he: set[int] = set()            # whom the story calls "he" or "she"
        self._things_at = -9                         # number of the last clause that speaks of several things
        self._thing_at = -9                          # number of the last clause in which something is done to a thing
        self._clock = self._paragraph = 0
        self._history: list[tuple[tuple[Person, ...], tuple[Person, ...]]] = []             # doers, and others, of each clause
        self._spoke: list[Person] = []
        self._doing: tuple[Person, ...] = ()         # who does what the clause says, where it leaves that out
        self._narrator: Person | None = None
        self._beside: tuple[Person, ...] = ()        # who is "we" with the narrator
        self._part_at = 0                            # clause at which this day, or chapter, began

    @property
    def narrator(self) -> tuple[Person, ...]:
        """Who says "I"."""
        return (self._narrator,) if self._narrator else ()

    @property
    def actors(self) -> tuple[Person, ...]:
        """Who did the last thing that somebody did."""
        return next((doers for doers, _ in reversed(self._history) if doers), ())

    def _is_being(self, noun: str) -> bool:
        return noun in self._beings or is_animate(noun)

    def _near(self, gender: Gender, least: int = 0) -> bool:
        """Tell whether somebody of a gender, who acts so often at least, acted not long ago."""
        return any(p.gender == gender and p.acts >= least and self._acted.get(id(p), -99) > self._clock - REACH for p in self.everybody)

    def _recency(self, person: Person) -> float:
        return max(self._acted.get(id(person), -99) + 0.5, self._seen.get(id(person), -99))

    def _recent(self, number: int) -> tuple[Person, ...]:
        """Return who was there last: "the three friends", "all three"."""
        there = sorted((p for p in self.everybody if not p.plural), key=self._recency, reverse=True)[:number]
        return tuple(sorted(there, key=lambda p: p.first)) if len(there) == number else ()

    def _nameless(self, gender: Gender) -> tuple[Person, ...]:
        """Return who was seen last that has no name and may be he, or she."""
        free = [p for p in self.everybody if not p.names and not p.plural and not p.narrator and p.gender in {"", gender}]
        best = max(free, key=self._recency, default=None)
        return (best,) if best and self._recency(best) > self._clock - REACH else ()

    def _find(self, mention: Mention) -> Person | None:
        """Return who of those known a phrase speaks of; None for somebody new."""
        if mention.name:
            return self._find_name(mention)
        same = [p for p in self.everybody if kin_of(mention.noun) in self._nouns[id(p)] and p.plural == mention.plural]
        if mention.marks:
            fitting = [p for p in same if mention.marks <= self._marks[id(p)]]
            free = [p for p in same if not self._marks[id(p)]] if mention.definite and "other" not in mention.marks else []
            same = fitting or free
        elif not mention.definite:
            same = [p for p in same if not p.names] or same
        if same:
            return max(same, key=self._recency)
        return self._find_generic(mention) if mention.definite and not mention.marks else None

    def _find_name(self, mention: Mention) -> Person | None:
        for person in sorted(self.everybody, key=self._recency, reverse=True):
            called = {word for name in person.names for word in name.lower().replace(".", "").split()}
            if mention.keys & called and not person.plural and {mention.gender, person.gender} != {"m", "f"}:
                return person
        if mention.noun and is_animate(mention.noun):  # "Rusty the fox" when there is a nameless fox
            free = [p for p in self.everybody if not p.names and not p.plural and mention.noun in self._nouns[id(p)]
                    and not mention.marks - self._marks[id(p)]]
            return max(free, key=self._recency) if free else None
        return None

    def _find_generic(self, mention: Mention) -> Person | None:
        """Find "the boy" who was only a name, "the birds" that are geese, "the old man" who is a grandfather."""
        if any(c.dep_ in {"relcl", "acl"} or c.lower_ in {"all", "every", "other"} or _tells_apart(c) for c in mention.head.children):
            return None                              # "the man who sold hats", "the man with the glasses": somebody new
        gender, told = _GENERIC.get(mention.noun, ""), {c.lower_ for c in mention.head.children}

        def fits(person: Person) -> bool:
            family = family_of(person.noun)
            if person.plural != mention.plural or person.narrator or {gender or mention.gender, person.gender} == {"m", "f"}:
                return False
            if person.noun == "person":
                titled = (has_title(person) and mention.noun in _TITLED) or mention.noun in _BEARERS.get(_title_of(person), ())
                return not person.plural and (mention.noun in _GENERIC or titled or (
                    id(person) in self._neuter and not is_human(mention.noun)))
            elder = family[1:2] == ("elder",)
            grown = mention.noun in _GROWN and not person.plural and (elder or family[1:2] == ("adult",)) and not (elder and "young" in told)
            return mention.noun in family or grown or (mention.noun in _CREATURES and not person.human and not person.plural)

        best = max(filter(fits, self.everybody), key=self._recency, default=None)
        return best if best and self._recency(best) > self._clock - 2 * REACH else None

    def _meet(self, noun: str, at: int, *, mention: Mention | None = None, name: str = "", gender: Gender = "") -> Person:
        plural = bool(mention and mention.plural)
        called = (mention.name if mention else name).lower().replace(".", "").split()
        if noun == "person":
            noun = next((self._kinds[word] for word in called if word in self._kinds), noun)
        person = Person(noun=noun, names=[name] if name else [], gender=gender or gender_of(noun), plural=plural,
                        human=noun == "person" or is_human(noun), first=at)
        self.everybody.append(person)
        self._marks[id(person)], self._nouns[id(person)] = frozenset(), {noun, kin_of(noun)}
        return person

    def _learn(self, person: Person, mention: Mention) -> None:
        """Add what a phrase tells of somebody."""
        if mention.name and mention.name not in person.names:
            person.names.append(mention.name)
        if mention.noun and self._is_being(mention.noun):
            self._nouns[id(person)] |= {mention.noun, kin_of(mention.noun)}
            kin = person.human and person.noun in _kin() and mention.noun not in _kin() and mention.noun not in _GENERIC
            if kin or person.noun == "person" or (person.noun in _CREATURES and mention.noun not in _CREATURES):
                person.noun, person.human = mention.noun, is_human(mention.noun)
        person.gender = person.gender or mention.gender
        self._marks[id(person)] |= mention.marks


def _kin() -> frozenset[str]:
    """Return what somebody is to another, and not by himself: "uncle" of an uncle who is a duke."""
    return listed("seen as woman") | listed("seen as man")


def kin_of(noun: str) -> str:
    """Return one word for a relative of many names: "grandpa" is "grandfather"."""
    return next((parent for parent in _PARENTS if noun in listed(f"seen as {parent}")), noun)


def _tells_apart(preposition: Token) -> bool:
    """Tell whether a phrase behind a noun tells its bearer from others: "with red hair", and not "with her dog"."""
    return preposition.dep_ == "prep" and preposition.lower_ in {"with", "from"} and all(
        c.dep_ != "poss" for pobj in preposition.children for c in pobj.children)


def _title_of(person: Person) -> str:
    return next((title for name in person.names for title in [name.split()[0].lower().rstrip(".")] if title in _BEARERS), "")


def has_title(person: Person) -> bool:
    return any(name.split()[0].lower().rstrip(".") in words("title") for name in person.names if len(name.split()) > 1)


def unique(people: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(dict.fromkeys(people))
