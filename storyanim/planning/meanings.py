"""What the words of children's stories are in the storybook world; `storybook/vocabulary.py` makes its file from them.

`meanings.json` holds, for each thing that the world draws, words that mean it, and words for which it is only the nearest.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from storyanim.planning.english import table
from storyanim.planning.vocabulary import Entry, Kind, Vocabulary

_INDOORS = ("house", "home", "room", "bedroom", "kitchen", "attic", "cottage", "hut", "cabin", "classroom", "library", "museum",
            "shop", "bakery", "restaurant", "gym", "hall", "lobby", "cellar", "theatre", "theater", "office", "hospital")


@cache
def meanings() -> dict[Kind, dict[str, dict[str, list[str]]]]:
    """kind → canonical value → {"words": synonyms, "near": words that have nothing nearer}."""
    return json.loads(resources.files("storyanim.planning").joinpath("meanings.json").read_text("utf-8"))


@cache
def plain_vocabulary() -> Vocabulary:
    """What is understood of a story when a model has no vocabulary: every animal and place stands for itself."""
    kinds: dict[Kind, dict[str, Entry]] = {
        kind: {value: Entry(say=value, words=tuple(known["words"])) for value, known in meanings()[kind].items()}
        for kind in ("colour", "accessory", "time_of_day", "weather")
    }
    kinds["creature"] = {noun: Entry(say=noun) for noun in sorted(table("animals"))}
    kinds["scene"] = {noun: Entry(say=noun) for noun in sorted(table("places"))}
    kinds["action"] = {"standing": Entry(say="standing")}
    kinds["camera"] = {}
    return Vocabulary(name="plain", open=True, template="{actors} {scene}", empty_template="{scene}", default_action="standing",
                      default_scene="forest", kinds=kinds, indoors=_INDOORS)
