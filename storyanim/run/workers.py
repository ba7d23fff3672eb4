"""A film's shots drawn by several workers at once: processes of this machine, or Ray's on several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from storyanim.config import ModelRef, Settings
from storyanim.device import are_small, one_thread_if_small
from storyanim.engine import locks
from storyanim.engine.capacity import free_memory_bytes, usable_cores
from storyanim.engine.dispatch import WorkerDiedError
from storyanim.engine.local import LocalExecutor
from storyanim.engine.processes import ProcessShardExecutor
from storyanim.engine.run_dir import RunDir, StepNotDoneError
from storyanim.errors import ResourceError, UsageError
from storyanim.run.components import build_components
from storyanim.run.footage import ShotTask
from storyanim.run.shots import make_shot
from storyanim.stages import Executor, ShardExecutor

# What a worker needs to draw with small models; it is imported once for all of them.
_MODULES = ("torch", "diffusers", "transformers", "storyanim.generate.load", "storyanim.generate.lora",
            "storyanim.run.workers")
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# Memory. Measured of a worker with the bundled family, beside what is shared: 260 MB for shots of two seconds
# at 128 x 128 pixels and 300 MB for six seconds, 480 and 740 MB at 256 x 256, 820 MB for two at 384 x 384.
_IMPORTS_BYTES = 1300 * 2**20        # of this process and of the one that imports for the workers
_WORKER_BYTES = 150 * 2**20
_COPIES = 3                          # of the weights: while they are loaded and converted
_BYTES_A_PIXEL_AT_ONCE = 300         # of the frames that are denoised together
_BYTES_A_PIXEL = 130                 # of all frames of a shot


@contextmanager
def shots_executor(
    run: RunDir, settings: Settings, index: str | None, executor: str = "local",
    ray_address: str | None = None, workers: int = 0,
) -> Iterator[Executor]:
    """Give the executor of a run's shots: by Ray's workers if `executor` is "ray", else as `local_shots`."""
    if executor == "ray":
        yield ray_shots(run, settings, index, ray_address)
    else:
        with local_shots(run, settings, index, workers) as shots:
            yield shots


@contextmanager
def local_shots(run: RunDir, settings: Settings, index: str | None, workers: int = 0) -> Iterator[Executor]:
    """Give the executor of a run's shots on this machine.

    Args:
        run: open in this process.
        settings: of the run.
        index: folder of the footage index; None: the bundled one.
        workers: shots at once; 0: as STORYANIM_WORKERS says, else as many as cores and memory allow when the
            models are small and there is no GPU, else one.
    """
    workers = num_workers(settings, workers)
    if workers < 2:
        yield LocalExecutor()
        return
    with closing(ProcessShardExecutor(workers, _MODULES)) as shards:
        if run.done("film") is None:                 # several to draw: import during what comes before
            shards.prepare()
        yield ProcessShotExecutor(run, settings, index, shards)


def num_workers(settings: Settings, workers: int = 0) -> int:
    """Return how many shots are drawn at once; `workers` as of `local_shots`. Raises UsageError."""
    return workers or _workers_asked_for() or _workers_for(settings)


def shots_at_once(workers: int, shots: int) -> int:
    """Return how many of some shots are drawn at once."""
    return max(1, min(workers, shots))


def ray_shots(run: RunDir, settings: Settings, index: str | None, address: str | None) -> Executor:
    """Return the executor of a run's shots by Ray, each worker with the CPUs that a shot is drawn with."""
    import torch

    from storyanim.engine.shard_executors import RayShardExecutor

    with one_thread_if_small(*_models(settings)):
        threads = torch.get_num_threads()
    shards = RayShardExecutor(address, cpus=threads, one_a_gpu=not are_small(*_models(settings)))
    return WorkerShotExecutor(run.path, settings, index, shards, threads)


def worker_bytes(settings: Settings) -> int:
    """Return how much memory a worker takes beside what all share: models, and pictures at work."""
    wanted = settings.generate
    frames = (wanted.num_frames * _BYTES_A_PIXEL_AT_ONCE
              + wanted.frames_of(wanted.max_duration_s) * _BYTES_A_PIXEL)
    weight_bytes = sum(model.weight_bytes for model in _models(settings))
    return _WORKER_BYTES + _COPIES * weight_bytes + wanted.width_px * wanted.height_px * frames


