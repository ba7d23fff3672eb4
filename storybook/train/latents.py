"""Rendered scenes of the 256-pixel family, kept as latents: pictures of full size would take 25 times as much.

A shard is as in data.py, but for its sizes: `latents` (N, T, 16, 16, 16) of the frozen encoder, `mask` and
`head` at 256 pixels, `rgb` and `near` at 128, which is what the retriever, the depth network and the structure
encoder see. The sets are rendered in turns, in proportion to their sizes: a training can begin on the first
shards and takes in the others whenever it starts again.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray

from storybook.train.autoencoder import encode
from storybook.train.data import SHARD, SetPlan
from storybook.world import WorldClip, render_frames
from storybook.world.shards import clear_leftovers, make_shard

SEEN_PX = 128  # side of `rgb` and `near`


@dataclass(frozen=True)
class LatentPlan:
    """A set and how many of its scenes lie in a shard."""

    scenes: SetPlan
    shard: int = SHARD

    @property
    def num_shards(self) -> int:
        """All of the set."""
        return -(-self.scenes.num_scenes // self.shard)


def render_latents(
    plans: Sequence[LatentPlan],
    data: Path,
    vae: Path,
    *,
    workers: int = 1,
    times: float = 1.0,
    limit: int | None = None,
) -> int:
    """Render and encode the shards that are missing in `data`, of `times` as many scenes as planned.

    `limit` scenes a set at most. Returns the frames of all sets.
    """
    scaled = [_scaled(plan, times, limit) for plan in plans]
    for plan in scaled:
        clear_leftovers(data / plan.scenes.name)
    todo = [task for task in in_turns(scaled) if not _shard(data, *task).is_dir()]
    make = partial(_make, data, vae)
    if workers > 1 and len(todo) > 1:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            list(pool.imap(make, todo))
    else:
        list(map(make, todo))
    return sum(plan.scenes.num_scenes * plan.scenes.num_frames for plan in scaled)


def in_turns(plans: Sequence[LatentPlan]) -> list[tuple[LatentPlan, int]]:
    """Return every shard of every set, such that any beginning has all sets in their proportion."""
    tasks = [(plan, number) for plan in plans for number in range(plan.num_shards)]
    return sorted(tasks, key=lambda task: (task[1] + 0.5) / task[0].num_shards)


def encode_clip(clip: WorldClip, vae: AutoencoderTiny) -> dict[str, NDArray[Any]]:
    """Return one row of each array of a shard."""
    inverse_depth = np.round(halve(clip.inverse_depth[..., None], SEEN_PX)[..., 0] * 255)
    return {
        "latents": encode(vae, clip.rgb, torch.device("cpu")),
        "rgb": np.round(halve(clip.rgb.astype(np.float32), SEEN_PX)).astype(np.uint8),
        "near": inverse_depth.astype(np.uint8),
        "mask": np.packbits(clip.mask, axis=-1),
        "head": clip.head_xy,
    }


def halve(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return (T, H, H, C) averaged over squares to (T, size, size, C)."""
    t, height, _, c = pixels.shape
    px = height // size
    return pixels.reshape(t, size, px, size, px, c).mean((2, 4), dtype=np.float32)


def _scaled(plan: LatentPlan, times: float, limit: int | None) -> LatentPlan:
    planned = round(times * plan.scenes.num_scenes)
    return replace(plan, scenes=replace(plan.scenes, num_scenes=min(limit or planned, planned)))


def _shard(data: Path, plan: LatentPlan, number: int) -> Path:
    return data / plan.scenes.name / f"{number:04d}"


def _make(data: Path, vae: Path, task: tuple[LatentPlan, int]) -> None:
    plan, number = task
    make_shard(data / plan.scenes.name, partial(_render, plan, vae), number)


@cache
def _load(vae: Path) -> AutoencoderTiny:
    network = AutoencoderTiny.from_pretrained(vae, torch_dtype=torch.float32).eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)


def _render(plan: LatentPlan, vae: Path, number: int, folder: Path) -> None:
    scenes = plan.scenes
    first = number * plan.shard
    seeds = [scenes.first_seed + k for k in range(first, min(first + plan.shard, scenes.num_scenes))]
    rows = [
        encode_clip(
            render_frames(scenes.spec(seed), scenes.times_s(seed), size=scenes.size_px), _load(vae)
        )
        for seed in seeds
    ]
    for name in rows[0]:
        np.save(folder / f"{name}.npy", np.stack([row[name] for row in rows]))
    (folder / "seeds.json").write_text(json.dumps(seeds), "utf-8")
    (folder / "plan.json").write_text(json.dumps(asdict(scenes)), "utf-8")
