"""What a person at the command line gets from a chat server: exit codes, messages, files."""

from __future__ import annotations

from pathlib import Path

import fake_chat_server as fake
import pytest
from command_line import Outcome
from fake_chat_server import Answer, FakeChatServer, Mode

from storyanim.artifacts import Storyboard
from storyanim.cli import app
from storyanim.console import run_app

STORY = "The bear walked in the wood. It was cold. The bear ran home.\n"


@pytest.fixture
def story(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("storyanim.planning.chat_client.FIRST_WAIT_S", 0.001)
    path = here / "story.txt"
    path.write_text(STORY)
    return path


def asked(mode: Mode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Outcome:
    with FakeChatServer(mode) as server:
        monkeypatch.setenv("STORYANIM_PLAN__BASE_URL", server.base_url.replace("http://", "http://ann:hunter2@"))
        monkeypatch.setenv("STORYANIM_PLAN__TIMEOUT_S", "0.5")
        code = run_app(app, [str(argument) for argument in arguments])
    outcome = Outcome(code, *capsys.readouterr())
    assert "hunter2" not in outcome.out + outcome.err
    return outcome


@pytest.mark.parametrize(("mode", "code", "words"), [
    (fake.strict, 0, ""),
    (fake.first(Answer("busy", status=503)), 0, ""),
    (fake.only("json_object", status=500), 0, ""),
    (fake.stream_only, 0, ""),
    (fake.cut_off(2 / 3), 0, ""),
    (fake.always(Answer("junk")), 5, "no usable reply"),
    (fake.each_shot(query="...", prompt="..."), 5, "says nothing"),
    (fake.always(Answer("slow down", status=429)), 5, "slow down"),
    (fake.always(Answer("who are you", status=401)), 5, "who are you"),
    (fake.always(Answer("Insufficient Balance", status=402)), 5, "Insufficient Balance"),
    (fake.always(Answer("maximum context length is 10 tokens", status=400)), 5, "10 tokens"),
    (fake.always(Answer(body={"error": {"message": "Provider returned error", "code": 502}})), 5, "Provider returned error"),
    (fake.always(Answer("x", drip_s=0.05)), 5, "in time"),
    (fake.always(Answer(body="<html>hello</html>")), 5, "hello"),
], ids=["good", "busy once", "json_schema 500", "stream only", "cut off", "junk", "placeholders", "429", "401", "402", "context", "200 error",
        "drips", "html"])
def test_exit_codes(
    mode: Mode, code: int, words: str, story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = story.with_name("board.yaml")
    outcome = asked(mode, capsys, monkeypatch, "plan", story, "--planner", "openai", "-o", out)
    assert outcome.code == code, outcome.err
    assert out.is_file() == (code == 0)
    if code:
        assert words in outcome.complaint[0]
    else:
        board = Storyboard.from_yaml(out.read_text())
        assert "".join(shot.text for shot in board.shots).strip() == STORY.strip()


def test_the_last_reply_is_saved_beside_the_storyboard(
    story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = asked(fake.always(Answer("I would rather not")), capsys, monkeypatch, "plan", story, "--planner", "openai", "-o", "b.yaml")
    assert outcome.complaint[1].endswith("its last reply is in b.last_reply.txt")
    assert Path("b.last_reply.txt").read_text() == "I would rather not"


def test_the_last_reply_is_saved_beside_the_run(
    story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = asked(fake.always(Answer("I would rather not")), capsys, monkeypatch, "run", story, "--planner", "openai", "-o", "out")
    assert outcome.code == 5
    assert outcome.complaint[1].endswith("its last reply is in out.last_reply.txt")
    assert Path("out.last_reply.txt").read_text() == "I would rather not"
    assert not Path("out").exists()


def test_progress_and_notes_are_printed(story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    story.write_text(" ".join(f"The bear walked mile {number} in the wood." for number in range(1, 25)))
    outcome = asked(fake.from_request(3, Answer("junk")), capsys, monkeypatch, "plan", story, "--planner", "openai", "-o", "b.yaml")
    assert outcome.code == 0
    assert "plan: 0 %  reading the story" in outcome.err
    assert "piece 9 of 24" in outcome.err
    assert "s09 to s16 planned by the rules" in outcome.err
    assert len(Storyboard.from_yaml(Path("b.yaml").read_text()).notes) == 2
