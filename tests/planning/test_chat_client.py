"""No error of the openai package may leave the seam as it is, and nothing of a server's answer may break it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import fake_chat_server as fake
import openai
import pytest
from fake_chat_server import Answer, FakeChatServer
from hypothesis import given, settings
from hypothesis import strategies as st

from storyanim.config import PlanSettings, public_url
from storyanim.errors import ServiceError
from storyanim.planning.chat_client import ChatClient
from storyanim.planning.chat_protocol import ProtocolError, RefusalError, read_answer
from storyanim.planning.replies import BadReplyError, ShotsReply, StoryReply, parse_reply

ASK = [{"role": "user", "content": "List who plays in it\nThe pieces:\n1. A bear ran."}]


def _subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


OPENAI_ERRORS = [kind for kind in _subclasses(openai.OpenAIError) if kind.__module__.split(".")[0] == "openai"]


@pytest.mark.parametrize("kind", OPENAI_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_openai_becomes_ours(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: ChatClient, *arguments: Any) -> None:
        error = kind.__new__(kind)
        Exception.__init__(error, "said")
        raise error

    monkeypatch.setattr(ChatClient, "_send", fails)
    with pytest.raises(ServiceError) as caught:
        ChatClient(PlanSettings(base_url="http://127.0.0.1:1/v1")).ask(ASK, StoryReply)
    assert caught.value.message.startswith("the chat server http://127.0.0.1:1/v1 ")
    assert caught.value.hint


def test_there_are_many_of_them() -> None:
    assert len(OPENAI_ERRORS) > 15


def test_it_can_be_asked_where_a_loop_runs() -> None:
    async def in_a_notebook() -> str:
        return ChatClient(PlanSettings(base_url=server.base_url)).ask(ASK, StoryReply).content

    before = threading.active_count()
    with FakeChatServer(fake.strict) as server:
        assert "the bear" in asyncio.run(in_a_notebook())
    assert threading.active_count() <= before + 1


def test_a_key_with_a_line_break_in_it_is_told_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\nsk-2")
    with pytest.raises(ServiceError, match="OPENAI_API_KEY is no key") as caught:
        ChatClient(PlanSettings(base_url="http://127.0.0.1:1/v1")).ask(ASK, StoryReply)
    assert "sk-" not in caught.value.message + caught.value.hint


def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("anyio.sleep", sleep)
    busy = Answer("busy", status=503, headers={"retry-after": "40"})
    with FakeChatServer(fake.first(busy)) as server:
        ChatClient(PlanSettings(base_url=server.base_url)).ask(ASK, StoryReply)
    assert waited == [40.0]


@pytest.mark.parametrize(("url", "shown"), [
    ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    ("https://ann:x@host/v1?key=x#x", "https://host/v1"),
    ("https://x@host", "https://host"),
    ("https://host?key=a@b", "https://..."),
    ("ann:x@host:1/v1", "host:1/v1"),
    ("https://ann:x/x@host", "https://..."),
    ("", ""),
])
def test_secrets_of_an_address_are_not_shown(url: str, shown: str) -> None:
    assert public_url(url) == shown
    dumped = PlanSettings(base_url=url).model_dump(mode="json")
    assert dumped["base_url"] == shown
    assert PlanSettings(base_url=url).base_url == url


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                         st.sampled_from(["choices", "message", "content", "error", "code", "finish_reason", "shots", "cast", "pieces", "query",
                                          "prompt", "characters", "name", "first", "delta", "tool_calls", "object"]), inner, max_size=4),
                     max_leaves=12)


@given(_JSON, st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_body_breaks_the_reading_of_it(value: Any, as_event: bool) -> None:
    with suppress(RefusalError, BadReplyError, ProtocolError):
        read_answer(("data: " if as_event else "") + json.dumps(value))


@given(_JSON | st.text(alphabet='{}[]",:\'ab1 `', max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_reply_breaks_the_parsing_of_it(value: Any) -> None:
    for wanted in (ShotsReply, StoryReply):
        with suppress(BadReplyError):
            parse_reply(value if isinstance(value, str) else json.dumps(value), wanted)
