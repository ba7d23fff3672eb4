"""What a person sees while something works."""

from __future__ import annotations

import sys

import pytest

from storyanim import console


def test_lines_come_at_each_tenth_and_begin_anew_with_the_next_work(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("film") as tell:
        for step in range(101):
            tell(step / 100, f"learning {step}")
        tell(0.0, "drawing")
        tell(0.5, "drawing more")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 + 2
    assert lines[0] == "film: 0 %  learning 0"
    assert lines[-2:] == ["film: 0 %  drawing", lines[-1]]
    assert lines[-1].startswith("film: 50 %, 0 s left  drawing")


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with console.progress("film") as tell:
        tell(0.9, "learning")
        tell(0.1, "drawing")
    shown = capsys.readouterr()
    assert "drawing" in shown.err
    assert shown.out == ""


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("film", quiet=True) as tell:
        tell(0.5, "drawing")
    console.say("done", quiet=True)
    assert capsys.readouterr().err == ""
