"""No test reaches the network (conftest.py)."""

from __future__ import annotations

import socket
import urllib.request

import pytest


@pytest.mark.parametrize("address", ["http://example.org/", "http://192.0.2.1/"])
def test_it_is_refused(address: str) -> None:
    with pytest.raises(RuntimeError, match="a test tried to reach"):
        urllib.request.urlopen(address, timeout=1)


def test_this_machine_can_be_reached() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        socket.create_connection(listener.getsockname(), timeout=5).close()
