"""Queries as one types them into a footage search."""

from __future__ import annotations

import re

import pytest

from storyanim.artifacts import CastMember, Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.inflection import participle
from storyanim.planning.rules import RulePlanner


def shots(text: str, *cast: CastMember) -> list[Shot]:
    """The shots of a story for a model that takes any words."""
    return list(RulePlanner(PlanSettings()).plan(Story(title="t", text=text), cast).shots)


def queries(text: str, *cast: CastMember) -> list[str]:
    return [shot.query for shot in shots(text, *cast)]


@pytest.mark.parametrize(("text", "place"), [
    ("The girl came to the fountain. She sang.", "at the fountain"), ("The girl ran to the hotel. She sang.", "at the hotel"),
    ("The girl ran to the forest. She sang.", "in the forest"), ("The girl ran into the hotel. She sang.", "in the hotel"),
    ("The girl walked to the beach. She sang.", "on the beach"), ("The man rowed a boat. He sang.", "in the boat"),
    ("They reached the river. He sang.", "by the river"),
])
def test_places_are_said_with_their_preposition(text: str, place: str) -> None:
    assert queries(text)[-1].endswith(f"singing {place}")


@pytest.mark.parametrize(("text", "who"), [
    ("Tom jumped over the fence.", "a man"), ("Mary danced in the rain.", "a woman"),
    ("The girl picked a flower.", "a girl"), ("The old king climbed the stairs.", "a king"),
    ("The children ran down the hill.", "children"), ("Two boys swam in the lake.", "two boys"),
    ("The women sang in the church.", "women"), ("Three mice slept in the barn.", "three mice"),
    ("The wolves ran through the forest.", "wolves"), ("A cat and a dog slept in the barn.", "a cat and a dog"),
    ("The thieves opened the door.", "thieves"), ("The class ran to the bus.", "children"),
    ("The boy's drawing hung above the bed.", "the drawing"), ("His wheels turned in the mud.", "the wheels"), ("An old owl sat on a branch.", "an owl"),
])
def test_who_is_named_by_kind(text: str, who: str) -> None:
    assert queries(text)[0].startswith(f"{who} "), queries(text)


@pytest.mark.parametrize(("text", "last"), [
    ("Tom opened the door. He ran down the street.", "a man"),
    ("A girl lived by the sea. She found a boat.", "a girl"),
    ("Anna met a dog in the park. She kissed the dog.", "a woman"),
    ("I got up at six. I made coffee.", "a person"),
])
def test_pronouns_are_who_they_mean(text: str, last: str) -> None:
    assert queries(text)[-1].startswith(f"{last} "), queries(text)


@pytest.mark.parametrize(("text", "words"), [
    ("The king ate the lettuces and the beans.", "a king eating the lettuces and the beans"),
    ("The boy opened the window in the morning.", "a boy opening the window"),
    ("The fox squeezed under the gate.", "a fox squeezing under the gate"),
    ("The man tied his shoes on the bench.", "a man tying his shoes"),
    ("The woman lay on the grass.", "a woman lying on the grass"),
    ("A pigeon flew over the roof.", "a pigeon flying over the roof"),
    ("The girl danced with the bear.", "a girl dancing with a bear"),
    ("The boy gave the girl a flower.", "a boy giving a flower"),
    ("The fox chased the rabbits.", "a fox chasing rabbits"),
    ("The pig looked around.", "a pig looking around"),
    ("The duke broke one of his plates.", "a duke breaking one of his plates"),
    ("The hen searched for a worm.", "a hen searching for a worm"),
])
def test_one_verb_and_one_object_or_place(text: str, words: str) -> None:
    assert queries(text)[0] == words


@pytest.mark.parametrize("text", [
    "The children could not sleep.", "The bird never flew again.", "The boy did not open the door.",
    "The girl wanted to swim in the lake.", "The old man refused to eat.",
])
def test_what_does_not_happen_is_not_looked_for(text: str) -> None:
    assert not re.search(r"sleeping|flying|opening|swimming|eating", " ".join(queries(text)))


@pytest.mark.parametrize(("text", "verb"), [
    ('"Good morning," said the bear to the girl.', "talking to a girl"), ('"Stop!" shouted the boy.', "shouting"),
    ('"Come back!" cried the woman, running after the dog.', "running after a dog"),
    ('The girl asked the old man, "Where is it?"', "talking to"),
])
def test_speech_is_what_is_seen_of_it(text: str, verb: str) -> None:
    assert verb in queries(text)[0], queries(text)


@pytest.mark.parametrize("text", [
    "Ellie and Tom Thumb carried Mrs. Brown's basket to the house of Sam.", "Rosa found Leo's boat. Leo hugged Rosa.",
    "Peter Rabbit squeezed under the gate. Mr. McGregor chased Peter.",
])
def test_nobody_is_named(text: str) -> None:
    said = " ".join(queries(text))
    assert not re.search(r"Ellie|Tom|Brown|Sam|Rosa|Leo|Peter|McGregor", said, re.IGNORECASE), said


def test_a_cast_character_is_looked_for_by_what_its_pictures_show() -> None:
    ellie = CastMember(name="ellie", noun="bear", token="<ellie>", plays="Ellie")
    (shot,) = shots("Ellie ran into the bedroom.", ellie)
    assert shot.query == "a bear running into the bedroom"
    assert shot.characters == ("ellie",)
    assert "<ellie> bear" in shot.prompt
    assert "Ellie" not in shot.prompt


def test_i_can_be_cast() -> None:
    fox = CastMember(name="fox", noun="fox", token="<fox>", plays="I")
    assert [shot.characters for shot in shots("I got up at six. I made coffee.", fox)] == [("fox",), ("fox",)]


@pytest.mark.parametrize(("text", "query"), [
    ("A woman in a green cloak sat on the deck.", "a woman sitting on the deck"),
    ("The clerk rushed past with a box under his arm.", "a clerk rushing past"),
    ("The thief was caught and locked in the tower.", "a thief being locked in the tower"),
    ("Sparks flew over the hill.", "sparks flying over the hill"),
    ("The girl called. Nils never replied.", "a man standing"),
])
def test_queries_are_what_one_would_type(text: str, query: str) -> None:
    assert queries(text)[-1] == query


@pytest.mark.parametrize(("text", "query"), [
    ("Something crawled over the wall.", "something crawling over the wall"),
    ("Aoife glided onto the ice. She sang.", "a woman singing on the ice"),
    ("The dentist smiled at the teeth.", "a dentist smiling at the teeth"),
    ("A judge saw a badger shivering in the field and ran home.", "a judge running home"),
    ("A police officer came. She offered the donkey a carrot.", "an officer offering a carrot"),
    ("George laughed. In the park I played with Adam. He held my hand.", "a man holding the hand"),
    ("A bear lay in the cave. It slept.", "a bear sleeping in the cave"),
    ("Ruth was in the shop. She sat on the sofa.", "a woman sitting on the sofa"),
    ("The train left at half past eight.", "the train leaving"),
])
def test_things_grounds_and_trades(text: str, query: str) -> None:
    assert queries(text)[-1] == query


@pytest.mark.parametrize(("verb", "expected"), [("sting", "stinging"), ("sing", "singing"), ("lie", "lying"), ("lay", "laying")])
def test_a_participle_is_not_the_verb_itself(verb: str, expected: str) -> None:
    assert participle(verb) == expected
