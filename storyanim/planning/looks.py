"""How the characters of a story look: their colours, and what they wear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from storyanim.planning.clauses import Clause, NounPhrase
from storyanim.planning.english import NOUN, Token
from storyanim.planning.entity import Entity, colour_of
from storyanim.planning.vocabulary import Vocabulary

_WEARING = frozenset({"wear", "have", "don", "put"})
_PARTING = frozenset({"lose", "give", "lend", "drop"})  # whoever does so has it no more


class Wardrobe:
    """Gives the characters what the clauses say of their looks, in the order of the story."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._found: tuple[str, str] | None = None   # accessory and its colour that somebody came by

    def read(self, clause: Clause, meant: Mapping[NounPhrase, tuple[Entity, ...]], actor: Entity | None) -> None:
        """Args: meant: who the clause's phrases speak of. actor: who did the last thing before it."""
        owner, lemmas = actor, {t.lemma for t in clause.tokens}
        doer = next((meant[p][0] for p in clause.subjects if p in meant), None)
        for phrase in clause.phrases:
            colour = colour_of(phrase.tokens, self._vocabulary)
            if who := meant.get(phrase):
                owner = who[0]
                owner.colour = owner.colour or colour
                continue
            worn = self._vocabulary.scan("accessory", phrase.tokens)
            wearer = (doer or owner) if _PARTING & lemmas else owner
            if worn and wearer and not wearer.member:
                _hand_over(wearer, clause, meant, lemmas)
                bare = phrase.preposition == "without" and "never" not in lemmas      # "never left the house without his hat"
                if {"take", "off"} <= lemmas or _PARTING & lemmas or bare:
                    wearer.accessory = wearer.accessory_colour = ""
                elif _is_worn(phrase, lemmas):
                    _put_on(wearer, worn[0].value, colour)
                else:
                    self._found = (worn[0].value, colour)
        if owner and self._found and not owner.member and _puts_it_on(clause.tokens):
            owner.accessory, owner.accessory_colour = self._found                                 # "found a hat and put it on"
        for phrase, who in meant.items():            # "the fox was red"
            rest = clause.tokens[phrase.stop:phrase.stop + 4]
            if not who[0].colour and [t.lemma for t in rest[:1]] == ["be"]:
                who[0].colour = colour_of([t for t in rest[1:3] if t.tag == "JJ"], self._vocabulary)


def _hand_over(giver: Entity, clause: Clause, meant: Mapping[NounPhrase, tuple[Entity, ...]], lemmas: Set[str]) -> None:
    """ "gave her the scarf", "gave the scarf to the mouse": who gets it wears it."""
    takers = [e for p, who in meant.items() for e in who if e is not giver and not e.member and p.start > (clause.verb or 0)]
    if {"give", "lend"} & lemmas and takers and giver.accessory:
        takers[0].accessory, takers[0].accessory_colour = giver.accessory, giver.accessory_colour


def _puts_it_on(tokens: Sequence[Token]) -> bool:
    """ "Put it on", and not "put it on the table"; "wears it", "ties it round her neck"."""
    for i, token in enumerate(tokens):
        if token.lower != "it" or not i:
            continue
        verb, after = tokens[i - 1].lemma, tokens[i + 1:i + 3]
        ends = len(after) < 2 or after[1].tag not in {"DT", "PRP$", "CD", "JJ", *NOUN}
        if verb == "wear" or (verb in {"put", "pull", "try"} and after and after[0].lower == "on" and ends):
            return True
        if verb in {"tie", "wrap"} and any(t.lower == "neck" for t in tokens[i + 1:]):
            return True
    return False


def _put_on(owner: Entity, accessory: str, colour: str) -> None:
    """ "Her scarf" is the one she had; "her red scarf" need not be."""
    if accessory != owner.accessory or colour:
        owner.accessory, owner.accessory_colour = accessory, colour


def _is_worn(phrase: NounPhrase, lemmas: Set[str]) -> bool:
    own = any(t.tag == "PRP$" for t in phrase.tokens)
    return own or phrase.preposition in {"with", "in", "wearing", "of"} or bool(_WEARING & lemmas)
