"""What a prompt asks to be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from storyanim.artifacts import CharacterToken, Shot, ShotEvent
from storyanim.config import asset
from storyanim.planning.asked import asked_of
from storyanim.planning.vocabulary import Actor, Picture, Vocabulary

KNOWN = Vocabulary.load(asset("storybook/vocabulary.json"))


def shot(prompt: str, events: tuple[ShotEvent, ...] = ()) -> Shot:
    return Shot(id="s01", text="", query="", prompt=prompt, events=events)


def values(prompt: str) -> dict[str, str]:
    return {f"{part.figure} {part.attribute}": part.value for part in asked_of(shot(prompt), (), KNOWN).parts}


@pytest.mark.parametrize("scene", list(KNOWN.kinds["scene"]))
@pytest.mark.parametrize("action", list(KNOWN.kinds["action"]))
def test_what_the_vocabulary_says_is_read_again(scene: str, action: str) -> None:
    actor = Actor("fox", "red", "hat", "blue", action)
    prompt = KNOWN.say(Picture((actor,), scene, "night", "snowfall", "pan_left"))
    assert values(prompt) == {"1 creature": "fox", "1 colour": "red", "1 accessory": "hat", "1 action": action, "0 scene": scene}


@pytest.mark.parametrize(("prompt", "asked"), [
    ("a kitten and a grey bear with a belly patch jumping on the beach",
     {"1 creature": "cat", "1 accessory": "none", "1 action": "jumping", "2 creature": "bear", "2 colour": "grey",
      "2 accessory": "belly patch", "2 action": "jumping", "0 scene": "beach"}),
    ("a fox running and a white duck sleeping", {"1 creature": "fox", "1 accessory": "none", "1 action": "running",
     "2 creature": "duck", "2 colour": "white", "2 accessory": "none", "2 action": "sleeping"}),
    ("strange shapes", {}),
    ("", {}),
])
def test_other_wordings(prompt: str, asked: dict[str, str]) -> None:
    assert values(prompt) == asked


def test_a_character_is_asked_as_its_pictures_have_it() -> None:
    token = CharacterToken("bear", "<bear>", "bear", np.zeros((1, 1), np.float32), {}, "base", {"appearance": "with blue stripes"})
    asked = asked_of(shot("a <bear> bear swimming at the lake"), (token,), KNOWN)
    assert asked.text == "a bear with blue stripes swimming at the lake"
    assert [part.value for part in asked.parts] == ["bear", "stripes", "swimming", "lake"]
    learned = replace(token, metadata={"appearance": "", "initializer_word": "white"})
    assert [part.value for part in asked_of(shot("a <bear> bear swimming"), (learned,), KNOWN).parts] == ["bear", "white", "swimming"]
    plain = asked_of(shot("a <bear> bear swimming"), (), KNOWN)
    assert [part.value for part in plain.parts] == ["bear", "swimming"]


def test_remarks_are_sentences() -> None:
    parts = asked_of(shot("a red fox jumping in the snow"), (), KNOWN).parts
    assert [part.remark for part in parts] == ["there is no fox", "the fox is not red", "the fox wears what nobody asked for",
                                               "the fox does not jump", "it is not in the snow"]


def test_the_whole_alone_is_asked_of_other_models_and_of_several_events() -> None:
    assert asked_of(shot("a red fox jumping"), (), None).parts == ()
    assert asked_of(shot("a red fox jumping", (ShotEvent(prompt="a red fox jumping"),)), (), KNOWN).parts == ()
