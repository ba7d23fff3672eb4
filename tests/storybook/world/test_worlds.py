"""Two worlds: the first one's seeds stay what they were, the second one is wider and as true."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storybook.world import STORYBOOK_1, STORYBOOK_2, WORLDS, caption, sample_spec
from storybook.world.cast import PEOPLE, SPECIES
from storybook.world.deeds import CYCLES, THING_OF
from storybook.world.places import LAYOUTS
from storybook.world.scenes import LAYOUTS as FIRST_LAYOUTS
from storybook.world.spec import INDOORS
from storybook.world.staging import AFLOAT, DRY, OUTDOORS_ONLY, SNOWS

OLD_ACTOR = ("creature", "colour", "rgb", "accessory", "accessory_colour", "accessory_rgb", "action", "azimuth_deg", "phase",
             "x", "size")
OLD_CLIP = ("scene", "time_of_day", "weather", "camera", "seed")
OLD_SPECS = [
    sample_spec(seed, held_out=held_out, num_actors=count)
    for seed in (*range(40), 8_000_000, 8_000_007) for held_out in (False, True) for count in (0, 1, 2)
]
seeds = st.integers(0, 2**31 - 1)
counts = st.integers(0, 3)


def sample(seed, **kwargs):
    return sample_spec(seed, world=STORYBOOK_2, **kwargs)


def plain(value):
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return round(value, 9) if isinstance(value, float) else value


def digest(said):
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


class TestTheFirstWorldStays:
    """The bundled weights, clips and the evaluation's questions come from it."""

    def test_its_specs(self):
        said = [
            [plain(getattr(spec, name)) for name in OLD_CLIP]
            + [[plain(getattr(actor, name)) for name in OLD_ACTOR] for actor in spec.actors]
            for spec in OLD_SPECS
        ]
        assert digest(said) == "7afaa1c4cd504f58"

    def test_its_captions(self):
        assert digest([caption(spec, np.random.default_rng(k)) for k, spec in enumerate(OLD_SPECS)]) == "49e054d9b7098439"

    def test_it_has_nothing_of_the_second(self):
        assert not any(actor.things or actor.row or actor.hair_style for spec in OLD_SPECS for actor in spec.actors)

    def test_the_second_holds_all_of_it(self):
        for name in ("creatures", "accessories", "actions", "scenes", "times_of_day", "weathers", "cameras"):
            first, second = getattr(STORYBOOK_1, name), getattr(STORYBOOK_2, name)
            assert second[: len(first)] == first, name
        assert set(WORLDS) == {"storybook-1", "storybook-2"}


class TestTheSecondWorld:
    def test_is_wide(self):
        assert len(STORYBOOK_2.creatures) >= 18
        assert len(STORYBOOK_2.actions) >= 16
        assert len(STORYBOOK_2.scenes) >= 14
        assert set(PEOPLE) <= set(STORYBOOK_2.creatures)

    def test_all_that_it_names_can_be_drawn(self):
        assert set(STORYBOOK_2.creatures) == set(SPECIES)
        assert set(STORYBOOK_2.actions) <= set(CYCLES)
        assert set(STORYBOOK_2.scenes) == set(LAYOUTS) | set(FIRST_LAYOUTS)

    def test_all_values_appear(self):
        specs = [sample(seed, num_actors=1 + seed % 3) for seed in range(2500)]
        assert {a.action for s in specs for a in s.actors} == set(STORYBOOK_2.actions)
        assert {a.creature for s in specs for a in s.actors} == set(STORYBOOK_2.creatures)
        assert {a.accessory for s in specs for a in s.actors} == {None, *STORYBOOK_2.accessories}
        assert {s.scene for s in specs} == set(STORYBOOK_2.scenes)
        assert {s.weather for s in specs} == set(STORYBOOK_2.weathers)
        assert {s.time_of_day for s in specs} == set(STORYBOOK_2.times_of_day)

    @given(seeds, st.booleans(), counts)
    def test_every_seed_gives_a_sensible_clip(self, seed, held_out, count):
        spec = sample(seed, held_out=held_out, num_actors=count)
        doing = {actor.action for actor in spec.actors}
        assert len(spec.actors) == count == len({actor.creature for actor in spec.actors})
        assert spec.weather == "clear" or spec.scene not in INDOORS
        assert not (spec.weather in SNOWS and spec.scene in DRY)
        assert not (doing & OUTDOORS_ONLY and spec.scene in INDOORS)
        assert spec.scene != "sea" or doing <= AFLOAT
        for actor in spec.actors:
            assert STORYBOOK_2.wears(actor.creature, actor.accessory)
            assert (actor.creature in PEOPLE) == (actor.hair_style is not None)
            assert ("boat" in actor.things) == (spec.scene == "sea")
            assert actor.action not in THING_OF or THING_OF[actor.action] in actor.things
            assert 0.1 < actor.size <= 0.8
            assert 0.1 < actor.x < 0.9

    @given(seeds, counts)
    def test_same_seed_same_spec(self, seed, count):
        assert sample(seed, num_actors=count) == sample(seed, num_actors=count)

    def test_nobody_hugs_alone(self):
        assert not any(sample(seed).actors[0].action == "hugging" for seed in range(800))

    def test_two_mostly_do_different_things(self):
        pairs = [sample(seed, num_actors=2).actors for seed in range(600)]
        assert 0.5 < np.mean([a.action != b.action for a, b in pairs]) < 0.95

    def test_skin_has_many_tones(self):
        reds = [a.skin_rgb[0] for s in map(sample, range(800)) for a in s.actors if a.creature in PEOPLE]
        assert np.std(reds) > 0.15
        assert max(np.diff(np.sort(reds))) < 0.1


class TestHeldOut:
    def test_is_some_eight_percent(self):
        total = len(STORYBOOK_2.creatures) * len(STORYBOOK_2.colours) * (len(STORYBOOK_2.accessories) + 1)
        assert 0.06 < len(STORYBOOK_2.held_out) / total < 0.10

    def test_has_people(self):
        assert {look[0] for look in STORYBOOK_2.held_out} == set(STORYBOOK_2.creatures) - {"santa"}

    def test_training_never_shows_it(self):
        specs = [sample(seed, num_actors=1 + seed % 3) for seed in range(2500)]
        assert not {(a.creature, a.colour, a.accessory) for s in specs for a in s.actors} & STORYBOOK_2.held_out

    def test_held_out_shows_nothing_else(self):
        specs = [sample(seed, held_out=True, num_actors=1 + seed % 3) for seed in range(2500)]
        assert {(a.creature, a.colour, a.accessory) for s in specs for a in s.actors} == STORYBOOK_2.held_out

    @pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
    def test_every_pair_is_still_seen(self, world):
        left = {(c, k) for c in world.creatures for k in world.colours}
        shown = {
            (c, k) for c in world.creatures for k in world.colours for a in (None, *world.accessories)
            if world.wears(c, a) and (c, k, a) not in world.held_out
        }
        assert shown == left
