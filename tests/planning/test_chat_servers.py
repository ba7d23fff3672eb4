"""Table of faulty chat servers, each with the outcome that should come."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import fake_chat_server as fake
import pytest
from fake_chat_server import Answer, Asked, FakeChatServer, Mode

from storyanim.artifacts import CastMember, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import PlannerError, ServiceError
from storyanim.planning.chat import ChatPlanner

STORY = Story(title="t", text="A bear walked in the wood. “It’s cold,” he said. He ran home.\n")
PIECES = ["A bear walked in the wood. ", "“It’s cold,” he said. ", "He ran home.\n"]
LONG = Story(title="t", text=" ".join(f"The bear walked mile {number} in the wood." for number in range(1, 18)))
BEAR = CastMember(name="bear", noun="bear", token="<bear>")
WORDS = "a bear seen from far away"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storyanim.planning.chat_client.FIRST_WAIT_S", 0.001)


def planned(mode: Mode, story: Story = STORY, **settings: Any) -> tuple[Storyboard, FakeChatServer]:
    with FakeChatServer(mode) as server:
        board = ChatPlanner(PlanSettings(base_url=server.base_url, model="m", **settings)).plan(story, [BEAR])
    assert "".join(shot.text for shot in board.shots) == story.text
    return board, server


def refused(mode: Mode, story: Story = STORY, **settings: Any) -> tuple[ServiceError, FakeChatServer]:
    with FakeChatServer(mode) as server, pytest.raises(ServiceError) as caught:
        ChatPlanner(PlanSettings(base_url=server.base_url, model="m", **settings)).plan(story, [BEAR])
    return caught.value, server


def _renumbered(change: Any) -> Mode:
    return fake.shots(lambda made: [shot | {"pieces": change(i)} for i, shot in enumerate(made)])


def _without(name: str) -> Mode:
    return fake.shots(lambda made: [{key: value for key, value in shot.items() if key != name} for shot in made])


def _draft(asked: Asked) -> Answer:
    good = json.dumps(fake.good_reply(asked))
    return Answer(good.replace("bear", "draft") + "\nNo, better so.</think>\n" + good)


def _as_tool_call(asked: Asked) -> Answer:
    call = {"function": {"name": "reply", "arguments": json.dumps(fake.good_reply(asked))}}
    return Answer(None, extra={"tool_calls": [call]})


def _wants_the_word_json(asked: Asked) -> Answer:
    if asked.form == "json_schema" or (asked.form == "json_object" and "json" not in asked.question.lower()):
        return Answer("messages must contain the word json for response_format json_object", status=400)
    return fake.strict(asked)


def _wants_completion_tokens(asked: Asked) -> Answer:
    if "max_tokens" in asked.request:
        return Answer("Unsupported parameter: use max_completion_tokens instead of max_tokens", status=400)
    return fake.strict(asked)


def _too_long_for(pieces: int) -> Mode:
    def mode(asked: Asked) -> Answer:
        return Answer("maximum context length is 2048 tokens", status=400) if len(asked.pieces) > pieces else fake.strict(asked)

    return mode


# ── those that a storyboard comes of, a shot a piece ──

FINE: dict[str, Mode] = {
    "good": fake.strict,
    "json_object only": fake.only("json_object"),
    "prose only": fake.only("prose"),
    "json_schema answered by 500": fake.only("json_object", status=500),
    "all forms answered by 500": fake.only("prose", status=500),
    "wants the word json": _wants_the_word_json,
    "429 once, Retry-After": fake.first(Answer("slow down", status=429, headers={"retry-after": "0.01"})),
    "500 once": fake.first(Answer("busy", status=500)),
    "503 once": fake.first(Answer("overloaded", status=503)),
    "200 with an error body once": fake.first(Answer(body={"error": {"message": "Provider returned error", "code": 502}})),
    "hangs up once": fake.first(Answer("{", hang_up=True)),
    "stream only": fake.stream_only,
    "stream though not asked": lambda asked: Answer(body=fake.as_stream(fake.strict(asked))),
    "content in parts": lambda asked: Answer([{"type": "text", "text": json.dumps(fake.good_reply(asked))}]),
    "tool call": _as_tool_call,
    "reasoning_content": lambda asked: Answer(None, extra={"reasoning_content": json.dumps(fake.good_reply(asked))}),
    "reasoning": lambda asked: Answer("", extra={"reasoning": json.dumps(fake.good_reply(asked))}),
    "fenced": fake.wrapped("Sure! Here is the storyboard:\n```json\n", "\n```\nTell me if you want changes {like this}."),
    "fence unclosed": fake.wrapped("```json\n", ""),
    "fence on one line": fake.wrapped("```json ", "```"),
    "prose around": fake.wrapped("The answer {in short} is ", " as you asked {me}."),
    "thought": fake.wrapped("<think>The story has {three} shots.</think>\n", ""),
    "draft before the thought's end": _draft,
    "harmony channels": fake.wrapped("<|channel|>analysis<|message|>{hm}<|end|><|start|>assistant<|channel|>final<|message|>", ""),
    "top array": fake.shots(lambda made: json.dumps(made)),
    "array around": fake.wrapped("[", "]"),
    "object deeper": fake.wrapped('{"result": {"storyboard": ', '}, "notes": "ok"}'),
    "renamed list": fake.shots(lambda made: json.dumps({"storyboard": made})),
    "extra keys": fake.shots(lambda made: json.dumps({"shots": made, "notes": "none", "title": "x"})),
    "names array first": fake.wrapped('["bear"]\n', ""),
    "one object a shot": fake.shots(lambda made: "\n".join(json.dumps(shot) for shot in made)),
    "one object a shot, amid prose": fake.shots(lambda made: "\n".join(f"Shot: {json.dumps(shot)}" for shot in made)),
    "shots as an object": fake.shots(lambda made: json.dumps({"shots": {f"shot{i}": shot for i, shot in enumerate(made)}})),
    "JSON twice": fake.retold(lambda text: f"{text}\n{text}"),
    "trailing commas": fake.retold(lambda text: text.replace("}]", "},]").replace('"}', '",}')),
    "single quotes": lambda asked: Answer(str(fake.good_reply(asked))),
    "comma missing": fake.retold(lambda text: text.replace('"query"', 'query').replace('], "prompt"', '] "prompt"')),
    "raw line breaks in strings": fake.retold(lambda text: text.replace("in a forest", "in\na forest")),
    "numbers as text": _renumbered(lambda i: str(i + 1)),
    "numbers as words": _renumbered(lambda i: f"piece {i + 1}"),
    "numbers from 0": _renumbered(lambda i: [i]),
    "numbers from 9": _renumbered(lambda i: [i + 9]),
    "no numbers": _without("pieces"),
    "number ../../x": _renumbered(lambda i: "../../x"),
    "a number, not a list": _renumbered(lambda i: i + 1),
    "`number` for `pieces`": fake.shots(lambda made: [{("number" if key == "pieces" else key): value for key, value in shot.items()}
                                                      for shot in made]),
    "capitals in keys": fake.retold(lambda text: text.replace('"query"', '"Query"').replace('"prompt"', '"Prompt"')),
    "backwards": fake.shots(lambda made: made[::-1]),
    "null characters": fake.each_shot(characters=None, setting=None),
    "characters as text": fake.shots(lambda made: [shot | {"characters": ", ".join(shot["characters"])} for shot in made]),
    "unknown characters": fake.shots(lambda made: [shot | {"characters": [*shot["characters"], "Zoe"]} for shot in made]),
    "lists for texts": fake.retold(lambda text: text.replace('"he"', '["he", "him"]').replace('"night"', '["night"]')),
    "ANSI and bells in the prompt": fake.retold(lambda text: text.replace("in a forest", "in \\u001b[31ma\\u0007 forest")),
    "empty once": fake.first(Answer("")),
    "null once": fake.first(Answer(None)),
    "prose once": fake.first(Answer("I cannot do that")),
    "refusal once": fake.first(Answer(None, refusal="no")),
    "placeholders once": lambda asked: (fake.each_shot(query="...", prompt="...") if asked.number == 2 else fake.strict)(asked),
    "drops a piece once": lambda asked: (fake.shots(lambda made: made[:-1]) if asked.number == 2 else fake.strict)(asked),
    "cut off at two thirds": fake.cut_off(2 / 3),
    "cut off in the last shot": fake.cut_off(0.9),
    "cut off at two thirds, not told": fake.cut_off(2 / 3, reason="stop"),
    "cut off after 400 letters": fake.limited(400),
    "max_tokens is called max_completion_tokens": _wants_completion_tokens,
    "requests of one piece at most": _too_long_for(1),
    "cast and scenes as text": lambda asked: Answer("The bear is in a forest.") if asked.is_about_story else fake.strict(asked),
}
NOTED = {"cast and scenes as text"}                  # mended by other means, and said so


@pytest.mark.parametrize("name", FINE)
def test_a_shot_a_piece(name: str) -> None:
    board, server = planned(FINE[name], max_tokens=500 if "tokens" in name else None)
    assert [shot.text for shot in board.shots] == PIECES
    assert len(server.requests) <= 10
    assert bool(board.notes) == (name in NOTED)
    for shot in board.shots:
        assert "forest" in shot.prompt
        assert shot.prompt.isprintable()


# ── those of whom nothing is to be had ──

JSON_BUT = '{"cast": [], "shots": [{"pieces": [1, 2, 3], "query": "a bear walking", "prompt": "%s"}]}'
USELESS: dict[str, tuple[Mode, str]] = {
    "empty": (fake.always(Answer("")), "empty"),
    "null": (fake.always(Answer(None)), "empty"),
    "no choices": (fake.always(Answer(body={"choices": []})), "empty"),
    "prose": (fake.always(Answer("I cannot do that")), "no JSON"),
    "other JSON": (fake.always(Answer('{"a": 1}')), "no JSON"),
    "deep brackets": (fake.always(Answer("[" * 50_000)), "no JSON"),
    "deep brackets, closed": (fake.always(Answer("[" * 50_000 + "]" * 50_000)), "no JSON"),
    "deep objects": (fake.always(Answer('{"shots":' * 9_000 + "1" + "}" * 9_000)), "no JSON"),
    "deep pieces": (fake.shots(lambda made: '{"shots": [{"pieces": ' + "[" * 900 + "1" + "]" * 900 + ', "query": "a bear", "prompt": "a bear"}]}'),
                    "valid integer"),
    "refusal as text": (fake.always(Answer("I'm sorry, but I can't help with that story.")), "no JSON"),
    "reasoning only": (fake.always(Answer(None, extra={"reasoning_content": "The bear walks. Hm."})), "no JSON"),
    "thought without an end": (fake.always(Answer("<think>The bear walks. Hm.")), "thought"),
    "reasoning eats all": (fake.always(Answer("", finish_reason="length", extra={"reasoning": "Hm."})), "cut off"),
    "prose without an end": (fake.always(Answer("This is a story about a film. " * 50, finish_reason="length")), "no JSON"),
    "cut off at once": (fake.always(Answer('{"shots": [{"pie', finish_reason="length")), "cut off"),
    "refusal field": (fake.always(Answer(None, refusal="not this story")), "not this story"),
    "filtered": (fake.always(Answer("x", finish_reason="content_filter")), "filtered"),
    "Markdown scenes": (fake.always(Answer("## Shot 1\n- a bear walks\n\n## Shot 2\n- it runs")), "no JSON"),
    "no shots": (fake.shots(lambda made: []), "at least 1 item"),
    "without prompts": (_without("prompt"), "prompt: Field required"),
    "46 shots": (fake.shots(lambda made: (made * 16)[:46]), "exactly one shot"),
    "one shot missing": (fake.shots(lambda made: made[:-1]), "pieces 3"),
    "a shot in the middle missing": (fake.shots(lambda made: [made[0], made[2]]), "exactly one shot"),
    "a piece twice": (fake.shots(lambda made: [*made, made[2]]), "exactly one shot"),
    "pieces that lie apart": (fake.shots(lambda made: [made[0] | {"pieces": [1, 3]}, made[1]]), "exactly one shot"),
    "placeholders": (fake.each_shot(query="...", prompt="..."), "says nothing"),
    "one word": (fake.each_shot(prompt="string"), "says nothing"),
    "the form's own text": (fake.each_shot(prompt="a <name> potter paints a bowl"), "repeats the example"),
    "the example": (fake.each_shot(query="a potter painting a bowl in a workshop"), "repeats the example"),
    "tags": (fake.each_shot(prompt="a bear <script>alert(1)</script> walks"), "unknown pseudo-word"),
    "one prompt for all": (fake.each_shot(prompt="a <bear> bear walks", characters=["bear"]), "same prompt"),
    "Chinese": (fake.each_shot(prompt="一只 <bear> bear 熊 在 森林 里 走路 它 很 冷", characters=["bear"]), "in English"),
    "German": (fake.shots(lambda made: [shot | {"query": "ein Bär läuft durch den dunklen Wald",
                                                "prompt": f"Ein <bear> bear läuft bei Nacht durch den dunklen Wald nach Hause {i}",
                                                "characters": ["bear"]} for i, shot in enumerate(made)]), "in English"),
    "something else": (fake.shots(lambda made: [shot | {"query": "two ships sailing", "characters": [],
                                                        "prompt": f"Two ships sail on an ocean by noon, number {i}"}
                                                for i, shot in enumerate(made)]), "anything that the pieces tell"),
    "a character without its pseudo-word": (fake.each_shot(prompt="somebody walks", characters=["bear"]), "<bear>"),
}


@pytest.mark.parametrize("name", USELESS)
def test_no_reply_is_of_use(name: str) -> None:
    mode, words = USELESS[name]
    error, server = refused(mode)
    assert isinstance(error, PlannerError)
    assert words in error.message
    assert error.hint
    assert error.last_reply in {"", *(answer_text(mode, asked) for asked in server.asked)}
    assert len(server.requests) <= 12


def answer_text(mode: Mode, asked: Asked) -> str:
    answer = mode(asked)
    return str(answer.content or answer.extra.get("reasoning_content", ""))


# ── those that fail as a service ──

HTML = "<html><head><title>Not found</title></head><body>nginx</body></html>"
BROKEN: dict[str, tuple[Mode, str, str, int]] = {   # words of the message, of the hint, most requests
    "429 always": (fake.always(Answer("slow down", status=429)), "slow down", "quota", 3),
    "429, wait an hour": (fake.always(Answer("later", status=429, headers={"retry-after": "3600"})), "asks to wait 3600 s", "quota", 1),
    "500 always": (fake.always(Answer("boom", status=500)), "boom", "later", 7),
    "503 plain text": (fake.always(Answer(body="upstream is down", status=503)), "upstream is down", "later", 3),
    "401": (fake.always(Answer("bad key", status=401)), "bad key", "OPENAI_API_KEY", 1),
    "402": (fake.always(Answer("Insufficient Balance", status=402)), "Insufficient Balance", "top up", 1),
    "403 for want of credits": (fake.always(Answer("add credits", status=403)), "add credits", "top up", 1),
    "403": (fake.always(Answer("forbidden", status=403)), "forbidden", "rights", 1),
    "404 model": (fake.always(Answer("The model `m` does not exist", status=404)), "`m` does not exist", "plan.model", 1),
    "404 HTML": (fake.always(Answer(body=HTML, status=404)), "nginx", "base_url", 1),
    "418": (fake.always(Answer("a teapot", status=418)), "a teapot", "plan.model", 1),
    "200 HTML": (fake.always(Answer(body=HTML)), "another protocol", "base_url", 1),
    "200 other JSON": (fake.always(Answer(body={"hello": "world"})), "another protocol", "base_url", 1),
    "200 nothing": (fake.always(Answer(body="")), "another protocol", "base_url", 1),
    "200 with an error body": (fake.always(Answer(body={"error": {"message": "Provider returned error", "code": 502}})),
                               "502: Provider returned error", "later", 3),
    "200 with an error without a code": (fake.always(Answer(body={"error": "no such engine"})), "no such engine", "later", 1),
    "200 with an error in the choice": (fake.always(Answer(body={"choices": [{"error": {"message": "lost it", "code": 504}}]})),
                                        "lost it", "later", 3),
    "vLLM's error": (fake.always(Answer(body={"object": "error", "message": "bad adapter", "code": 400})), "bad adapter", "plan.model", 3),
    "FastAPI's error": (fake.always(Answer(body={"detail": [{"msg": "wrong field", "loc": ["x"]}]}, status=422)), "wrong field", "model", 3),
    "error in a stream": (fake.always(Answer(body='data: {"error": {"message": "engine died", "code": 500}}\n\n')), "engine died", "later", 7),
    "context too long": (fake.always(Answer("maximum context length is 2048 tokens", status=400)), "2048 tokens", "longer context", 8),
    "200 deep brackets": (fake.always(Answer(body="[" * 50_000)), "another protocol", "base_url", 1),
    "500 deep brackets": (fake.always(Answer(body='{"error": ' + "[" * 900 + '"boom"' + "]" * 900 + "}", status=500)), "boom", "later", 7),
    "429, wait 61 s": (fake.always(Answer("later", status=429, headers={"retry-after": "61"})), "asks to wait 61 s", "quota", 1),
    "max_tokens required": (fake.always(Answer("max_tokens is required", status=400)), "max_tokens is required", "plan.max_tokens", 1),
    "hangs up": (fake.always(Answer("{", hang_up=True)), "cannot be reached", "server runs", 3),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_server_is_told_by_its_own_words(name: str) -> None:
    mode, words, hint, most = BROKEN[name]
    error, server = refused(mode)
    assert not isinstance(error, PlannerError)
    assert words in error.message
    assert hint in error.hint
    assert len(server.requests) <= most


def test_the_table_is_long() -> None:
    assert len(FINE) + len(USELESS) + len(BROKEN) >= 110


# ── time ──


def test_a_server_that_hangs() -> None:
    threads = threading.active_count()
    error, server = refused(fake.slow(1.0), timeout_s=0.1)
    assert "in time within 0.1 s" in error.message
    assert "timeout_s" in error.hint
    assert len(server.requests) == 3
    assert threading.active_count() <= threads + 1 + len(server.requests)        # the server's own


def test_a_server_that_drips_blanks_is_bound_by_the_whole_request() -> None:
    start = time.monotonic()
    error, server = refused(fake.always(Answer("x", drip_s=0.05)), timeout_s=0.3)
    assert "in time" in error.message
    assert len(server.requests) == 3
    assert time.monotonic() - start < 10
    assert not [thread.name for thread in threading.enumerate() if "portal" in thread.name]


def test_no_server() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))                # nobody listens at it, and nobody else can begin to
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(ServiceError, match="cannot be reached") as caught:
            ChatPlanner(PlanSettings(base_url=url, model="m")).plan(STORY, [BEAR])
    assert "server runs" in caught.value.hint


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://", "http:///v1", "localhost"])
def test_no_address(url: str) -> None:
    with pytest.raises(ServiceError, match="no address of a server") as caught:
        ChatPlanner(PlanSettings(base_url=url, model="m")).plan(STORY, [BEAR])
    assert "http://" in caught.value.hint


def test_the_whole_address_of_the_endpoint_is_taken() -> None:
    with FakeChatServer(fake.strict) as server:
        ChatPlanner(PlanSettings(base_url=f"{server.base_url}/chat/completions", model="m")).plan(STORY, [BEAR])
    assert {request["path"] for request in server.requests} == {"/v1/chat/completions"}


def test_no_key_for_openai_itself() -> None:
    with pytest.raises(ServiceError) as caught:
        ChatPlanner(PlanSettings()).plan(STORY, [])
    assert "OPENAI_API_KEY" in caught.value.hint


# ── secrets ──

SECRETS = ("hunter2", "s3cr3t-token", "sk-12345")


def test_secrets_of_the_address_are_sent_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", logger="storyanim")
    caplog.set_level("INFO", logger="httpx2")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345\n")
    echo = fake.from_request(2, Answer("no rights for ann:hunter2 with s3cr3t-token, sk-12345", status=403))
    with FakeChatServer(echo) as server:
        settings = PlanSettings(base_url=f"http://ann:hunter2@{server.host}/v1?token=s3cr3t-token", model="m")
        with pytest.raises(ServiceError) as caught:
            ChatPlanner(settings).plan(STORY, [BEAR])
    assert server.requests[0]["key"].startswith("Basic ")
    assert server.requests[0]["path"] == "/v1/chat/completions?token=s3cr3t-token"
    said = f"{caught.value} {caught.value.hint} {caplog.text} {settings!r} {settings.model_dump(mode='json')}"
    assert f"http://{server.host}/v1" in said
    assert "no rights for" in said
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("url", [
    "http://ann:hunter2@127.0.0.1:1/v1", "http://127.0.0.1:1/v1?key=hunter2", "http://127.0.0.1:1/v1#hunter2", "ann:hunter2@host/v1",
    "http://ann:hun/hunter2@127.0.0.1:1/v1", "http://ann:hun?hunter2@127.0.0.1:1/v1", "http://hunter2@127.0.0.1:1",
])
def test_whatever_address_fails_its_secrets_stay(url: str) -> None:
    with pytest.raises(ServiceError) as caught:
        ChatPlanner(PlanSettings(base_url=url, model="m")).plan(STORY, [BEAR])
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
