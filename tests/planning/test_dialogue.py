"""Who says what."""

from __future__ import annotations

import pytest

from storyanim.artifacts import Role
from storyanim.planning.dialogue import find_utterances

CAST = [Role.model_validate({"name": name, "noun": noun, "pronouns": pronouns, "first_shot": "s01", "num_shots": 1})
        for name, noun, pronouns in [("Tom", "mouse", "he"), ("bear", "bear", "she"), ("fox", "fox", "it"), ("I", "person", "I")]]


def who(*texts: str) -> list[list[tuple[str, str]]]:
    return [[(text[one.start:one.end].strip(), one.role.name if one.role else "") for one in found]
            for text, found in zip(texts, find_utterances(texts, CAST), strict=True)]


@pytest.mark.parametrize(("text", "speaker"), [
    ('"Go away," said the fox to the bear.', "fox"), ('The fox said to the bear, "Go away!"', "fox"),
    ('"Go away!" cried the bear. The fox ran.', "bear"), ("'Go away,' said Tom.", "Tom"), ("“Go away,” the mouse said.", "Tom"),
    ('The bear looked at Tom. "Go away," he said.', "Tom"), ('Tom looked at the bear. "Go away," she said.', "bear"),
    ('"Go away," said somebody.', ""), ('"Go away," I said.', "I"),
])
def test_the_clause_says_who_speaks(text: str, speaker: str) -> None:
    spoken = [name for words, name in who(text)[0] if words.startswith("Go away")]
    assert spoken == [speaker]


def test_turns() -> None:
    assert who('Tom met the fox. "Where to?" asked the fox.', '"Home," said Tom. "It is late."', '"May I come?"', '"Yes."') == [
        [("Tom met the fox.", ""), ("Where to?", "fox"), ("asked the fox.", "")],
        [("Home,", "Tom"), ("said Tom.", ""), ("It is late.", "Tom")], [("May I come?", "fox")], [("Yes.", "Tom")]]


@pytest.mark.parametrize("texts", [(), ("",), ("A bear walked.",), ("…", "* * *")])
def test_without_speech_the_narrator_has_all(texts: tuple[str, ...]) -> None:
    assert who(*texts) == [[(text, "")] if text[:1].isalpha() else [] for text in texts]


def test_all_words_are_in_one_utterance() -> None:
    text = 'He said, "One, two", and then: "Three" — but “four” was never said. The end'
    (found,) = find_utterances([text], CAST)
    kept = "".join(text[one.start:one.end] for one in found)
    assert [letter for letter in text if letter.isalpha()] == [letter for letter in kept if letter.isalpha()]
