"""Who is who along a story: names, "the bear", "he" and "they" lead to the same people.

A pronoun means who acted in the last clause before whom the story names most; whom a clause only mentions is not who "he" is
while another acts. "I" is one person all along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from storyanim.artifacts import CastMember
from storyanim.planning.casting import family_of, may_be_it
from storyanim.planning.events import Clause, conjuncts
from storyanim.planning.kinds import CHILDREN, PARENTS
from storyanim.planning.mentions import NUMBERS, Mention, appositions, describe, gender_of, of_which
from storyanim.planning.narrative import Gender, Person
from storyanim.planning.parse import story_offset
from storyanim.planning.words import is_animate, is_human, is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_PRONOUNS: dict[str, Gender] = {"he": "m", "him": "m", "himself": "m", "she": "f", "her": "f", "herself": "f"}
_OWNS: dict[str, Gender] = {"his": "m", "her": "f"}
_THEY = frozenset({"they", "them", "themselves", "both", "all", "everyone", "everybody", "each"})
_I, _WE, _YOU = frozenset({"i", "me", "myself", "mine"}), frozenset({"we", "us", "ourselves"}), frozenset({"you", "yourself"})
_SOMEONE = frozenset({"someone", "somebody"})
_GENERIC = {"boy": "m", "man": "m", "fellow": "m", "lad": "m", "gentleman": "m", "girl": "f", "woman": "f", "lady": "f", "lass": "f",
            "maiden": "f", "child": "", "kid": "", "person": "", "youngster": ""}
_YOUNG = frozenset({"child", "kid", "boy", "girl", "youngster", "sibling", "twin"})
_SIBLINGS = frozenset({"brother", "sister", "sibling", "twin"})
_SMALL = frozenset({"little", "small", "baby", "younger", "kid", "twin", "tiny", "young"})
_CREATURES = frozenset({"animal", "creature", "beast", "bird", "thing", "fellow"})
_REACH = 8                                           # clauses back in which a group can be "they"
_INTRODUCTION = re.compile(r"\b(?:[Tt]hat|[Tt]his)(?:\s+is|['’]s)\s+(?:the\s+|our\s+|my\s+)?([A-Z]\w+)\b")
_Meant = dict[int, tuple[Person, ...]]               # index of a noun phrase's head → whom it speaks of


class People:
    """Everybody of a story, as far as it is read."""

    def __init__(self, names: frozenset[str], beings: frozenset[str], cast: Sequence[CastMember], kinds: Mapping[str, str]) -> None:
        """Args: names: words that are names. beings: things that act like people. kinds: name → what its bearer is."""
        self._kinds = kinds
        self._children: set[int] = set()             # whose mother, or grandfather, the story speaks of
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
        self._clock = self._paragraph = 0
        self._history: list[tuple[tuple[Person, ...], tuple[Person, ...]]] = []             # doers, and others, of each clause
        self._spoke: list[Person] = []
        self._narrator: Person | None = None
        self._beside: tuple[Person, ...] = ()        # who is "we" with the narrator

    @property
    def narrator(self) -> tuple[Person, ...]:
        """Who says "I"."""
        return (self._narrator,) if self._narrator else ()

    @property
    def actors(self) -> tuple[Person, ...]:
        """Who did the last thing that somebody did."""
        return next((doers for doers, _ in reversed(self._history) if doers), ())

    def read(self, clause: Clause) -> _Meant:
        """Return whom the noun phrases of a clause speak of, with its participles; those of things are missing."""
        self._clock += 1
        meant: _Meant = self._christen(clause)
        self._read_before(clause, meant)
        for head in clause.subjects:
            self._resolve(head, meant, subject=True, clause=clause)
        self._name(clause, meant)
        others = [head for part in clause.meanwhile for head in part.subjects if not self._means_doers(head, clause, meant)]
        for head in others:
            self._resolve(head, meant, subject=True, clause=clause)
        for part in (clause, *clause.while_doing, *clause.meanwhile):
            for head in (*part.objects, *(head for _, head in part.modifiers)):
                if head.i not in meant:
                    self._resolve(head, meant, subject=False, clause=clause)
        doers = _unique(p for head in clause.subjects for p in meant.get(head.i, ()))
        besides = _unique(p for who in meant.values() for p in who if p not in doers)
        self._remember(clause, doers, besides)
        for person in _unique(p for head in others for p in meant.get(head.i, ())):
            person.acts += 1
        return meant

    def _read_before(self, clause: Clause, meant: _Meant) -> None:
        """Meet whom a clause before the main one is about: "When the bear was awake, it ..."."""
        first = min((head.i for head in clause.subjects), default=-1)
        for token in clause.tokens[:max(0, first - clause.tokens.start)]:
            verb = token.head
            if token.dep_ in {"nsubj", "nsubjpass"} and token.pos_ in {"NOUN", "PROPN"} and verb.dep_ == "advcl" and verb.i < first:
                for head in conjuncts(token):
                    self._resolve(head, meant, subject=True, clause=clause)
                if who := _unique(p for head in conjuncts(token) for p in meant.get(head.i, ())):
                    self._history.append((who, ()))
                    for person in who:
                        self._acted[id(person)] = self._clock

    def introduce(self, spoken: str) -> None:
        """Read "That is the Admiral", said of who acted last and has no name yet."""
        who = self.actors
        found = _INTRODUCTION.search(spoken)
        if found is None or len(who) != 1 or who[0].names or who[0].noun == "person":
            return
        name = found[1]
        if all(name not in known.split() for p in self.everybody for known in p.names):
            who[0].names.append(name)
            self._called[name.lower()] = who[0]

    def begin_paragraph(self) -> None:
        """Go on to the next paragraph: who acts there is nearer."""
        self._paragraph += 1

    def remember_actors(self, doers: tuple[Person, ...]) -> None:
        """Count who does what a clause leaves out: "and ran home"."""
        for person in doers:
            person.acts += 1
            self._acted[id(person)] = self._clock
        if doers and self._history and not self._history[-1][0]:
            self._history[-1] = (doers, tuple(p for p in self._history[-1][1] if p not in doers))

    def other_speaker(self) -> tuple[Person, ...]:
        """Return who speaks next where nobody is named: of the last two who spoke, the other."""
        last = list(dict.fromkeys(reversed(self._spoke)))[:2]
        if len(last) < 2:
            return ()
        self._spoke.append(last[1])
        return (last[1],)

    def speaker(self, name: str, at: int) -> tuple[Person, ...]:
        """Return whom a cue names: "MIMI"."""
        lowered = name.lower()
        known = next((p for p in self.everybody if lowered in (n.lower() for n in p.names) or lowered in self._nouns[id(p)]), None)
        noun = lowered.split()[-1]
        known = known or self._described(noun)
        person = known or self._meet(noun if is_animate(noun) else "person", at, name=name.title())
        self._clock += 1
        self._history.append(((person,), ()))
        self._acted[id(person)] = self._seen[id(person)] = self._clock
        person.mentions += 1
        person.acts += 1
        return (person,)

    def _described(self, noun: str) -> Person | None:
        """Return who a cue means that says what somebody is: "OLD WOMAN", of an old woman without a name."""
        same = [p for p in self.everybody if not p.names and not p.plural and noun in self._nouns[id(p)]]
        return max(same, key=self._recency, default=None)

    def settle_kinds(self) -> None:
        """Who is known by a name alone and has a mother in the story is a child."""
        for person in self.everybody:
            nouns = {"person", *_SIBLINGS}
            if id(person) in self._children and person.noun in nouns and not person.narrator and not _has_title(person):
                person.noun = CHILDREN[person.gender]

    def settle_cast(self) -> None:
        """Give each member of the cast the person that it plays: by name, then by noun; one, rather than a group."""
        taken: set[int] = set()
        for member in self._cast:
            ranked = sorted((p for p in self.everybody if id(p) not in taken and self._plays(member, p)),
                            key=lambda p: (-self._plays(member, p), p.plural, -p.acts, p.first))
            if ranked:
                ranked[0].member = member
                taken.add(id(ranked[0]))
        left = [m for m in self._cast if all(p.member is not m for p in self.everybody)]
        nameless = [p for p in self.everybody if p.member is None and not p.names and p.noun == "person" and not p.plural]
        if len(self._cast) == 1 and left and nameless:
            max(nameless, key=lambda p: p.acts).member = left[0]           # a story that only says "he", or "I"

    def _plays(self, member: CastMember, person: Person) -> int:
        """Return how surely a member plays a person: 3 its name, 2 its noun, 1 a synonym of it, 0 not at all."""
        plays = getattr(member, "plays", "").lower()
        if plays in {"i", "me"}:
            return 3 * person.narrator
        own = {plays} if plays else {member.noun.lower(), member.noun.lower().split()[-1]}
        called = {word.lower() for name in person.names for word in (name, *name.split())}
        if (own | {plays or member.name.lower()}) & called:
            return 3
        nouns = {person.noun, *self._nouns[id(person)]}
        return 2 if own & nouns else int(bool({_kind(noun) for noun in own} & {_kind(noun) for noun in nouns}))

    # ── what a phrase speaks of ──

    def _resolve(self, head: Token, meant: _Meant, *, subject: bool, clause: Clause) -> None:
        inner = of_which(head)
        if inner and inner.pos_ == "NOUN" and head.lower_ in {"one", *NUMBERS}:
            if some := self._some_of(head, inner):
                meant[head.i] = some
            return
        if head.lower_ in NUMBERS and (found := self._recent(NUMBERS[head.lower_])):
            meant[head.i] = found                    # "all three of them"
            return
        if inner:
            self._resolve(inner, meant, subject=subject, clause=clause)
            if inner.i in meant:
                meant[head.i] = meant[inner.i]
            return
        if head.pos_ == "PRON" or head.lower_ in _PRONOUNS or head.lower_ in _THEY | _I | _WE:
            found = self._by_pronoun(head, meant, subject=subject, clause=clause)
        else:
            found = self._by_noun(head)
            for owner in (c for c in head.children if c.dep_ == "poss"):
                self._own(owner, meant, clause, subject=subject)
            if not found and subject and head.lemma_.lower() in words("body"):             # "her hair froze"
                found = next((meant[c.i] for c in head.children if c.dep_ == "poss" and c.i in meant), ())
        if found:
            meant[head.i] = _unique(found)

    def _some_of(self, head: Token, group: Token) -> tuple[Person, ...]:
        """Return "one of the girls", "two of the boys": somebody of the group, not all of it."""
        mention = describe(group, self._names)
        if not self._is_being(mention.noun):
            return ()
        mention = replace(mention, marks=mention.marks | {"of them"}, plural=head.lower_ != "one")
        person = self._find(mention) or self._meet(mention.noun, story_offset(head), mention=mention)
        self._learn(person, mention)
        return (person,)

    def _by_noun(self, head: Token) -> tuple[Person, ...]:
        mention = describe(head, self._names)
        if named := self._called.get(mention.noun or mention.name.lower()):
            return (named,)
        also = [describe(other, self._names) for other in appositions(head)]
        if mention.noun == "name":
            return ()
        if not mention.name and head.lower_ in words("distinct") and mention.definite and not is_animate(head.lower_):
            return self._distinct(head, mention)
        if number := _number_of(head, mention):
            return self._recent(number)
        if not mention.name and not self._is_being(mention.noun):
            also = [m for m in also if m.name]       # "a strange thing called Bink" is somebody
            if not also or is_place(mention.noun):
                return ()
        if mention.plural and mention.definite and (group := self._known_children(mention)):
            return group
        if sibling := self._sibling(head, mention):
            return (sibling,)
        person = self._find(mention) or next((p for m in also if (p := self._find(m))), None)
        noun = mention.noun if self._is_being(mention.noun) else "person"
        person = person or self._meet(noun, story_offset(head), mention=mention)
        for told in (mention, *also):
            self._learn(person, told)
        if mention.noun in _SIBLINGS and (owner := self._owner_of(head)) and owner is not person:
            self._siblings |= {id(person): owner, id(owner): person}
            if {c.lower_ for c in head.children} & _SMALL:
                self._children |= {id(person), id(owner)}
        return (person,)

    def _distinct(self, head: Token, mention: Mention) -> tuple[Person, ...]:
        """Return "the eldest", "the other": one of the group that the story spoke of last; () of things."""
        groups = [p for p in self.everybody if p.plural and self._recency(p) > self._clock - 2 * _REACH]
        if mention.plural or not groups:
            return ()
        mention = replace(mention, noun=max(groups, key=self._recency).noun, marks=frozenset({head.lower_}))
        known = next((p for p in self.everybody if not p.plural and mention.marks <= self._marks[id(p)]), None)
        person = known or self._meet(mention.noun, story_offset(head), mention=mention)
        self._learn(person, mention)
        return (person,)

    def _owner_of(self, head: Token) -> Person | None:
        """Return whose brother somebody is: who acts in the clause, or did before."""
        possessive = next((c for c in head.children if c.dep_ == "poss"), None)
        if possessive is None:
            return None
        if possessive.pos_ != "PRON":
            return self._find(describe(possessive, self._names))
        if possessive.lower_ in {"my", "our"}:
            return self._narrator
        others = [c for c in (*head.ancestors,) if c.pos_ in {"PROPN", "NOUN"} and c.i < head.i]
        beside = next((p for c in others if (p := self._find(describe(c, self._names)))), None)
        return beside or next(iter(self.actors), None)

    def _sibling(self, head: Token, mention: Mention) -> Person | None:
        """Return the other one of a brother and his sister who are known."""
        if mention.noun not in _SIBLINGS or mention.plural or not any(c.dep_ == "poss" for c in head.children):
            return None
        subject = next((c for c in head.head.children if c.dep_ == "nsubj"), None) or next(
            (c for t in head.ancestors for c in t.children if c.dep_ == "nsubj"), None)
        owner = self._find(describe(subject, self._names)) if subject is not None and subject.pos_ != "PRON" else next(iter(self.actors), None)
        other = self._siblings.get(id(owner)) if owner else None
        if other is None or other.gender not in {"", gender_of(mention.noun)}:
            return None
        other.gender = gender_of(mention.noun)
        return other

    def _known_children(self, mention: Mention) -> tuple[Person, ...]:
        """Return who "the children" are where no such group was met: those known by name, or as a boy or a girl."""
        if mention.noun not in _YOUNG or mention.marks or any(
                p.plural and self._nouns[id(p)] & _YOUNG for p in self.everybody):
            return ()
        gender = gender_of(mention.noun)
        young = [p for p in self.everybody if not p.plural and not p.narrator and not _has_title(p) and gender in {"", p.gender}
                 and (p.noun in {"person", *_YOUNG, *_SIBLINGS}) and self._recency(p) > self._clock - 3 * _REACH]
        if len(young) < 2:
            return ()
        self._children |= {id(p) for p in young}
        return tuple(young)

    @staticmethod
    def _means_doers(head: Token, clause: Clause, meant: _Meant) -> bool:
        """Tell whether "he" of "Tom sang as he walked" is who does the rest."""
        doers = [p for subject in clause.subjects for p in meant.get(subject.i, ())]
        if head.pos_ != "PRON" or not doers:
            return False
        gender = _PRONOUNS.get(head.lower_)
        if gender is None:
            return True
        return any(p.gender in {"", gender} and not p.plural for p in doers)

    def _is_being(self, noun: str) -> bool:
        return noun in self._beings or is_animate(noun)

    def _recent(self, number: int) -> tuple[Person, ...]:
        """Return who was there last: "the three friends", "all three"."""
        there = sorted((p for p in self.everybody if not p.plural), key=self._recency, reverse=True)[:number]
        return tuple(sorted(there, key=lambda p: p.first)) if len(there) == number else ()

    def _own(self, owner: Token, meant: _Meant, clause: Clause, *, subject: bool) -> None:
        """Read "the boy's desk", and learn from "his friend" that who acts is a he."""
        if owner.pos_ != "PRON":
            if found := self._by_noun(owner):
                meant[owner.i] = found
                if owner.head.lemma_.lower() in PARENTS:
                    self._children |= {id(p) for p in found}
            return
        parent = owner.head.lemma_.lower() in PARENTS
        if owner.lower_ in {"my", "our"}:
            meant[owner.i] = (self._narrate(story_offset(owner)),)
            return
        if parent and owner.lower_ == "their":
            self._children |= {id(p) for p in self.actors if len(self.actors) > 1}
        gender: Gender = _OWNS.get(owner.lower_, "")
        doers = [] if subject else [p for t in clause.subjects for p in meant.get(t.i, ())]
        owners = doers or list(self.actors)
        if not gender or len(owners) != 1 or owners[0].narrator:
            return
        if not owners[0].gender and not owners[0].plural and (doers or not self._near(gender)):
            owners[0].gender = gender
        if owners[0].gender == gender:
            meant[owner.i] = (owners[0],)
            if parent:
                self._children.add(id(owners[0]))

    def _near(self, gender: Gender) -> bool:
        return any(p.gender == gender and self._acted.get(id(p), -99) > self._clock - _REACH for p in self.everybody)

    def _find(self, mention: Mention) -> Person | None:
        """Return who of those known a phrase speaks of; None for somebody new."""
        if mention.name:
            return self._find_name(mention)
        same = [p for p in self.everybody if mention.noun in self._nouns[id(p)] and p.plural == mention.plural]
        if mention.marks:
            fitting = [p for p in same if mention.marks <= self._marks[id(p)]]
            free = [p for p in same if not self._marks[id(p)]] if mention.definite and "other" not in mention.marks else []
            same = fitting or free
        elif not mention.definite:
            same = [p for p in same if not p.names] or same
        if same:
            return max(same, key=self._recency)
        if mention.definite and not mention.plural:
            return self._find_generic(mention)
        return None

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
        """Find "the boy" who was only a name, "the creature" that was a dragon."""
        if mention.noun in _GENERIC:
            gender = _GENERIC[mention.noun]
            fitting = [p for p in self.everybody if not p.plural and not p.narrator and p.noun == "person"
                       and (not gender or p.gender in {"", gender})]
        elif mention.noun in _CREATURES:
            fitting = [p for p in self.everybody if not p.plural and not p.human and p.noun != "person"]
        else:
            return None
        best = max(fitting, key=self._recency, default=None)
        return best if best and self._recency(best) > self._clock - 2 * _REACH else None

    def _meet(self, noun: str, at: int, *, mention: Mention | None = None, name: str = "", gender: Gender = "") -> Person:
        plural = bool(mention and mention.plural)
        called = (mention.name if mention else name).lower().replace(".", "").split()
        if noun == "person":
            noun = next((self._kinds[word] for word in called if word in self._kinds), noun)
        person = Person(noun=noun, names=[name] if name else [], gender=gender or gender_of(noun), plural=plural,
                        human=noun == "person" or is_human(noun), first=at)
        self.everybody.append(person)
        self._marks[id(person)], self._nouns[id(person)] = frozenset(), {noun}
        return person

    def _learn(self, person: Person, mention: Mention) -> None:
        """Add what a phrase tells of somebody."""
        if mention.name and mention.name not in person.names:
            person.names.append(mention.name)
        if mention.noun and self._is_being(mention.noun):
            self._nouns[id(person)].add(mention.noun)
            if person.noun == "person" or (person.noun in _CREATURES and mention.noun not in _CREATURES):
                person.noun, person.human = mention.noun, is_human(mention.noun)
        person.gender = person.gender or mention.gender
        self._marks[id(person)] |= mention.marks

    # ── pronouns ──

    def _by_pronoun(self, head: Token, meant: Mapping[int, tuple[Person, ...]], *, subject: bool,
                    clause: Clause) -> tuple[Person, ...]:
        word = head.lower_
        doers = () if subject else tuple(p for t in clause.subjects for p in meant.get(t.i, ()))
        if word in _I | _YOU or word in _WE:
            narrator = self._narrate(story_offset(head))
            return (narrator, *self._beside) if word in _WE else (narrator,)
        if word in _THEY:
            return self._they((*doers, *(self._suffers(clause) if subject else ())), story_offset(head), word)
        if word in _PRONOUNS:
            if not subject and word.endswith("self"):
                return doers
            return (self._he(_PRONOUNS[word], doers, story_offset(head), subject=subject),)
        if word in _SOMEONE:
            return (self._meet("person", story_offset(head)),)
        if word in {"it", "itself"} and head.dep_ != "expl":
            return self._it(doers, subject=subject, clause=clause)
        return ()

    def _suffers(self, clause: Clause) -> tuple[Person, ...]:
        """Return whom "it" or "him" of a clause is: of "they chased it" not one of them."""
        for head in clause.objects:
            if head.lower_ in {"it", "him", "her"} and self.actors and not self.actors[0].plural and len(self.actors) == 1:
                gender = _PRONOUNS.get(head.lower_, "")
                if self.actors[0].gender in {"", gender} and (gender or not self.actors[0].human):
                    return self.actors
        return ()

    def _narrate(self, at: int) -> Person:
        if self._narrator is None:
            self._narrator = self._meet("person", at)
            self._narrator.narrator = True
        return self._narrator

    def _he(self, gender: Gender, doers: Sequence[Person], at: int, *, subject: bool = True) -> Person:
        candidates = [p for p in self.everybody if not p.plural and p.gender in {gender, ""} and p not in doers and not p.narrator]
        if not candidates:
            return self._meet("person", at, gender=gender)
        best = max(candidates, key=lambda p: self._likeliness(p, gender, subject=subject))
        best.gender = gender
        return best

    def _likeliness(self, person: Person, gender: Gender, *, subject: bool) -> float:
        acted = self._clock - self._acted.get(id(person), -99)
        seen = self._clock - self._seen.get(id(person), -99)
        away = self._paragraph - self._where.get(id(person), -9)
        known = 0.8 if person.gender == gender else -0.8 * (gender == "f") - 3.0 * (id(person) in self._neuter)
        if not person.gender and not person.human and not person.names and acted > 1 and self._near(gender):
            known -= 2.0                             # an animal is not "she" while a woman is there
        return max(8.0 - acted, (4.5 if subject else 6.5) - seen) - min(away, 3) + known + 0.1 * min(person.mentions, 10)

    def _recency(self, person: Person) -> float:
        return max(self._acted.get(id(person), -99) + 0.5, self._seen.get(id(person), -99))

    def _they(self, doers: Sequence[Person], at: int, word: str) -> tuple[Person, ...]:
        """Return the group that was there last, rather those whom the story is about; two who acted one after another too."""
        options: list[tuple[float, tuple[Person, ...]]] = []
        for age, (acting, others) in enumerate(reversed(self._history[-_REACH:])):
            free = tuple(p for p in acting if p not in doers)
            rest = tuple(p for p in others if p not in doers)
            for rank, group in enumerate((free, tuple(p for p in rest if p.plural), (*free, *rest))):
                if len(group) > 1 or any(p.plural for p in group):
                    options.append((self._centrality(group) - age - 0.3 * rank, group))
                    break
        singles = [p for p in self.everybody if not p.plural and p not in doers and (p.human or p.acts > 1)]
        pair = tuple(sorted(sorted(singles, key=self._recency, reverse=True)[:2], key=lambda p: p.first))
        if len(pair) == 2:
            since = self._clock - 1 - sum(map(self._recency, pair)) / 2
            options.append((self._centrality(pair) - since - 1.2, pair))
        if options and max(score for score, _ in options) > -2 * _REACH:
            return max(options, key=lambda option: option[0])[1]
        return self._any_group(doers, at, word)

    def _centrality(self, group: Sequence[Person]) -> float:
        """Return how much a story is about a group, in clauses of distance that this outweighs."""
        told = sum(min(p.acts, 8) for p in group) / len(group)
        away = min(self._paragraph - self._where.get(id(p), -9) for p in group)
        return 0.4 * told + 1.5 * all(p.human for p in group) - 0.5 * min(away, 3)

    def _any_group(self, doers: Sequence[Person], at: int, word: str) -> tuple[Person, ...]:
        groups = [p for p in self.everybody if p.plural and p not in doers]
        if groups:
            return (max(groups, key=self._recency),)
        recent = sorted((p for p in self.everybody if p not in doers), key=self._recency, reverse=True)[:2]
        if len(recent) == 2:
            return tuple(sorted(recent, key=lambda p: p.first))
        if word not in {"they", "everyone", "everybody"} or doers:
            return ()
        person = self._meet("person", at)
        person.plural = True
        return (person,)

    def _it(self, doers: Sequence[Person], *, subject: bool, clause: Clause) -> tuple[Person, ...]:
        """Return the animal that "it" is; () where it is a thing."""
        for acting, others in reversed(self._history[-2:]):
            who = (*acting, *others) if subject else (*others, *acting)
            animals = [p for p in who if may_be_it(p) and not p.plural and p not in doers]
            if animals and (subject or animals[0] in others or doers):
                if not animals[0].gender:
                    self._neuter.add(id(animals[0]))
                return (animals[0],)
            if acting or others:
                break
        return ()

    # ── what a clause tells of names, and what is kept of it ──


    def _name(self, clause: Clause, meant: _Meant) -> None:
        """Read "Bruno was a bear", "His name was Bruno", "called him Bruno"."""
        if clause.verb is None:
            return
        subject = clause.subjects[0] if clause.subjects else None
        owner: Gender
        for told in (c for c in clause.verb.children if c.dep_ in {"attr", "oprd"} and c.pos_ in {"NOUN", "PROPN"} and c not in clause.subjects):
            mention = describe(told, self._names)
            who = meant.get(subject.i, ()) if subject is not None else ()
            if subject is not None and subject.lemma_ == "name" and mention.name:
                owner = next((_OWNS[c.lower_] for c in subject.children if c.lower_ in _OWNS), "")
                who = who or self._nameless(owner) or tuple(p for p in self.actors[:1] if not (owner and p.narrator))
            if len(who) == 1 and (mention.name or (is_animate(mention.noun) and not mention.plural)) and clause.lemma == "be":
                if not (mention.name and who[0].names):
                    self._learn(who[0], mention)
                for word in conjuncts(told):
                    meant[word.i] = who

    def _christen(self, clause: Clause) -> _Meant:
        """Read "I named her Gerda": a name for who was met last without one."""
        for token in clause.tokens[:-2] if clause.lemma in {"name", "call", "christen"} else ():
            name = token.nbor(2) if token.lemma_ in {"name", "call", "christen"} and token.i + 2 < clause.tokens.end else None
            if name is None or name.lower_ not in self._names or token.nbor(1).lower_ not in {*_PRONOUNS, "it"}:
                continue
            who = self._nameless(_PRONOUNS.get(token.nbor(1).lower_, ""))
            if who:
                who[0].names.append(name.text)
                who[0].gender = who[0].gender or _PRONOUNS.get(token.nbor(1).lower_, "")
                return {name.i: who}
        return {}

    def _nameless(self, gender: Gender) -> tuple[Person, ...]:
        """Return who was seen last that has no name and may be he, or she."""
        free = [p for p in self.everybody if not p.names and not p.plural and not p.narrator and p.gender in {"", gender}]
        best = max(free, key=self._recency, default=None)
        return (best,) if best and self._recency(best) > self._clock - _REACH else ()

    def _remember(self, clause: Clause, doers: tuple[Person, ...], others: tuple[Person, ...]) -> None:
        acts = clause.kind in {"event", "speech"} and not clause.passive
        for person in (*doers, *others):
            person.mentions += 1
            self._seen[id(person)], self._where[id(person)] = self._clock, self._paragraph
        for person in doers:
            person.acts += acts
            self._acted[id(person)] = self._clock
        if not doers and len(others) == 1:           # "the current took the mayor": the talk is of her
            self._acted[id(others[0])] = self._clock
        if clause.kind == "speech" and len(doers) == 1:
            self._spoke.append(doers[0])
        if self._narrator in (*doers, *others):
            together = self._narrator in doers and len(doers) > 1
            beside = tuple(p for p in (doers if together else (*doers, *others)) if p is not self._narrator and (together or p.human))
            self._beside = beside[:2] if beside else self._beside
        self._history.append((doers, others))


def _number_of(head: Token, mention: Mention) -> int:
    """Return how many "the three friends", "both friends" are; 0 of others."""
    if mention.noun not in {"friend", "companion", "one", "animal", "comrade", "traveller", "traveler"} or not mention.plural:
        return 0
    told = next((NUMBERS[c.lower_] for c in head.children if c.lower_ in NUMBERS), 0)
    return (told or 2 * (mention.noun not in {"animal", "one"})) if mention.definite and not any(c.dep_ == "poss" for c in head.children) else 0


def _kind(noun: str) -> str:
    """Return what an animal is a synonym of: "bunny" of rabbit."""
    family = family_of(noun)
    return family[-1] if family[:1] == ("animal",) and len(family) > 1 else noun


def _has_title(person: Person) -> bool:
    return any(name.split()[0].lower().rstrip(".") in words("title") for name in person.names if len(name.split()) > 1)


def _unique(people: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(dict.fromkeys(people))
