"""The maker of a storybook family's vocabulary file (`python -m storybook vocabulary`).

`meanings.json` holds, for each thing that a world draws, words of stories that mean it and words for which it
is only the nearest; of creatures also the colours that they have by nature, and how a colour is said of them.
A phrase shows what its verb shows ("jump for joy" is jumping), unless it is listed under `words` or `idioms`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from storyanim.planning.vocabulary import Entry, Kind, Vocabulary
from storybook.world import STORYBOOK_1, World
from storybook.world.spec import INDOORS

_UNSPOKEN = {("time_of_day", "day"), ("weather", "clear"), ("camera", "fixed")}     # captions leave them out
Words = Mapping[str, Mapping[str, Sequence[str]]]    # kind → value → wordings, the plain one first


@cache
def meanings() -> dict[str, dict[str, dict[str, Any]]]:
    """Return kind → canonical value → {"words": synonyms, "near": words that have nothing nearer, ...}."""
    first, second = (json.loads(Path(__file__).with_name(name).read_text("utf-8"))
                     for name in ("meanings.json", "meanings_2.json"))
    return {kind: {value: _joined(known, second.get(kind, {}).get(value, {}))
                   for value, known in values.items()} for kind, values in first.items()}


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; of lists the first one's, then what the other has besides."""
    joined = {**other, **one}
    for name in joined:
        if isinstance(joined[name], list):
            joined[name] = list(dict.fromkeys([*one.get(name, ()), *other.get(name, ())]))
    return joined


def make_vocabulary(world: World = STORYBOOK_1) -> Vocabulary:
    """Return a world's vocabulary: its words in plain wording, with their synonyms."""
    kinds: dict[Kind, dict[str, Entry]] = {
        kind: _entries(kind, values) for kind, values in world.words.items()}     # type: ignore[misc]
    alone = world is STORYBOOK_1                     # its footage shows one creature a clip
    return Vocabulary(
        name="storybook" if alone else world.name,
        template="{actors} {scene} {time_of_day} {weather}, {camera}",
        empty_template="an empty scene {scene} {time_of_day} {weather}, {camera}",
        default_action="standing",
        default_scene="meadow",
        indoors=tuple(scene for scene in INDOORS if scene in world.scenes),
        max_actors=1 if alone else 3,
        max_together=2 if alone else 3,
        kinds=kinds,
    )


def write(path: Path, world: World = STORYBOOK_1) -> None:
    """Write the vocabulary file."""
    made = make_vocabulary(world)
    facts = {"format": made.format} | made.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")


def _entries(kind: str, values: Mapping[str, Sequence[str]]) -> dict[str, Entry]:
    """One kind: what a world draws itself is near to nothing else, and a word means one thing."""
    known = {value: meanings().get(kind, {}).get(value, {}) for value in values}
    are_nouns = kind in {"creature", "colour", "accessory"}
    own = {value: [w.lower() for w in values[value]] if are_nouns else [] for value in values}
    owner: dict[str, str] = {}
    # the world's own words before synonyms, these before what is near
    for value in values:
        owner |= {word: value for word in (value, *own[value])}
    for group in ("words", "idioms", "near"):
        for value in reversed(list(values)):               # a wider world's narrower things come last
            for word in known[value].get(group, ()):
                owner.setdefault(word, value)
    return {value: _entry(kind, value, values[value][0], known[value], own[value], owner) for value in values}


def _entry(
    kind: str, value: str, plain: str, known: Mapping[str, Any], own: Sequence[str], owner: Mapping[str, str]
) -> Entry:
    say = "" if (kind, value) in _UNSPOKEN else plain
    if kind == "accessory":
        say = f"with {{colour}} {say}" if value == "stripes" else f"with a {{colour}} {say}"
    words = [word for word in dict.fromkeys([*known.get("words", ()), *own]) if owner[word] == value]
    near = [word for word in dict.fromkeys(known.get("near", ()))
            if owner[word] == value and word not in words]
    near = [word for word in near if kind != "action" or not _shows_its_verb(word, owner, value)]
    near += [word for word in known.get("idioms", ()) if owner[word] == value and word not in words]
    looks = {name: known[name] for name in ("coloured", "colours", "family") if name in known}
    return Entry(say=say, words=tuple(words), near=tuple(near), **looks)


def _shows_its_verb(phrase: str, owner: Mapping[str, str], value: str) -> bool:
    """Tell whether the first verb of a phrase means another action by itself."""
    verb, _, rest = phrase.partition(" ")
    shown = owner.get(verb, value)
    return bool(rest) and shown != value and verb in meanings()["action"].get(shown, {}).get("words", ())
