"""Executors of shards: in this process, or by Ray's actors on this machine or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from storyanim.engine.dispatch import WorkerDiedError, serve
from storyanim.errors import ServiceError, StoryanimError, UsageError

_IN_FLIGHT = 2                                       # shards of an actor: one at work, one waiting


class LocalShardExecutor:
    """A ShardExecutor with one worker, here; what it raises ends the whole."""

    shard_size = 1

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Each shard with what the worker made of it, in order; the next one is asked for when this one was taken."""
        with closing(start()) as worker:
            for shard in shards:
                yield shard, worker.work(shard)


class RayShardExecutor:
    """A ShardExecutor with an actor for every `cpus` CPUs. An actor starts its worker once; GPUs are shared out among them.

    Args:
        address: of a cluster, as `ray.init` takes it ("auto": the one that runs here); None: Ray is started on this machine.
        retries: further tries of what failed, each item then by itself and on an actor that did not fail.
        cpus: of an actor.

    Raises UsageError when Ray is not installed.
    """

    shard_size = 8

    def __init__(self, address: str | None = None, retries: int = 2, cpus: int = 1) -> None:
        try:
            import ray
        except ImportError as error:
            raise UsageError("Ray is not installed", hint="pip install 'storyanim[ray]', or leave --executor ray out") from error
        self._ray: Any = ray
        self.address = address
        self.retries = retries
        self.cpus = cpus

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Each shard with what a worker made of it, as they come; an item that failed for good with its last error.

        Shards are asked for when an actor has room for them. A StoryanimError of a worker ends the whole. Raises ServiceError
        when there is no such cluster.
        """
        started = self._connect()
        crew = _Crew(self._ray, start, self.cpus)
        try:
            yield from serve(crew, shards, self.retries)
        finally:
            crew.dismiss()
            if started:
                self._ray.shutdown()

    def _connect(self) -> bool:
        """Whether Ray was started, or joined, here."""
        if self._ray.is_initialized():
            return False
        own: dict[str, Any] = {"address": "local", "include_dashboard": False}
        try:
            self._ray.init(**({"address": self.address} if self.address else own), log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            where = f"at {self.address}" if self.address else "here"
            raise ServiceError(f"no Ray can be reached {where}: {' '.join(str(error).split())[:200]}",
                               hint="start one with `ray start --head`, or leave --ray-address out") from error
        return True


class _Crew:
    """The actors, and what each was asked."""

    def __init__(self, ray: Any, start: Callable[[], Any], cpus: int) -> None:
        self._ray = ray
        have = ray.cluster_resources()
        cpus = min(cpus, max(1, int(have.get("CPU", 1))))
        count = max(1, int(have.get("CPU", 1)) // cpus)
        gpus = have.get("GPU", 0) / count            # of an actor
        self._kind = ray.remote(num_cpus=cpus, num_gpus=int(gpus) if gpus > 1 else gpus)(_Actor)
        self._start = ray.put(start)
        self._actors: dict[Any, int] = {self._new(): 0 for _ in range(count)}
        self.asked: dict[Any, tuple[Any, Any, int, int]] = {}    # Ray's promise → actor, shard, tries before, room it takes

    def has_room(self) -> bool:
        """Whether an actor has less to do than it may."""
        return min(self._actors.values()) < _IN_FLIGHT

    def has_place_alone(self) -> bool:
        """Whether an actor has nothing to do."""
        return min(self._actors.values()) == 0

    def ask(self, shard: Any, tries: int, *, alone: bool = False) -> None:
        """Hands a shard to the actor that has least to do; with `alone`, which needs an idle one, it gets nothing else."""
        actor, room = min(self._actors, key=lambda one: self._actors[one]), _IN_FLIGHT if alone else 1
        self.asked[actor.work.remote(shard)] = (actor, shard, tries, room)
        self._actors[actor] += room

    def answers(self) -> list[tuple[Any, int, Any]]:
        """See dispatch.Crew. Which of two shards killed an actor is not known, since an answer given just before is lost, too."""
        done, _ = self._ray.wait(list(self.asked), num_returns=1)
        actor, shard, tries, room = self.asked[done[0]]
        made = self._made(done[0])
        if not isinstance(made, self._ray.exceptions.RayActorError):
            del self.asked[done[0]]
            self._actors[actor] -= room
            return [(shard, tries, made)]
        if made.actor_init_failed:
            reason = str(made).strip().splitlines()[-1]
            raise ServiceError(f"Ray's workers cannot start: {reason}", hint="each machine needs the same storyanim and videos")
        del self._actors[actor]
        self._actors[self._new()] = 0
        promises = [promise for promise, (asked, *_) in self.asked.items() if asked is actor]
        found: list[tuple[Any, int, Any]] = []
        for promise in promises:
            _, shard, tries, _ = self.asked.pop(promise)
            made = self._made(promise)
            if isinstance(made, self._ray.exceptions.RayActorError):
                made = None if len(promises) > 1 else WorkerDiedError(str(made))
            found.append((shard, tries, made))
        return found

    def _made(self, promise: Any) -> Any:
        try:
            return self._ray.get(promise)
        except self._ray.exceptions.RayError as error:
            return error

    def dismiss(self) -> None:
        """Ends the actors."""
        for actor in self._actors:
            self._ray.kill(actor)

    def _new(self) -> Any:
        return self._kind.remote(self._start)


class _Actor:
    """A worker in a process of its own."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._worker = start()

    def work(self, shard: Any) -> Any:
        """What the worker makes of it; our own errors as values, since Ray wraps what is raised."""
        try:
            return self._worker.work(shard)
        except StoryanimError as error:
            return error
