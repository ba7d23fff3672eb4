"""Shards of work, handed out to a crew of workers in other processes; what fails is tried again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Protocol

from storyanim.errors import StoryanimError


class WorkerDiedError(Exception):
    """A worker's process ended before it answered."""


class Crew(Protocol):
    """Workers in other processes, and what each was asked; one that died is replaced."""

    @property
    def asked(self) -> Sized:
        """The shards without an answer."""
        ...

    def has_room(self) -> bool:
        """Return whether a worker may be asked."""
        ...

    def has_place_alone(self) -> bool:
        """Return whether a worker may be asked for a shard that may have killed another."""
        ...

    def ask(self, shard: Any, tries: int, *, alone: bool = False) -> None:
        """Hand a shard, tried so often, to the worker with least to do; with `alone` it gets no other."""
        ...

    def answers(self) -> list[tuple[Any, int, Any]]:
        """Wait for an answer; return shards, their tries before, and what was made of each, or its error.

        With a worker that died come all shards that it was asked for: as WorkerDiedError when it must have
        been this one that killed it, else as None.
        """
        ...


def serve(crew: Crew, shards: Iterable[Any], retries: int) -> Iterator[tuple[Any, Any]]:
    """Yield each shard with what a worker of the crew made of it, as they come.

    What failed is tried again, `retries` times, each item of the shard then by itself, and then yielded with
    its last error. Shards are asked for when a worker has room for them. Raises the StoryanimError that a
    worker answers with.
    """
    waiting = _Waiting(shards)
    while True:
        waiting.hand_out(crew)
        if not crew.asked:
            return
        for shard, tries, made in crew.answers():
            if isinstance(made, StoryanimError):
                raise made
            if made is None:
                waiting.suspects.append((shard, tries))
            elif isinstance(made, Exception) and tries < retries:
                queue = waiting.suspects if isinstance(made, WorkerDiedError) else waiting.again
                queue.extend(([item], tries + 1) for item in shard)
            else:
                yield shard, made


class _Waiting:
    """Shards that no worker was asked for yet."""

    def __init__(self, shards: Iterable[Any]) -> None:
        self.again: deque[tuple[Any, int]] = deque()     # to try again, and how often they were tried
        self.suspects: deque[tuple[Any, int]] = deque()  # the same, of those that may have killed a worker
        self._new: Iterator[Any] | None = iter(shards)

    def hand_out(self, crew: Crew) -> None:
        """Ask the crew for as much as it has room for; while there are suspects, for them alone."""
        while self.suspects and crew.has_place_alone():
            crew.ask(*self.suspects.popleft(), alone=True)
        while not self.suspects and crew.has_room() and (found := self._next()):
            crew.ask(*found)

    def _next(self) -> tuple[Any, int] | None:
        if self.again:
            return self.again.popleft()
        if self._new is None:
            return None
        for shard in self._new:
            return shard, 0
        self._new = None
        return None
