"""How the characters of a story look: their colours, and what they wear."""

from __future__ import annotations

from collections.abc import Mapping, Set

from storyanim.plan.clauses import Clause, NounPhrase
from storyanim.plan.entity import Entity, colour_of
from storyanim.plan.vocabulary import Vocabulary

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
                self._hand_over(wearer, clause, meant, lemmas)
                self._put_on(wearer, worn[0].value, colour, lemmas, wears=_is_worn(phrase, lemmas))
        if owner and self._found and not owner.member and {"put", "pull", "try"} & lemmas and {"it", "on"} <= lemmas:
            owner.accessory, owner.accessory_colour = self._found                                 # "found a hat and put it on"
        for phrase in clause.subjects:               # "the fox was red"
            rest = clause.tokens[phrase.stop:phrase.stop + 4]
            if (who := meant.get(phrase)) and not who[0].colour and [t.lemma for t in rest[:1]] == ["be"]:
                who[0].colour = colour_of([t for t in rest[1:3] if t.tag == "JJ"], self._vocabulary)

    def _hand_over(self, giver: Entity, clause: Clause, meant: Mapping[NounPhrase, tuple[Entity, ...]], lemmas: Set[str]) -> None:
        """ "gave her the scarf", "gave it to the mouse": who gets it wears it."""
        takers = [e for p, who in meant.items() for e in who if e is not giver and not e.member and p.start > (clause.verb or 0)]
        if {"give", "lend"} & lemmas and takers and giver.accessory:
            takers[0].accessory, takers[0].accessory_colour = giver.accessory, giver.accessory_colour

    def _put_on(self, owner: Entity, accessory: str, colour: str, lemmas: Set[str], *, wears: bool) -> None:
        """Args: lemmas: of the clause. wears: it says that he has it on; else he has only come by it."""
        if {"take", "off"} <= lemmas or _PARTING & lemmas:
            owner.accessory = owner.accessory_colour = ""
        elif wears and accessory == owner.accessory and not colour:
            return                                   # "her scarf" is the one she had
        elif wears:
            owner.accessory, owner.accessory_colour = accessory, colour
        else:
            self._found = (accessory, colour)


def _is_worn(phrase: NounPhrase, lemmas: Set[str]) -> bool:
    own = any(t.tag == "PRP$" for t in phrase.tokens)
    return own or phrase.preposition in {"with", "in", "wearing", "of"} or bool(_WEARING & lemmas)
