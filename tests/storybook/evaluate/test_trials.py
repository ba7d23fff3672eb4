"""Prompts that are held out, and the clips that guide them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from storybook.evaluate import cast, judge_data, trials
from storybook.evaluate.labels import ATTRIBUTES, NAMES, labels_of, words_of
from storybook.train import data, library
from storybook.world import HELD_OUT, STORYBOOK_2, WORDS, caption, sample_spec, with_
from storybook.world.cast import PEOPLE
from storybook.world.words import WORDS_2

TRIALS = trials.make_trials(60)


def test_each_trial_is_a_held_out_combination() -> None:
    for trial in TRIALS:
        actor = trial.spec.actors[0]
        assert (actor.creature, actor.colour, actor.accessory) in HELD_OUT
        assert trial.spec.camera == "fixed"


def test_each_prompt_says_all_that_is_judged() -> None:
    for trial in TRIALS:
        for name, value in words_of(labels_of(trial.spec)).items():
            if value != "none":
                assert any(way in trial.prompt for way in WORDS[name][value]), (trial.prompt, value)


def test_no_prompt_is_a_caption_of_its_clip() -> None:
    import numpy as np

    for trial in TRIALS[:20]:
        said = {caption(trial.spec, np.random.default_rng(seed)) for seed in range(200)}
        assert trial.prompt not in said


def test_wordings_vary_and_stay_the_same_for_the_same_trial() -> None:
    assert [trial.prompt for trial in trials.make_trials(60)] == [trial.prompt for trial in TRIALS]
    assert [trial.prompt for trial in trials.make_trials(5)] == [trial.prompt for trial in TRIALS[:5]]
    assert len({trial.prompt for trial in TRIALS}) == 60
    assert len({trial.shot.seed for trial in TRIALS}) == 60


def test_a_guide_is_another_creature_that_does_the_same() -> None:
    for trial in TRIALS:
        guide, wanted = trials.guide_spec(trial), trial.spec.actors[0]
        assert guide.actors[0].action == wanted.action
        assert guide.actors[0].creature != wanted.creature
        assert guide.camera == "fixed"


def test_no_seed_serves_two_purposes() -> None:
    spans = [(plan.first_seed, plan.first_seed + plan.num_scenes) for plan in data.SETS.values()]
    spans += [(plan.first_seed, plan.first_seed + plan.num_scenes)
              for plan in (judge_data.CLIPS, judge_data.STILLS, judge_data.HELD)]
    spans += [(first, first + 700) for first in (trials.PROMPTS, trials.REFERENCES, trials.FLOORS)]
    spans.append((trials.FOOTAGE, trials.FOOTAGE + 10_000))
    spans += [(trials.GUIDES, trials.GUIDES + 700 * trials.SEEDS_A_GUIDE),
              (library.FIRST_SEED, library.FIRST_SEED + 1000 * len(library.COMBINATIONS)),
              (cast.LEADS, cast.LEADS + 400), (cast.PLACES, cast.PLACES + 8 * 400),
              (trials.GUIDES + cast.FIRST_NUMBER * trials.SEEDS_A_GUIDE,
               trials.GUIDES + (cast.FIRST_NUMBER + 8 * cast.PROMPTS_KEPT) * trials.SEEDS_A_GUIDE)]
    ordered = sorted(spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(ordered))


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_what_the_clip_shows(seed: int) -> None:
    spec = sample_spec(seed)
    words, actor = words_of(labels_of(spec)), spec.actors[0]
    assert tuple(words) == ATTRIBUTES == tuple(NAMES)
    assert words == {"creature": actor.creature, "colour": actor.colour or "?", "accessory": actor.accessory or "none",
                     "scene": spec.scene, "action": actor.action}
    assert words_of(labels_of(with_(spec, colour=None)))["colour"] == "?"


class TestTheSecondWorld:
    """People, more kinds, and two who do different things."""

    def test_a_prompt_says_all_that_the_judge_reads(self) -> None:
        people = 0
        for trial in trials.make_trials(60, STORYBOOK_2):
            said, actor = labels_of(trial.spec, world=STORYBOOK_2), trial.spec.actors[0]
            for name, value in words_of(said, STORYBOOK_2).items():
                ways = WORDS_2[name].get(value, ("",))
                assert any(way in trial.prompt for way in ways), (trial.prompt, name, value)
            people += actor.creature in PEOPLE
            assert (actor.creature, actor.colour, actor.accessory) in STORYBOOK_2.held_out
        assert 5 < people < 40

    def test_people_are_called_by_what_they_wear(self) -> None:
        girl = next(t.spec.actors[0] for t in trials.make_trials(300, STORYBOOK_2) if t.spec.actors[0].creature == "girl")
        assert trials.call(replace(girl, colour="green", accessory=None)) == "a girl in a green dress"
        assert trials.call(replace(girl, creature="santa", colour=None, accessory=None)) == "Father Christmas"

    def test_two_who_do_different_things_are_told_apart(self) -> None:
        apart = [t for t in trials.make_pair_trials(30, STORYBOOK_2) if len({a.action for a in t.spec.actors}) == 2]
        assert len(apart) > 10
        for trial in apart:
            left, right = sorted(trial.spec.actors, key=lambda actor: actor.x)
            places = [min(trial.prompt.find(way) % 1000 for way in WORDS_2["creature"][a.creature]) for a in (left, right)]
            assert places[0] < places[1] < 999
            assert all(any(way in trial.prompt for way in WORDS_2["action"][a.action]) for a in (left, right))
