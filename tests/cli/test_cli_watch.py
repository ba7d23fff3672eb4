"""`storyanim run --watch`, with fakes; a script of edits takes the place of time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import RUN, Cli, Outcome
from fakes import ALL_CALLS, Diary

from storyanim.errors import ResourceError
from storyanim.films import watch

BOARD = RUN / "storyboard.yaml"


class Editor:
    """Does an edit whenever the program waits for one, and presses Ctrl-C when there is no more."""

    def __init__(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cli, self.edits, self.looks = cli, iter(()), 0
        monkeypatch.setattr(watch, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        if self.looks % 3:                           # what is saved must stay for a while
            return
        edit = next(self.edits, None)
        if edit is None:
            raise KeyboardInterrupt                  # which may be ignored as a signal where tests run
        else:
            edit()

    def watch(self, *arguments: object, edits: list[Callable[[], object]]) -> Outcome:
        self.edits = iter(edits)
        return self.cli("run", *arguments, "--watch")


@pytest.fixture
def editor(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Editor:
    return Editor(cli, monkeypatch)


def replaced(path: Path, old: str, new: str) -> Callable[[], object]:
    """An editor that writes another file and moves it over the one before."""
    def edit() -> None:
        other = path.with_name(".saving")
        other.write_text(path.read_text().replace(old, new))
        path.unlink()
        other.rename(path)

    return edit


def drawn(outcome: Outcome) -> list[str]:
    return [line.partition("; ")[2] for line in outcome.out.splitlines()]


def test_a_saved_story_draws_what_changed(editor: Editor, story: Path, diary: Diary) -> None:
    outcome = editor.watch(story, edits=[replaced(story, "jumps", "sings"), replaced(story, "The colours", "Colours")])
    assert outcome.code == 0, outcome.err
    assert drawn(outcome) == ["drawn: s01, s02, s03", "drawn: s04", "nothing was to be drawn"]
    assert [path.name for path in Path("runs").iterdir()] == [RUN.name]              # whatever its title is by now
    assert diary.read()[:len(ALL_CALLS)] == ALL_CALLS


def test_a_saved_storyboard_draws_what_changed(editor: Editor, story: Path, diary: Diary) -> None:
    def redone() -> None:
        from storyanim.run.edits import redo_shot

        redo_shot(RUN, "s01")

    def edit_prompt() -> None:
        text = BOARD.read_text()
        at = text.index("prompt: ")
        BOARD.write_text(f"{text[:at]}prompt: another {text[at + 8:]}")

    outcome = editor.watch(story, edits=[edit_prompt, redone])
    assert outcome.code == 0, outcome.err
    assert drawn(outcome)[1:] == ["drawn: s01", "drawn: s01"]
    outcome = editor.watch(RUN, edits=[edit_prompt])
    assert drawn(outcome) == ["nothing was to be drawn", "drawn: s01"]


@pytest.mark.parametrize("when", ["encode green", "draw s02"])
def test_what_is_saved_while_it_draws_is_drawn_next(editor: Editor, story: Path, diary: Diary, when: str) -> None:
    edits = [replaced(story, "wave comes", "wave goes"), replaced(BOARD, "jumps", "sings")]

    def save(call: str) -> None:
        if call == when and edits:
            edits.pop()()

    diary.on_call = save
    outcome = editor.watch(story, edits=[lambda: None] * 3)
    assert outcome.code == 0, outcome.err
    assert drawn(outcome)[:2] == ["drawn: s01, s02, s03", "drawn: s02"]
    assert not edits
    assert "wave goes" in BOARD.read_text()


@pytest.mark.parametrize("broken", ["", "...", "\0"])
def test_a_story_broken_for_a_moment_is_waited_for(editor: Editor, story: Path, diary: Diary, broken: str) -> None:
    whole = story.read_text()
    outcome = editor.watch(story, edits=[lambda: story.write_text(broken), lambda: story.write_text(whole.replace("jumps", "sings"))])
    assert outcome.code == 0, outcome.err
    assert drawn(outcome) == ["drawn: s01, s02, s03", "drawn: s04"]
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].endswith("; waiting for the next save")


def test_one_broken_from_the_start_too(editor: Editor, story: Path, diary: Diary) -> None:
    whole = story.read_text()
    story.write_text("")
    outcome = editor.watch(story, edits=[lambda: story.write_text(whole)])
    assert (outcome.code, drawn(outcome)) == (0, ["drawn: s01, s02, s03"])


def test_a_broken_storyboard_is_waited_for(editor: Editor, story: Path, diary: Diary) -> None:
    outcome = editor.watch(story, edits=[replaced(BOARD, "shots:", "shots: ["), replaced(BOARD, "shots: [", "shots:")])
    assert outcome.code == 0, outcome.err
    assert drawn(outcome)[1:] == ["nothing was to be drawn"]


def test_a_story_that_is_away_is_waited_for(editor: Editor, story: Path, diary: Diary) -> None:
    text = story.read_text()
    outcome = editor.watch(story, edits=[story.unlink, lambda: None, lambda: story.write_text(text.replace("jumps", "sings"))])
    assert (outcome.code, drawn(outcome)) == (0, ["drawn: s01, s02, s03", "drawn: s04"])
    assert "error" not in outcome.err


def test_drawing_that_fails_is_told_and_waited_on(editor: Editor, story: Path, diary: Diary) -> None:
    def full(call: str) -> None:
        if call == "draw s04":
            raise ResourceError("full", hint="h")

    diary.on_call = full
    outcome = editor.watch(story, edits=[replaced(story, "jumps", "sings"), lambda: None, replaced(story, "sings", "jumps")])
    assert outcome.code == 0
    assert outcome.err.count("error: full; waiting") == 1


def test_ctrl_c_at_work_is_the_interrupt_of_a_run(editor: Editor, story: Path, diary: Diary) -> None:
    def interrupt(call: str) -> None:
        if call == "draw s02":
            raise KeyboardInterrupt

    diary.on_call = interrupt
    outcome = editor.watch(story, edits=[])
    assert (outcome.code, outcome.complaint[0]) == (130, "interrupted")


@pytest.mark.parametrize("flags", [("--character", "nowhere"), ("--index", "nowhere")])
def test_what_no_save_mends_ends_it(editor: Editor, story: Path, diary: Diary, flags: tuple[str, str]) -> None:
    outcome = editor.watch(story, *flags, edits=[])
    assert outcome.code == 4
    assert "nowhere" in outcome.complaint[0]
