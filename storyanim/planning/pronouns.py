"""Pronouns: whom "he", "they", "we" and "it" mean where they stand.

A pronoun means who acted in the last clause before whom the story names most; whom a clause only mentions is not who "he" is
while another acts. "I" is one person all along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

from storyanim.planning.casting import may_be_it
from storyanim.planning.events import Clause
from storyanim.planning.known_people import REACH, KnownPeople
from storyanim.planning.mentions import describe
from storyanim.planning.narrative import Gender, Person
from storyanim.planning.parse import story_offset

if TYPE_CHECKING:
    from spacy.tokens import Token

PRONOUNS: dict[str, Gender] = {"he": "m", "him": "m", "himself": "m", "she": "f", "her": "f", "herself": "f"}
THEY = frozenset({"they", "them", "themselves", "both", "all", "everyone", "everybody", "each", "others"})
I, WE, _YOU = frozenset({"i", "me", "myself", "mine"}), frozenset({"we", "us", "ourselves"}), frozenset({"you", "yourself"})
_SOMEONE = frozenset({"someone", "somebody"})


class PronounReader(KnownPeople):
    """Finds whom a pronoun means."""

    def _by_pronoun(self, head: Token, meant: Mapping[int, tuple[Person, ...]], *, subject: bool,
                    clause: Clause) -> tuple[Person, ...]:
        word = head.lower_
        doers = () if subject else (*self._doing, *(p for t in clause.subjects for p in meant.get(t.i, ())))
        if word in _YOU and any(c.tag_ == "MD" for c in head.head.children):
            return ()                                # "you may see him": whoever that is
        if word in I | _YOU | WE or word == "'s":    # "Let's go"
            narrator = self._narrate(story_offset(head))
            return (narrator,) if word in I | _YOU else (narrator, *self._beside)
        if word == "them" and not subject and self._things_at == self._clock - 1 and self._history and (
                len(who := self._history[-1][0]) < 2 and not any(p.plural for p in (*who, *self._history[-1][1]))):
            return ()                                # "ran over my trousers. I dried them"
        if word == "themselves" and not subject:
            return doers
        if word in THEY:
            besides = self.actors if word == "others" else ()
            return self._they((*besides, *doers, *(self._suffers(clause) if subject else ())), story_offset(head), word)
        if word in PRONOUNS:
            if not subject and word.endswith("self"):
                return doers
            chased = subject and any(t.lower_ == "it" for t in clause.objects)
            it = tuple(p for p in self.actors if may_be_it(p) and not p.names) if chased and self._is_human_near({PRONOUNS[word]}) else ()
            named = self._named_objects(clause) if subject else ()
            return (self._he(PRONOUNS[word], (*doers, *it, *named), story_offset(head), subject=subject),)       # "She chased it"
        if word in _SOMEONE:
            return (self._meet("person", story_offset(head)),)
        if word in {"it", "itself"} and head.dep_ != "expl":
            return self._it(doers, subject=subject, clause=clause)
        return ()

    def _named_objects(self, clause: Clause) -> tuple[Person, ...]:
        """Return who of those known a clause names as its objects: in "She offered the cow an apple" she is not the cow."""
        told = (self._find(describe(t, self._names)) for t in clause.objects if t.pos_ in {"NOUN", "PROPN"})
        return tuple(p for p in told if p is not None)

    def _suffers(self, clause: Clause) -> tuple[Person, ...]:
        """Return whom "it", "him" or "me" of a clause is: of "they chased it" not one of them."""
        for head in (*clause.objects, *(t for _, t in clause.modifiers)):
            if head.lower_ == "me":
                return self.narrator
            if head.lower_ in {"it", "him", "her"} and self.actors and not self.actors[0].plural and len(self.actors) == 1:
                gender = PRONOUNS.get(head.lower_, "")
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
        self._called_he.add(id(best))
        return best

    def _likeliness(self, person: Person, gender: Gender, *, subject: bool) -> float:
        acted = self._clock - self._acted.get(id(person), -99)
        seen = self._clock - self._seen.get(id(person), -99)
        away = self._paragraph - self._where.get(id(person), -9)
        known = 0.8 if person.gender == gender else -0.8 * (gender == "f") - 3.0 * (id(person) in self._neuter)
        if not person.gender and not person.human and not person.names and self._near(gender, least=1 if acted > 1 else 3):
            known -= 2.0                             # an animal is not "she" while a woman is there
        elif not person.gender and not person.human and not person.names and self._is_human_near({gender, ""}):
            known -= 1.5                             # or somebody who may be one was just spoken of
        return max(8.0 - acted, (4.5 if subject else 6.5) - seen) - min(away, 3) + known + 0.1 * min(person.mentions, 10)

    def _is_human_near(self, genders: Set[Gender]) -> bool:
        """Tell whether the last clause spoke of somebody, of one of these genders."""
        return any(p.human and not p.plural and not p.narrator and p.gender in genders and self._recency(p) >= self._clock - 1
                   for p in self.everybody)

    def _they(self, doers: Sequence[Person], at: int, word: str) -> tuple[Person, ...]:
        """Return the group that was there last, rather those whom the story is about; two who acted one after another too."""
        if word == "others" and any(p.plural and p not in doers for p in self.everybody):
            return self._any_group(doers, at, word)
        options: list[tuple[float, tuple[Person, ...]]] = []
        for age, (acting, others) in enumerate(reversed(self._history[-REACH:])):
            free = tuple(p for p in acting if p not in doers)
            rest = tuple(p for p in others if p not in doers)
            for rank, group in enumerate((free, tuple(p for p in rest if p.plural), (*free, *rest))):
                if len(group) > 1 or any(p.plural for p in group):
                    options.append((self._centrality(group) - age - 0.3 * rank, group))
                    break
        singles = [p for p in self.everybody if not p.plural and p not in doers and (p.human or p.acts > 1)]
        ranked = sorted(singles, key=self._recency, reverse=True)
        acted = self._history[-1][0] if self._history else ()
        if len(ranked) > 1 and not {id(p) for p in ranked[:2]} < {id(p) for p in acted}:       # and who else has acted and was there as late
            pair, last = ranked[:2], self._recency(ranked[1])
            since = self._clock - 1 - last
            group = tuple(p for p in singles if p in pair or (p.human and p.acts > 1 and self._recency(p) >= last))
            options.append((self._centrality(pair) - since - 1.2, group))
        if options and max(score for score, _ in options) > -2 * REACH:
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
        if word not in {"they", "everyone", "everybody", "others"} or (word == "they" and doers):
            return ()
        person = self._meet("person", at)
        person.plural = True
        return (person,)

    def _it(self, doers: Sequence[Person], *, subject: bool, clause: Clause) -> tuple[Person, ...]:
        """Return the animal that "it" is; () where it is a thing."""
        for acting, others in reversed(self._history[-2:]):
            who = (*acting, *others) if subject else (*others, *acting)
            animals = [p for p in who if may_be_it(p) and not p.plural and p not in doers and not self._is_he(p)]
            if animals and (subject or animals[0] in others or doers):
                if not animals[0].gender:
                    self._neuter.add(id(animals[0]))
                return (animals[0],)
            if acting or others:
                break
        return ()

    def _is_he(self, person: Person) -> bool:
        """Tell whether an animal is "he" or "she", so that "it" is rather the thing that was just spoken of."""
        return id(person) in self._called_he - self._neuter and self._thing_at >= self._clock - 1
