"""A model hub on this machine that the real client talks to, and that can fail in every way that hubs do.

It serves folders OWNER/NAME below a root by the client's protocol: model info, tree, resolve with ranges and ETags.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

CODES = {401: "", 403: "GatedRepo", 404: "RepoNotFound"}


@dataclass
class SmallHub:
    """What it serves, how it fails, and what it was asked."""

    root: Path
    endpoint: str = ""
    salt: str = ""                                   # another one: all repositories moved to another commit
    fail: Any = None                                 # a status; "silent"; "drip"; "half": the first body of a file breaks off
    fail_below: str = ""                             # only for paths that hold this
    token: str = ""                                  # that is wanted, if any
    licences: bool = True                            # told in the model's info, else in its card alone
    asked: list[str] = field(default_factory=list)   # "GET owner/name file 123", "API info owner/name"
    broken: set[str] = field(default_factory=set)

    def commit(self, repo: str) -> str:
        return hashlib.sha1((repo + self.salt).encode()).hexdigest()

    def files(self) -> list[str]:
        """Names of the files that were sent, "owner/name file"."""
        return [line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in self.asked if line.startswith("GET")]


@contextmanager
def serve(root: Path) -> Iterator[SmallHub]:
    hub = SmallHub(root)

    class Handler(_Handler):
        served = hub

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):         # a client that gave up leaves before its answer
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    served: SmallHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, code: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, parts = self.served, unquote(urlparse(self.path).path).strip("/").split("/")
        concerned = hub.fail_below in self.path
        if concerned and isinstance(hub.fail, int):
            code = CODES.get(hub.fail)
            self.answer(hub.fail, b"{}", {"X-Error-Code": code} if code else {"Retry-After": "300"} if hub.fail == 429 else {})
        elif concerned and hub.fail == "silent":
            time.sleep(30)
        elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.answer(401, b"{}")
        elif parts[:2] == ["api", "models"]:
            self.api("/".join(parts[2:4]), parts[4:])
        elif len(parts) > 4 and parts[2] == "resolve":
            self.file("/".join(parts[:2]), "/".join(parts[4:]))
        else:
            self.answer(404)

    def api(self, repo: str, rest: list[str]) -> None:
        hub, folder = self.served, self.served.root / repo
        hub.asked.append(f"API {rest[0] if rest else 'info'} {repo}")
        if not folder.is_dir():
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        body: Any = [{"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": self.etag(repo, name)} for name in names]
        if not rest or rest[0] != "tree":
            tags = ["license:apache-2.0"] if hub.licences else []
            body = {"id": repo, "modelId": repo, "sha": hub.commit(repo), "private": False, "tags": tags, "downloads": 0, "likes": 0,
                    "siblings": [{"rfilename": name} for name in names]}
        return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def etag(self, repo: str, name: str) -> str:
        return hashlib.sha1((self.served.root / repo / name).read_bytes()).hexdigest()

    def file(self, repo: str, name: str) -> None:
        hub, path = self.served, self.served.root / repo / name
        headers = {"X-Repo-Commit": hub.commit(repo)}
        if not path.is_file():
            return self.answer(404, b"", headers | {"X-Error-Code": "EntryNotFound"})
        data, start, code = path.read_bytes(), 0, 200
        headers |= {"ETag": f'"{self.etag(repo, name)}"', "Accept-Ranges": "bytes"}
        if span := self.headers.get("Range"):
            start, code = int(span.split("=")[1].split("-")[0]), 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if self.command == "HEAD":
            return self.answer(code, body, headers)
        hub.asked.append(f"GET {repo} {name} {len(body)}" + (f" from {start}" if start else ""))
        if hub.fail_below in self.path and hub.fail in {"half", "drip"} and name not in hub.broken:
            return self.broken_body(name, code, body, headers)
        return self.answer(code, body, headers)

    def broken_body(self, name: str, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.answer(code, b"", headers | {"Content-Length": str(len(body))})
        if self.served.fail == "half":
            self.served.broken.add(name)
            self.wfile.write(body[:len(body) // 2])
        else:
            for i in range(len(body)):
                self.wfile.write(body[i:i + 1])
                self.wfile.flush()
                time.sleep(0.5)
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)
