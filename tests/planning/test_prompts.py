"""Prompt files, alignment of a model's copy, and characters' folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyanim.errors import ModelError, UsageError
from storyanim.planning import entities_of, guess_noun, prompts
from storyanim.planning.align import Misfit, align
from storyanim.planning.sentences import split_sentences
from storybook.vocabulary import make_vocabulary


def test_holes_are_filled() -> None:
    text = prompts.fill("repair_reply", errors="- $5 is no shot")
    assert "- $5 is no shot" in text


def test_an_unfilled_hole_is_named() -> None:
    with pytest.raises(UsageError, match=r"\$errors"):
        prompts.fill("repair_reply")


def test_a_word_without_a_hole_is_named() -> None:
    with pytest.raises(UsageError, match=r"no hole \$story"):
        prompts.fill("repair_reply", errors="x", story="y")


def test_prompts_lie_in_a_wheel_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "storyanim"
    (package / "plan").mkdir(parents=True)
    monkeypatch.setattr(prompts, "__file__", str(package / "plan" / "prompts.py"))
    with pytest.raises(ModelError):
        prompts.find_prompts()
    (package / "prompts").mkdir()
    for name in prompts.NAMES:
        (package / "prompts" / f"{name}.md").write_text("x")
    assert prompts.find_prompts() == package / "prompts"


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_alignment_gives_the_story_back(text: str) -> None:
    pieces = [text[s.start:s.end] for s in split_sentences(text)]
    if all(any(c.isalnum() for c in piece) for piece in pieces) and pieces:
        copies = [" ".join(piece.replace("“", '"').split()).upper() for piece in pieces]
        assert "".join(align(text, copies)) == text


@pytest.mark.parametrize(("spans", "words"), [
    (["A bear ran."], "end is missing"),
    (["A bear ran.", "A cat sat.", "More."], "after the story's end"),
    (["A cat sat.", "A bear ran."], "does not copy"),
    (["A bear ran.", "...", "A cat sat."], "no words"),
])
def test_what_is_not_the_story(spans: list[str], words: str) -> None:
    with pytest.raises(Misfit, match=words):
        align("A bear ran. A cat sat.", spans)


def test_marks_go_with_their_words() -> None:
    pieces = align("“Go!” she said. (He went.) “OK…”", ["Go she said", "He went", "OK"])
    assert pieces == ["“Go!” she said. ", "(He went.) ", "“OK…”"]


@pytest.mark.parametrize(("folder", "noun"), [
    ("bear_plushie", "bear"), ("grey_sloth_plushie", "sloth"), ("duck-toy", "duck"), ("Clover", "rabbit"), ("bunny2", "rabbit"),
    ("monster_toy", "monster"), ("photos", "photo"), ("my_cat", "cat"),
])
def test_a_folder_names_its_noun(folder: str, noun: str) -> None:
    story = "There was a white rabbit named Clover. She met a bear and a monster."
    assert guess_noun(folder, entities_of(story, make_vocabulary()), make_vocabulary()) == noun
