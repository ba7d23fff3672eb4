"""The vocabulary files of both worlds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storyanim.config import asset
from storybook.vocabulary import make_vocabulary, write
from storybook.world import STORYBOOK_1, STORYBOOK_2, World


def test_the_bundled_file_is_what_would_be_written(tmp_path: Path) -> None:
    write(tmp_path / "vocabulary.json", STORYBOOK_1)
    assert json.loads((tmp_path / "vocabulary.json").read_text("utf-8")) == json.loads(asset("storybook/vocabulary.json").read_text("utf-8"))


@pytest.mark.parametrize("world", [STORYBOOK_1, STORYBOOK_2], ids=lambda world: world.name)
def test_all_that_a_world_shows_can_be_said(world: World) -> None:
    kinds = make_vocabulary(world).kinds
    for kind, values in world.words.items():
        assert set(kinds[kind]) == set(values)       # type: ignore[index]
    for kind in ("creature", "action", "scene"):
        for value, entry in kinds[kind].items():
            assert entry.say == world.words[kind][value][0]
            assert entry.words, (kind, value)


def test_a_new_value_takes_its_words_from_those_that_stood_in_for_it() -> None:
    before, after = make_vocabulary(STORYBOOK_1).kinds, make_vocabulary(STORYBOOK_2).kinds
    for kind, value, word, now in (("creature", "dog", "wolf", "wolf"), ("scene", "meadow", "garden", "garden"),
                                   ("weather", "snowfall", "blizzard", "snowstorm"), ("time_of_day", "dusk", "dawn", "dawn"),
                                   ("action", "sitting", "read", "reading")):
        stood_in, stands_in = before[kind][value], after[kind][value]      # type: ignore[index]
        assert word in (*stood_in.words, *stood_in.near)
        assert word not in (*stands_in.words, *stands_in.near)
        assert word in (now, *after[kind][now].words)                      # type: ignore[index]
    assert "puppy" in after["creature"]["dog"].words
    assert "grandma" in after["creature"]["old woman"].words
