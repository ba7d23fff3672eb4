"""Rendered sets: how many scenes, drawn how often, and arrays that are derived from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from storybook.train import recipe256
from storybook.train.data import SETS, ClipSet, Shard, derive, draw_rows, render_set
from storybook.world import STORYBOOK_2, sample_spec

SMALL = {name: replace(SETS[name], num_scenes=count, num_frames=1) for name, count in (("duets", 1), ("stills", 3))}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small sets."""
    folder = tmp_path_factory.mktemp("work")
    for plan in SMALL.values():
        render_set(plan, folder, workers=1)
    return folder


def test_sets_never_share_a_seed() -> None:
    spans = sorted((plan.first_seed, plan.first_seed + 50 * plan.num_scenes) for plan in [*SETS.values(), recipe256.PLANS["trios"]])
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_times_renders_more_scenes_and_limit_fewer(tmp_path: Path) -> None:
    assert len(ClipSet(render_set(SMALL["stills"], tmp_path / "more", workers=1, times=2))) == 6
    assert len(ClipSet(render_set(SMALL["stills"], tmp_path / "less", workers=1, times=2, limit=2))) == 2


def test_duets_have_two_actors(work: Path) -> None:
    shard, row = ClipSet(work / "data/duets").place(0)
    assert len(shard.specs[row].actors) == 2


def test_a_shard_knows_its_world_and_size(tmp_path: Path) -> None:
    plan = replace(SMALL["stills"], num_scenes=2, num_actors=3, size_px=64, world=STORYBOOK_2.name)
    shard, row = ClipSet(render_set(plan, tmp_path, workers=1)).place(1)
    assert shard.rgb.shape == (2, 1, 64, 64, 3)
    assert shard.specs[row] == sample_spec(plan.first_seed + 1, num_actors=3, world=STORYBOOK_2)


def test_a_shard_of_earlier_versions_is_of_the_first_world(tmp_path: Path) -> None:
    shard, row = ClipSet(render_set(SMALL["stills"], tmp_path, workers=1, limit=1)).place(0)
    (shard.folder / "plan.json").unlink()
    assert shard.specs[row] == sample_spec(SMALL["stills"].first_seed)


def test_rows_come_from_each_set_as_often_as_it_has_scenes(work: Path) -> None:
    sets = [ClipSet(work / "data" / name) for name in SMALL]
    drawn = Counter(shard.folder.parent.name for shard, _ in draw_rows(sets, np.random.default_rng(0), 400))
    assert drawn["duets"] / 400 == pytest.approx(1 / 4, abs=0.08)


@pytest.mark.parametrize("workers", [1, 3])
def test_derived_arrays_are_written_once(work: Path, workers: int) -> None:
    name, calls = f"mean{workers}", []

    def mean(shard: Shard) -> np.ndarray:
        calls.append(shard.folder)
        return shard.rgb.mean(axis=(1, 2, 3, 4))

    for _ in range(2):
        derive(work / "data/stills", name, mean, workers=workers)
    shard, _ = ClipSet(work / "data/stills").place(0)
    np.testing.assert_array_equal(shard.array(name), shard.rgb.mean(axis=(1, 2, 3, 4)))
    assert len(calls) == len(set(calls)) == 1
