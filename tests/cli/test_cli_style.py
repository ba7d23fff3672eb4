"""Styles: of a film, of a shot, and of models that have but their own; with fakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import RUN, Cli, Outcome
from fakes import STORY, Diary, FakePlanner

from storyanim.api import films
from storyanim.artifacts import Shot, ShotEntity, ShotEvent, Storyboard


@pytest.fixture
def words(here: Path) -> Path:
    """A profile without a vocabulary; fakes take the place of its models."""
    names = ("pipeline", "depth", "encoder")
    for name in names:
        (here / name).mkdir()
    path = here / "words.toml"
    path.write_text("[models]\n" + "".join(f'{name} = {{ repo = "{here / name}" }}\n' for name in names))
    return path


def prompts(run: Path) -> list[str]:
    return [shot.prompt for shot in Storyboard.from_yaml((run / "storyboard.yaml").read_text()).shots]


def test_own_style_goes_into_all_that_is_drawn() -> None:
    shot = Shot(id="s01", text="", query="", prompt="a bear", style="watercolour", entities=(ShotEntity(prompt="a fox"),),
                events=(ShotEvent(prompt="it rains"),))
    styled = shot.styled()
    assert (styled.prompt, styled.entities[0].prompt, styled.events[0].prompt) == (
        "a bear, watercolour", "a fox, watercolour", "it rains, watercolour")
    assert styled.style == ""
    assert styled.styled() is styled


def test_a_storyboards_style_takes_the_place_of_the_one_before() -> None:
    board = Storyboard(title="t", style="ink", shots=(
        Shot(id="s01", text="", query="", prompt="a bear, ink"), Shot(id="s02", text="", query="", prompt="a fox")))
    oil = board.restyled("oil")
    assert [shot.prompt for shot in oil.shots] == ["a bear, oil", "a fox, oil"]
    assert [shot.prompt for shot in oil.restyled("").shots] == ["a bear", "a fox"]


def test_a_shot(cli: Cli, story: Path, words: Path, diary: Diary) -> None:
    assert cli("run", story, "--profile", words).code == 0
    film = (RUN / "film.mp4").read_bytes()
    assert cli("shot", "style", RUN, "s02", "watercolour").code == 0
    assert cli("run", RUN, "--json").json["drawn"] == ["s02"]
    assert cli("shot", "style", RUN, "s02", "").code == 0
    assert cli("run", RUN, "--json").json["drawn"] == []
    assert (RUN / "film.mp4").read_bytes() == film


def test_models_with_a_style_of_their_own_refuse(cli: Cli, story: Path, made: Outcome) -> None:
    before = (RUN / "storyboard.yaml").read_bytes()
    for command in (("shot", "style", RUN, "s02", "ink"), ("run", story, "--style", "ink", "-o", "new"), ("run", RUN, "--style", "ink")):
        outcome = cli(*command)
        assert outcome.code == 2
        assert "no style but its own" in outcome.complaint[0]
    assert (RUN / "storyboard.yaml").read_bytes() == before
    assert not Path("new").exists()


def test_a_film_of_a_storyboard(cli: Cli, story: Path, words: Path, diary: Diary) -> None:
    assert cli("run", story, "--profile", words).code == 0
    plain = prompts(RUN)
    Path("b.yaml").write_text("# mine\n" + Storyboard.from_yaml((RUN / "storyboard.yaml").read_text()).to_yaml())
    assert cli("run", "b.yaml", "--profile", words, "--style", "ink", "-o", "r").code == 0
    assert prompts(Path("r")) == [f"{prompt}, ink" for prompt in plain]
    assert cli("shot", "replace", "r", "s01", "--prompt", "a red bear").code == 0
    text = Path("r/storyboard.yaml").read_text().replace("- id: s02", "- id: s02  # hers")
    Path("r/storyboard.yaml").write_text(text)
    outcome = cli("run", "r", "--style", "oil", "--json")
    assert outcome.json["drawn"] == ["s01", "s02", "s03"]
    assert prompts(Path("r")) == ["a red bear, oil", *(f"{prompt}, oil" for prompt in plain[1:])]
    assert "# hers" in Path("r/storyboard.yaml").read_text()


def test_a_new_style_is_no_conflict_with_a_persons_words(cli: Cli, story: Path, words: Path, diary: Diary,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    class Styled(FakePlanner):
        def plan(self, story: object, cast: object) -> Storyboard:
            return super().plan(STORY, ()).restyled(self.fingerprint)

    planned = iter(("ink", "oil"))
    components = films.build_components

    def build(*arguments: object) -> object:
        return replace(components(*arguments), planner=Styled(diary, next(planned)))

    monkeypatch.setattr(films, "build_components", build)
    assert cli("run", story, "--profile", words, "--style", "ink").code == 0
    assert cli("shot", "replace", RUN, "s01", "--prompt", "a red bear").code == 0
    outcome = cli("run", story, "--style", "oil", "--replan", "ask")
    assert (outcome.code, prompts(RUN)[0]) == (0, "a red bear, oil")
    assert "not taken" not in outcome.err
