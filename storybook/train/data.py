"""Rendered clips and their latents on disk, for every training stage.

A set is a folder of shards; a shard is one `.npz`-free folder of plain `.npy` arrays that are memory-mapped,
written to a temporary name and renamed when complete, so that rendering goes on where it stopped.

    stills/  many scenes, 4 instants each            clips/  fewer scenes, 16 frames at 8 fps
    pairs/   as stills, two creatures in each        duets/  as clips, two creatures in each
    held_stills/, held_clips/, held_duets/  never trained on

What the denoiser of the 256-pixel family learns from is kept as latents: see latents.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from storyanim.errors import ModelError
from storybook.world import STORYBOOK_1, WORLDS, ClipSpec, World, render_frames, sample_spec
from storybook.world.shards import make_shards

SHARD = 125  # scenes a shard
SIZE_PX = 128


@dataclass(frozen=True)
class SetPlan:
    """What a set holds: a pure function of these numbers."""

    name: str
    num_scenes: int
    first_seed: int  # sets never share a seed
    num_frames: int
    clip: bool  # consecutive frames at `fps`; else random instants
    fps: float = 8.0
    num_actors: int = 1
    size_px: int = SIZE_PX
    world: str = STORYBOOK_1.name

    def times_s(self, seed: int) -> list[float]:
        """Return the instants of the frames of one scene."""
        if self.clip:
            return [frame / self.fps for frame in range(self.num_frames)]
        rng = np.random.default_rng([seed, 77])
        return sorted(float(t) for t in rng.uniform(0.0, 2.0, self.num_frames))

    def spec(self, seed: int) -> ClipSpec:
        """Return what the scene of a seed shows."""
        return sample_spec(seed, num_actors=self.num_actors, world=WORLDS[self.world])


SETS = {
    "stills": SetPlan("stills", 12_000, 1_000_000, 4, clip=False),
    "pairs": SetPlan("pairs", 2_000, 6_000_000, 4, clip=False, num_actors=2),
    "clips": SetPlan("clips", 2_500, 2_000_000, 16, clip=True),
    "duets": SetPlan("duets", 400, 7_000_000, 16, clip=True, num_actors=2),
    # never trained on: they measure the stages
    "held_stills": SetPlan("held_stills", 250, 9_000_000, 4, clip=False),
    "held_clips": SetPlan("held_clips", 32, 9_200_000, 16, clip=True),
    "held_duets": SetPlan("held_duets", 16, 9_300_000, 16, clip=True, num_actors=2),
}


def render_set(plan: SetPlan, work: Path, *, workers: int = 2, times: float = 1.0,
               limit: int | None = None) -> Path:
    """Render the shards of a set that are missing, of `times` as many scenes as planned.

    Returns the set's folder.
    """
    folder = work / "data" / plan.name
    planned = round(times * plan.num_scenes)
    limited = replace(plan, num_scenes=min(limit or planned, planned))
    make_shards(folder, -(-limited.num_scenes // SHARD), partial(_render, limited), workers=workers)
    return folder


def _render(plan: SetPlan, number: int, folder: Path) -> None:
    count = min(SHARD, plan.num_scenes - number * SHARD)
    seeds = [plan.first_seed + number * SHARD + k for k in range(count)]
    shape = (count, plan.num_frames, plan.size_px, plan.size_px)
    rgb, inverse_depth = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
    mask, head = np.empty(shape, bool), np.empty((count, plan.num_frames, 2), np.float32)
    for row, seed in enumerate(seeds):
        clip = render_frames(plan.spec(seed), plan.times_s(seed), size=plan.size_px)
        rgb[row], mask[row], head[row] = clip.rgb, clip.mask, clip.head_xy
        inverse_depth[row] = np.round(clip.inverse_depth * 255).astype(np.uint8)
    np.save(folder / "rgb.npy", rgb)
    np.save(folder / "near.npy", inverse_depth)
    np.save(folder / "mask.npy", np.packbits(mask, axis=-1))
    np.save(folder / "head.npy", head)
    (folder / "seeds.json").write_text(json.dumps(seeds), "utf-8")
    (folder / "plan.json").write_text(json.dumps(asdict(plan)), "utf-8")


@dataclass(frozen=True)
class Shard:
    """One memory-mapped shard."""

    folder: Path

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(N, T, H, W, 3)."""
        return np.load(self.folder / "rgb.npy", mmap_mode="r")

    @cached_property
    def inverse_depth(self) -> NDArray[np.uint8]:
        """(N, T, H, W), 255 is nearest; the world's own scale."""
        return np.load(self.folder / "near.npy", mmap_mode="r")

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """(N, T, H, W / 8), packed bits of creature pixels."""
        return np.load(self.folder / "mask.npy", mmap_mode="r")

    @cached_property
    def head(self) -> NDArray[np.float32]:
        """(N, T, 2) pixels x, y."""
        return np.load(self.folder / "head.npy")

    @cached_property
    def plan(self) -> SetPlan:
        """What it was rendered by."""
        path = self.folder / "plan.json"  # a shard without one was rendered before there were several worlds
        return SetPlan(**json.loads(path.read_text("utf-8"))) if path.is_file() else SETS[self.folder.parent.name]

    @property
    def num_frames(self) -> int:
        """Of each scene."""
        return self.plan.num_frames

    @property
    def world(self) -> World:
        """Whose scenes they are; captions take its words."""
        return WORLDS[self.plan.world]

    @cached_property
    def specs(self) -> list[ClipSpec]:
        """What each scene shows."""
        return [self.plan.spec(seed) for seed in json.loads((self.folder / "seeds.json").read_text("utf-8"))]

    def array(self, name: str) -> NDArray[np.generic]:
        """Return a derived array by name: latents or estimated depth, written by a later stage."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")


class ClipSet:
    """A set as one sequence of scenes. Raises ModelError when it was not rendered."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ModelError(f"there are no rendered scenes in {folder}",
                             hint="render them with `python -m storybook train data`")
        self.shards = [Shard(path) for path in sorted(folder.iterdir()) if path.suffix != ".tmp"]
        self.counts = np.array([len(json.loads((s.folder / "seeds.json").read_text("utf-8")))
                                for s in self.shards])
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def place(self, index: int) -> tuple[Shard, int]:
        """Return the shard of a scene and its row there."""
        number = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.shards[number], int(index - self.starts[number])

    def rows(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Shard, int]]:
        """Yield `count` scenes drawn at random."""
        for index in rng.integers(0, len(self), count):
            yield self.place(int(index))


