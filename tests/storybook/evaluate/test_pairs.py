"""Two creatures: halves, prompts, and what counts as right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storybook.evaluate.judge_data import JudgeSet, render_set
from storybook.evaluate.labels import ATTRIBUTES, labels_of
from storybook.evaluate.pairs import half, pair_labels, score_pairs
from storybook.evaluate.trials import make_pair_trials
from storybook.world import HELD_OUT, WORDS, render_clip


def test_halves_are_as_wide_as_the_whole() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    left, right = half(rgb, 0), half(rgb, 1)
    assert left.shape == right.shape == rgb.shape
    assert np.array_equal(left[:, :, ::2], rgb[:, :, :4])
    assert np.array_equal(right[:, :, 1::2], rgb[:, :, 4:])


def test_each_half_holds_its_creature() -> None:
    for trial in make_pair_trials(3):
        clip = render_clip(trial.spec, num_frames=2)
        for number in (0, 1):
            assert 0.05 < half(clip.mask.astype(np.uint8), number).mean() < 0.6


def test_prompts_name_both() -> None:
    for trial in make_pair_trials(12):
        assert len(trial.spec.actors) == 2
        for actor in trial.spec.actors:
            assert (actor.creature, actor.colour, actor.accessory) in HELD_OUT
            assert any(way in trial.prompt for way in WORDS["creature"][actor.creature])
            assert any(way in trial.prompt for way in WORDS["colour"][str(actor.colour)])


def test_the_order_does_not_count_but_mixing_does() -> None:
    truth = pair_labels(make_pair_trials(6))
    assert score_pairs(truth, truth) == score_pairs(truth[:, ::-1], truth) == {"both": 1.0, "one": 1.0}
    mixed = truth.copy()
    mixed[:, :, ATTRIBUTES.index("colour")] = truth[:, ::-1, ATTRIBUTES.index("colour")]
    same_kind = (truth[:, 0, 0] == truth[:, 1, 0]) | (truth[:, 0, 1] == truth[:, 1, 1])
    assert score_pairs(mixed, truth)["both"] == pytest.approx(same_kind.mean())
    one = truth.copy()
    one[:, 1, 0] = (one[:, 1, 0] + 1) % 8
    assert score_pairs(one, truth)["one"] == 1
    assert score_pairs(one, truth)["both"] == 0


def test_the_judges_pairs_are_halves(tmp_path: Path) -> None:
    plan = JudgeSet("pairs", 3, 5_200_000, 1, scenes_a_shard=2, num_actors=2)
    shards = render_set(plan, tmp_path, workers=1)
    labels = np.concatenate([shard.labels for shard in shards])
    assert np.array_equal(labels, [labels_of(plan.spec(k), number) for k in range(3) for number in (0, 1)])
    assert shards[0].rgb.shape == (4, 1, 128, 128, 3)
    assert all((shard.cover > 127).mean() > 0.05 for shard in shards)
