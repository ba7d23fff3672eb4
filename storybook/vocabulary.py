"""The maker of the bundled family's vocabulary file (`python -m storybook vocabulary`)."""

from __future__ import annotations

import json
from pathlib import Path

from storyanim.planning.meanings import meanings
from storyanim.planning.vocabulary import Entry, Kind, Vocabulary
from storybook.world.words import WORDS

_UNSPOKEN = {("time_of_day", "day"), ("weather", "clear"), ("camera", "fixed")}     # captions leave them out


def make_vocabulary() -> Vocabulary:
    """Return the storybook's vocabulary: the world's words and its plain wording, with their synonyms."""
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


def write(path: Path) -> None:
    """Write the vocabulary file."""
    text = json.dumps(make_vocabulary().model_dump(mode="json"), indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")


def _entry(kind: str, value: str, known: dict[str, list[str]]) -> Entry:
    say = "" if (kind, value) in _UNSPOKEN else WORDS[kind][value][0]
    if kind == "accessory":
        say = f"with {{colour}} {say}" if value == "stripes" else f"with a {{colour}} {say}"
    own = [word for word in WORDS[kind][value] if kind in {"creature", "colour", "accessory"}]
    words = dict.fromkeys([*known.get("words", ()), *own])
    return Entry(say=say, words=tuple(words), near=tuple(known.get("near", ())))
