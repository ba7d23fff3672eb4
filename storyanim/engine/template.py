"""The process from which workers are forked: `python -m storyanim.engine.template SOCKET MODULE...`

It imports the modules and computes nothing, so that it has no threads whose work a fork would cut off. Each
message on the socket brings the socket of a new worker, which reads what starts it, tells its process id,
then answers shard by shard.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import traceback
import warnings
from contextlib import closing, suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any


def main() -> None:
    """Import, then fork workers until the socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in sys.argv[2:]:
        if _is_closed(control):
            return
        import_module(name)
    gc.freeze()                                      # what is imported is no garbage: its memory stays shared
    while fds := socket.recv_fds(control, 16, 1)[1]:
        if _fork() == 0:
            control.close()
            _be_worker(Connection(fds[0]))
        os.close(fds[0])
    with suppress(ChildProcessError):                # all have ended; their numbers were kept for them till now
        while True:
            os.wait()
    os._exit(0)


def _is_closed(control: socket.socket) -> bool:
    control.setblocking(False)
    try:
        return control.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        control.setblocking(True)


def _fork() -> int:
    with warnings.catch_warnings():                  # OpenBLAS has threads, and takes care of them
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _be_worker(connection: Connection) -> None:
    """Answer until told to end. Does not return."""
    code = 1
    try:
        os.setpgid(0, 0)                             # with what it starts, so that they can be ended together
        signal.signal(signal.SIGTERM, _end)
        start = connection.recv_bytes()
        connection.send(os.getpid())
        _answer(connection, start)
    except (SystemExit, EOFError, BrokenPipeError):  # it is not wanted any more
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.stderr.flush()
        os._exit(code)                               # not back into what the template does


def _end(number: int, frame: object) -> None:
    raise SystemExit


def _answer(connection: Connection, start: bytes) -> None:
    shards: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, shards), daemon=True).start()
    try:
        worker = pickle.loads(start)()
    except Exception as error:
        _send(connection, False, error)
        signal.pause()                               # to be ended
        return
    with closing(worker):
        while True:
            shard = shards.get()
            try:
                made = worker.work(shard)
            except Exception as error:
                made = error
            _send(connection, True, made)


def _receive(connection: Connection, shards: queue.SimpleQueue[Any]) -> None:
    """Pass shards on. Ends the worker at once when the process for which it works is gone."""
    while True:
        try:
            shards.put(connection.recv())
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)


def _send(connection: Connection, is_started: bool, made: Any) -> None:
    """Answer; what cannot be sent is told as an error."""
    try:
        if isinstance(made, Exception):              # where it was raised does not go along by itself
            made.add_note("".join(traceback.format_exception(made)))
        data = pickle.dumps((is_started, made))
        pickle.loads(data)                           # some errors cannot be made again
    except Exception as error:
        data = pickle.dumps((is_started, RuntimeError(f"{type(made).__name__}: {made} ({error})")))
    connection.send_bytes(data)


if __name__ == "__main__":
    main()
