"""Sampling: what is held out stays out, and every draw is a legal clip."""

import colorsys

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
    HELD_OUT,
    SCENES,
    TIMES_OF_DAY,
    WEATHERS,
    sample_spec,
    with_,
)

TRAINING = [sample_spec(seed) for seed in range(3000)]
seeds = st.integers(0, 2**31 - 1)


def who(spec):
    actor = spec.actors[0]
    return actor.creature, actor.colour, actor.accessory


class TestHeldOut:
    def test_follows_its_rule_and_is_about_eight_percent(self):
        assert ("bear", "red", None) in HELD_OUT
        assert ("duck", "yellow", "belly patch") in HELD_OUT
        total = len(CREATURES) * len(COLOURS) * (len(ACCESSORIES) + 1)
        assert 0.06 < len(HELD_OUT) / total < 0.10

    def test_training_never_shows_it(self):
        assert not {who(spec) for spec in TRAINING} & HELD_OUT

    def test_held_out_shows_nothing_else(self):
        assert {who(sample_spec(seed, held_out=True)) for seed in range(800)} <= HELD_OUT

    def test_every_held_out_combination_is_drawn(self):
        assert {who(sample_spec(seed, held_out=True)) for seed in range(1500)} == HELD_OUT

    def test_every_pair_is_seen_in_training(self):
        drawn = {(c, k) for c, k, _ in map(who, TRAINING) if k}
        assert drawn == {(c, k) for c in CREATURES for k in COLOURS}


class TestSamples:
    @given(seeds, st.booleans(), st.integers(0, 2))
    def test_every_seed_gives_a_legal_clip(self, seed, held_out, num_actors):
        spec = sample_spec(seed, held_out=held_out, num_actors=num_actors)
        assert len(spec.actors) == num_actors
        assert spec.scene in SCENES
        assert spec.time_of_day in TIMES_OF_DAY
        assert spec.weather in WEATHERS
        assert spec.camera in CAMERAS
        assert spec.weather == "clear" or spec.scene != "bedroom"
        for actor in spec.actors:
            assert actor.action in ACTIONS
            assert all(0 <= c <= 1 for c in actor.rgb)
            assert (actor.accessory is None) == (actor.accessory_colour is None) == (actor.accessory_rgb is None)
            assert actor.accessory_colour is None or actor.accessory_colour != actor.colour

    @given(seeds)
    def test_same_seed_same_spec(self, seed):
        assert sample_spec(seed) == sample_spec(seed)

    def test_all_values_appear(self):
        assert {s.scene for s in TRAINING} == set(SCENES)
        assert {s.actors[0].action for s in TRAINING} == set(ACTIONS)
        assert {s.weather for s in TRAINING} == set(WEATHERS)
        assert {s.camera for s in TRAINING} == set(CAMERAS)
        assert {s.actors[0].accessory for s in TRAINING} == {None, *ACCESSORIES}

    def test_a_quarter_has_no_colour_name(self):
        share = np.mean([s.actors[0].colour is None for s in TRAINING])
        assert 0.2 < share < 0.32

    def test_swimmers_are_mostly_in_water(self):
        swims = [s for s in TRAINING if s.actors[0].action == "swimming"]
        assert np.mean([s.scene in ("beach", "lake") for s in swims]) > 0.6
        assert not any(s.scene == "bedroom" for s in swims)

    def test_colours_vary_within_their_name(self):
        blues = [s.actors[0].rgb for s in TRAINING if s.actors[0].colour == "blue"]
        hues = [colorsys.rgb_to_hsv(*rgb)[0] for rgb in blues]
        assert len(set(blues)) == len(blues)
        assert max(hues) - min(hues) < 0.05


class TestWith:
    def test_changes_actor_and_clip(self):
        spec = with_(sample_spec(1), creature="fox", scene="lake")
        assert spec.actors[0].creature == "fox"
        assert spec.scene == "lake"

    def test_leaves_the_original(self):
        spec = sample_spec(1)
        with_(spec, scene="lake", action="waving")
        assert spec == sample_spec(1)

    def test_refuses_unknown_names(self):
        with pytest.raises(TypeError):
            with_(sample_spec(1), hue=3)
