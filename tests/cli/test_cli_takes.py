"""Takes of a shot: kept, listed, chosen, ranked, cleaned, with fakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from command_line import RUN, Cli, Outcome
from fakes import Diary

from storyanim.artifacts import Shot, Storyboard


def shot(shot_id: str) -> Shot:
    board = Storyboard.from_yaml((RUN / "storyboard.yaml").read_text())
    return next(shot for shot in board.shots if shot.id == shot_id)


def takes(cli: Cli, shot_id: str = "s02") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = cli("shot", "takes", RUN, shot_id, "--json").json
    return listed


def run(cli: Cli, *flags: str) -> list[str]:
    outcome = cli("run", RUN, "--json", *flags)
    assert outcome.code == 0, outcome.err
    drawn: list[str] = outcome.json["drawn"]
    return drawn


def redo(cli: Cli, *flags: str, shot_id: str = "s02") -> list[str]:
    assert cli("shot", "redo", RUN, shot_id, *flags).code == 0
    return run(cli)


def test_what_was_drawn_is_kept_and_told(cli: Cli, made: Outcome) -> None:
    first, seed = takes(cli), shot("s02").seed
    assert [(take["number"], take["in_film"], take["seed"]) for take in first] == [(1, True, seed)]
    assert redo(cli) == ["s02"]
    found = takes(cli)
    assert [(take["number"], take["in_film"], take["seed"]) for take in found] == [(1, False, seed), (2, True, seed + 1)]
    assert all(Path(take["picture"]).is_file() for take in found)
    assert all(take["footage"] and take["prompt"] == shot("s02").prompt for take in found)
    lines = cli("shot", "takes", RUN, "s02").out.splitlines()
    assert len(lines) == 3
    assert "in the film" in lines[2]


def test_one_is_chosen_and_not_drawn_again(cli: Cli, made: Outcome, diary: Diary) -> None:
    film = (RUN / "film.mp4").read_bytes()
    redo(cli)
    diary.read()
    other = (RUN / "film.mp4").read_bytes()
    assert film != other
    for number, wanted in ((1, film), (2, other)):
        assert cli("shot", "choose", RUN, "s02", number).code == 0
        assert run(cli) == []
        assert (RUN / "film.mp4").read_bytes() == wanted
        assert [take["in_film"] for take in takes(cli)] == [number == 1, number == 2]
    assert not [call for call in diary.read() if call.startswith("draw")]


def test_undo_shows_the_drawing_before(cli: Cli, made: Outcome, diary: Diary) -> None:
    film = (RUN / "film.mp4").read_bytes()
    redo(cli)
    diary.read()
    assert cli("shot", "undo", RUN).code == 0
    assert run(cli) == []
    assert (RUN / "film.mp4").read_bytes() == film
    assert diary.read() == []


def test_a_take_of_other_words_and_footage(cli: Cli, made: Outcome, diary: Diary) -> None:
    film, before = (RUN / "film.mp4").read_bytes(), shot("s02")
    assert cli("shot", "replace", RUN, "s02", "--prompt", "a yellow frog", "--query", "red").code == 0
    run(cli)
    diary.read()
    assert cli("shot", "choose", RUN, "s02", "1").code == 0
    assert run(cli) == []
    assert shot("s02").prompt == before.prompt
    assert shot("s02").pinned == takes(cli)[0]["footage"]
    assert (RUN / "film.mp4").read_bytes() == film


def test_a_seed_is_never_drawn_twice(cli: Cli, made: Outcome) -> None:
    redo(cli)
    assert cli("shot", "choose", RUN, "s02", "1").code == 0
    assert redo(cli) == ["s02"]
    seeds = [take["seed"] for take in takes(cli)]
    assert len(set(seeds)) == len(seeds) == 3


def test_the_seed_of_the_run_is_not_added_twice(cli: Cli, made: Outcome) -> None:
    run(cli, "--seed", "100")
    seed = shot("s02").seed
    assert [take["seed"] for take in takes(cli)] == [seed, seed]
    film = (RUN / "film.mp4").read_bytes()
    redo(cli)
    assert cli("shot", "choose", RUN, "s02", "2").code == 0
    assert run(cli) == []
    assert (RUN / "film.mp4").read_bytes() == film


def test_several_are_drawn_and_the_best_shown(cli: Cli, made: Outcome, diary: Diary) -> None:
    assert redo(cli, "--takes", "4") == ["s02"]
    assert [call for call in diary.read() if call.startswith("draw")] == ["draw s02"] * 4
    found = takes(cli)
    assert [take["number"] for take in found] == [1, 2, 3, 4, 5]
    best = max(found[1:], key=lambda take: take["reading"]["score"])
    assert [take["in_film"] for take in found] == [take is best for take in found]
    assert run(cli) == []
    run(cli, "--takes", "2")                         # the others had one each
    assert [len(takes(cli, other)) for other in ("s01", "s03")] == [2, 2]


def test_a_number_that_is_not_there(cli: Cli, made: Outcome) -> None:
    outcome = cli("shot", "choose", RUN, "s02", "7")
    assert outcome.code == 4
    assert "it has 1" in outcome.complaint[1]
    assert cli("shot", "takes", RUN, "s99").code == 4


class TestClean:
    def test_it_says_what_it_frees_and_asks(self, cli: Cli, made: Outcome) -> None:
        redo(cli)
        outcome = cli("clean", RUN)                  # nobody answers
        assert outcome.code == 2
        assert "s02: take 1" in outcome.err
        assert len(takes(cli)) == 2

    def test_what_is_in_the_film_stays(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        redo(cli)
        film = (RUN / "film.mp4").read_bytes()
        outcome = cli("clean", RUN, "--yes", "--json")
        assert outcome.code == 0
        assert outcome.json["takes"] == {"s02": [1]}
        assert outcome.json["bytes"] > 0
        assert [take["number"] for take in takes(cli)] == [2]
        diary.read()
        assert run(cli) == []
        assert diary.read() == []
        assert (RUN / "film.mp4").read_bytes() == film
        redo(cli)
        assert [take["number"] for take in takes(cli)] == [2, 3]

    def test_nothing_to_remove(self, cli: Cli, made: Outcome) -> None:
        assert cli("clean", RUN).code == 0

    def test_takes_of_removed_shots(self, cli: Cli, made: Outcome) -> None:
        redo(cli)
        assert cli("shot", "remove", RUN, "s02").code == 0
        assert run(cli) == []
        assert cli("clean", RUN, "--yes", "--json").json["takes"] == {"s02": [1]}
