"""The labelled stories are whole, known to their labels, many enough, and quoted by no rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storyanim.errors import UsageError
from storybook.evaluate.planner_english import tokens_of, verb_forms
from storybook.evaluate.planner_stories import HALVES, STORIES, LabelledStory, load_stories, load_story

ROOT = Path(__file__).parents[3]
PATHS = sorted(STORIES.glob("*/*.yaml"))
RULES = sorted([*(ROOT / "storyanim" / "planning").rglob("*.py"), *(ROOT / "storyanim" / "planning").rglob("*.json"),
                *(ROOT / "storyanim" / "planning").rglob("*.txt"), *(ROOT / "tests" / "planning").glob("*.py")])
FORMULAS = "once upon a time there was a"             # of no story in particular
RUN = 5                                              # words in a row that count as quoted


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of five words, in lower case."""
    words = [word.lower() for word in tokens_of(text)]
    return {tuple(words[i:i + RUN]) for i in range(len(words) - RUN + 1)}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
class TestEveryStory:
    def test_is_valid(self, path: Path) -> None:
        story = load_story(path)
        assert story.text == "".join(part for piece in story.pieces for part in piece.parts)
        assert story.text == story.text.strip()

    def test_everybody_is_labelled(self, path: Path) -> None:
        story = load_story(path)
        shown = {key for piece in story.pieces for key in (*piece.label.who, *piece.label.with_)}
        assert shown == set(story.characters)

    def test_names_stand_in_the_text(self, path: Path) -> None:
        story = load_story(path)
        for one in story.characters.values():
            assert all(name.lower() in story.text.lower() for name in one.names), one.names

    def test_who_acts_has_an_action(self, path: Path) -> None:
        assert all(piece.label.action for piece in load_story(path).pieces if piece.label.who)


def test_the_halves_are_large_and_balanced() -> None:
    stories = {half: load_stories(halves=(half,)) for half in HALVES}
    assert sum(map(len, stories.values())) >= 30
    assert abs(len(stories["seen"]) - len(stories["held"])) <= 1
    for half, found in stories.items():
        assert sum(len(story.pieces) for story in found) >= 200, half
    forms = [{story.form for story in found} for found in stories.values()]
    assert len(forms[0] & forms[1]) >= 12


def test_the_fresh_stories_are_enough_to_score() -> None:
    fresh = load_stories(halves=("fresh",))
    assert len(fresh) >= 8
    assert sum(len(story.pieces) for story in fresh) >= 110


def test_no_rule_quotes_a_held_story() -> None:
    held = {run: story.title for story in load_stories(halves=("held", "fresh")) for run in runs(story.text)}
    for path in RULES:
        found = runs(path.read_text("utf-8")) - runs(FORMULAS)
        quoted = {" ".join(run): held[run] for run in found & set(held)}
        assert not quoted, f"{path.relative_to(ROOT)} quotes stories that are scored only"


def test_a_quotation_would_be_found() -> None:
    story = load_stories(halves=("held",))[0]
    words = re.sub(r"\s+", " ", story.text).split(" ")[3:9]
    assert runs(f'assert shots("{" ".join(words)}")') & runs(story.text)


class TestWhatIsRefused:
    GOOD = "title: t\nform: f\nsource: own\ncharacters: {fox: {noun: fox}}\npieces:\n"
    LABEL = "action: [run], place: [], time: '', weather: ''"

    def test_the_good_one_is_read(self, tmp_path: Path) -> None:
        assert isinstance(self.load(tmp_path, f"  - {{text: The fox ran., label: {{who: [fox], {self.LABEL}}}}}"), LabelledStory)

    @pytest.mark.parametrize("piece", [
        "{text: The fox ran., label: {who: [bear], LABEL}}",
        "{text: The fox ran., label: {who: [fox], with: [bear], LABEL}}",
        "{text: '...', label: {who: [fox], LABEL}}",
        "{text: The fox ran., label: {who: [fox], LABEL, may_join_next: true}}",
        "{text: The fox ran., label: {who: [fox], LABEL, colour: red}}",
        "{text: The fox ran., label: {who: [fox], action: [run], place: [], time: noon, weather: ''}}",
    ])
    def test_a_wrong_label(self, tmp_path: Path, piece: str) -> None:
        with pytest.raises(UsageError, match="no labelled story"):
            self.load(tmp_path, f"  - {piece.replace('LABEL', self.LABEL)}")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no labelled stories"):
            load_stories(tmp_path)

    def load(self, tmp_path: Path, pieces: str) -> LabelledStory:
        path = tmp_path / "story.yaml"
        path.write_text(self.GOOD + pieces, "utf-8")
        return load_story(path)


def test_forms_of_verbs() -> None:
    assert {"run", "runs", "ran", "running"} <= verb_forms("run")
    assert {"carry", "carries", "carried", "carrying"} <= verb_forms("carry")
    assert {"lie", "lies", "lay", "lying"} <= verb_forms("lie")
    assert {"open", "opens", "opened", "opening"} <= verb_forms("open")
    assert "stoping" not in verb_forms("stop")
    assert {"stopped", "stopping"} <= verb_forms("stop")
