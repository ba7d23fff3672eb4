"""The phrases of a clause in its tree: who does it, and what stands behind a preposition, where the tree is mistaken, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from storyanim.planning.english import is_speech
from storyanim.planning.words import is_animate, is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "expl"})
_NEXT = frozenset({"next", "close", "near"})
_WAYS = frozenset({"up", "down", "round", "around", "across", "along", "through", "over", "past"})
_INTRANSITIVE = frozenset({"sit", "stand", "lie", "gather", "dance", "wait"})


def conjuncts(head: Token) -> tuple[Token, ...]:
    """Return a noun and the nouns that are coordinate with it: "the king and the queen"."""
    found = [head]
    for child in head.children:
        listed = child.dep_ == "conj" or is_listed(child)
        alone = child.pos_ == "ADJ" and head.pos_ == "NOUN"                  # "between two rocks, grey and shiny"
        if listed and not alone and child.pos_ in {"NOUN", "PROPN", "PRON", "NUM", "ADJ"} and not is_speech(child):
            found += conjuncts(child)
    return tuple(found)


def is_listed(token: Token) -> bool:
    """Tell whether what the tree calls an apposition is one of several: "a goat, a man and a dog"."""
    return token.dep_ == "appos" and any(c.dep_ == "conj" for c in token.children) and any(c.dep_ == "cc" for c in token.children)


def subjects_of(head: Token, verb: Token) -> tuple[tuple[Token, ...], bool]:
    """Return the heads of a clause's subject, and whether what they suffer is told."""
    shared = verb.dep_ == "conj" and verb.tag_ == "VBN" and not has_child(verb, SUBJECTS | {"aux"}) and has_child(verb.head, {"auxpass"})
    passive = has_child(verb, {"nsubjpass", "auxpass"}) or shared            # "was caught and locked in"
    found = [c for c in head.children if c.dep_ in {"nsubj", "nsubjpass"} and not is_speech(c)]
    if has_child(head, {"expl"}) or not found:            # "There was a girl"
        there = has_child(head, {"expl"}) or (head.lemma_ == "be" and head.i > head.sent.start and head.nbor(-1).dep_ == "pobj")
        found += [c for c in head.children if c.dep_ in {"attr", "dobj"} and there and c.i > head.i]     # "In the kitchen was the wolf"
    if not found:                                    # "people came running"
        found = [c for a in head.children if a.dep_ == "aux" and a.tag_ in {"VBD", "VBZ", "VBP"} for c in a.children if c.dep_ == "nsubj"]
    if not found:                                    # "At that moment a boy, carrying a tray, looked up"
        found = [t for c in head.children if c.dep_ == "prep" and c.i < head.i for t in _second_object(c)]
    if not found and (before := subject_before(head)):
        found = [before]
    if not found and head.pos_ == "VERB":
        found = _inverted_subject(head)
    before = [c for c in head.children if (found and c.dep_ in {"nsubj", "npadvmod"} and c.i < found[0].i) or c in found[1:]]
    listed = [c for c in before if c.pos_ in {"NOUN", "PROPN"} and c.right_edge.i + 1 < head.i and c.doc[c.right_edge.i + 1].text == ","
              and (c.pos_ == "PROPN" or is_animate(c.lemma_.lower())) and any(c.dep_ == "conj" for t in found for c in t.children)]
    listed += [t for t in found[1:] if t not in listed and any(c.dep_ == "conj" for c in t.children)]
    return tuple(dict.fromkeys(t for c in sorted([*found[:1], *listed], key=lambda t: t.i) for t in conjuncts(c))), passive


def _second_object(preposition: Token) -> list[Token]:
    """Return who is taken for a second object of a phrase in front of the verb."""
    objects = [c for c in preposition.children if c.dep_ in {"pobj", "npadvmod"} and c.pos_ in {"NOUN", "PROPN"}]
    return objects[-1:] if len(objects) > 1 else []


def subject_before(verb: Token) -> Token | None:
    """Return who does what follows where the tree lists him with an object: "unpacked a rucksack and a beetle crawled out"."""
    noun = verb.doc[verb.left_edge.i - 1] if verb.left_edge.i > verb.sent.start else verb
    listed = noun.dep_ == "conj" and noun.head.dep_ == "dobj" and noun.pos_ in {"NOUN", "PROPN"}
    acts = verb.dep_ == "conj" and verb.head == noun.head.head and verb.tag_ in {"VBD", "VBZ", "VBP"} and not has_child(verb, SUBJECTS)
    return noun if listed and acts else None


