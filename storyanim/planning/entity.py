"""A character of the story, and how words tell who it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storyanim.artifacts import CastMember
from storyanim.planning.clauses import Clause, NounPhrase
from storyanim.planning.english import NOUN, Token, table
from storyanim.planning.vocabulary import Vocabulary


@dataclass(eq=False)
class Entity:
    """A character of the story, as known so far."""

    noun: str                                        # what it is: "bear"; its name when nothing else is known
    creature: str = ""                               # the vocabulary's word for it
    exact: bool = False                              # `creature` means `noun`, and is not only the nearest
    names: set[str] = field(default_factory=set)
    gender: str = ""                                 # "m", "f" or ""
    plural: bool = False
    human: bool = False
    colour: str = ""
    accessory: str = ""
    accessory_colour: str = ""
    adjectives: tuple[str, ...] = ()
    member: CastMember | None = None
    mentions: int = 0
    last: int = -1                                   # number of the clause that named it last


def gender_of(words: Sequence[str]) -> str:
    """ "m", "f" or "" from words such as "Mr." and "queen"."""
    plain = {word.rstrip(".") for word in words}
    return "m" if plain & table("male") else "f" if plain & table("female") else ""


def colour_of(tokens: Sequence[Token], vocabulary: Vocabulary) -> str:
    """The first colour among the words, also within "white-gray"; "" when there is none."""
    for i, token in enumerate(tokens):
        if token.tag.startswith("NNP") and token.lower not in vocabulary.kinds["colour"]:
            continue                                 # Ruby, Hazel and Ginger are names
        parts = [Token(part, token.start, token.end, "JJ") for part in token.text.split("-") if part] if "-" in token.text else []
        found = vocabulary.scan("colour", parts) or ([at] if (at := vocabulary.at("colour", tokens, i)) else [])
        if found:
            return found[0].value
    return ""


def names_member(member: CastMember, words: Sequence[str], entity: Entity, vocabulary: Vocabulary) -> bool:
    """Whether these words of a phrase speak of a character of the cast: its noun, its name, or a synonym."""
    own = {member.noun.lower(), member.name.lower(), member.noun.lower().split()[-1]}
    if own & (set(words) | entity.names):
        return True
    noun = [Token(word, 0, 0, "NN") for word in member.noun.split()]
    creature = vocabulary.at("creature", noun, len(noun) - 1) if noun else None
    return bool(creature and creature.exact and entity.exact and creature.value == entity.creature)


def are_same(clause: Clause, first: NounPhrase, second: NounPhrase) -> bool:
    """Whether two neighbouring phrases name one character."""
    between = clause.tokens[first.stop:second.start]
    words = [t.lower for t in between]
    if second.preposition == "named":
        return True
    name_and_noun = first.is_name != second.is_name and not first.is_pronoun and not second.is_pronoun
    if (not words and name_and_noun) or (words in (["("], [","]) and name_and_noun and _closes(clause, second)):
        return True
    is_copula = len(words) in {1, 2} and all(t.lemma in {"be", "become", "once"} or t.tag == "RB" for t in between)
    return is_copula and any(t.lemma == "be" for t in between) and not second.is_definite and second.head.tag in NOUN


def _closes(clause: Clause, phrase: NounPhrase) -> bool:
    """Whether an apposition ends here, "Rusty, a fox, ran", or tells more of him: "a fox in a hat"."""
    after = clause.tokens[phrase.stop] if phrase.stop < len(clause.tokens) else None
    return after is None or not after.is_word or after.lower in {"who", "that", "in", "with", "wearing", "from"}
