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


@pytest.mark.parametrize("world", [STORYBOOK_1, STORYBOOK_2], ids=lambda world: world.name)
@pytest.mark.parametrize(("phrase", "action"), [("jump for joy", "jumping"), ("hop about", "jumping"), ("jump into lake", "jumping"),
                                            ("pounce on", "jumping"), ("spin wool", "sitting"), ("fall asleep", "sleeping")])
def test_a_phrase_shows_what_its_verb_shows_unless_it_is_an_idiom(world: World, phrase: str, action: str) -> None:
    found = make_vocabulary(world).find("action", phrase)
    assert found is not None
    assert found.value == action


def test_what_was_near_goes_to_its_verb_where_a_world_draws_that() -> None:
    assert "drink up" not in make_vocabulary(STORYBOOK_2).kinds["action"]["sitting"].near
    assert "drink up" in make_vocabulary(STORYBOOK_1).kinds["action"]["sitting"].near