def _inverted_subject(verb: Token) -> list[Token]:
    """Return the subject behind its verb, where the tree calls it an object: "In a tower lived Pim", "..." growled Bruno."""
    before = [c for c in verb.children if c.i < verb.i and (c.dep_ in {"prep", "advmod", "npadvmod"} or is_speech(c))]
    if not before or verb.tag_ not in {"VBD", "VBZ", "VBP"}:
        return []
    said = any(is_speech(c) for c in before)
    for token in verb.doc[verb.i + 1:verb.sent.end]:
        if token.left_edge.i == verb.i + 1 and token.pos_ in {"NOUN", "PROPN"} and token.dep_ in {"dobj", "nsubj", "npadvmod", "attr"}:
            stands = verb.lemma_.lower() in words("motion") | _INTRANSITIVE and verb.dep_ != "conj"     # "In the cave stood a chest"
            return [token] if said or stands or token.dep_ != "dobj" or token.pos_ == "PROPN" or is_animate(token.lemma_.lower()) else []
        if token.pos_ in {"VERB", "AUX", "PUNCT"}:
            break
    return []


def way_of(noun: Token, verb: Token) -> str:
    """Return "up" of "ran up the stairs", "round" of "sat round the kitchen table", where the tree has an object; "" of others."""
    before = noun.doc[noun.left_edge.i - 1] if noun.left_edge.i > noun.sent.start else noun
    somewhere = any(is_place(t.lemma_.lower()) or t.lemma_.lower() in words("stairs") for t in (noun, *noun.children) if t.pos_ == "NOUN")
    goes = verb.lemma_.lower() in words("motion") | _INTRANSITIVE
    return before.lower_ if goes and somewhere and before.head == verb and before.lower_ in _WAYS else ""


def read_modifiers(verb: Token, piece: Span) -> Iterator[tuple[str, Token]]:
    """Yield the phrases with a preposition of a verb, and those within them: "in a house by the sea"."""
    for child in verb.children:
        told = child.dep_ in {"prep", "dative", "agent"} and child.pos_ in {"ADP", "SCONJ", "ADV"} and piece.start <= child.i < piece.end
        if told or is_misread_preposition(child):
            yield from _prepositions(child, child.lower_)
            for other in child.children:             # "past the guard and out of the gate"
                if other.dep_ == "conj" and other.pos_ == "ADP":
                    yield from _prepositions(other, other.lower_)
        elif child.dep_ in {"advmod", "prt"}:
            for inner in child.children:             # "back to the house", "next to him", "Up in the tower"
                if inner.dep_ == "prep":
                    said = f"{child.lower_} {inner.lower_}" if child.lower_ in _NEXT else inner.lower_
                    yield from _prepositions(inner, said)
        if child.dep_ in {"attr", "acomp", "dobj", "nsubj"} and not is_speech(child):
            for inner in child.children:
                if inner.dep_ == "prep" and inner.lower_ != "of" and inner.i > child.i:
                    yield from _prepositions(inner, inner.lower_)


def is_misread_preposition(token: Token) -> bool:
    """Tell whether what the tree calls an adverb or a verb stands before a place: "walked round the gallery"."""
    if token.lower_ == "round" and token.pos_ == "VERB":
        return token.i > token.sent.start and not has_child(token, SUBJECTS | {"aux", "cc"})
    return token.dep_ in {"advmod", "prt"} and any(
        c.dep_ == "pobj" and (is_place(c.lemma_.lower()) or c.lemma_.lower() in words("stairs")) for c in token.children)


def _prepositions(preposition: Token, said: str) -> Iterator[tuple[str, Token]]:
    for child in preposition.children:
        if child.dep_ in {"prep", "pcomp"} and child.pos_ == "ADP" and any(c.dep_ == "pobj" and c.i < child.i for c in preposition.children):
            yield from _prepositions(child, child.lower_)                  # "from head to toe"
        elif child.dep_ in {"prep", "pcomp"} and child.pos_ == "ADP":      # "out of the window"
            yield from _prepositions(child, f"{said} {child.lower_}")
        elif child.dep_ == "pobj" or (child.dep_ == "dobj" and preposition.pos_ == "VERB"):
            if is_speech(child):
                continue
            inner = next((p for c in child.children if c.lower_ == "of" for p in c.children if p.dep_ == "pobj"), None)
            part = child.lemma_ in words("part") or (inner is not None and child.lemma_ in words("body") and is_place(inner.lemma_.lower()))
            if part and inner is not None:           # "at the side of the boat", "at the mouth of the cave"
                the = "the " if any(c.dep_ == "det" for c in child.children) else ""     # "in front of"
                yield f"{said} {the}{child.lower_} of", inner
                continue
            for head in conjuncts(child):
                yield said, head
            for nested in child.children:
                if nested.dep_ == "prep" and nested.lower_ != "of":
                    yield from _prepositions(nested, nested.lower_)


def has_child(token: Token, labels: frozenset[str] | set[str]) -> bool:
    return any(c.dep_ in labels for c in token.children)
