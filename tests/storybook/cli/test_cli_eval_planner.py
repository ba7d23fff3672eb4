"""`python -m storybook eval planner` on two short labelled stories."""

from __future__ import annotations

import pytest
from command_line import Cli

from storybook.evaluate import planner_stories
from storybook.evaluate.planner_stories import LabelledStory, load_stories


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> list[LabelledStory]:
    """The two shortest seen stories in place of all."""
    stories = sorted(load_stories(halves=("seen",)), key=lambda story: len(story.text))[:2]
    monkeypatch.setattr(planner_stories, "load_stories", lambda halves: stories)
    return stories


@pytest.mark.parametrize("profile", ["storybook", "sd15"])
def test_the_document_has_every_figure(cli: Cli, profile: str, short: list[LabelledStory]) -> None:
    result = cli("eval", "planner", "--profile", profile, "--half", "seen", "--json").json
    assert (result["profile"], result["half"], result["stories"]) == (profile, "seen", 2)
    assert result["pieces"] == sum(len(story.pieces) for story in short)
    assert result["shots"] >= result["stories"]
    assert set(result["fields"]) >= {"boundaries", "who", "action", "place", "time", "weather"}
    assert ("query" in result["fields"]) == (profile == "sd15")
    for field in result["fields"].values():
        assert 0 <= field["low"] <= field["share"] <= field["high"] <= 1


def test_the_table_is_for_people(cli: Cli) -> None:
    outcome = cli("eval", "planner", "--half", "seen")
    assert outcome.code == 0
    assert "shots without any fault" in outcome.out


def test_faults_are_told_of_the_seen_half_only(cli: Cli, short: list[LabelledStory]) -> None:
    story = short[0]                                 # that nothing could show right
    wrong = [piece.model_copy(update={"label": piece.label.model_copy(update={"action": ("juggle",)})}) for piece in story.pieces]
    short[0] = story.model_copy(update={"pieces": tuple(wrong)})
    outcome = cli("eval", "planner", "--faults")
    assert outcome.code == 2
    assert "scored only" in outcome.complaint[0]
    assert "label:" in cli("eval", "planner", "--profile", "sd15", "--half", "seen", "--faults").out
