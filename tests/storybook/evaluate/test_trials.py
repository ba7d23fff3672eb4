"""Prompts that are held out, and the clips that guide them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from storybook.evaluate import cast, judge_data, trials
from storybook.evaluate.labels import ATTRIBUTES, NAMES, labels_of, words_of
from storybook.train import data, library
from storybook.world import HELD_OUT, WORDS, caption, sample_spec, with_

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
