"""Names, one after the other: "three bears called Flop, Mop and Pip", "Pinga and Lolo, two penguins"."""

from __future__ import annotations

from collections.abc import Sequence

from storyanim.planning.clauses import Clause, NounPhrase
from storyanim.planning.english import table
from storyanim.planning.entity import Entity


def names_in(phrase: NounPhrase) -> frozenset[str]:
    """The proper names of a phrase in small letters, without titles."""
    return frozenset(t.lower for t in phrase.tokens if t.tag in {"NNP", "NNPS"}) - table("titles")


def named_together(phrase: NounPhrase, clause: Clause, entities: Sequence[Entity]) -> Entity | None:
    """The group one of whose names a phrase is: "their names were Flop, Mop and Pip"; None for any other phrase."""
    first = _start_of_names(clause, phrase.start)
    words = [t.lower for t in clause.tokens[max(0, first - 2):first]]
    listed = first < phrase.start or any(p.is_name and p.start > phrase.stop for p in clause.phrases)
    if not listed or not (words[-2:-1] == ["names"] or words[-1:] in (["named"], ["called"])):
        return None
    return next((e for e in sorted(entities, key=lambda e: -e.last) if e.plural), None)


def names_before(phrase: NounPhrase, clause: Clause) -> list[NounPhrase]:
    """The names before a phrase that says what all of them are: "Pinga and Lolo, two penguins"; [] for any other phrase."""
    before = clause.tokens[phrase.start - 1].text if phrase.start else ""
    if phrase.head.tag != "NNS" or phrase.is_definite or before != ",":
        return []
    first = _start_of_names(clause, phrase.start)
    names = [p for p in clause.phrases if first <= p.start < phrase.start and p.is_name]
    return names if len(names) > 1 else []


def names_after(phrase: NounPhrase, clause: Clause) -> list[NounPhrase]:
    """The names behind a phrase that says what all of them are: "two kittens, Ink and Snow, lived"; [] for any other phrase."""
    after = clause.tokens[phrase.stop].text if phrase.stop < len(clause.tokens) else ""
    if phrase.head.tag != "NNS" or after not in {",", ":"}:
        return []
    names: list[NounPhrase] = []
    stop = phrase.stop
    for name in (p for p in clause.phrases if p.start > phrase.stop):
        if not (name.is_name and all(t.lower in {",", ":", "and"} for t in clause.tokens[stop:name.start])):
            break
        names.append(name)
        stop = name.stop
    closed = stop >= len(clause.tokens) or not clause.tokens[stop].is_word
    return names if len(names) > 1 and closed else []


def one_like(many: Entity, names: frozenset[str] = frozenset()) -> Entity:
    """One of a group, with names of its own."""
    return Entity(many.noun, many.creature, many.exact, names=set(names), colour=many.colour)


def _start_of_names(clause: Clause, stop: int) -> int:
    """Index of the first of the names, with commas and "and" between them, that end before token `stop`."""
    while stop and (clause.tokens[stop - 1].lower in {",", "and"} or clause.tokens[stop - 1].tag == "NNP"):
        stop -= 1
    return stop
