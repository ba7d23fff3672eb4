"""`storyanim run` of several stories, with fakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from fakes import Diary
from family import save_pictures

import storyanim
from storyanim.errors import ResourceError, UsageError, VideoError
from storyanim.films.batch import make_films, run_folders
from storyanim.hub import Download

TEXTS = {"one": "A red bear runs. A green frog jumps.", "two": "A blue wave comes.", "three": "A green bear sings."}


@pytest.fixture
def stories(here: Path, diary: Diary) -> list[Path]:
    for name, text in TEXTS.items():
        (here / f"{name}.txt").write_text(text)
    return [Path(f"{name}.txt") for name in TEXTS]


def fails(call: str, error: Exception) -> Any:
    def raise_it(asked: str) -> None:
        if asked == call:
            raise error

    return raise_it


class TestRun:
    def test_each_story_has_a_folder_of_its_own(self, cli: Cli, stories: list[Path]) -> None:
        outcome = cli("run", *stories, "--out", "films")
        assert outcome.code == 0, outcome.err
        assert [(Path("films") / name / "film.mp4").is_file() for name in TEXTS] == [True] * 3
        header, *rows = [line.split() for line in outcome.out.splitlines()]
        assert header == ["story", "shots", "drawn", "seconds", "film"]
        assert rows == [["one.txt", "2", "2", "1.0", "films/one/film.mp4"], ["two.txt", "1", "1", "0.5", "films/two/film.mp4"],
                        ["three.txt", "1", "1", "0.5", "films/three/film.mp4"]]

    def test_again_does_nothing_and_run_folders_go_on(self, cli: Cli, stories: list[Path], diary: Diary) -> None:
        assert cli("run", *stories, "--out", "films").code == 0
        diary.read()
        assert cli("run", *stories, "--out", "films").code == 0
        outcome = cli("run", "films/one", "films/two", "--json")
        assert (outcome.code, diary.read()) == (0, [])
        assert [film["drawn"] for film in outcome.json["films"]] == [[], []]

    def test_one_progress_of_all(self, cli: Cli, stories: list[Path]) -> None:
        shares = [int(line.split()[1]) for line in cli("run", *stories, "--out", "films").err.splitlines()
                  if line.startswith("films: ")]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 100)

    def test_a_character_is_learned_once(self, cli: Cli, stories: list[Path], diary: Diary, here: Path) -> None:
        bear = save_pictures(here / "bear")
        outcome = cli("run", "one.txt", "three.txt", "--out", "films", "--character", bear)
        assert outcome.code == 0, outcome.err
        calls = diary.read()
        assert calls.count("learn bear") == 1
        assert [call for call in calls if call.endswith("<bear>")] == ["draw s01 <bear>"] * 2


class TestFailures:
    def test_one_that_fails_stops_no_other(self, cli: Cli, stories: list[Path]) -> None:
        Path("two.txt").write_bytes(b"")
        outcome = cli("run", *stories, "gone.txt", "--out", "films", "--json")
        assert outcome.code == 3
        films = outcome.json["films"]
        assert [film.get("exit_code", 0) for film in films] == [0, 4, 0, 4]
        assert "empty" in films[1]["error"]
        assert films[1]["hint"]
        assert "failed: gone.txt: there is no file gone.txt" in outcome.err.splitlines()
        assert outcome.complaint[0] == "2 of 4 films failed, wholly or in part"
        assert not Path("films/two").exists()

    @pytest.mark.parametrize("error", [ResourceError("full", hint="h"), RuntimeError("a mistake of ours")])
    def test_nor_does_one_that_fails_at_work(self, cli: Cli, stories: list[Path], diary: Diary, error: Exception) -> None:
        diary.on_call = fails("encode blue", error)
        outcome = cli("run", *stories, "--out", "films")
        assert outcome.code == 3
        assert outcome.out.splitlines()[2].split() == ["two.txt", "failed"]
        assert outcome.err.count(f"{error}") == 1
        assert Path("films/three/film.mp4").is_file()

    def test_failed_shots_are_told(self, cli: Cli, stories: list[Path], diary: Diary) -> None:
        diary.on_call = fails("draw s02", VideoError("cut off", hint="h"))
        outcome = cli("run", *stories, "--out", "films")
        assert outcome.code == 3
        assert "failed: one.txt: s02: cut off" in outcome.err.splitlines()
        assert "films/one/film.mp4 (1 shots failed)" in outcome.out

    def test_all_that_fail_give_the_first_ones_code(self, cli: Cli, here: Path, diary: Diary) -> None:
        for name in ("a.txt", "b.txt"):
            (here / name).write_bytes(b"")
        outcome = cli("run", "a.txt", "b.txt", "--out", "films")
        assert (outcome.code, outcome.complaint[0]) == (4, "the story a.txt is empty")
        told = outcome.out + outcome.err
        assert (told.count("a.txt is empty"), told.count("b.txt is empty")) == (1, 1)
        assert not Path("films").exists()

    @pytest.mark.parametrize("flags", [("--character", "nowhere"), ("--profile", "nowhere"), ("--index", "nowhere")])
    def test_what_no_story_could_be_filmed_with_is_told_once(self, cli: Cli, stories: list[Path], flags: tuple[str, str]) -> None:
        outcome = cli("run", *stories, "--out", "films", *flags)
        assert outcome.code in {2, 4}
        assert outcome.err.count("nowhere") == 1
        assert not Path("films").exists()


class TestFolders:
    @pytest.mark.parametrize("others", [("one.txt",), ("more/one.txt",), ("One.md",)])
    def test_two_of_the_same_are_refused(self, cli: Cli, stories: list[Path], others: tuple[str, ...]) -> None:
        outcome = cli("run", *stories, *others, "--out", "films")
        assert outcome.code == 2
        assert others[0] in outcome.complaint[0]
        assert not Path("films").exists()

    def test_several_need_a_place(self) -> None:
        with pytest.raises(UsageError, match="folder"):
            run_folders(["a.txt", "b.txt"], None)


class TestFromPython:
    def test_make_films(self, stories: list[Path]) -> None:
        result = storyanim.make_films(stories[:2], "films", seed=3)
        assert [film.folder for film in result.films] == [Path("films/one"), Path("films/two")]
        assert [film.problem for film in result.films] == ["", ""]
        result.check_complete()

    def test_a_refused_download_is_asked_for_once(self, stories: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
        from storyanim.api import films

        asked: list[int] = []

        def refuse(downloads: Any) -> None:
            asked.append(1)
            raise UsageError("no", hint="h")

        def ready(settings: Any, pins: Any, *, confirm: Any, progress: Any) -> Any:
            none: list[Download] = []
            confirm(none)

        monkeypatch.setattr(films, "ready_settings", ready)
        result = make_films(stories, "films", confirm=refuse)
        assert (len(asked), [film.problem for film in result.films]) == (1, ["no"] * 3)
        with pytest.raises(UsageError, match="no"):
            result.check_complete()

    def test_a_wrong_argument_is_no_failure_of_a_story(self, stories: list[Path]) -> None:
        with pytest.raises(TypeError):
            make_films(stories, "films", sead=3)
