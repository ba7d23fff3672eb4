"""Noun phrases that speak of people: "the bear", "the eldest", "one of the girls", "her brother", "the children"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from storyanim.planning.casting import family_of
from storyanim.planning.clause_parts import conjuncts, is_listed
from storyanim.planning.events import Clause
from storyanim.planning.kinds import PARENTS
from storyanim.planning.known_people import REACH, Meant, has_title
from storyanim.planning.mentions import NUMBERS, Mention, appositions, describe, gender_of
from storyanim.planning.narrative import Gender, Person
from storyanim.planning.parse import story_offset
from storyanim.planning.pronouns import PRONOUNS, PronounReader
from storyanim.planning.words import is_animate, is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Token

OWNS: dict[str, Gender] = {"his": "m", "her": "f"}
PEERS = frozenset({"friend", "classmate", "schoolmate", "playmate"})
SIBLINGS = frozenset({"brother", "sister", "sibling", "twin"})
_YOUNG = frozenset({"child", "kid", "boy", "girl", "youngster", "sibling", "twin"})
_SMALL = frozenset({"little", "small", "baby", "younger", "kid", "twin", "tiny", "young"})


class NounReader(PronounReader):
    """Finds, or meets, whom a noun phrase speaks of."""

    def _by_noun(self, head: Token) -> tuple[Person, ...]:
        mention = describe(head, self._names)
        if named := self._called.get(mention.noun or mention.name.lower()):
            return (named,)
        others = appositions(head)
        listed = [t for c in head.children if is_listed(c) for t in conjuncts(c)] if mention.plural else []
        members = [describe(t, self._names) for t in listed]
        if members and all(member.name for member in members):
            return self._members(head, mention, members)
        also = [describe(other, self._names) for other in others]
        if mention.noun == "name":
            return ()
        if not mention.name and head.lower_ in words("distinct") and mention.definite and (
                head.pos_ == "ADJ" or not is_animate(head.lower_)):
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
        owner = self._owner_of(head) if mention.noun in SIBLINGS | PEERS else None
        if owner is not None and mention.noun in SIBLINGS and family_of(owner.noun)[:1] == ("animal",):
            noun = owner.noun                        # the sister of a butterfly is one
        self._by_kin = self._by_kin or (head.text[0].isupper() and mention.noun in PARENTS and not any(
            c.dep_ in {"det", "poss", "amod"} for c in head.children))
        person = person or self._meet(noun, story_offset(head), mention=mention)
        for told in (mention, *also):
            self._learn(person, told)
        if owner is not None and owner is not person:
            self._peers.append((person, owner))
        if mention.noun in SIBLINGS and owner is not None and owner is not person:
            self._siblings |= {id(person): owner, id(owner): person}
            if {c.lower_ for c in head.children} & _SMALL:
                self._children |= {id(person), id(owner)}
        return (person,)

    def _members(self, head: Token, group: Mention, members: list[Mention]) -> tuple[Person, ...]:
        """Return who a group is: "two brothers, Ike and Sam"."""
        found = []
        for member in members:
            person = self._find(member) or self._meet(group.noun, story_offset(head), mention=replace(member, noun=group.noun))
            self._learn(person, replace(member, noun=group.noun))
            found.append(person)
        if group.noun in SIBLINGS and len(found) == 2:
            self._siblings |= {id(found[0]): found[1], id(found[1]): found[0]}
        return tuple(found)

    def _some_of(self, head: Token, group: Token) -> tuple[Person, ...]:
        """Return "one of the girls", "two of the boys": somebody of the group, not all of it."""
        mention = describe(group, self._names)
        if not self._is_being(mention.noun):
            return ()
        mention = replace(mention, marks=mention.marks | {"of them"}, plural=head.lower_ != "one")
        person = self._find(mention) or self._meet(mention.noun, story_offset(head), mention=mention)
        self._learn(person, mention)
        return (person,)

    def _one_of_them(self, head: Token) -> tuple[Person, ...]:
        """Return one of the several who were spoken of last: "we met some goats. One of them ate"."""
        group = max((p for p in self.everybody if p.plural and self._seen.get(id(p), -9) >= self._clock - 1), key=self._recency, default=None)
        if group is None:
            return ()
        mention = Mention(head, group.noun, "", frozenset({"of them"}), group.gender, plural=False, definite=True)
        return (self._find(mention) or self._meet(group.noun, story_offset(head), mention=mention),)

    def _distinct(self, head: Token, mention: Mention) -> tuple[Person, ...]:
        """Return "the eldest", "the other": one of the group that the story spoke of last; () of things."""
        groups = [p for p in self.everybody if p.plural and self._recency(p) > self._clock - 2 * REACH]
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
        subject = next((c for c in head.head.children if c.dep_ == "nsubj" and c.pos_ in {"NOUN", "PROPN"} and c != head), None)
        if subject is not None and (doer := self._find(describe(subject, self._names))):
            return doer
        others = [c for c in (*head.ancestors,) if c.pos_ in {"PROPN", "NOUN"} and c.i < head.i]
        beside = next((p for c in others if (p := self._find(describe(c, self._names)))), None)
        return beside or next(iter(self.actors), None)

    def _sibling(self, head: Token, mention: Mention) -> Person | None:
        """Return the other one of a brother and his sister who are known."""
        if mention.noun not in SIBLINGS or mention.plural or not any(c.dep_ == "poss" for c in head.children):
            return None
        owner = self._owner_of(head)
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
        young = [p for p in self.everybody if not p.plural and not p.narrator and not has_title(p) and gender in {"", p.gender}
                 and (p.noun in {"person", *_YOUNG, *SIBLINGS}) and self._recency(p) > self._clock - 3 * REACH]
        if len(young) < 2:
            return ()
        self._children |= {id(p) for p in young}
        return tuple(young)

    def _own(self, owner: Token, meant: Meant, clause: Clause, *, subject: bool) -> None:
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
        gender: Gender = OWNS.get(owner.lower_, "")
        doers = [] if subject else [*self._doing, *(p for t in clause.subjects for p in meant.get(t.i, ()))]
        owners = doers or list(self.actors)
        if gender and (len(owners) != 1 or owners[0].plural):            # "The crowd is silent. Her father ..."
            near = [p for p in self.everybody if p.human and not p.plural and not p.narrator and p.gender in {"", gender}
                    and self._recency(p) > self._clock - REACH]
            owners = near if len(near) == 1 else owners
        if not gender or len(owners) != 1 or owners[0].narrator:
            return
        if not owners[0].gender and not owners[0].plural and ((doers and owners[0].human) or not self._near(gender)):
            owners[0].gender = gender
        if owners[0].gender == gender:
            meant[owner.i] = (owners[0],)
            if parent:
                self._children.add(id(owners[0]))

    @staticmethod
    def _means_doers(head: Token, clause: Clause, meant: Meant) -> bool:
        """Tell whether "he" of "Tom sang as he walked" is who does the rest."""
        doers = [p for subject in clause.subjects for p in meant.get(subject.i, ())]
        if head.pos_ != "PRON" or not doers:
            return False
        gender = PRONOUNS.get(head.lower_)
        if gender is None:
            return True
        return any(p.gender in {"", gender} and not p.plural for p in doers)


def _number_of(head: Token, mention: Mention) -> int:
    """Return how many "the three friends", "both friends" are; 0 of others."""
    if mention.noun not in {"friend", "companion", "one", "animal", "comrade", "traveller", "traveler"} or not mention.plural:
        return 0
    told = next((NUMBERS[c.lower_] for c in head.children if c.lower_ in NUMBERS), 0)
    return (told or 2 * (mention.noun not in {"animal", "one"})) if mention.definite and not any(c.dep_ == "poss" for c in head.children) else 0
