"""Shards of work done by processes of this machine, forked from one that has imported all (template.py)."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from storyanim.engine.dispatch import WorkerDiedError, serve
from storyanim.errors import ResourceError

_GRACE_S = 3.0                                       # for a worker to remove what it has half-made


class ProcessShardExecutor:
    """A ShardExecutor with up to `count` workers, each a process that is given one shard at a time.

    They are forked from a process that imported `modules` and did nothing else, so that all of them together
    import once, and share the memory of what was imported (600 MB with torch and diffusers). None of them
    outlives this process, even if it is killed.

    Args:
        retries: further tries of what failed. A shard that killed its worker is tried while no other worker
            works, since what kills a process is mostly that the memory is full.
    """

    shard_size = 1

    def __init__(self, count: int, modules: Sequence[str] = (), retries: int = 1) -> None:
        self.count = count
        self.retries = retries
        self._modules = tuple(modules)
        self._template: _Template | None = None

    def prepare(self) -> None:
        """Start to import, so that it is done by the time that `map` is called."""
        if self._template is None:
            self._template = _Template(self._modules)

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield each shard with what a worker made of it, as they come, or with the error of its last try.

        When the iterator is closed, by Ctrl-C for instance, all workers have ended. Raises the StoryanimError
        that a worker answers with, what `start` raised there, and ResourceError when no process can be
        started.
        """
        self.prepare()
        assert self._template is not None
        crew = _Crew(self._template, pickle.dumps(start), self.count)
        try:
            yield from serve(crew, shards, self.retries)
        finally:
            crew.dismiss()
            self.close()

    def close(self) -> None:
        """End the process that has imported all."""
        if self._template is not None:
            self._template.close()
            self._template = None


class _Template:
    """The process that has imported all, from which workers are forked. See template.py for its side."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._control, theirs = socket.socketpair()
        self._forked = False
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
        command = [sys.executable, "-P", "-m", "storyanim.engine.template", str(theirs.fileno()), *modules]
        try:                                         # in a new session: a Ctrl-C is for this process alone
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2,
                start_new_session=True)
        except OSError as error:
            self._control.close()
            raise ResourceError(f"no further process can be started ({error.strerror})",
                                hint="close other programs") from error
        finally:
            theirs.close()

    def fork(self, start: bytes) -> _Worker:
        """Return a new worker; waits for the imports. Raises ResourceError."""
        self._forked = True
        ours, theirs = socket.socketpair()
        connection = Connection(ours.detach())
        try:
            socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
            theirs.close()
            connection.send_bytes(start)
            return _Worker(connection, connection.recv())
        except (EOFError, OSError) as error:
            connection.close()
            raise ResourceError("the processes that draw cannot be started",
                                hint="see what is told above; with `--workers 1` one process does all") from error
        finally:
            theirs.close()

    def close(self) -> None:
        """End it; the workers have to be gone."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S if self._forked else 0)
        self._process.kill()
        self._process.wait()


@dataclass(eq=False)
class _Worker:
    """A worker's process, and what it was asked."""

    connection: Connection
    pid: int                                         # of its group, too; nobody else's while the template lives
    shard: Any = None
    tries: int = 0
    alone: bool = False


class _Crew:
    """See dispatch.Crew."""

    def __init__(self, template: _Template, start: bytes, count: int) -> None:
        self._template, self._start, self._count = template, start, count
        self._idle: list[_Worker] = []
        self.asked: dict[Any, _Worker] = {}          # a worker's connection → the worker

    def has_room(self) -> bool:
        return len(self.asked) < self._count and not any(worker.alone for worker in self.asked.values())

    def has_place_alone(self) -> bool:
        return not self.asked

    def ask(self, shard: Any, tries: int, *, alone: bool = False) -> None:
        worker = self._idle.pop() if self._idle else self._template.fork(self._start)
        if alone:                                    # with all of the memory
            self._end(self._idle)
            self._idle = []
        worker.shard, worker.tries, worker.alone = shard, tries, alone
        self.asked[worker.connection] = worker       # before it is asked, so that it is ended whatever comes
        with suppress(OSError):                      # it died: the missing answer will tell
            worker.connection.send(shard)

    def answers(self) -> list[tuple[Any, int, Any]]:
        found: list[tuple[Any, int, Any]] = []
        for connection in wait(list(self.asked)):
            worker = self.asked[connection]
            try:
                is_started, made = worker.connection.recv()
            except (EOFError, OSError):
                is_started, made = True, WorkerDiedError("the process that worked on it was killed")
                worker.connection.close()
            else:
                self._idle.append(worker)
            del self.asked[connection]
            if not is_started:
                raise made
            found.append((worker.shard, worker.tries, made))
        return found

    def dismiss(self) -> None:
        """End all workers."""
        self._end([*self.asked.values(), *self._idle])
        self._idle, self.asked = [], {}

    def _end(self, workers: Iterable[_Worker]) -> None:
        """End workers: first by a signal upon which they remove what they have half-made, then by force."""
        left = {worker.connection: worker for worker in workers}
        groups = [worker.pid for worker in left.values()]
        for pid in groups:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        self._wait_for(left, _GRACE_S)
        for pid in groups:                           # with what they have started
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        self._wait_for(left, _GRACE_S)

    @staticmethod
    def _wait_for(workers: dict[Any, _Worker], seconds: float) -> None:
        """Wait for the ends of workers, and leave in `workers` those that still run."""
        deadline = time.monotonic() + seconds
        while workers and (ready := wait(list(workers), max(0.0, deadline - time.monotonic()))):
            for connection in ready:
                try:
                    workers[connection].connection.recv_bytes()       # an answer that comes too late
                except (EOFError, OSError):
                    workers.pop(connection).connection.close()
