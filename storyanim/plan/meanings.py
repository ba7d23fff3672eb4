"""What the words of children's stories are in the storybook world, and the maker of its vocabulary file.

    python -c "from storyanim.plan import meanings; meanings.write('storyanim/assets/storybook/vocabulary.json')"

`meanings.json` holds, for each thing that the world draws, words that mean it, and words for which it is only the nearest.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path

from storyanim.plan.english import table
from storyanim.plan.vocabulary import Entry, Kind, Vocabulary
from storyanim.world.words import WORDS

_UNSPOKEN = {("time_of_day", "day"), ("weather", "clear"), ("camera", "fixed")}     # captions leave them out

_INDOORS = ("house", "home", "room", "bedroom", "kitchen", "attic", "cottage", "hut", "cabin", "classroom", "library", "museum",
            "shop", "bakery", "restaurant", "gym", "hall", "lobby", "cellar", "theatre", "theater", "office", "hospital")


@cache
def meanings() -> dict[Kind, dict[str, dict[str, list[str]]]]:
    """kind → canonical value → {"words": synonyms, "near": words that have nothing nearer}."""
    return json.loads(resources.files("storyanim.plan").joinpath("meanings.json").read_text("utf-8"))


def make_vocabulary() -> Vocabulary:
    """The storybook's vocabulary: the world's words and its plain wording, with their synonyms."""
    kinds: dict[Kind, dict[str, Entry]] = {}
    for kind, values in WORDS.items():
        known = meanings().get(kind, {})             # type: ignore[call-overload]
        kinds[kind] = {value: _entry(kind, value, known.get(value, {})) for value in values}      # type: ignore[index]
    return Vocabulary(
        name="storybook",
        template="{actors} {scene} {time_of_day} {weather}, {camera}",
        empty_template="an empty scene {scene} {time_of_day} {weather}, {camera}",
        default_action="standing",
        default_scene="meadow",
        indoors=("bedroom",),
        max_actors=1,                                # as its footage
        kinds=kinds,
    )


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


def _entry(kind: str, value: str, known: dict[str, list[str]]) -> Entry:
    say = "" if (kind, value) in _UNSPOKEN else WORDS[kind][value][0]
    if kind == "accessory":
        say = f"with {{colour}} {say}" if value == "stripes" else f"with a {{colour}} {say}"
    own = [word for word in WORDS[kind][value] if kind in {"creature", "colour", "accessory"}]
    words = dict.fromkeys([*known.get("words", ()), *own])
    return Entry(say=say, words=tuple(words), near=tuple(known.get("near", ())))


def write(path: str) -> None:
    """Writes the vocabulary file."""
    text = json.dumps(make_vocabulary().model_dump(mode="json"), indent=1, ensure_ascii=False)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text + "\n", "utf-8")

