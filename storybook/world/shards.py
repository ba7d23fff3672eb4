"""Sets of rendered scenes on disk: a folder of shards, each made beside and renamed, so that a kill leaves
none half-written."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

Fill = Callable[[int, Path], None]                   # shard number, empty folder to write its files into


def make_shards(folder: Path, num_shards: int, fill: Fill, *, workers: int = 2) -> list[Path]:
    """Makes the shards that are missing, in several processes. Returns the folders of all of them, in order.

    Args: fill: a function of a module, or a `partial` of one, since other processes call it.
    """
    clear_leftovers(folder)
    shards = [folder / f"{number:04d}" for number in range(num_shards)]
    todo = [number for number, shard in enumerate(shards) if not shard.is_dir()]
    make = partial(make_shard, folder, fill)
    if len(todo) > 1 and workers > 1:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            list(pool.imap_unordered(make, todo))
    else:
        list(map(make, todo))
    return shards


def clear_leftovers(folder: Path) -> None:
    """Make the set's folder, without what a kill left half-written in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.tmp"):
        shutil.rmtree(leftover)


def make_shard(folder: Path, fill: Fill, number: int) -> None:
    """Make one shard beside, and rename it."""
    temporary = folder / f"{number:04d}.tmp"
    temporary.mkdir()
    fill(number, temporary)
    temporary.rename(folder / f"{number:04d}")
