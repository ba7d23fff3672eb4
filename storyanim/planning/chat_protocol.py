"""What a chat server sends back, read: a completion, a stream of events, or an error in whatever make."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storyanim.planning.replies import BadReplyError

_WORDS = 300                                         # characters of a server's own words that are shown


@dataclass(frozen=True)
class Answer:
    """A model's words."""

    content: str
    is_cut_off: bool = False                         # by the limit of a reply's length


class RefusalError(Exception):
    """A server's own words in place of an answer."""

    def __init__(self, status: int | None, words: str, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.status, self.words, self.retry_after_s = status, words, retry_after_s


class ProtocolError(ValueError):
    """The body is no completion; the message is how it begins."""


def read_answer(text: str) -> Answer:
    """Return the words in the body of an answer.

    Raises RefusalError for an error in its place (with status 200, too), BadReplyError when there are no
    words, ProtocolError.
    """
    body = _joined_stream(text) if re.match(r"\s*(data|event|id|:)", text) else _json(text)
    if not isinstance(body, dict):
        raise ProtocolError(start_of(text))
    choices = body.get("choices")
    first = _dict(choices[0]) if isinstance(choices, list) and choices else {}
    for place in (body, first):
        if words := words_of_error(place) if place.get("error") or place.get("object") == "error" else "":
            raise RefusalError(_code_of(place), words)
    if not isinstance(choices, list):
        raise ProtocolError(start_of(text))
    return _answer_of(first)


def _answer_of(choice: Mapping[str, Any]) -> Answer:
    """Return the words of one choice, wherever the server put them. Raises BadReplyError."""
    message = _dict(choice.get("message"))
    reason = str(choice.get("finish_reason") or "")
    content = _text_of(message.get("content"))
    if reason == "content_filter":
        raise BadReplyError("- the server filtered the reply")
    if not content and (refusal := message.get("refusal")):
        raise BadReplyError(f"- the reply is a refusal: {start_of(str(refusal))}")
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        content = content or _text_of(_dict(_dict(call).get("function")).get("arguments"))
    is_cut_off = reason in {"length", "max_tokens"}
    if not content and not is_cut_off:               # some put the answer where thoughts belong
        content = _text_of(message.get("reasoning_content") or message.get("reasoning"))
    if not content.strip() and not is_cut_off:
        raise BadReplyError("- the reply is empty")
    return Answer(content, is_cut_off)


def _text_of(content: Any) -> str:
    if isinstance(content, list):                    # parts
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _joined_stream(text: str) -> dict[str, Any] | None:
    """Return server-sent events as the completion that they are pieces of; None when there is none."""
    message: dict[str, str] = {}
    reason, found = "", False
    for line in re.findall(r"^data:\s*(\{.*)$", text, flags=re.MULTILINE):
        event = _json(line)
        if isinstance(event, dict) and "error" in event:
            return event
        choices = event.get("choices") if isinstance(event, dict) else None
        if not isinstance(choices, list):
            continue
        found = True
        for choice in map(_dict, choices[:1]):
            reason = choice.get("finish_reason") or reason
            for name, part in (_dict(choice.get("delta")) or _dict(choice.get("message"))).items():
                if isinstance(part, str):
                    message[name] = message.get(name, "") + part
    return {"choices": [{"message": message, "finish_reason": reason}]} if found else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def words_of_error(body: Any) -> str:
    """Return the words of an error body, of whatever make."""
    while isinstance(body, dict | list):
        parts = [body.get(name) for name in ("error", "message", "detail", "msg")] if isinstance(body, dict) else body[:1]
        body = next(filter(None, parts), None)
    return start_of(body) if isinstance(body, str) else ""


def _code_of(body: Mapping[str, Any]) -> int | None:
    error = _dict(body.get("error")) or body
    code = str(error.get("code") or error.get("status"))
    return int(code) if re.fullmatch("[1-9][0-9]{2}", code) else None


def start_of(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:_WORDS]