def _workers_asked_for() -> int:
    text = os.environ.get("STORYANIM_WORKERS") or "0"
    if not text.isdecimal():
        raise UsageError(f"STORYANIM_WORKERS is {text!r}", hint="give a number; 0: as the machine allows")
    return int(text)


def _workers_for(settings: Settings) -> int:
    if not are_small(*_models(settings)) or any(map(os.path.exists, _GPU_DEVICES)):
        return 1
    return max(1, min(usable_cores(), (free_memory_bytes() - _IMPORTS_BYTES) // worker_bytes(settings)))


def _models(settings: Settings) -> list[ModelRef]:
    """Those that draw a shot."""
    models = settings.models
    found = (models.pipeline, models.motion_adapter, models.structure, models.depth)
    return [model for model in found if model is not None]


@dataclass(frozen=True)
class WorkerShotExecutor:
    """The Executor of a run's shots by workers.

    They do the steps in the run's folder, where the task then finds them. What fails is tried again and
    listed as by LocalExecutor; a shot that kills its worker is tried again alone.
    """

    folder: Path                                     # the run's, open in this process
    settings: Settings
    index: str | None                                # None: the bundled one
    shards: ShardExecutor
    threads: int | None = None                       # of a worker with large models; None: as torch chooses

    def run(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Exception | None]:
        """Do a film's ShotTasks. Raises ResourceError, ServiceError."""
        works: dict[str, ShotTask] = {work.shot.id: work for work in items}
        start = partial(ShotWorker, self.folder, self.settings, self.index, self.threads)
        problems: dict[str, Exception | None] = {}
        answers: Any = self.shards.map(start, ([work] for work in works.values()))
        try:
            with closing(answers):                   # which ends the workers
                for shard, made in answers:
                    for k, sent in enumerate(shard):
                        problem = _as_told(made) if isinstance(made, Exception) else made[k]
                        problem = problem or LocalExecutor().run(task, [works[sent.shot.id]])[0]
                        problems[sent.shot.id] = problem
        finally:
            with suppress(UsageError):               # of workers that were killed, when all have ended
                locks.remove_leftovers(self.folder)
        return [problems[shot] for shot in works]


class ShotWorker:
    """Draws shots in a process of its own; its models stay loaded from one to the next."""

    def __init__(self, folder: Path, settings: Settings, index: str | None, threads: int | None) -> None:
        import torch

        if threads is not None:                      # their number can change the last bits of a picture
            torch.set_num_threads(threads)
        self._components = build_components(settings, index)
        self._run = RunDir(folder, beside=True).__enter__()

    def work(self, shard: Sequence[ShotTask]) -> list[Exception | None]:
        """Return why each shot was not made, None for one that was. Raises ResourceError."""
        return LocalExecutor().run(lambda task: make_shot(self._run, task, self._components), shard)

    def close(self) -> None:
        """Let the run's folder go."""
        self._run.__exit__(None, None, None)


@dataclass(frozen=True)
class ProcessShotExecutor:
    """The Executor of one run's shots that draws several at once on this machine.

    The film is the same, byte for byte, whatever the number of workers: see device.one_thread_if_small.
    """

    run_dir: RunDir                                  # open in this process
    settings: Settings
    index: str | None                                # None: the bundled one
    shards: ProcessShardExecutor

    def run(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Exception | None]:
        """Do a film's ShotTasks, by workers if several are not done yet. Raises ResourceError."""
        works: list[ShotTask] = list(items)
        todo = [work for work in works if not self._is_done(task, work)]
        todo.sort(key=lambda work: -work.shot.duration_s)      # the longest first: then all end together
        several = WorkerShotExecutor(self.run_dir.path, self.settings, self.index, self.shards)
        made = (several if len(todo) > 1 else LocalExecutor()).run(task, todo)
        problems = {work.shot.id: problem for work, problem in zip(todo, made, strict=True)}
        return [problems.get(work.shot.id) for work in works]

    def _is_done(self, task: Callable[[Any], object], work: ShotTask) -> bool:
        with suppress(StepNotDoneError), self.run_dir.only_done():
            task(work)
            return True
        return False


def _as_told(error: Exception) -> Exception:
    if not isinstance(error, WorkerDiedError):
        return error
    return ResourceError("the process that drew it was killed, as happens when the memory is full",
                         hint="close other programs, or draw with fewer --workers")
