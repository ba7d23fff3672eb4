"""Shards of work done in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any


class LocalShards:
    """A ShardExecutor with one worker, here; what it raises ends the whole."""

    shard_size = 1

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Each shard with what the worker made of it, in order; the next one is asked for when this one was taken."""
        with closing(start()) as worker:
            for shard in shards:
                yield shard, worker.work(shard)
