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

FORMS = ["json_schema", "json_object", "prose"]


@dataclass
class Answer:
    content: Any = ""
    status: int = 200
    finish_reason: str | None = "stop"
    body: Any = None                                 # sent as it is, instead of a completion
    refusal: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0                              # a blank each time, before the body
    hang_up: bool = False                            # in the middle of the body

    def sent(self, model: str) -> bytes:
        """The body."""
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal, **self.extra}
        completion = {"id": "1", "object": "chat.completion", "created": 1, "model": model,
                      "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason}]}
        error = {"error": {"message": self.content, "type": "x"}}
        payload = self.body if self.body is not None else completion if self.status == 200 else error
        return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


@dataclass
class Asked:
    request: dict[str, Any]
    number: int                                      # of the request, from 1

    @property
    def form(self) -> str:
        return str(self.request.get("response_format", {}).get("type", "prose"))

    @property
    def question(self) -> str:
        return str(self.request["messages"][0]["content"])

    @property
    def is_about_story(self) -> bool:
        """Whether the cast and the scenes are asked for."""
        return "List who plays in it" in self.question

    @property
    def pieces(self) -> list[str]:
        return re.findall(r"^\d+\. (.*)$", self.question.split("The pieces:\n", 1)[1], flags=re.MULTILINE)


Mode = Callable[[Asked], Answer]


class FakeChatServer:
    """Use as a context manager; `requests` holds what was asked."""

    def __init__(self, mode: Mode) -> None:
        self.requests: list[dict[str, Any]] = []
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append({**request, "path": self.path, "key": self.headers.get("authorization", "")})
                answer = mode(Asked(request, len(outer.requests)))
                data = answer.sent(request["model"])
                try:
                    self.send_response(answer.status)
                    is_text = isinstance(answer.body, str)
                    self.send_header("content-type", "text/html" if is_text else "application/json")
                    self.send_header("content-length", str(len(data) + (100_000 if answer.drip_s else 0) + answer.hang_up * 10))
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    while answer.drip_s and not outer._closing.wait(answer.drip_s):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass                             # the client did not wait

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.base_url = f"http://{self.host}/v1"

    @property
    def asked(self) -> list[Asked]:
        return [Asked(request, number) for number, request in enumerate(self.requests, 1)]

    def __enter__(self) -> FakeChatServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


# ── good answers ──


def good_reply(asked: Asked) -> dict[str, Any]:
    """What a good model answers: the cast, then one piece a shot."""
    if asked.is_about_story:
        return {"cast": [{"name": "the bear", "kind": "bear", "pronouns": "he", "looks": "small and brown"}],
                "scenes": [{"first": 1, "place": "forest", "time": "night", "weather": ""}]}
    tokens = dict(re.findall(r"^- (\w+): the story's \w+, pseudo-word (<[\w-]+>)", asked.question, flags=re.MULTILINE))
    shots = []
    for number, text in enumerate(asked.pieces, 1):
        who = [name for name in tokens if re.search(rf"\b{name}\b|\bhe\b", text, re.IGNORECASE) and name != "owl"]
        subject = f"a {tokens[who[0]]} {who[0]}" if who else "an animal"
        verb = "runs" if "ran" in text else "walks"
        words = " ".join(re.findall(r"[a-z]{6,}|\d+", text)[:3])
        prompt = f"{subject} {verb} in a forest at night {words}".strip()
        shots.append({"pieces": [number], "query": "a bear walking in a forest", "prompt": prompt, "characters": who})
    return {"shots": shots}


def strict(asked: Asked) -> Answer:
    return Answer(json.dumps(good_reply(asked)))


def only(form: str, status: int = 400) -> Mode:
    """A server that knows no stricter form than this one."""
    def mode(asked: Asked) -> Answer:
        if FORMS.index(asked.form) < FORMS.index(form):
            return Answer(f"response_format {asked.form} is not supported" if status == 400 else "internal error", status=status)
        return strict(asked)

    return mode


def retold(change: Callable[[str], str]) -> Mode:
    """Good answers, their text changed."""
    return lambda asked: Answer(change(json.dumps(good_reply(asked))))


def wrapped(before: str, after: str) -> Mode:
    return retold(lambda text: before + text + after)


def shots(change: Callable[[list[dict[str, Any]]], Any]) -> Mode:
    """Good answers, but for what `change` makes of the list of shots."""
    def mode(asked: Asked) -> Answer:
        reply = good_reply(asked)
        if asked.is_about_story:
            return Answer(json.dumps(reply))
        made = change(reply["shots"])
        return Answer(made if isinstance(made, str) else json.dumps({"shots": reply["shots"] if made is None else made}))

    return mode


def each_shot(**fields: Any) -> Mode:
    """Good answers with some fields of each shot changed."""
    return shots(lambda made: [shot | fields for shot in made])


def first(bad: Answer, then: Mode = strict) -> Mode:
    """One bad answer, then good ones."""
    return lambda asked: bad if asked.number == 1 else then(asked)


def from_request(number: int, bad: Answer, then: Mode = strict) -> Mode:
    """Good answers up to a request, then bad ones."""
    return lambda asked: bad if asked.number >= number else then(asked)


def always(answer: Answer) -> Mode:
    return lambda asked: answer


def slow(seconds: float) -> Mode:
    def mode(asked: Asked) -> Answer:
        time.sleep(seconds)
        return strict(asked)

    return mode


def as_stream(answer: Answer) -> str:
    """A completion as server-sent events, a few characters each."""
    text = str(answer.content)
    parts = [text[i:i + 7] for i in range(0, len(text), 7)]
    events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]})
    return ": keep-alive\n\n" + "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def stream_only(asked: Asked) -> Answer:
    if not asked.request.get("stream"):
        return Answer("this endpoint answers with stream=true only", status=400)
    return Answer(body=as_stream(strict(asked)))


def cut_off(share: float, reason: str | None = "length") -> Mode:
    """Replies that break off, told or not."""
    def mode(asked: Asked) -> Answer:
        text = json.dumps(good_reply(asked))
        return Answer(text[:int(len(text) * share)], finish_reason=reason) if len(asked.pieces) > 1 else Answer(text)

    return mode


def limited(chars: int) -> Mode:
    """A server that breaks off all replies at so many characters."""
    def mode(asked: Asked) -> Answer:
        text = json.dumps(good_reply(asked))
        return Answer(text[:chars], finish_reason="length" if len(text) > chars else "stop")

    return mode
