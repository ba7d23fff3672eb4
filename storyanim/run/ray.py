"""A film's shots drawn by Ray's workers, on machines that see the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from storyanim.config import Settings
from storyanim.engine.local import LocalExecutor
from storyanim.engine.run_dir import RunDir
from storyanim.engine.shard_executors import RayShardExecutor
from storyanim.run.components import build_components
from storyanim.run.shots import ShotTask, make_shot


@dataclass(frozen=True)
class RayShotExecutor:
    """The Executor of one run's shots: workers do their steps in the run's folder, where the task finds them.

    A worker computes with as many threads as this process would, since their number can change the last bits
    of a picture: the film is that of a local run. What fails is tried again and listed as LocalExecutor does;
    a shot that kills its worker is tried again alone.
    """

    folder: Path                                     # the run's, open in this process
    settings: Settings
    index: str | None                                # None: the bundled one
    # with as many CPUs a worker as this process has threads
    shards: RayShardExecutor

    def run(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Exception | None]:
        """Return shots of `make_film` with their footage found. Raises ResourceError, ServiceError."""
        works: dict[str, ShotTask] = {work.shot.id: work for work in items}
        start = partial(ShotTasker, self.folder, self.settings, self.index, self.shards.cpus)
        problems: dict[str, Exception | None] = {}
        for shard, made in self.shards.map(start, ([work] for work in works.values())):
            for k, sent in enumerate(shard):
                problem = made if isinstance(made, Exception) else made[k]
                problems[sent.shot.id] = problem or LocalExecutor().run(task, [works[sent.shot.id]])[0]
        return [problems[shot] for shot in works]


class ShotTasker:
    """Draws shots in a process of its own; its models stay loaded from one to the next."""

    def __init__(self, folder: Path, settings: Settings, index: str | None, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._components = build_components(settings, index)
        self._run = RunDir(folder, beside=True).__enter__()

    def work(self, shard: Sequence[ShotTask]) -> list[Exception | None]:
        """Return why each shot was not made, None for one that was. Raises ResourceError."""
        return LocalExecutor().run(lambda work: make_shot(self._run, work, self._components), shard)

    def close(self) -> None:
        """Let the run's folder go."""
        self._run.__exit__(None, None, None)
