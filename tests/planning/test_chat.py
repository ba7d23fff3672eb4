"""The chat planner against servers of all manners."""

from __future__ import annotations

import json
import socket

import fake_chat_server as fake
import pytest
from fake_chat_server import Answer, Asked, FakeChatServer, Mode

from storyanim.artifacts import CastMember, Story
from storyanim.config import PlanSettings
from storyanim.errors import PlannerError, ServiceError
from storyanim.planning.chat import ChatPlanner
from storybook.vocabulary import make_vocabulary

STORY = Story(title="t", text="A bear walked. “It’s cold,” he said. He ran home.\n")
BEAR = CastMember(name="bear", noun="bear", token="<bear>")
CAT = CastMember(name="cat", noun="cat", token="<cat>")


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.002)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def planned(mode: Mode, story: Story = STORY, **settings: object) -> tuple[list[str], FakeChatServer]:
    with FakeChatServer(mode) as server:
        board = ChatPlanner(PlanSettings(base_url=server.base_url, model="m", **settings)).plan(story, [BEAR])
    assert "".join(shot.text for shot in board.shots) == story.text
    return [shot.text for shot in board.shots], server


@pytest.mark.parametrize("mode", [
    fake.strict,
    fake.only("json_object"),
    fake.only("prose"),
    fake.wrapped("Sure! Here is the storyboard:\n```json\n", "\n```\nTell me if you want changes {like this}."),
    fake.wrapped("<think>The story has {three} shots.</think>\n", ""),
    fake.wrapped("The answer is ", " as you asked."),
    lambda asked: Answer(json.dumps(fake.good_reply(asked)["shots"])),
    lambda asked: Answer(json.dumps({"storyboard": fake.good_reply(asked), })),
    lambda asked: Answer(json.dumps({**fake.good_reply(asked), "notes": "none"})),
    lambda asked: Answer(None, extra={"reasoning_content": json.dumps(fake.good_reply(asked))}),
    fake.first(Answer("I cannot do that")),
    fake.first(Answer(None)),
    fake.first(Answer(None, refusal="no")),
    fake.first(Answer('{"shots": [{"text": "A bear', finish_reason="length")),
    fake.first(Answer('{"shots": [{"text": "A dog walked."}]}')),
    fake.first(Answer('{"shots": []}')),
    fake.first(Answer('{"shots": [{"txt": 3}]}')),
    fake.first(Answer("busy", status=500)),
    fake.first(Answer("too many", status=429)),
], ids=["strict", "json_object", "prose", "fenced", "thinking", "amid prose", "array", "nested", "extra keys", "reasoning",
        "broken then right", "null", "refusal", "cut off", "other words", "no shots", "wrong key", "500 once", "429 once"])
def test_servers_differ(mode: Mode) -> None:
    texts, _ = planned(mode)
    assert len(texts) == 3
    assert texts[1].startswith("“It’s cold,”")


def test_the_form_that_a_server_takes_is_remembered() -> None:
    _, server = planned(fake.only("prose"))
    forms = [request.get("response_format", {}).get("type", "prose") for request in server.requests]
    assert forms == ["json_schema", "json_object", "prose", "prose"]


