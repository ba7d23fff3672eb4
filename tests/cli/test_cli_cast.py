"""A story of people from its text to a film: stand-ins act in it, and a changed part redraws its own shots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from fakes import Diary, fake_components
from family import save_pictures

from storyanim.api import films
from storyanim.artifacts import Storyboard
from storyanim.config import Settings
from storyanim.planning import build_planner, load_vocabulary
from storyanim.retrieve.index import VideoIndex

RUN = Path("runs/tom-and-mia")
STORY = "# Tom and Mia\n\nTom jumped over the fence. Mia ran down the street. Tom slept in the grass.\n"


@pytest.fixture
def planned(here: Path, diary: Diary, index: VideoIndex, monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Of fakes that draw what the real rules plan."""
    def components(settings: Settings, folder: Any, progress: Any) -> Any:
        made = fake_components(diary, index, settings)
        return replace(made, planner=build_planner(settings, load_vocabulary(settings)))

    monkeypatch.setattr(films, "build_components", components)
    (here / "tom.txt").write_text(STORY)
    return diary


def prompts() -> list[str]:
    return [shot.prompt for shot in Storyboard.from_yaml((RUN / "storyboard.yaml").read_text()).shots]


def test_stand_ins_act_and_are_told(cli: Cli, planned: Diary) -> None:
    outcome = cli("run", "tom.txt")
    assert outcome.code == 0
    assert prompts() == ["a brown bear jumping in a meadow", "a grey cat running in the city", "a brown bear sleeping in the city"]
    lines = outcome.out.splitlines()
    assert [line.split() for line in lines[-4:-1]] == [
        ["who", "shots", "played", "by"], ["Tom", "(man)", "2", "of", "3", "brown", "bear"],
        ["Mia", "(woman)", "1", "of", "3", "grey", "cat"]]
    assert "--character FOLDER=Tom" in lines[-1]
    report = (RUN / "report.html").read_text()
    assert "Who plays whom" in report
    assert "brown bear" in report


def test_who_is_left_out_of_the_pictures_is_counted_in_none(cli: Cli, planned: Diary, here: Path) -> None:
    (here / "trio.txt").write_text("A dog, a cat and a rabbit ran on the beach. The cat slept. All three danced.")
    bear = save_pictures(here / "pip")
    outcome = cli("run", "trio.txt", "--character", f"{bear}=dog")
    assert outcome.code == 0, outcome.err
    assert [line.split()[:4] for line in outcome.out.splitlines() if " of " in line] == [
        ["cat", "3", "of", "3"], ["dog", "2", "of", "3"], ["rabbit", "0", "of", "3"]]


def test_json_tells_the_cast(cli: Cli, planned: Diary) -> None:
    roles = cli("run", "tom.txt", "--json").json["cast"]
    assert [(role["name"], role["num_shots"], role["played_by"]) for role in roles] == [("Tom", 2, "brown bear"), ("Mia", 1, "grey cat")]


def test_a_changed_part_is_drawn_anew(cli: Cli, planned: Diary) -> None:
    assert cli("run", "tom.txt").code == 0
    for words in ("green duck", "white rabbit with a red hat"):
        path = RUN / "storyboard.yaml"
        before = next(line for line in path.read_text().splitlines() if "played_by" in line)
        path.write_text(path.read_text().replace(before, f"  played_by: {words}"))
        planned.read()
        outcome = cli("run", RUN)
        assert outcome.code == 0
        assert f"a {words} jumping in a meadow" == prompts()[0]
        assert prompts()[1] == "a grey cat running in the city"
        assert {"draw s01", "draw s03"} <= set(planned.read())
    assert cli("run", RUN).code == 0
    assert planned.read() == []


def test_a_part_that_cannot_be_drawn_is_an_error(cli: Cli, planned: Diary) -> None:
    assert cli("run", "tom.txt").code == 0
    path = RUN / "storyboard.yaml"
    path.write_text(path.read_text().replace("played_by: brown bear", "played_by: spaceship"))
    outcome = cli("run", RUN)
    assert outcome.code == 4
    assert "'spaceship'" in outcome.complaint[0]
    assert "it draws bear, cat" in outcome.complaint[1]


def test_strict_leaves_no_folder(cli: Cli, planned: Diary) -> None:
    outcome = cli("run", "tom.txt", "--cast", "strict")
    assert (outcome.code, outcome.complaint[0]) == (4, "this profile cannot draw Tom, Mia")
    assert not (RUN / "film.mp4").exists()


def test_what_a_command_leaves_out_that_the_run_had_is_told(cli: Cli, planned: Diary, here: Path) -> None:
    bear = save_pictures(here / "bear")
    assert cli("run", "tom.txt", "--character", f"{bear}=Tom", "--seed", 3, "--author", "me").code == 0
    told = f'this run had --character {bear}=Tom, --seed 3, film.author "me", and is not asked for that now: it is no longer so'
    assert told not in cli("run", RUN, "--retries", 0).err.splitlines()
    assert told in cli("run", "tom.txt", "--retries", 0).err.splitlines()
    assert "this run had" not in cli("run", "tom.txt", "--retries", 0).err


def test_a_character_that_comes_later_plays(cli: Cli, planned: Diary, here: Path) -> None:
    assert cli("run", "tom.txt").code == 0
    assert cli("shot", "remove", RUN, "s02").code == 0
    assert cli("shot", "replace", RUN, "s03", "--prompt", "a black cat").code == 0
    path = RUN / "storyboard.yaml"
    assert path.read_text().count("played_by: grey cat") == 1
    path.write_text(path.read_text().replace("played_by: grey cat", "played_by: white rabbit"))
    assert cli("run", RUN, "--character", f"{save_pictures(here / 'bear')}=Tom").code == 0
    board = Storyboard.from_yaml(path.read_text())
    assert [role.played_by for role in board.cast] == ["bear", "white rabbit"]
    assert [(shot.prompt, shot.characters) for shot in board.shots] == [
        ("a <bear> bear jumping in a meadow", ("bear",)), ("a black cat", ())]
    assert "characters/bear" in {step.parent.relative_to(RUN).as_posix() for step in RUN.rglob("done.json")}
