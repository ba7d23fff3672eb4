"""How the characters of a story look: their colours, what can be seen of them, and what they wear."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources

from storyanim.planning.inflection import base_of_adjective, lemma_of_noun
from storyanim.planning.narrative import Event, Looks, Person, Phrase

_DRESSING = frozenset({"wear", "don", "put", "pull", "tie", "have", "get", "wrap", "button", "dress", "find", "receive"})
_UNDRESSING = frozenset({"lose", "drop", "remove", "shed", "throw", "forget", "sell"})
_GIVING = frozenset({"give", "lend", "hand", "offer"})
_WORN_WITH = frozenset({"with", "in", "wearing"})
_BECOMING = frozenset({"be", "become", "look", "turn", "get", "grow", "seem", "feel"})


@cache
def listed(kind: str) -> frozenset[str]:
    """Return the words of one list in wording.json: "adjectives", "colours", "clothes", "times", ..."""
    return frozenset(json.loads(resources.files("storyanim.planning").joinpath("wording.json").read_text("utf-8"))[kind])


def read_looks(event: Event, looks: dict[int, Looks]) -> None:
    """Change `looks` (id of a person → looks) by what one clause tells, in the order of the story."""
    for phrase in (*event.subjects, *event.objects, *event.modifiers):
        if len(phrase.people) == 1:
            words = phrase.text.lower().replace(",", " ").split()[:-1]
            _add(looks, phrase.people[0], [w for w in words if w not in listed("passing")])
            _read_description(event, phrase, looks)
    if event.verb in _BECOMING and not event.negated:
        predicates = [t.lower_ for t in event.tokens if (
            t.dep_ in {"acomp", "oprd"} or (t.dep_ == "conj" and t.head.dep_ == "acomp")
        ) and not any(c.dep_ == "npadvmod" for c in t.children)]               # "six years old"
        for person in _people(event.subjects):
            _add(looks, person, [w for w in predicates if w not in listed("passing")])
    for phrase in (*event.objects, *event.modifiers):
        if not phrase.people and lemma_of_noun(phrase.head) in listed("clothes") | listed("features"):
            _dress(event, phrase, looks)


def colour_in(words: Sequence[str]) -> str:
    """Return the first colour among words in small letters; "" when there is none."""
    return next((word for word in words if word in listed("colours")), "")


def _read_description(event: Event, phrase: Phrase, looks: dict[int, Looks]) -> None:
    """What stands behind somebody: "Dozbert, the sleepiest dragon", "Anna, a girl with long hair", "a boy who wore a cap"."""
    person, last = phrase.people[0], phrase.text.lower().rpartition(" ")[2]
    for token in event.tokens:
        for behind in token.children if token.lower_ == last else ():
            if behind.dep_ == "appos":
                _add(looks, person, [base_of_adjective(c.lower_) for c in behind.children if c.dep_ == "amod"])
            elif not (behind.dep_ in {"relcl", "acl"} and behind.lemma_ in _DRESSING):
                continue
            for thing in behind.subtree:
                if thing.pos_ == "NOUN" and thing.lemma_ in listed("clothes") | listed("features"):
                    _wear(looks, person, thing.lemma_, _colour_of_thing([c.lower_ for c in thing.children], thing.lemma_))


def _colour_of_thing(words: Sequence[str], thing: str) -> str:
    """The colour of what somebody wears; of hair and the like all that is said: "long black"."""
    if thing in listed("features"):
        return " ".join(w for w in words if w not in listed("determiners") and (w.isalpha() and w != thing))
    return colour_in(words)


def _add(looks: dict[int, Looks], person: Person, words: Sequence[str]) -> None:
    """What an event tells of somebody."""
    known = looks.get(id(person), Looks())
    seen = [w for w in words if w in listed("adjectives")]
    looks[id(person)] = replace(known, colour=known.colour or colour_in(words),
                                adjectives=tuple(dict.fromkeys([*known.adjectives, *seen]))[:3])


def _dress(event: Event, phrase: Phrase, looks: dict[int, Looks]) -> None:
    """A piece of clothing that the clause speaks of: put on, taken off, or handed over."""
    words = phrase.text.lower().split()
    owner = _owner(event, phrase)
    if owner is None or event.negated:
        return
    thing = words[-1] if phrase.plural else lemma_of_noun(phrase.head)
    colour = _colour_of_thing(words[:-1], thing)
    if phrase.head in listed("features") and not (colour and (event.verb == "have" or phrase.preposition == "with")):
        return                                       # "pulled his tail"
    off = (event.verb in _UNDRESSING or phrase.preposition == "without"
           or (event.verb == "take" and "off" in {event.particle, phrase.preposition}))
    on = event.verb in _DRESSING and phrase.preposition in {"", "on"}
    takers = [p for p in _people((*event.objects, *event.modifiers)) if p is not owner]
    if off or event.verb in _GIVING:
        given = next((c for t, c in looks.get(id(owner), Looks()).wearing if t == thing), "")
        _wear(looks, owner, thing, None)
        if event.verb in _GIVING and takers:
            _wear(looks, takers[0], thing, colour or given)
    elif on or phrase.preposition in _WORN_WITH or (
            words[0] in {"his", "her"} and not phrase.preposition):
        _wear(looks, owner, thing, colour)


def _owner(event: Event, phrase: Phrase) -> Person | None:
    """Who wears what a phrase names: of "a girl saw a fox in a hat" the fox."""
    before = [p for p in (*event.subjects, *event.objects, *event.modifiers) if len(p.people) == 1 and p.end <= phrase.start]
    word = phrase.text.lower().rpartition(" ")[2]
    gender = {"his": "m", "her": "f"}.get(phrase.text.lower().split()[0], "")
    if gender:                                       # of "carried the fox home in her apron" not the fox's, of "he took her hat" not his
        doers = [*_people(event.subjects), *(p.people[0] for p in reversed(before))]
        return next((p for p in doers if p.gender == gender), None)
    of_the_deed = phrase.head in listed("features") and any(    # "looked at her with yellow eyes"
        t.lower_ == word and t.head.dep_ == "prep" and t.head.head.pos_ == "VERB" for t in event.tokens)
    worn_by_the_last = phrase.preposition in _WORN_WITH and before and not of_the_deed
    if worn_by_the_last:
        return max(before, key=lambda p: p.start).people[0]
    return next(_people(event.subjects), None)


def _wear(looks: dict[int, Looks], person: Person, thing: str, colour: str | None) -> None:
    """Put a thing on, or take it off where `colour` is None; a thing keeps its colour when none is said."""
    known = looks.get(id(person), Looks())
    before = dict(known.wearing)
    if colour is None:
        before.pop(thing, None)
    else:
        before[thing] = colour or before.get(thing, "")
    looks[id(person)] = replace(known, wearing=tuple(before.items()))


def _people(phrases: Sequence[Phrase]) -> Iterator[Person]:
    return (person for phrase in phrases for person in phrase.people)