def test_strict_requests_carry_a_closed_schema() -> None:
    _, server = planned(fake.strict)
    schema = server.requests[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["additionalProperties"] is False
    assert server.requests[0]["path"] == "/v1/chat/completions"
    assert server.requests[0]["key"] == "Bearer none"


def test_straight_quotes_blanks_and_case_are_put_right() -> None:
    def mode(asked: Asked) -> Answer:
        reply = fake.strict(asked)
        straight = (reply.content or "").replace("\\u201c", '\\"').replace("\\u201d", '\\"').replace("\\u2019", "'")
        return Answer(straight.replace("He ran", "he  ran"))

    texts, server = planned(mode)
    assert texts == ["A bear walked. ", "“It’s cold,” he said. ", "He ran home.\n"]
    assert len(server.requests) == 2


def test_errors_are_told_to_the_model() -> None:
    _, server = planned(fake.first(Answer('{"shots": [{"text": "A dog walked."}]}')))
    messages = server.requests[1]["messages"]
    assert messages[1] == {"role": "assistant", "content": '{"shots": [{"text": "A dog walked."}]}'}
    assert "A bear walked" in messages[2]["content"]
    assert "A dog walked" in messages[2]["content"]


def test_always_broken_ends_with_the_last_reply() -> None:
    with FakeChatServer(fake.always(Answer("no JSON here"))) as server, pytest.raises(PlannerError) as caught:
        ChatPlanner(PlanSettings(base_url=server.base_url, model="m", attempts=2)).plan(STORY, [])
    assert (caught.value.last_reply, caught.value.attempts, len(server.requests)) == ("no JSON here", 2, 2)


@pytest.mark.parametrize(("answer", "words", "hint"), [
    (Answer("boom", status=500), "failed", "later"),
    (Answer("slow down", status=429), "quota", "quota"),
    (Answer("bad key", status=401), "API key", "OPENAI_API_KEY"),
    (Answer("forbidden", status=403), "allow", "rights"),
    (Answer("The model `m` does not exist", status=404), "model", "plan.model"),
    (Answer("context too long", status=400), "refuses", "chat model"),
    (Answer(body="<html>hello</html>"), "another protocol", "base_url"),
    (Answer(body={"hello": "world"}), "another protocol", "base_url"),
    (Answer("x", finish_reason="content_filter"), "filtered", "another model"),
], ids=["500", "429", "401", "403", "404", "400", "html", "other json", "filtered"])
def test_failures_have_hints(answer: Answer, words: str, hint: str) -> None:
    with FakeChatServer(fake.always(answer)) as server, pytest.raises(ServiceError) as caught:
        ChatPlanner(PlanSettings(base_url=server.base_url, model="m")).plan(STORY, [])
    assert not isinstance(caught.value, PlannerError)
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert len(server.requests) <= 3


def test_a_slow_server_is_not_awaited_for_ever() -> None:
    with FakeChatServer(fake.slow(0.4)) as server, pytest.raises(ServiceError, match="in time"):
        ChatPlanner(PlanSettings(base_url=server.base_url, model="m", timeout_s=0.05)).plan(STORY, [])


def test_no_server() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))                # nobody listens at it, and nobody else can begin to
        planner = ChatPlanner(PlanSettings(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1", model="m"))
        with pytest.raises(ServiceError, match="cannot be reached"):
            planner.plan(STORY, [])


def test_no_key_for_openai_itself() -> None:
    with pytest.raises(ServiceError) as caught:
        ChatPlanner(PlanSettings()).plan(STORY, [])
    assert "OPENAI_API_KEY" in caught.value.hint


def test_long_stories_go_in_batches_of_eight() -> None:
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
    story = Story(title="t", text=" ".join(f"The bear walked {number} miles." for number in numbers))
    texts, server = planned(fake.strict, story)
    assert len(texts) == 11
    splits = [r["messages"][0]["content"] for r in server.requests if "to be split:" in r["messages"][0]["content"]]
    writes = [r["messages"][0]["content"] for r in server.requests if "The shots:" in r["messages"][0]["content"]]
    assert [text.split("to be split:\n")[-1].count("The bear") for text in splits] == [5, 5, 1]
    assert "five miles" in splits[1].split("The story, to be split:")[0]
    assert [len(text.split("The shots:\n")[1].strip().splitlines()) for text in writes] == [8, 3]
    assert "- a <bear> bear walks" in writes[1]


def test_a_story_that_looks_like_a_hole_is_not_filled() -> None:
    texts, _ = planned(fake.strict, Story(title="t", text="The bear paid $story and $5."))
    assert texts == ["The bear paid $story and $5."]


def test_prompts_are_put_into_the_vocabulary() -> None:
    with FakeChatServer(fake.strict) as server:
        planner = ChatPlanner(PlanSettings(base_url=server.base_url, model="m"), make_vocabulary())
        board = planner.plan(STORY, [BEAR])
    assert board.shots[0].prompt == "a <bear> bear walking in the forest at night"
    assert board.shots[2].prompt == "a <bear> bear running in the forest at night"
    assert "- creature: bear, cat" in server.requests[1]["messages"][0]["content"]


@pytest.mark.parametrize(("prompt", "said", "figures"), [
    ("a <bear> bear looks at a <cat> cat in the forest", "a <bear> bear and a <cat> cat standing in the forest", 2),
    ("a <bear> bear dances with a duck on the beach", "a <bear> bear and a duck dancing on the beach", 2),
    ("a <bear> bear dances on the beach", "a <bear> bear dancing on the beach", 1),
])
def test_who_is_written_into_a_shot_is_shown(prompt: str, said: str, figures: int) -> None:
    cast = [member for member in (BEAR, CAT) if member.token in prompt]

    def mode(asked: Asked) -> Answer:
        reply = fake.good_reply(asked)
        if asked.number == 2:
            reply["shots"][0].update({"prompt": prompt, "characters": [member.name for member in cast], "setting": ""})
        return Answer(json.dumps(reply))

    with FakeChatServer(mode) as server:
        planner = ChatPlanner(PlanSettings(base_url=server.base_url, model="m"), make_vocabulary())
        shot = planner.plan(Story(title="t", text="The bear was there with somebody."), cast).shots[0]
    assert (shot.prompt, shot.characters, shot.figures) == (said, tuple(member.name for member in cast), figures)


@pytest.mark.parametrize(("change", "problem"), [
    ({"number": 7}, "numbered 1 to 1"),
    ({"prompt": "a <wolf> wolf runs"}, "<wolf>"),
    ({"prompt": "an animal runs", "characters": ["bear"]}, "<bear>"),
    ({"query": ""}, "query"),
])
def test_bad_words_are_asked_again(change: dict[str, object], problem: str) -> None:
    def mode(asked: Asked) -> Answer:
        reply = fake.good_reply(asked)
        if asked.number == 2:
            reply["shots"][0].update(change)
        return Answer(json.dumps(reply))

    _, server = planned(mode, Story(title="t", text="The bear ran."))
    assert len(server.requests) == 3
    assert problem in server.requests[2]["messages"][2]["content"]


def test_a_forgotten_pseudo_word_is_put_in() -> None:
    def mode(asked: Asked) -> Answer:
        return Answer(json.dumps(fake.good_reply(asked)).replace("a <bear> bear", "a big Bear"))

    with FakeChatServer(mode) as server:
        planner = ChatPlanner(PlanSettings(base_url=server.base_url, model="m"))
        board = planner.plan(Story(title="t", text="The bear ran."), [BEAR])
    assert board.shots[0].prompt == "a big <bear> bear runs in a forest at night"