def draw_rows(sets: list[ClipSet], rng: np.random.Generator, count: int) -> Iterator[tuple[Shard, int]]:
    """Yield `count` scenes drawn at random from several sets, from each as often as it has scenes."""
    sizes = np.array([len(s) for s in sets], float)
    for number in rng.choice(len(sets), count, p=sizes / sizes.sum()):
        yield from sets[number].rows(rng, 1)


def derive(folder: Path, name: str, compute: Callable[[Shard], NDArray[np.generic]], *,
           workers: int = 1) -> None:
    """Write `<name>.npy` into every shard that lacks it, in `workers` threads.

    `compute(shard)` gives the array.
    """

    def write(shard: Shard) -> None:
        path = shard.folder / f"{name}.npy"
        if not path.exists():
            unfinished = path.with_suffix(".partial.npy")
            np.save(unfinished, compute(shard))
            unfinished.rename(path)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(write, ClipSet(folder).shards))


def to_pixels(rgb: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """Return (N, H, W, 3) uint8, memory-mapped or not → (N, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.array(rgb)).permute(0, 3, 1, 2).to(device).float().div(127.5).sub(1)


def unpack_mask(packed: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (…, W / 8) bits → (…, W)."""
    return np.unpackbits(packed, axis=-1).astype(bool)
