"""Prompt files, and characters' folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyanim.errors import ModelError, UsageError
from storyanim.planning import people_of, prompts, settle_noun
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


@pytest.mark.parametrize(("folder", "noun"), [
    ("bear_plushie", "bear"), ("grey_sloth_plushie", "sloth"), ("duck-toy", "duck"), ("Clover", "rabbit"), ("bunny2", "bunny"),
    ("monster_toy", "monster"), ("photos", "photo"), ("my_cat", "cat"),
])
def test_a_folder_names_its_noun(folder: str, noun: str) -> None:
    story = "There was a white rabbit named Clover. She met a bear and a monster."
    assert settle_noun(folder, "", people_of(story), make_vocabulary())[0] == noun
