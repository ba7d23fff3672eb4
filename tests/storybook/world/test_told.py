"""What captions of the second world say is what its clips show."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storybook.world import STORYBOOK_2, caption, sample_spec
from storybook.world.captions import two_wordings
from storybook.world.cast import PEOPLE
from storybook.world.figures import hair_word
from storybook.world.groups import arrangement
from storybook.world.words import HAIR_STYLES, VERBS_2, WORDS_2

seeds = st.integers(0, 10**6)


def sample(seed, count=1):
    return sample_spec(seed, num_actors=count, world=STORYBOOK_2)


def tell(spec, words=None):
    return caption(spec, None if words is None else np.random.default_rng(words), STORYBOOK_2)


def says(text, kind, value):
    return any(word in text for word in WORDS_2[kind][value])


@given(seeds, st.integers(1, 3))
def test_the_plain_wording_names_everything(seed, count):
    spec = sample(seed, count)
    text = tell(spec)
    assert WORDS_2["scene"][spec.scene][0] in text
    assert spec.weather == "clear" or says(text, "weather", spec.weather)
    assert spec.time_of_day == "day" or says(text, "time_of_day", spec.time_of_day)
    for actor in spec.actors:
        assert says(text, "creature", actor.creature)
        assert says(text, "action", actor.action)
        assert actor.colour is None or f" {actor.colour} " in text
        assert not actor.accessory or f"{actor.accessory_colour} {actor.accessory}" in text


@given(seeds, seeds, st.integers(1, 3))
def test_the_varied_wording_names_who_and_what(seed, words, count):
    spec = sample(seed, count)
    text = tell(spec, words)
    assert all(says(text, "creature", actor.creature) for actor in spec.actors)
    meet = " meeting " in text and all(actor.action == "talking" for actor in spec.actors)
    assert meet or all(says(text, "action", actor.action) for actor in spec.actors)
    assert "  " not in text
    assert text == text.strip(" ,")
    assert tell(spec, words) == text


@given(seeds, seeds)
def test_left_and_right_are_true(seed, words):
    spec = sample(seed, 2)
    text = tell(spec, words)
    if " on the left and " in text and text.count(" on the right") == 1:
        first, second = (min(text.find(way) % 10**6 for way in WORDS_2["creature"][a.creature]) for a in spec.actors)
        assert (first < second) == (spec.actors[0].x < spec.actors[1].x)


@given(seeds)
def test_behind_is_farther_and_higher_in_the_frame(seed):
    spec = sample(seed, 2)
    text = tell(spec)
    assert (" in front and " in text) == (arrangement(spec) == "behind" and spec.actors[0].action != "hugging")
    if " in front and " in text:
        front = max(spec.actors, key=lambda actor: actor.row)
        assert text.index(WORDS_2["creature"][front.creature][0]) < text.index(" in front and ")


def test_places_follow_what_is_moved():
    one, other = (replace(actor, row=0.9, azimuth_deg=0.0) for actor in sample(3, 2).actors)
    spec = replace(sample(3, 2), actors=(replace(one, x=0.2), replace(other, x=0.8)))
    swapped = replace(spec, actors=(replace(spec.actors[0], x=0.8), replace(spec.actors[1], x=0.2)))
    assert arrangement(spec) == arrangement(swapped) == "beside"
    a, b = (WORDS_2["creature"][actor.creature][0] for actor in spec.actors)
    first, second = tell(spec), tell(swapped)
    assert first.index(a) < first.index(b)
    assert second.index(b) < second.index(a)


def test_facing_is_said():
    one, other = (replace(actor, row=0.9) for actor in sample(3, 2).actors)
    one = replace(one, action="reading", x=0.3, azimuth_deg=50.0)
    other = replace(other, action="eating", x=0.7, azimuth_deg=-50.0)
    assert "facing each other" in tell(replace(sample(3, 2), actors=(one, other)))


def test_people_wear_their_colour():
    girl = next(s for s in map(sample, range(9999)) if s.actors[0].creature == "girl" and s.actors[0].colour == "red")
    assert "a girl in a red dress" in tell(girl)
    assert "red girl" not in " ".join(tell(girl, k) for k in range(50))


def test_hair_is_said_as_it_is():
    spec = next(s for s in map(sample, range(9999)) if s.actors[0].creature == "woman")
    said = {tell(spec, k) for k in range(80)}
    hair = f"with {HAIR_STYLES[spec.actors[0].hair_style]} {hair_word(spec.actors[0].hair_rgb)} hair"
    assert any(hair in text for text in said)
    assert not any("hair" in text and hair not in text for text in said)


@given(seeds, seeds)
def test_two_wordings_of_one_clip(seed, words):
    spec = sample(seed)
    usual, other = two_wordings(spec, np.random.default_rng(words), STORYBOOK_2)
    assert usual != other
    assert says(usual, "action", spec.actors[0].action)
    assert says(other, "creature", spec.actors[0].creature)


@pytest.mark.parametrize("kind", ["creature", "action", "scene", "time_of_day", "weather", "accessory"])
def test_no_wording_means_two_things(kind):
    ways = [way for values in WORDS_2[kind].values() for way in values]
    assert len(ways) == len(set(ways))


def test_every_action_has_its_verb():
    firsts = {way.split()[0] for ways in WORDS_2["action"].values() for way in ways if way.split()[0].endswith("ing")}
    assert firsts <= set(VERBS_2)
    assert set(PEOPLE) <= set(WORDS_2["creature"])
