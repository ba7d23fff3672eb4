"""Captions: the right words, and no words for what has no name."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storybook.world import (
    ACCESSORIES,
    ACTIONS,
    CAMERAS,
    COLOURS,
    CREATURES,
    SCENES,
    TIMES_OF_DAY,
    WEATHERS,
    WORDS,
    caption,
    sample_spec,
    with_,
)
from storybook.world.captions import two_wordings
from storybook.world.sheet import preview_sheet
from storybook.world.words import VERBS, present

seeds = st.integers(0, 10**6)


def says(text, kind, value):
    return any(word in text for word in WORDS[kind][value])


class TestPlain:
    @given(seeds)
    def test_names_everything(self, seed):
        spec = sample_spec(seed)
        actor, text = spec.actors[0], caption(spec)
        assert WORDS["creature"][actor.creature][0] in text
        assert WORDS["action"][actor.action][0] in text
        assert WORDS["scene"][spec.scene][0] in text
        assert actor.colour is None or f" {actor.colour} {actor.creature}" in text
        if actor.accessory:
            assert f"{actor.accessory_colour} {actor.accessory}" in text
        if spec.weather != "clear":
            assert says(text, "weather", spec.weather)

    def test_reads_well(self):
        spec = with_(
            sample_spec(0),
            creature="bear",
            colour="orange",
            accessory="hat",
            accessory_colour="blue",
            action="waving",
            scene="lake",
            time_of_day="night",
            weather="rain",
            camera="pan_left",
        )
        assert caption(spec) == "an orange bear with a blue hat waving at the lake at night in the rain, the camera pans left"

    def test_empty_scene(self):
        assert caption(with_(sample_spec(0), actors=(), scene="lake")).startswith("an empty scene at the lake")

    def test_two_actors(self):
        spec = sample_spec(2, num_actors=2)
        text = caption(spec)
        assert all(actor.creature in text for actor in spec.actors)


class TestVaried:
    @given(seeds, seeds)
    def test_still_names_the_creature_and_the_action(self, seed, words):
        spec = sample_spec(seed)
        text = caption(spec, np.random.default_rng(words))
        assert says(text, "creature", spec.actors[0].creature)
        assert says(text, "action", spec.actors[0].action)

    @given(seeds, seeds)
    def test_an_unnamed_colour_has_no_word(self, seed, words):
        spec = with_(
            sample_spec(seed),
            colour=None,
            accessory=None,
            accessory_colour=None,
            accessory_rgb=None,
            scene="lake",
            time_of_day="day",
            weather="clear",
        )
        text = caption(spec, np.random.default_rng(words)).replace(",", "").split()
        assert not {way for ways in WORDS["colour"].values() for way in ways} & set(text)

    @given(seeds, seeds)
    def test_is_a_function_of_spec_and_rng(self, seed, words):
        a, b = (caption(sample_spec(seed), np.random.default_rng(words)) for _ in range(2))
        assert a == b

    def test_varies(self):
        assert len({caption(sample_spec(7), np.random.default_rng(k)) for k in range(40)}) > 15

    @given(seeds, seeds)
    def test_is_one_tidy_line(self, seed, words):
        text = caption(sample_spec(seed), np.random.default_rng(words))
        assert "  " not in text
        assert text == text.strip(" ,")
        assert 2 < len(text.split()) < 40


class TestTwoWordings:
    @given(seeds, seeds)
    def test_both_say_the_same_things(self, seed, words):
        usual, other = two_wordings(sample_spec(seed), np.random.default_rng(words))
        assert (says(usual, "action", sample_spec(seed).actors[0].action))
        said = {stem(word) for word in re.findall(r"[\w-]+", other)}
        assert {stem(word) for word in re.findall(r"[\w-]+", usual)} <= said
        assert said - {stem(word) for word in re.findall(r"[\w-]+", usual)} <= {"is", "that"}

    @given(seeds)
    def test_two_that_do_different_things_keep_their_verbs(self, words):
        spec = sample_spec(2, num_actors=2)
        spec = with_(spec, actors=(replace(spec.actors[0], action="dancing"), replace(spec.actors[1], action="sitting")))
        other = two_wordings(spec, np.random.default_rng(words))[1]
        assert re.search(r"(dances|twirls).* and .*(sits|rests)", other)

    @given(seeds, seeds)
    def test_never_the_order_that_prompts_of_the_evaluation_have(self, seed, words):
        spec = with_(sample_spec(seed), colour=None, accessory=None, accessory_colour=None, accessory_rgb=None)
        other = two_wordings(spec, np.random.default_rng(words))[1]
        place = {kind: min(other.find(way) for way in ways if way in other) for kind, ways in
                 (("who", WORDS["creature"][spec.actors[0].creature]), ("where", WORDS["scene"][spec.scene]))}
        doing = [other.find(way) for way in WORDS["action"][spec.actors[0].action] if way in other]
        if doing:                                    # else the verb has another form, as no such prompt has
            order = sorted(place | {"doing": min(doing)}, key=(place | {"doing": min(doing)}).__getitem__)
            assert order not in (["doing", "where", "who"], ["who", "where", "doing"])

    def test_an_empty_scene_is_said_in_one_way(self):
        usual, other = two_wordings(with_(sample_spec(0), actors=()), np.random.default_rng(0))
        assert usual == other

    @pytest.mark.parametrize(("doing", "one", "many"), [
        ("hurrying", "hurries", "hurry"), ("going for a walk", "goes for a walk", "go for a walk"),
        ("splashing in the water", "splashes in the water", "splash in the water"),
        ("fast asleep", "is fast asleep", "are fast asleep"), ("waving", "waves", "wave"),
    ])
    def test_verbs(self, doing, one, many):
        assert (present(doing), present(doing, plural=True)) == (one, many)


def stem(word: str) -> str:
    """Of a verb in either form; other words stay."""
    for ing, verb in VERBS.items():
        if word in (ing, present(ing)):
            return verb
    return word


def test_words_cover_the_world():
    kinds = {
        "creature": CREATURES,
        "colour": COLOURS,
        "accessory": ACCESSORIES,
        "action": ACTIONS,
        "scene": SCENES,
        "time_of_day": TIMES_OF_DAY,
        "weather": WEATHERS,
        "camera": CAMERAS,
    }
    assert {kind: set(values) for kind, values in kinds.items()} == {kind: set(ways) for kind, ways in WORDS.items()}


def test_preview_sheet_has_a_cell_a_clip():
    sheet = preview_sheet([1, 2, 3], size=48, columns=2)
    assert sheet.width == 2 + 2 * 4 * (48 + 2)
    assert sheet.height == 2 + 2 * (48 + 2 * 13 + 2)
