"""Executors of shards: in this process, or by Ray's actors on this machine or a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, redirect_stdout
from typing import Any

from storyanim.engine.dispatch import WorkerDiedError, serve
from storyanim.errors import ServiceError, StoryanimError, extra_needed

_MAX_SHARDS_PER_ACTOR = 2                            # one at work, one waiting


class LocalShardExecutor:
    """A ShardExecutor with one worker, in this process; what it raises ends the whole."""

    shard_size = 1

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield each shard with its result, in order; the next one is asked for when this one was taken."""
        with closing(start()) as worker:
            for shard in shards:
                yield shard, worker.work(shard)


class RayShardExecutor:
    """A ShardExecutor with a Ray actor for every `cpus` CPUs, or for every GPU, one worker each.

    Args:
        address: of a cluster, as `ray.init` takes it ("auto": the one that runs here); None: Ray is started
            on this machine.
        retries: further tries of what failed, each item then by itself and on an actor that did not fail.
        cpus: of an actor.
        one_a_gpu: whether a worker's models fill a GPU; else actors share the GPUs.

    Raises UsageError when Ray is not installed.
    """

    shard_size = 8

    def __init__(
        self, address: str | None = None, retries: int = 2, cpus: int = 1, one_a_gpu: bool = False
    ) -> None:
        with extra_needed("ray", "Ray is not installed", "leave --executor ray out"):
            import ray
        self._ray: Any = ray
        self.address = address
        self.retries = retries
        self.cpus, self.one_a_gpu = cpus, one_a_gpu

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield each shard with its result as they come, or an item that failed for good with its last error.

        Shards are asked for when an actor has room for them. A StoryanimError of a worker ends the whole.
        Raises ServiceError when there is no such cluster.
        """
        with redirect_stdout(sys.stderr):            # where Ray tells of lost workers: stdout is for results
            started = self._connect()
            pool = _ActorPool(self._ray, start, self.cpus, self.one_a_gpu)
            try:
                yield from serve(pool, shards, self.retries)
            finally:
                pool.shutdown()
                if started:
                    self._ray.shutdown()

    def _connect(self) -> bool:
        """Start or join Ray; return whether that was needed."""
        if self._ray.is_initialized():
            return False
        where: dict[str, Any] = {"address": self.address} if self.address \
            else {"address": "local", "include_dashboard": False}
        try:
            self._ray.init(**where, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            place = f"at {self.address}" if self.address else "here"
            raise ServiceError(
                f"no Ray can be reached {place}: {' '.join(str(error).split())[:200]}",
                hint="start one with `ray start --head`, or leave --ray-address out") from error
        return True


def actors_of(resources: Mapping[str, float], cpus: int, one_a_gpu: bool) -> tuple[int, int, float]:
    """Return how many actors a cluster has room for, and CPUs and GPUs of each.

    Args:
        resources: of the cluster, as Ray counts them.
        cpus: that an actor wants.
        one_a_gpu: whether an actor fills a GPU: then there are as many as GPUs, if there are any. Else GPUs
            are shared among as many actors as the CPUs allow.
    """
    num_cpus, num_gpus = max(1, int(resources.get("CPU", 1))), resources.get("GPU", 0)
    if one_a_gpu and num_gpus >= 1:
        count = int(num_gpus)
        return count, max(1, min(cpus, num_cpus // count)), 1
    cpus = min(cpus, num_cpus)
    count = num_cpus // cpus
    gpus = num_gpus / count
    return count, cpus, int(gpus) if gpus > 1 else gpus


class _ActorPool:
    """The actors, and what each was asked."""

    def __init__(self, ray: Any, start: Callable[[], Any], cpus: int, one_a_gpu: bool) -> None:
        self._ray = ray
        count, cpus, gpus = actors_of(ray.cluster_resources(), cpus, one_a_gpu)
        self._kind = ray.remote(num_cpus=cpus, num_gpus=gpus)(_Actor)
        self._start = ray.put(start)
        self._load: dict[Any, int] = {self._new(): 0 for _ in range(count)}      # actor → shards it was asked
        # Ray's object ref → actor, shard, tries before, load
        self.asked: dict[Any, tuple[Any, Any, int, int]] = {}

    def has_room(self) -> bool:
        """Return whether an actor has fewer shards than it may."""
        return min(self._load.values()) < _MAX_SHARDS_PER_ACTOR

    def has_place_alone(self) -> bool:
        """Return whether an actor has none."""
        return min(self._load.values()) == 0

    def ask(self, shard: Any, tries: int, *, alone: bool = False) -> None:
        """Submit a shard to the actor with the fewest; with `alone`, to an idle one that gets no other."""
        actor = min(self._load, key=lambda one: self._load[one])
        load = _MAX_SHARDS_PER_ACTOR if alone else 1
        self.asked[actor.work.remote(shard)] = (actor, shard, tries, load)
        self._load[actor] += load

    def answers(self) -> list[tuple[Any, int, Any]]:
        """Wait for an answer, see dispatch.Crew.

        Which of two shards killed an actor is not known, since an answer given just before is lost, too.
        """
        done, _ = self._ray.wait(list(self.asked), num_returns=1)
        actor, shard, tries, load = self.asked[done[0]]
        result = self._result(done[0])
        if not isinstance(result, self._ray.exceptions.RayActorError):
            del self.asked[done[0]]
            self._load[actor] -= load
            return [(shard, tries, result)]
        if result.actor_init_failed:
            reason = str(result).strip().splitlines()[-1]
            raise ServiceError(f"Ray's workers cannot start: {reason}",
                               hint="each machine needs the same storyanim and videos")
        return self._replace(actor)

    def _replace(self, dead: Any) -> list[tuple[Any, int, Any]]:
        """Start a new actor in place of one that died; return all that it was asked."""
        del self._load[dead]
        self._load[self._new()] = 0
        refs = [ref for ref, (actor, *_) in self.asked.items() if actor is dead]
        found: list[tuple[Any, int, Any]] = []
        for ref in refs:
            _, shard, tries, _ = self.asked.pop(ref)
            result = self._result(ref)
            if isinstance(result, self._ray.exceptions.RayActorError):
                result = None if len(refs) > 1 else WorkerDiedError(str(result))
            found.append((shard, tries, result))
        return found

    def _result(self, ref: Any) -> Any:
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            return error

    def shutdown(self) -> None:
        """End the actors."""
        for actor in self._load:
            self._ray.kill(actor)

    def _new(self) -> Any:
        return self._kind.remote(self._start)


class _Actor:
    """A worker in a process of its own."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._worker = start()

    def work(self, shard: Any) -> Any:
        """Return what the worker makes of it; our own errors as values, since Ray wraps what is raised."""
        try:
            return self._worker.work(shard)
        except StoryanimError as error:
            return error
