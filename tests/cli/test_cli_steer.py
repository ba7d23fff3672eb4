"""What a person did to a run is never undone but by them: kept storyboards, undo, merges, flags, with fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import RUN, Cli, Outcome
from fakes import STORY, Diary
from family import save_pictures

from storyanim.artifacts import Shot, Storyboard


@pytest.fixture
def change(cli: Cli) -> Callable[..., None]:
    def changed(*arguments: object) -> None:
        outcome = cli("shot", *arguments)
        assert outcome.code == 0, outcome.err

    return changed


def board(run: Path = RUN) -> Storyboard:
    return Storyboard.from_yaml((run / "storyboard.yaml").read_text())


def shots(run: Path = RUN) -> dict[str, Shot]:
    return {shot.id: shot for shot in board(run).shots}


def a_candidate(run: Path, shot_id: str) -> str:
    return json.loads((run / "shots" / shot_id / "match/match.json").read_text())["matches"][-1]["clip_id"]


def kept(run: Path = RUN) -> list[str]:
    return [path.stem for path in sorted((run / "storyboards").glob("*.yaml"))]


class TestShot:
    def test_list_tells_of_each(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        change("insert", RUN, "s01", "--prompt", "a green bear")
        found = cli("shot", "list", RUN, "--json").json
        assert [(shot["id"], shot["drawn"], bool(shot["footage"])) for shot in found] == [
            ("s01", True, True), ("s04", False, False), ("s02", True, True), ("s03", True, True)]
        lines = cli("shot", "list", RUN).out.splitlines()
        assert [line.split()[0] for line in lines] == ["s01", "s04", "s02", "s03"]
        assert "not drawn" in lines[1]

    def test_move_draws_nothing_but_the_film(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        film = (RUN / "film.mp4").read_bytes()
        change("move", RUN, "s01", "--behind", "s03")
        assert list(shots()) == ["s02", "s03", "s01"]
        change("move", RUN, "s03", "--before", "s02")
        assert list(shots()) == ["s03", "s02", "s01"]
        assert cli("run", RUN).code == 0
        assert (RUN / "film.mp4").read_bytes() != film
        for other in ("s09", "s01"):
            before = (RUN / "storyboard.yaml").read_bytes()
            assert cli("shot", "move", RUN, "s01", "--behind", other).code in (2, 4)
            assert (RUN / "storyboard.yaml").read_bytes() == before

    def test_seed(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        change("seed", RUN, "s02", "77")
        assert shots()["s02"].seed == 77
        assert cli("run", RUN, "--json").json["drawn"] == ["s02"]

    def test_comments_stay(self, made: Outcome, change: Callable[..., None]) -> None:
        path = RUN / "storyboard.yaml"
        path.write_text(path.read_text().replace("- id: s02", "# the frog\n- id: s02  # it sings"))
        change("redo", RUN, "s02")
        change("pin", RUN, "s03", a_candidate(RUN, "s03"))
        change("move", RUN, "s02", "--before", "s01")
        assert "shots:\n# the frog\n- id: s02  # it sings\n" in path.read_text()


class TestUndo:
    def test_each_step_back_and_forth(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        path = RUN / "storyboard.yaml"
        texts = [path.read_text()]
        for command in (("redo", RUN, "s01"), ("remove", RUN, "s02"), ("move", RUN, "s03", "--before", "s01")):
            change(*command)
            texts.append(path.read_text())
        for text in reversed(texts[:-1]):
            change("undo", RUN)
            assert path.read_text() == text
        assert cli("shot", "undo", RUN).code == 4
        change("undo", RUN, "--to", "4")
        assert path.read_text() == texts[3]
        change("undo", RUN)                          # before what was gone back to
        assert path.read_text() == texts[2]
        assert kept()[:4] == ["0001-plan", "0002-redo-s01", "0003-remove-s02", "0004-move-s03"]

    def test_what_was_written_by_hand(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        path = RUN / "storyboard.yaml"
        path.write_text(path.read_text().replace("seed: ", "seed: 4"))
        by_hand = path.read_text()
        change("redo", RUN, "s01")
        change("undo", RUN)
        assert path.read_text() == by_hand
        assert kept()[:3] == ["0001-plan", "0002-edited", "0003-redo-s01"]

    def test_the_frames_come_back(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        film = (RUN / "film.mp4").read_bytes()
        change("redo", RUN, "s02")
        assert cli("run", RUN).code == 0
        change("undo", RUN)
        assert cli("run", RUN).code == 0
        assert (RUN / "film.mp4").read_bytes() == film

    def test_the_list(self, cli: Cli, made: Outcome, change: Callable[..., None]) -> None:
        change("redo", RUN, "s01")
        assert [version["made_by"] for version in cli("shot", "undo", RUN, "--list", "--json").json] == ["plan", "redo-s01"]
        assert cli("shot", "undo", RUN, "--to", "9").code == 4
        assert cli("shot", "undo", "nowhere").code == 4

    def test_a_new_plan_and_no_plan_again(self, cli: Cli, made: Outcome, story: Path, diary: Diary, change: Callable[..., None]) -> None:
        change("redo", RUN, "s01")
        mine = (RUN / "storyboard.yaml").read_text().partition("\n")[2]
        story.write_text(f"# {STORY.title}\n\nA green frog sings.\n")
        assert cli("run", story).code == 0
        assert list(shots()) == ["s04"]
        change("undo", RUN)
        assert cli("run", story).code == 0           # what was undone is not planned again
        assert (RUN / "storyboard.yaml").read_text().partition("\n")[2] == mine


class TestNewPlans:
    def test_comments_of_what_stays(self, cli: Cli, made: Outcome, story: Path) -> None:
        path = RUN / "storyboard.yaml"
        path.write_text(path.read_text().replace("- id: s03", "# the sea\n- id: s03  # it comes"))
        story.write_text(story.read_text().replace("jumps", "sings"))
        assert cli("run", story).code == 0
        assert list(shots()) == ["s01", "s04", "s03"]
        assert "\n# the sea\n- id: s03  # it comes\n" in path.read_text()

    def test_edits_are_discarded_where_the_plan_is_the_same(
        self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]
    ) -> None:
        path = RUN / "storyboard.yaml"
        whole = path.read_text()
        change("remove", RUN, "s02")
        assert cli("run", story).code == 0
        assert list(shots()) == ["s01", "s03"]
        assert cli("run", story, "--replan", "discard").code == 0
        assert path.read_text() == whole
        change("undo", RUN)
        assert list(shots()) == ["s01", "s03"]

    def test_edits_of_shots_whose_words_stay(
        self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]
    ) -> None:
        seed = shots()["s03"].seed
        change("remove", RUN, "s02")
        change("insert", RUN, "s01", "--prompt", "a fox runs")
        change("redo", RUN, "s03")
        change("replace", RUN, "s01", "--prompt", "mine")
        story.write_text(f"# {STORY.title}\n\n{STORY.text} A green frog sings.\n")
        outcome = cli("run", story)
        assert outcome.code == 0, outcome.err
        assert list(shots()) == ["s01", "s04", "s03", "s05"]
        assert (shots()["s01"].prompt, shots()["s04"].prompt, shots()["s03"].seed) == ("mine", "a fox runs", seed + 1)

    def test_a_character_that_came_later(
        self, cli: Cli, made: Outcome, here: Path, change: Callable[..., None]
    ) -> None:
        change("remove", RUN, "s02")
        change("insert", RUN, "s01", "--prompt", "a fox runs")
        outcome = cli("run", RUN, "--character", save_pictures(here / "bear"))
        assert outcome.code == 0, outcome.err
        assert list(shots()) == ["s01", "s04", "s03"]
        assert shots()["s04"].prompt == "a fox runs"
        assert [who.name for who in board().characters] == ["bear"]

    def test_what_cannot_be_kept_is_told_and_asked(
        self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]
    ) -> None:
        change("redo", RUN, "s01")
        before = (RUN / "storyboard.yaml").read_text()
        story.write_text(f"# {STORY.title}\n\nA green frog sings.\n")
        outcome = cli("run", story, "--replan", "ask")           # nobody answers
        assert outcome.code == 2
        assert "--replan keep" in outcome.complaint[1]
        assert (RUN / "storyboard.yaml").read_text() == before
        outcome = cli("run", story)
        assert outcome.code == 0
        assert "s01: its words are not in the new plan" in outcome.err
        assert any(before == path.read_text() for path in (RUN / "storyboards").glob("*.yaml"))

    def test_discard(self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]) -> None:
        change("remove", RUN, "s02")
        change("redo", RUN, "s01")
        seed = shots()["s01"].seed
        story.write_text(f"# {STORY.title}\n\n{STORY.text} A green frog sings.\n")
        assert cli("run", story, "--replan", "discard").code == 0
        assert len(shots()) == 4
        assert shots()["s01"].seed == seed - 1

    def test_of_a_run_from_before_bases_were_kept(
        self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]
    ) -> None:
        import shutil

        change("redo", RUN, "s01")
        seed = shots()["s01"].seed
        change("remove", RUN, "s02")
        shutil.rmtree(RUN / "storyboards")
        story.write_text(f"# {STORY.title}\n\n{STORY.text} A green frog sings.\n")
        assert cli("run", story).code == 0
        assert list(shots()) == ["s01", "s03", "s04"]
        assert shots()["s01"].seed == seed


class TestGivenAgain:
    @pytest.fixture
    def given(self, cli: Cli, story: Path, diary: Diary) -> Path:
        """A storyboard file that was filmed in `r`."""
        assert cli("plan", story, "-o", "b.yaml").code == 0
        assert cli("run", "b.yaml", "--out", "r").code == 0
        return Path("b.yaml")

    def test_edits_in_the_run_stay(self, cli: Cli, given: Path, change: Callable[..., None]) -> None:
        change("redo", "r", "s01")
        change("insert", "r", "s01", "--prompt", "a fox runs")
        change("ban", "r", "s02", a_candidate(Path("r"), "s02"))
        before = Path("r/storyboard.yaml").read_bytes()
        assert cli("run", given, "--out", "r").code == 0
        assert Path("r/storyboard.yaml").read_bytes() == before

    def test_both_were_edited(self, cli: Cli, given: Path, change: Callable[..., None]) -> None:
        change("replace", "r", "s01", "--prompt", "mine")
        change("remove", "r", "s03")
        first, second, third = Storyboard.from_yaml(given.read_text()).shots
        file = Storyboard.from_yaml(given.read_text()).model_copy(update={"shots": (
            first.model_copy(update={"prompt": "of the file"}), second.model_copy(update={"query": "of the file"}), third)})
        given.write_text(file.to_yaml())
        outcome = cli("run", given, "--out", "r")
        assert outcome.code == 0
        assert "s01: the prompt of the file is not taken" in outcome.err
        assert [(shot.id, shot.prompt == "mine", shot.query == "of the file") for shot in board(Path("r")).shots] == [
            ("s01", True, False), ("s02", False, True)]
        assert cli("run", given, "--out", "r", "--replan", "discard").code == 0
        assert board(Path("r")) == file

    def test_one_for_a_run_of_a_story(self, cli: Cli, made: Outcome, story: Path, change: Callable[..., None]) -> None:
        assert cli("plan", story, "-o", "b.yaml").code == 0
        change("redo", RUN, "s01")
        seed = shots()["s01"].seed
        assert cli("run", "b.yaml", "--out", RUN).code == 0
        assert shots()["s01"].seed == seed
        other = Storyboard(title="t", shots=tuple(Shot(id=f"s0{k}", text=f"other {k}", query="red", prompt="red") for k in (1, 2)))
        Path("other.yaml").write_text(other.to_yaml())
        outcome = cli("run", "other.yaml", "--out", RUN)
        assert outcome.code == 0
        assert [shot.text for shot in board().shots] == ["other 1", "other 2"]


def test_flags_that_a_run_had_stay_beside_new_ones(cli: Cli, story: Path, diary: Diary) -> None:
    assert cli("run", story, "--max-shots", "2", "--seed", "7", "--quality", "draft").code == 0
    two = list(shots())
    assert cli("run", RUN, "--retries", "0", "--seed", "0", "--quality", "normal").code == 0
    asked = json.loads((RUN / "run.json").read_text())["request"]
    assert (asked["seed"], asked["quality"]) == (0, "normal")
    assert (asked["flags"]["plan"], asked["flags"]["check"]) == ({"max_shots": 2}, {"retries": 0})
    assert list(shots()) == two
