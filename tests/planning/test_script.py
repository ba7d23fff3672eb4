"""What the planner makes of screenplays, of plays, and of chapters."""

from __future__ import annotations

import pytest

from storyanim.artifacts import Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.rules import RulePlanner
from storyanim.planning.script import LABEL, TRANSITION, find_cues, find_speakers, is_script, told
from storybook.vocabulary import make_vocabulary

SCREENPLAY = """FADE IN:

EXT. CITY STREET - NIGHT

Rain pours down. BRUNO, a brown bear in a red scarf, walks alone along the pavement.

BRUNO
(sighing)
Where is everybody? I dance.

EXT. BEACH - DAY

Bruno runs along the sand. MIMI, a small white mouse, waves at him.

MIMI (CONT'D)
You came!

They dance together.

CUT TO:

INT. BEDROOM - NIGHT

Mimi sleeps.

THE END
"""
PLAY = """BRUNO: Look, Mimi, the sea!
MIMI: Let us swim!
(Bruno the bear and Mimi the mouse run into the water.)
NARRATOR: They swam until the sun went down.
Later: Bruno dances on the beach."""


def planned(text: str) -> list[Shot]:
    return list(RulePlanner(PlanSettings(), make_vocabulary()).plan(Story(title="t", text=text), []).shots)


def test_a_screenplay() -> None:
    found = planned(SCREENPLAY)
    assert "".join(shot.text for shot in found) == SCREENPLAY
    bruno = "a brown bear with a red scarf"
    assert [shot.prompt for shot in found] == [
        f"{bruno} walking in the city at night in the rain", f"{bruno} running on the beach", "a white mouse waving on the beach",
        f"a white mouse and {bruno} dancing on the beach", "a white mouse sleeping in the bedroom at night"]
    assert not {"bruno", "mimi", "fade", "cut"} & {word for shot in found for word in shot.unsupported_words}


def test_a_play() -> None:
    found = planned(PLAY)
    assert [shot.prompt for shot in found] == [
        "a bear standing in a meadow", "a mouse standing in a meadow", "a bear and a mouse running at the lake",
        "a bear and a mouse swimming at the lake", "a bear dancing on the beach at dusk"]


def test_cues_end_with_a_blank_line_and_leave_out_what_is_done() -> None:
    bruno, mimi = find_cues(SCREENPLAY)
    assert (bruno.name, mimi.name, bruno.own_line) == ("BRUNO", "MIMI", True)
    assert "".join(SCREENPLAY[i] for i in bruno.spoken(SCREENPLAY)).split() == ["Where", "is", "everybody?", "I", "dance."]


def test_blank_lines_may_hold_blanks() -> None:
    assert planned(SCREENPLAY)[0].prompt == planned(SCREENPLAY.replace("\n\n", "\n  \n"))[0].prompt
    assert [cue.name for cue in find_cues(SCREENPLAY.replace("\n\n", "\n \t\n"))] == ["BRUNO", "MIMI"]
    assert [cue.name for cue in find_cues(SCREENPLAY.replace("BRUNO\n", "        BRUNO\n"))] == ["BRUNO", "MIMI"]


def test_a_narrator_and_a_label_say_nothing() -> None:
    assert [cue.name for cue in find_cues(PLAY)] == ["BRUNO", "MIMI"]
    assert find_speakers(PLAY) == {"bruno", "mimi"}
    assert not find_cues("Morning: a bear runs.\nBeach: it swims.\nScene 2: it sleeps.")


def test_capitals_are_cues_in_scripts_only() -> None:
    text = "CHAPTER ONE\nThe bear ran.\n\nBOOM\nIt fell.\n"
    assert not is_script(text)
    assert not find_cues(text)


@pytest.mark.parametrize("line", ["FADE IN:", "FADE OUT.", "CUT TO:", "SMASH CUT TO: BLACK", "DISSOLVE TO:", "THE END"])
def test_transitions(line: str) -> None:
    assert TRANSITION.match(line)


@pytest.mark.parametrize("line", ["The end of the road was near.", "FADE was his name.", "Cut the bread."])
def test_no_transitions(line: str) -> None:
    assert not TRANSITION.match(line)


@pytest.mark.parametrize("line", ["## At the sea", "Chapter 2: The Sea", "CHAPTER ONE", "**Part Two**", "In which Bo runs"])
def test_labels(line: str) -> None:
    assert LABEL.match(line)


@pytest.mark.parametrize("line", [
    "Part of the forest burned.", "Part of Bruno", "Act two was long, and sad.", "A bear ran.", "In which?",
])
def test_no_labels(line: str) -> None:
    assert not LABEL.match(line)


@pytest.mark.parametrize(("text", "shown"), [
    ("FADE IN:\n\nEXT. BEACH - DAY\n\nBruno runs.\n\nCUT TO:\n", "Bruno runs."),
    ("BRUNO\n(sighing)\nWhere is everybody?\n", "BRUNO\n(sighing)\nWhere is everybody?"),
    ("## Chapter 2: The Sea\n\n- Benny *really* swam, **far** and _fast_.\n", "Benny really swam, far and fast."),
    ("**Scene 2:** Benny walks.", "Benny walks."), ("Panel 3: The cat jumps.", "The cat jumps."),
    ("NARRATOR: They swam.", "They swam."), ("EXT. BEACH - DAY", ""),
    ("“Two * three_four,” said the snake_bear - twice!", "“Two * three_four,” said the snake_bear - twice!"),
])
def test_what_a_film_shows_of_a_shots_words(text: str, shown: str) -> None:
    assert told(text).strip() == shown


@pytest.mark.parametrize("text", [PLAY.splitlines()[2], "The bear ran.\n\n“Stop!” he said - and 2 * 3 = 6.\n", ""])
def test_plain_words_are_shown_as_they_are(text: str) -> None:
    assert told(text) == text


def test_a_chapter_begins_with_its_label() -> None:
    found = planned("# Chapter 1\n\nA bear ran in the forest.\n\n## Chapter 2: The Beach\n\nIt danced.\n")
    assert [shot.prompt for shot in found] == ["a bear running in the forest", "a bear dancing on the beach"]
    assert found[1].text.startswith("## Chapter 2")
    plain = planned("CHAPTER ONE\n\nA bear ran in the forest.\n\nChapter 2: The Beach\n\nIt danced.\n")
    assert [shot.prompt for shot in plain] == ["a bear running in the forest", "a bear dancing on the beach"]
    assert plain[1].text.startswith("Chapter 2")
