"""What a character's folder means in a story."""

from __future__ import annotations

import re
from collections.abc import Sequence

from storyanim.planning.beats import find_beats
from storyanim.planning.english import Token, noun_lemma, table
from storyanim.planning.entity import Entity
from storyanim.planning.meanings import meanings, plain_vocabulary
from storyanim.planning.vocabulary import Vocabulary


def nouns_of(story_text: str, vocabulary: Vocabulary | None) -> list[str]:
    """Whom a story tells of, in the order of their coming: ["bear", "wolf"]."""
    return list(dict.fromkeys(entity.noun for entity in entities_of(story_text, vocabulary)))


def entities_of(story_text: str, vocabulary: Vocabulary | None) -> tuple[Entity, ...]:
    """Whom a story tells of, with what it calls them."""
    _, follower = find_beats(story_text, vocabulary or plain_vocabulary(), ())
    return tuple(follower.entities)


def guess_noun(folder_name: str, entities: Sequence[Entity], vocabulary: Vocabulary | None) -> str:
    """What the story calls the character of a folder: "bear_plushie" → "bear", "pip" → "mouse" if Pip is the story's mouse."""
    words = [w for w in re.split(r"[^\w]+|_|\d+|(?<=[a-z])(?=[A-Z])", folder_name) if w]
    lowered = [noun_lemma(w.lower()) for w in words]
    useful = [w for w in lowered if w not in table("folder_words") and w not in meanings()["colour"]] or lowered or ["character"]
    known = vocabulary or plain_vocabulary()
    for word in reversed(useful):
        for entity in entities:
            if word in entity.names and word not in table("animals"):
                return entity.noun
    nouns = {entity.noun for entity in entities}
    for word in reversed(useful):
        if word in nouns:
            return word
    for word in reversed(useful):
        found = known.at("creature", [Token(word, 0, 0, "NN")], 0)
        if found and found.exact:
            return next((e.noun for e in entities if e.exact and e.creature == found.value), word)
    return next((w for w in reversed(useful) if w in table("animals") | table("people")), useful[-1])
