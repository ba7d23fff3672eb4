"""A chat server on 127.0.0.1 that speaks OpenAI's protocol as well or as badly as a test wants."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Mode = Callable[["Asked"], "Answer"]


@dataclass
class Answer:
    content: str | None = ""
    status: int = 200
    finish_reason: str = "stop"
    body: Any = None                                 # sent as it is, instead of a completion
    refusal: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Asked:
    request: dict[str, Any]
    number: int                                      # of the request, from 1

    @property
    def form(self) -> str:
        return self.request.get("response_format", {}).get("type", "prose")

    @property
    def question(self) -> str:
        return self.request["messages"][0]["content"]


class FakeChatServer:
    """Use as a context manager; `requests` holds what was asked."""

    def __init__(self, mode: Mode) -> None:
        self.requests: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append({**request, "path": self.path, "key": self.headers.get("authorization", "")})
                answer = mode(Asked(request, len(outer.requests)))
                message = {"role": "assistant", "content": answer.content, "refusal": answer.refusal, **answer.extra}
                completion = {"id": "1", "object": "chat.completion", "created": 1, "model": request["model"],
                              "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason}]}
                error = {"error": {"message": answer.content, "type": "x"}}
                payload = answer.body if answer.body is not None else completion if answer.status == 200 else error
                data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
                try:
                    self.send_response(answer.status)
                    self.send_header("content-type", "text/html" if isinstance(payload, str) else "application/json")
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass                             # the client did not wait

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeChatServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def good_reply(asked: Asked) -> dict[str, Any]:
    """What a good model answers: one sentence a shot, its words retold."""
    if "The story, to be split:" in asked.question:
        story = asked.question.split("The story, to be split:\n", 1)[1]
        pieces = [piece for piece in re.split(r"(?<=[.!?])\s+", story) if re.search(r"\w", piece)]
        return {"shots": [{"text": piece} for piece in pieces]}
    lines = re.findall(r"^(\d+)\. (.*)$", asked.question.split("The shots:\n", 1)[1], flags=re.MULTILINE)
    tokens = dict(re.findall(r"^- (\w+): the story's \w+, pseudo-word (<[\w-]+>)", asked.question, flags=re.MULTILINE))
    shots = []
    for number, text in lines:
        who = [name for name in tokens if re.search(rf"\b{name}\b|\bhe\b", text, re.IGNORECASE) and name != "owl"]
        subject = f"a {tokens[who[0]]} {who[0]}" if who else "an animal"
        verb = "runs" if "ran" in text else "walks"
        prompt = f"{subject} {verb} in a forest at night"
        shots.append({"number": int(number), "query": "a bear walking in a forest", "prompt": prompt, "characters": who,
                      "setting": "forest, night"})
    return {"shots": shots}


def strict(asked: Asked) -> Answer:
    return Answer(json.dumps(good_reply(asked)))


def only(form: str) -> Mode:
    """A server that knows no stricter form than this one."""
    order = ["json_schema", "json_object", "prose"]

    def mode(asked: Asked) -> Answer:
        if order.index(asked.form) < order.index(form):
            return Answer(f"response_format {asked.form} is not supported", status=400)
        return strict(asked)

    return mode


def wrapped(before: str, after: str) -> Mode:
    return lambda asked: Answer(before + json.dumps(good_reply(asked)) + after)


def first(bad: Answer, then: Mode = strict) -> Mode:
    """One bad answer, then good ones."""
    return lambda asked: bad if asked.number == 1 else then(asked)


def always(answer: Answer) -> Mode:
    return lambda asked: answer


def slow(seconds: float) -> Mode:
    def mode(asked: Asked) -> Answer:
        time.sleep(seconds)
        return strict(asked)

    return mode
