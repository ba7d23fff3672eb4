"""Where a story is cut into shots, and what each draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned import BEAR, WORDS, deeds, narrative, shots, texts

from storyanim.artifacts import Story
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.rules import RulePlanner

WORD = st.sampled_from(["the", "a", "Tom", "Mia", "fox", "bear", "he", "she", "it", "they", "ran", "sat", "said", "saw", "was", "had", "and", "but", "then", "when", "in", "to", "on", "house", "river", "night", "rain", "not", "could", "red", "big", '"', "“", "”", "'", ",", ".", "!", "?", "…", "\n", "\n\n", "-", "1.", "#", "*", "🚀", "Mr.", "I", "who", "with", "of"])


class TestCuts:
    @pytest.mark.parametrize(("text", "expected"), [
        ("It was cold. The fox ran. The hen sat.", ["It was cold. The fox ran.", "The hen sat."]),
        ("The fox ran. He was tired.", ["The fox ran. He was tired."]),
        ("A Parsee baked a cake. A rhinoceros came to the beach.", ["A Parsee baked a cake.", "A rhinoceros came to the beach."]),
        ("'Run along. Don't fall. I am off,' said the hen. Then the hen ran.",
         ["'Run along. Don't fall. I am off,' said the hen.", "Then the hen ran."]),
        ("1. A boat on the sea.\n2. A man climbs the stairs and opens a door.\n3. Fade.",
         ["1. A boat on the sea.", "2. A man climbs the stairs and opens a door.", "3. Fade."]),
    ])
    def test_one_event_a_shot(self, text: str, expected: list[str]) -> None:
        assert texts(text) == expected

    def test_long_descriptions_are_shots(self) -> None:
        text = "The wood was old. " * 15 + "\n\nA fox ran."
        assert len(texts(text)) >= 2

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(WORD, min_size=1, max_size=60))
    def test_every_letter_lands_in_one_shot(self, said: list[str]) -> None:
        text = " ".join(said)
        found = narrative(text).beats
        assert "".join(text[beat.start:beat.end] for beat in found) == text
        assert all(beat.start < beat.end for beat in found)

    def test_no_profile_changes_the_cuts(self) -> None:
        story = Story(title="t", text="Tom ran home and shut the door. A dragon came. It slept in the meadow. “Oh,” said Tom.")
        boards = [RulePlanner(PlanSettings(), words).plan(story, ()) for words in (WORDS, None)]
        assert len({tuple(shot.text for shot in board.shots) for board in boards}) == 1

    def test_too_many_shots_are_an_error_at_once(self) -> None:
        with pytest.raises(StoryError, match="10,050 sentences"):
            shots("The bear walked in the forest. " * 10_050)


class TestPeoplesStories:
    """Kinds of stories that people paste, each with another than the first wording."""

    def test_a_human_hero_keeps_the_action(self) -> None:
        assert deeds("Anna leapt over the ditch. Anna walked up the road. Anna saw a goat. Anna sang.") == [
            ("Anna", "leap"), ("Anna", "walk"), ("Anna", "see"), ("Anna", "sing")]

    def test_a_list(self) -> None:
        assert deeds("- First, Max the dog dug a hole 🕳️\n- Then he barked ✨") == [("Max", "dig"), ("Max", "bark")]

    def test_a_screenplay(self) -> None:
        text = ("Title: Late\nAuthor: Me\n\nFADE IN:\n\nINT. HALL - NIGHT\n\nIda opens the door. A guard approaches with a lamp.\n\n"
                "> FADE OUT.\n")
        assert deeds(text) == [("Ida", "open"), ("guard", "approach")]

    def test_a_verse(self) -> None:
        text = "Hey ho, the merry row,\nThe old cat and the crow,\nThe little mouse danced\nTo hear such a tune,\nAnd the pig ran away with the broom."
        assert [verb for _, verb in deeds(text)] == ["dance", "run"]

    def test_a_negated_event_is_no_picture_of_it(self) -> None:
        beat = narrative("The children could not sleep.").beats[0]
        assert beat.main is not None
        assert beat.main.negated


class TestAllInputsOfThisFolder:
    @pytest.mark.parametrize("path", sorted((Path(__file__).parent / "stories" / "seen").glob("*.yaml")), ids=lambda p: p.stem)
    def test_seen_stories_are_planned(self, path: Path) -> None:
        import yaml

        pieces = yaml.safe_load(path.read_text("utf-8"))["pieces"]
        text = "".join(p["text"] if isinstance(p["text"], str) else "".join(p["text"]) for p in pieces)
        assert "".join(shot.text for shot in shots(text)) == text


def test_a_cast_member_that_acts_is_in_the_shots() -> None:
    assert {name for shot in shots("The bear ran. It slept.", BEAR) for name in shot.characters} == {"bear"}
