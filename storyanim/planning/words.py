"""Word lists: which nouns are people, animals and places, which verbs are states, whose names are whose.

lexicon.json is made of WordNet and a census by scripts/lexicon.py; words.json adds by hand what stories need besides.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources


@cache
def words(*kinds: str) -> frozenset[str]:
    """Return the words of these kinds together: lemmas in small letters. Raises KeyError for an unknown kind."""
    return frozenset(word for kind in kinds for word in _lists()[kind].split())


@cache
def is_animate(noun: str) -> bool:
    """Tell whether a lemma is a human being, an animal, or a thing that acts in stories."""
    return noun in words("person", "animal", "toy") and noun not in words("place", "not_place", "not_being")


@cache
def is_human(noun: str) -> bool:
    """Tell whether a lemma is a human being and no animal."""
    return noun in words("person") and noun not in words("animal", "toy")


@cache
def is_place(noun: str) -> bool:
    """Tell whether a lemma is somewhere to be: "kitchen", "meadow"; neither "side" nor "cup"."""
    return is_room(noun) or (noun in words("place", "indoors", "outdoors", "vehicle") and noun not in words("not_place"))


@cache
def is_room(noun: str) -> bool:
    """Tell whether a lemma is a room by its ending: "storeroom"; no mushroom."""
    return noun.endswith("room") and noun.removesuffix("room") not in {"b", "g", "mush"} and noun not in words("person")


@cache
def _lists() -> dict[str, str]:
    files = (json.loads(resources.files("storyanim.planning").joinpath(name).read_text("utf-8"))
             for name in ("lexicon.json", "words.json"))
    lists: dict[str, str] = {}
    for file in files:
        for kind, listed in file.items():
            lists[kind] = f"{lists.get(kind, '')} {listed}"
    return lists
