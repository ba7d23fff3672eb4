"""The server of a run's review page, on this machine alone."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from storyanim.errors import ResourceError
from storyanim.review.app import build_app
from storyanim.run.edits import read_board

HOST = "127.0.0.1"


def serve(folder: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve the review page of a run until Ctrl-C.

    Args:
        folder: of the run.
        port: 0: any that is free.
        ready: told the page's address, with the token without which nothing is answered.

    Raises InputError for a folder that is no run, StoryError, ResourceError for a port that is taken.
    """
    import uvicorn

    read_board(folder)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ResourceError(f"port {port} is taken ({error.strerror})",
                                hint="leave out --port, or choose another") from error
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        config = uvicorn.Config(build_app(folder, token, port), log_level="warning", access_log=False,
                                lifespan="off", server_header=False, timeout_graceful_shutdown=2)
        listening.listen()
        ready(f"http://{HOST}:{port}/?token={token}")
        uvicorn.Server(config).run(sockets=[listening])
