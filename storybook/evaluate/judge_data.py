"""Rendered clips for the judge alone, and others for the reader: no generator's data has their seeds.

A set is a folder of shards, a shard a folder of memory-mapped `.npy` arrays, renamed when it is complete, so
that rendering goes on where it stopped. Every fourth scene shows a combination that is held out of the
generators' training: the judge has to read those too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storyanim.engine.folders import check_writable, disk_errors
from storybook.evaluate.labels import Labels, labels_of
from storybook.evaluate.pairs import left_to_right, part
from storybook.world import STORYBOOK_1, WORLDS, ClipSpec, World, render_frames, sample_spec
from storybook.world.shards import make_shards

SIZE_PX = 128
FPS = 8.0
COVER_PX = 4                                         # side of the cells in which creature pixels are counted
HELD_OUT_EVERY = 4


@dataclass(frozen=True)
class JudgeSet:
    """What a set holds: a pure function of these numbers."""

    name: str
    num_scenes: int
    first_seed: int
    # at FPS; a set of single frames takes each at a random instant
    num_frames: int
    scenes_a_shard: int = 250
    num_actors: int = 1                              # of several, each has its share of the picture as a clip
    world: str = STORYBOOK_1.name

    def spec(self, number: int) -> ClipSpec:
        """Scene `number`."""
        return sample_spec(self.first_seed + number, held_out=number % HELD_OUT_EVERY == 0,
                           num_actors=self.num_actors, world=WORLDS[self.world])

    def truth(self, number: int) -> Labels:
        """Labels of its actors from left to right, (num_actors, 5)."""
        spec = self.spec(number)
        return np.stack([labels_of(spec, actor, WORLDS[self.world]) for actor in left_to_right(spec)])

    def times_s(self, number: int) -> list[float]:
        """Instant of its frames."""
        if self.num_frames == 1:
            return [float(np.random.default_rng([self.first_seed + number, 77]).uniform(0.0, 2.0))]
        return [frame / FPS for frame in range(self.num_frames)]


CLIPS = JudgeSet("judge_clips", 3_500, 5_000_000, 8)         # 1.4 GB
STILLS = JudgeSet("judge_stills", 32_000, 5_100_000, 1)      # 1.6 GB
PAIRS = JudgeSet("judge_pairs", 3_000, 5_200_000, 1, num_actors=2)             # 0.3 GB
HELD = JudgeSet("judge_held", 400, 5_500_000, 16)            # 0.3 GB, never trained on: measures the judge
READER_CLIPS = JudgeSet("reader_clips", 3_000, 12_000_000, 8)
READER_STILLS = JudgeSet("reader_stills", 12_000, 12_100_000, 1)
READER_HELD = JudgeSet("reader_held", 400, 12_900_000, 16)


@dataclass(frozen=True)
class JudgeSets:
    """What a judge learns from, and what measures it."""

    clips: JudgeSet
    stills: tuple[JudgeSet, ...]
    held: JudgeSet


def sets_of(world: World) -> JudgeSets:
    """Return the sets of a world; the second has groups of three as well."""
    if world is STORYBOOK_1:
        return JudgeSets(CLIPS, (STILLS, PAIRS), HELD)
    trios = JudgeSet("judge_trios", 2_000, 5_300_000, 1, num_actors=3)
    clips, stills, pairs, trios, held = (
        replace(plan, world=world.name)
        for plan in (replace(CLIPS, num_scenes=6_000), STILLS, replace(PAIRS, num_scenes=5_000), trios, HELD)
    )
    return JudgeSets(clips, (stills, pairs, trios), held)


def reader_sets_of(world: World) -> JudgeSets:
    """Return the sets of a world's reader: of one figure, since of several it reads the place alone."""
    plans = (READER_CLIPS, READER_STILLS, READER_HELD)
    clips, stills, held = (replace(plan, world=world.name) for plan in plans)
    return JudgeSets(clips, (stills,), held)


@dataclass(frozen=True)
class JudgeShard:
    """One memory-mapped shard."""

    folder: Path

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(N, T, H, W, 3)."""
        return np.load(self.folder / "rgb.npy", mmap_mode="r")

    @cached_property
    def cover(self) -> NDArray[np.uint8]:
        """(N, T, H / 4, W / 4), 255 where a creature covers the whole cell."""
        return np.load(self.folder / "cover.npy", mmap_mode="r")

    @cached_property
    def labels(self) -> Labels:
        """(N, 5)."""
        return np.load(self.folder / "labels.npy")


def render_set(plan: JudgeSet, work: Path, *, workers: int = 2, limit: int | None = None) -> list[JudgeShard]:
    """Render the shards that are missing below `work`/data; gives all of them. Raises ResourceError."""
    folder = work / "data" / plan.name
    check_writable(folder)
    limited = replace(plan, num_scenes=min(limit or plan.num_scenes, plan.num_scenes))
    num_shards = -(-limited.num_scenes // plan.scenes_a_shard)
    with disk_errors(folder):
        return [JudgeShard(shard)
                for shard in make_shards(folder, num_shards, partial(_render, limited), workers=workers)]


def _render(plan: JudgeSet, shard: int, folder: Path) -> None:
    numbers = range(shard * plan.scenes_a_shard, min((shard + 1) * plan.scenes_a_shard, plan.num_scenes))
    cells, count = SIZE_PX // COVER_PX, len(numbers) * plan.num_actors
    rgb = np.empty((count, plan.num_frames, SIZE_PX, SIZE_PX, 3), np.uint8)
    cover = np.empty((count, plan.num_frames, cells, cells), np.uint8)
    labels = np.empty((count, 5), np.int8)
    for row, number in enumerate(numbers):
        clip = render_frames(plan.spec(number), plan.times_s(number), size=SIZE_PX)
        shares = np.round(255 * clip.mask.reshape(-1, cells, COVER_PX, cells,
                                                  COVER_PX).mean((2, 4))).astype(np.uint8)
        place = slice(plan.num_actors * row, plan.num_actors * (row + 1))
        labels[place] = plan.truth(number)
        rgb[place] = np.stack([part(clip.rgb, k, plan.num_actors) for k in range(plan.num_actors)])
        cover[place] = np.stack([part(shares, k, plan.num_actors) for k in range(plan.num_actors)])
    for name, array in (("rgb", rgb), ("cover", cover), ("labels", labels)):
        np.save(folder / f"{name}.npy", array)
