"""Prompts that one would give a painter: looks, deed, place, time and weather in one sentence."""

from __future__ import annotations

import re

import pytest

from storyanim.artifacts import Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.rules import RulePlanner


def shots(text: str, **settings: object) -> list[Shot]:
    """The shots of a story for a model that takes any words."""
    planner = RulePlanner(PlanSettings.model_validate(settings))
    return list(planner.plan(Story(title="t", text=text), ()).shots)


@pytest.mark.parametrize(("text", "prompt"), [
    ("A small brown bear walked through the forest.", "A small brown bear is walking through the forest"),
    ("Anna, a small girl in a blue coat, opened the door.", "A small girl in a blue coat is opening the door"),
    ("Dozbert, the sleepiest dragon in the land, climbed down the stairs.", "A sleepy dragon is climbing down the stairs"),
    ("The old king with a white beard sat on a throne.", "An old king with a white beard is sitting on a throne"),
    ("The wolves ran through the snow.", "Wolves are running through the snow"),
    ("A boy who wore a yellow raincoat ran.", "A boy in a yellow raincoat is running"),
    ("The king ate the lettuces and the beans.", "A king is eating the lettuces and the beans"),
    ("The train left the station.", "The train is leaving the station"),
])
def test_one_sentence_with_looks_and_deed(text: str, prompt: str) -> None:
    assert shots(text)[0].prompt == prompt


@pytest.mark.parametrize(("text", "words"), [
    ("The girl lived in a tower. She wore a red cap. One day she ran into the garden.", "with a red cap"),
    ("The fox wore a green scarf. The fox danced on the beach.", "with a green scarf"),
    ("A woman put on a black coat. She walked down the street.", "in a black coat"),
])
def test_what_somebody_wears_is_said_in_each_shot(text: str, words: str) -> None:
    assert words in shots(text)[-1].prompt


@pytest.mark.parametrize(("text", "words"), [
    ("The fox wore a scarf. The fox lost its scarf. The fox danced.", "scarf"),
    ("The man took off his hat. The man sat on a bench.", "hat"),
    ("The woman looked for her slippers. The woman ran.", "slipper"),
])
def test_what_is_taken_off_or_missing_is_not_worn(text: str, words: str) -> None:
    assert words not in shots(text)[-1].prompt


@pytest.mark.parametrize(("text", "words"), [
    ("The boy found a letter. He opened it.", "opening the letter"),
    ("Two girls picked apples. They washed them.", "washing apples"),
    ("A train came into the station. It stopped.", "train is stopping"),
])
def test_things_are_named_where_the_story_points(text: str, words: str) -> None:
    assert words in shots(text)[-1].prompt


def test_place_time_and_weather_are_carried_and_said_once() -> None:
    found = shots("It was a rainy night. Tom ran into the forest. Tom jumped over a log. Tom danced in the rain.")
    assert all("at night" in shot.prompt for shot in found)
    assert "in the forest" in found[1].prompt
    assert found[-1].prompt.count("in the rain") == 1


@pytest.mark.parametrize("text", [
    "The queen walked with the prince, the princess, the cook, the gardener, the soldier, the priest and the baker through the great "
    "hall of the golden palace by the river behind the mountains over the bridge past the market to the church near the old mill.",
    "Tom gave Mia's brother the red ball of the girl next door, which he had found under the bed in the room of his uncle.",
])
def test_a_prompt_has_at_most_forty_words_and_no_names(text: str) -> None:
    for shot in shots(text):
        assert len(shot.prompt.split()) <= 40
        assert not re.search(r"Tom|Mia", shot.prompt)


@pytest.mark.parametrize("text", ["The boy was asleep in his bed.", "The bear was fast asleep.", "A cat was asleep under the table."])
def test_who_is_asleep_sleeps(text: str) -> None:
    assert " is sleeping" in shots(text)[0].prompt


def test_a_shots_seconds_follow_its_words_where_asked() -> None:
    text = "Tom ran. " + "The old queen walked slowly through the long and quiet hall of the palace with a candle in her hand."
    assert [shot.duration_s for shot in shots(text)] == [2.0, 2.0]
    assert [shot.duration_s for shot in shots(text, words_per_second=4.0)] == [2.0, 5.0]


def test_what_another_does_something_to_is_said() -> None:
    shot = shots("The girl stirred the soup while her grandfather held the lamp.")[0]
    assert "is holding the lamp" in shot.prompt
    assert shot.entities[1].query == "a grandfather holding the lamp"
