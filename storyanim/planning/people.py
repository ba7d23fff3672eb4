"""Who is who along a story: names, "the bear", "he" and "they" lead to the same people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from storyanim.artifacts import CastMember
from storyanim.planning.casting import family_of
from storyanim.planning.clause_parts import conjuncts
from storyanim.planning.events import Clause
from storyanim.planning.kinds import CHILDREN
from storyanim.planning.known_people import Meant, has_title, unique
from storyanim.planning.mentions import NUMBERS, describe, name_gender, of_which
from storyanim.planning.narrative import Gender, Person
from storyanim.planning.noun_phrases import OWNS, PEERS, SIBLINGS, NounReader
from storyanim.planning.parse import story_offset
from storyanim.planning.pronouns import PRONOUNS, THEY, WE, I
from storyanim.planning.words import is_animate, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_AGES = {"four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13}
_GROWN_UP = 16                                       # years
_INTRODUCTION = re.compile(r"\b(?:[Tt]hat|[Tt]his)(?:\s+is|['’]s)\s+(?:the\s+|our\s+|my\s+)?([A-Z]\w+)\b")
_OWN_NAME = re.compile(r"\b(?:[Mm]y name(?:\s+is|['’]s)|[Cc]all me|I(?:\s+am|['’]m))\s+([A-Z]\w+)\b")


class People(NounReader):
    """Everybody of a story, read clause by clause."""

    def read(self, clause: Clause, doing: tuple[Person, ...] = ()) -> Meant:
        """Return whom the noun phrases of a clause speak of, with its participles; those of things are missing.

        Args:
            clause: the next one of the story.
            doing: who does what it says where it leaves that out: "and laid him in his cot".
        """
        self._clock += 1
        self._doing = () if clause.subjects else doing
        meant: Meant = self._christen(clause)
        self._read_before(clause, meant)
        for head in (*clause.watchers, *clause.subjects):
            self._resolve(head, meant, subject=True, clause=clause)
        self._name(clause, meant)
        self._age(clause, meant)
        others = [head for part in clause.meanwhile for head in part.subjects if not self._means_doers(head, clause, meant)]
        for head in others:
            self._resolve(head, meant, subject=True, clause=clause)
        for part in (clause, *clause.while_doing, *clause.meanwhile):
            for head in (*part.objects, *(head for _, head in part.modifiers)):
                if head.i not in meant:
                    self._resolve(head, meant, subject=False, clause=clause)
        self._read_within(clause, meant)
        doers = unique(p for head in clause.subjects for p in meant.get(head.i, ()))
        besides = unique(p for who in meant.values() for p in who if p not in doers)
        self._remember(clause, meant, doers, besides)
        for person in unique(p for head in (*others, *clause.watchers) for p in meant.get(head.i, ())):
            person.acts += 1
            if clause.watchers:
                self._acted[id(person)] = self._clock
        return meant

    def _read_before(self, clause: Clause, meant: Meant) -> None:
        """Meet whom a clause before the main one is about: "When the bear was awake, it ..."."""
        first = min((head.i for head in clause.subjects), default=-1)
        for token in clause.tokens[:max(0, first - clause.tokens.start)]:
            verb = token.head
            if token.dep_ in {"nsubj", "nsubjpass"} and token.pos_ in {"NOUN", "PROPN"} and verb.dep_ == "advcl" and verb.i < first:
                for head in conjuncts(token):
                    self._resolve(head, meant, subject=True, clause=clause)
                if who := unique(p for head in conjuncts(token) for p in meant.get(head.i, ())):
                    self._history.append((who, ()))
                    for person in who:
                        self._acted[id(person)] = self._clock

    def _read_within(self, clause: Clause, meant: Meant) -> None:
        """Meet whom a relative clause tells of: "an alley, where a cat was washing her paws"."""
        for verb in clause.tokens:
            if verb.dep_ in {"ccomp", "xcomp", "pcomp"} and verb.pos_ == "VERB":               # "says that he tamed a mouse"
                for head in (c for c in verb.children if c.dep_ in {"nsubj", "dobj"} and c.pos_ in {"NOUN", "PROPN"} and c.i not in meant):
                    self._resolve(head, meant, subject=False, clause=clause)
            if verb.dep_ != "relcl" or verb.pos_ != "VERB":
                continue
            for head in (c for c in verb.children if c.dep_ == "nsubj" and c.pos_ in {"NOUN", "PROPN"} and c.i not in meant):
                self._resolve(head, meant, subject=False, clause=clause)
                who = meant.get(head.i, ())
                owner = next((t.lower_ for c in verb.children if c.dep_ == "dobj" for t in c.children if t.lower_ in OWNS), "")
                if len(who) == 1 and owner and not who[0].gender and not who[0].plural:
                    who[0].gender = OWNS[owner]

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

    def hear_name(self, spoken: str, speakers: tuple[Person, ...]) -> None:
        """Read "My name is Ines", said by who has no name yet."""
        found = _OWN_NAME.search(spoken)
        if found is None or len(speakers) != 1 or speakers[0].names or found[1].lower() not in self._names | words("man_name", "woman_name"):
            return
        if all(found[1] not in known.split() for p in self.everybody for known in p.names):
            speakers[0].names.append(found[1])
            speakers[0].gender = speakers[0].gender or name_gender(found[1].lower())

    def begin_paragraph(self) -> None:
        """Go on to the next paragraph: who acts there is nearer."""
        self._paragraph += 1

    def begin_part(self) -> None:
        """Go on to another day, or behind a heading: who is with the narrator there is told anew."""
        self._part_at = self._clock

    def remember_actors(self, doers: tuple[Person, ...]) -> None:
        """Count who does what a clause leaves out: "and ran home"."""
        for person in doers:
            person.acts += 1
            self._acted[id(person)] = self._clock
        if doers and self._history and not self._history[-1][0]:
            self._history[-1] = (doers, tuple(p for p in self._history[-1][1] if p not in doers))
            self._remember_beside(*self._history[-1])

    def remember_speaker(self, speakers: tuple[Person, ...]) -> None:
        """Count who says words that nobody is told to say."""
        if len(speakers) == 1 and self._spoke[-1:] != list(speakers):
            self._spoke.append(speakers[0])

    def other_speaker(self) -> tuple[Person, ...]:
        """Return who speaks next where nobody is named: who did something after the last words, else of the last two who spoke the other."""
        who = self.actors
        if len(who) == 1 and not who[0].plural and self._spoke and who[0] is not self._spoke[-1] and self._acted[id(who[0])] == self._clock:
            self._spoke.append(who[0])
            return who
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
        self._young |= {id(p) for p, owner in self._peers if id(owner) in self._young | self._children}
        if self._by_kin and self._narrator is None:   # "Grandma pours the flour": as a child calls her
            nameless = [p for p in self.everybody if p.noun == "person" and p.names and not p.plural and not has_title(p)]
            self._young |= {id(max(nameless, key=lambda p: p.acts))} if nameless else set()
        for person in self.everybody:
            child = id(person) in self._young or (id(person) in self._children and not person.narrator)
            if child and person.noun in {"person", *SIBLINGS, *PEERS} and not person.plural and not has_title(person):
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

    def _resolve(self, head: Token, meant: Meant, *, subject: bool, clause: Clause) -> None:
        inner = of_which(head)
        if head.lower_ == "one" and subject and not head.n_lefts + head.n_rights and (one := self._one_of_them(head)):
            meant[head.i] = one                      # "Two girls swam. One waved"
            return
        if inner and inner.lower_ == "them" and head.lower_ == "one" and (one := self._one_of_them(head)):
            meant[head.i] = one
            return
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
        if head.pos_ == "PRON" or head.lower_ in PRONOUNS or head.lower_ in THEY | I | WE:
            found = self._by_pronoun(head, meant, subject=subject, clause=clause)
        else:
            found = self._by_noun(head)
            for owner in (c for c in head.children if c.dep_ == "poss"):
                self._own(owner, meant, clause, subject=subject)
            if not found and subject and head.lemma_.lower() in words("body"):             # "her hair froze"
                found = next((meant[c.i] for c in head.children if c.dep_ == "poss" and c.i in meant), ())
        if found:
            meant[head.i] = unique(found)

    def _name(self, clause: Clause, meant: Meant) -> None:
        """Read "Bruno was a bear", "His name was Bruno", "called him Bruno"."""
        if clause.verb is None:
            return
        subject = clause.subjects[0] if clause.subjects else None
        owner: Gender
        for told in (c for c in clause.verb.children if c.dep_ in {"attr", "oprd"} and c.pos_ in {"NOUN", "PROPN"} and c not in clause.subjects):
            mention = describe(told, self._names)
            who = meant.get(subject.i, ()) if subject is not None else ()
            if subject is not None and subject.lemma_ == "name" and mention.name:
                owner = next((OWNS[c.lower_] for c in subject.children if c.lower_ in OWNS), "")
                mine = any(c.lower_ == "my" for c in subject.children)
                who = (self._narrate(story_offset(subject)),) if mine else who or self._nameless(owner) or tuple(p for p in self.actors[:1] if not (owner and p.narrator))
            if len(who) == 1 and (mention.name or (is_animate(mention.noun) and not mention.plural)) and clause.lemma == "be":
                if not (mention.name and who[0].names):
                    self._learn(who[0], mention)
                for word in conjuncts(told):
                    meant[word.i] = who

    def _age(self, clause: Clause, meant: Meant) -> None:
        """Read "I am ten": whom one calls a child."""
        told = next((c for c in clause.verb.children if c.dep_ in {"attr", "acomp"}), None) if clause.verb is not None else None
        age = _age_of(told) if told is not None and clause.lemma == "be" else None
        if age is not None and age < _GROWN_UP:
            self._young |= {id(p) for head in clause.subjects for p in meant.get(head.i, ())}

    def _christen(self, clause: Clause) -> Meant:
        """Read "I named her Gerda": a name for who was met last without one."""
        for token in clause.tokens[:-2] if clause.lemma in {"name", "call", "christen"} else ():
            name = token.nbor(2) if token.lemma_ in {"name", "call", "christen"} and token.i + 2 < clause.tokens.end else None
            if name is None or name.lower_ not in self._names or token.nbor(1).lower_ not in {*PRONOUNS, "it"}:
                continue
            who = self._nameless(PRONOUNS.get(token.nbor(1).lower_, ""))
            if who:
                who[0].names.append(name.text)
                who[0].gender = who[0].gender or PRONOUNS.get(token.nbor(1).lower_, "")
                return {name.i: who}
        return {}

    def _remember(self, clause: Clause, meant: Meant, doers: tuple[Person, ...], others: tuple[Person, ...]) -> None:
        acts = clause.kind in {"event", "speech"} and not clause.passive
        for person in (*doers, *others):
            person.mentions += 1
            self._seen[id(person)], self._where[id(person)] = self._clock, self._paragraph
        things = [t for t in (*clause.objects, *(t for _, t in clause.modifiers)) if t.i not in meant and t.pos_ == "NOUN"]
        if any(t in things for t in clause.objects):
            self._thing_at = self._clock
        if any(t.tag_ == "NNS" for t in things):
            self._things_at = self._clock
        seen = {p for t in clause.subjects if clause.watchers and t.pos_ == "PRON" for p in meant.get(t.i, ())}
        for person in doers:
            person.acts += acts
            self._acted[id(person)] = self._clock - 2 * (person in seen)       # "The beaver saw him swim. He": the beaver
        for person in (p for how, t in clause.modifiers if how == "with" for p in meant.get(t.i, ())):
            self._acted[id(person)] = self._clock    # "practised with Jonah": he does it as well
        if not doers and len(others) == 1:           # "the current took the mayor": the talk is of her
            self._acted[id(others[0])] = self._clock
        if clause.kind == "speech" and len(doers) == 1:
            self._spoke.append(doers[0])
        if not clause.watchers and not any(t.lower_ in WE for t in clause.tokens):       # "He showed us his dog": he is none of us
            self._remember_beside(doers, others)
        self._history.append((doers, others))

    def _remember_beside(self, doers: tuple[Person, ...], others: tuple[Person, ...]) -> None:
        """Remember who is with the narrator: what "we" are next."""
        if self._narrator not in (*doers, *others):
            return
        together = self._narrator in doers and len(doers) > 1
        beside = unique(p for p in (doers if together else (*doers, *others)) if p is not self._narrator and (together or p.human))
        if beside and self._narrator not in doers:   # "My brother laughed. Ann pulled me up": both are there
            beside = unique([*(p for p in self._beside if self._recency(p) >= max(self._clock - 3, self._part_at + 1)), *beside])
        self._beside = beside[-2:] or self._beside


def _age_of(told: Token) -> int | None:
    """Return the number of "ten", "ten years old" and "8"; None of other words."""
    number = next((t for t in (told, *told.children, *(g for c in told.children for g in c.children)) if t.like_num), None)
    if number is None or (number is told and any(c.dep_ == "prep" for c in told.children)):      # "one of them"
        return None
    if told.lower_ not in {"year", "years", "old"} and number is not told:
        return None
    return int(number.text) if number.text.isdecimal() else _AGES.get(number.lower_)


def _kind(noun: str) -> str:
    """Return what an animal is a synonym of: "bunny" of rabbit."""
    family = family_of(noun)
    return family[-1] if family[:1] == ("animal",) and len(family) > 1 else noun
