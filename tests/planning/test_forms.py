"""The forms of stories, told apart; their marks are neither drawn nor shown, and no letter is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyanim.planning.forms import Manuscript, read_manuscript, told

FOUNTAIN = """Title: Night Bus
Credit: written by
Author:
    Somebody

FADE IN:

# Act one
= Nora meets a waiter.

INT. APARTMENT - NIGHT #1#

Nora opens the *door*. [[Which door?]] A waiter approaches with a tray.

NORA
(smiling)
Good evening.

/* The dog
comes later. */

.ROOFTOP

@McAvoy (O.S.)
~La, la.

!BOOM!

> CENTRED <

SMASH CUT TO:

EXT. STREET - DAY

They run.

> FADE OUT.
"""


def kinds(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mark in read_manuscript(text).marks:
        found.setdefault(mark.kind, []).append(text[mark.start:mark.end])
    return found


def words(text: str) -> str:
    return " ".join(read_manuscript(text).told(0, len(text)).split())


def test_fountain() -> None:
    assert read_manuscript(FOUNTAIN).form == "screenplay"
    assert kinds(FOUNTAIN) == {
        "meta": ["Title: Night Bus\nCredit: written by\nAuthor:\n    Somebody", "= Nora meets a waiter.", "[[Which door?]]",
                 "/* The dog\ncomes later. */"],
        "transition": ["FADE IN:", "SMASH CUT TO:", "> FADE OUT."],
        "heading": ["# Act one", "INT. APARTMENT - NIGHT #1#", ".ROOFTOP", "EXT. STREET - DAY"],
        "cue": ["NORA", "@McAvoy (O.S.)"], "parenthetical": ["(smiling)"],
        "markup": ["*", "*", "~", "!", ">", "<"],
    }
    assert words(FOUNTAIN) == ("Nora opens the door. A waiter approaches with a tray. Good evening. La, la. BOOM! CENTRED "
                               "They run.")


@given(st.text(alphabet=st.sampled_from("ab.:\n\n #*-_>[]()12AB\"'`~=!/|"), max_size=80))
def test_no_text_loses_a_letter(text: str) -> None:
    manuscript = read_manuscript(text)
    marks = manuscript.marks
    assert all(0 <= mark.start < mark.end <= len(text) for mark in marks)
    assert all(a.end <= b.start for a, b in pairwise(marks))
    blank = manuscript.blanked()
    assert len(blank) == len(text)
    assert all(a in (b, " ") for a, b in zip(blank, text, strict=True))
    half = len(text) // 2
    assert manuscript.told(0, half) + manuscript.told(half, len(text)) == manuscript.told(0, len(text))


@pytest.mark.parametrize("text", ["The bear ran.\n\n“Stop!” he said - and 2 * 3 = 6.\n", "", "1986. It was a cold year.\n"])
def test_plain_words_have_no_marks(text: str) -> None:
    assert read_manuscript(text) == Manuscript(text)


def test_a_screenplay_may_have_cues_in_the_line() -> None:
    text = "EXT. GYM - DAY\nStudents practise.\nJo: (dribbling) I will score!\nKim:(She walks over.) Your elbow.\n(Jo takes another shot.)\nJo: Yes!\n"
    assert kinds(text) == {"heading": ["EXT. GYM - DAY"], "cue": ["Jo", "Kim", "Jo"], "parenthetical": ["(dribbling)", "(She walks over.)"],
                           "markup": [":", ":", "(", ")", ":"]}


def test_shots_are_read_together() -> None:
    texts = ["INT. HALL - DAY\n\nThey wait.\n\nANNA\n", "Look at that!\n\n", "BOB\nWhere?"]
    assert [text.strip() for text in told(texts)] == ["They wait.", "Look at that!", "Where?"]


def pieces(text: str) -> list[str]:
    """What is told between the cuts, blanks apart."""
    manuscript = read_manuscript(text)
    return [" ".join(manuscript.told(*span).split()) for span in pairwise([*manuscript.cuts, len(text)])]


PLAY = """Anna: Look, the sea!
Ben: I see it. Let's run!
(They run into the water.)
Anna (laughing): It's cold!
Narrator: They swam until the sun went down.
Later: the two sleep on the beach.
"""
CHAT = """**Mom:** Are you ready for school?

**Leo:** (yawning) Not yet. I can't find my shoes.

*Leo crawls under the bed and pulls out a shoe.*

**Leo:** Found one!
"""
LETTERS = "OLD MR. FOX:\nCome in!\n\nGUARD 2: No: it is late.\n\nOLD MR. FOX: Well, well.\n"


@pytest.mark.parametrize(("text", "cues", "parentheticals", "shown"), [
    (PLAY, ["Anna", "Ben", "Anna"], ["(laughing)"],
     "Look, the sea! I see it. Let's run! They run into the water. It's cold! They swam until the sun went down. Later: the two "
     "sleep on the beach."),
    (CHAT, ["**Mom", "**Leo", "**Leo"], ["(yawning)"],
     "Are you ready for school? Not yet. I can't find my shoes. Leo crawls under the bed and pulls out a shoe. Found one!"),
    (LETTERS, ["OLD MR. FOX", "GUARD 2", "OLD MR. FOX"], None, "Come in! No: it is late. Well, well."),
])
def test_dialogues(text: str, cues: list[str], parentheticals: list[str] | None, shown: str) -> None:
    assert read_manuscript(text).form == "dialogue"
    assert kinds(text)["cue"] == cues
    assert kinds(text).get("parenthetical") == parentheticals
    assert words(text) == shown


@pytest.mark.parametrize("text", [
    "The wizard had three rules: never lie, never run, never look back.\nTom: he broke all of them.\n",
    "Morning: a bear runs.\nBeach: it swims.\nNight: it sleeps.\n", "Moral: never wait.\nNote: this is true.\n",
    "She had one wish: Tom.\n\nHe had one, too: sleep.\n",
])
def test_no_dialogues(text: str) -> None:
    assert "cue" not in kinds(text)


@pytest.mark.parametrize(("text", "dates", "days"), [
    ("Monday, 3 March\nI woke up. Rain fell.\n\nTuesday, 4 March\nWe drove to Lisbon.\n\n15 March. Lisbon! The sun shone.\nMay 4th was hot.\n",
     ["Monday, 3 March", "Tuesday, 4 March", "15 March."], ["I woke up. Rain fell.", "We drove to Lisbon.", "Lisbon! The sun shone. May 4th was hot."]),
    ("**Day 1**\n\nI landed.\n\n**Day 2**\n\nI built a hut.\n\n2024-05-01: I saw a ship.\n",
     ["**Day 1**", "**Day 2**", "2024-05-01:"], ["I landed.", "I built a hut.", "I saw a ship."]),
    ("Monday.\nDear diary, I met a fox.\n\nTuesday evening —\nThe fox came again.\n",
     ["Monday.", "Tuesday evening —"], ["Dear diary, I met a fox.", "The fox came again."]),
    ("3 May. Bistritz.--Left Munich at night.\n\nMay 5, 1897\n\nThe castle.\n", ["3 May.", "May 5, 1897"],
     ["Bistritz.--Left Munich at night.", "The castle."]),
])
def test_diaries(text: str, dates: list[str], days: list[str]) -> None:
    assert read_manuscript(text).form == "diary"
    assert kinds(text)["date"] == dates
    assert pieces(text) == days


@pytest.mark.parametrize("text", ["May 3 was a sunny day.\n", "On 3 May we left.\n", "Monday was cold.\n", "Sunday, the bear, ran.\n",
                                  "March on!\n", "May I come in?\n"])
def test_no_dates(text: str) -> None:
    assert read_manuscript(text) == Manuscript(text)


@pytest.mark.parametrize(("text", "shots"), [
    ("1. Wide shot: a lighthouse on a cliff.\n2. Medium shot: an old man climbs the stairs.\n3. He rows.\n4. Fade to black.\n",
     ["a lighthouse on a cliff.", "an old man climbs the stairs.", "He rows.", ""]),
    ("# Coffee\n\n**Shot 1 (wide):** A barista opens a shop.\n**Shot 2 (close-up):** Steam rises.\n   - Slow motion\n**Shot 3:** She smiles.\n\n"
     "Fade to black.\n", ["A barista opens a shop.", "Steam rises. Slow motion", "She smiles."]),
    ("SCENE 1 - FOREST - DAY\nA bear walks.\nHe stops and looks.\n\nSCENE 2 - LAKE - NIGHT\nThe bear drinks.\n",
     ["A bear walks. He stops and looks.", "The bear drinks."]),
    ("Scene 1: The Forest\n\nShot 1: A bear walks.\nShot 2: A fox follows.\n\nScene 2: The Lake\n\nShot 3: They drink.\n",
     ["A bear walks.", "A fox follows.", "They drink."]),
    ("1) Bear wakes up\n2) Bear eats honey\n   and licks his paws\n3) Bear sleeps\n", ["Bear wakes up", "Bear eats honey and licks his paws", "Bear sleeps"]),
    ("| # | Shot | Description |\n|---|---|---|\n| 1 | Wide | A bear walks. |\n| 2 | Close | He smells a flower. |\n",
     ["A bear walks.", "He smells a flower."]),
    ("Panel 1: A cat sits.\nPanel 2: The cat jumps. It flies.\n", ["A cat sits.", "The cat jumps. It flies."]),
    ("1️⃣ A cat sits 🐱\n2️⃣ It jumps\n", ["A cat sits", "It jumps"]),
    ("**SHOT LIST** ☕\n\n1) EXT. wide. A street before dawn. One light.\n2) INT. kitchen. A man fills a kettle.\n3) CU his hands shake.\n"
     "4) Medium. He drinks\n\n> *Have a nice day*\n", ["A street before dawn. One light.", "A man fills a kettle.", "his hands shake.", "He drinks Have a nice day"]),
    ("1. **07:15** – Rex wakes up 😴\n2. 8:00 am - he barks\n", ["Rex wakes up", "he barks"]),
    ("1. INT. KITCHEN - NIGHT\nMia bakes.\n2. EXT. GARDEN - DAY\nMia eats.\n", None),
])
def test_shot_lists(text: str, shots: list[str] | None) -> None:
    manuscript = read_manuscript(text)
    if shots is None:                                # numbered scenes of a screenplay
        assert manuscript.form == "screenplay"
        assert kinds(text)["heading"] == ["1. INT. KITCHEN - NIGHT", "2. EXT. GARDEN - DAY"]
        return
    assert manuscript.form == "shot list"
    assert pieces(text) == shots
    assert manuscript.shots == tuple(pairwise([*manuscript.cuts, len(text)]))


def test_a_list_in_a_story_and_chapters_with_numbers_are_no_shots() -> None:
    recipe = ("Mia found an old book, and in the book there was a list of what a witch needs for a soup:\n\n1. A frog\n2. A toad\n\n"
              "Then she closed the book and ran into the garden. She looked for the frog all morning, and at noon she found it.\n")
    assert read_manuscript(recipe).shots == ()
    assert kinds(recipe) == {"markup": ["1.", "2."]}
    chapters = "1. The Beginning\n\nOnce there was a bear.\n\nHe ran.\n\n2. The River\n\nHe swam. He slept.\n"
    assert read_manuscript(chapters).shots == ()
    assert kinds(chapters) == {"number": ["1.", "2."], "heading": ["The Beginning", "The River"]}
    assert pieces(chapters) == ["Once there was a bear. He ran.", "He swam. He slept."]


@pytest.mark.parametrize(("text", "shown"), [
    ("---\ntitle: \"The Dragon\"\ntags:\n  - a\n---\n\nA dragon slept.\n", "A dragon slept."),
    ("+++\ntitle = 'The Dragon'\n+++\nA dragon slept.", "A dragon slept."),
    ("Title: The Dragon\nAuthor: Me\n\nA dragon slept.", "A dragon slept."),
    ("## Chapter 1\n\n*Luna* the cat [woke up](http://x.y) and saw ![sun](sun.png) the `sun`.", "Luna the cat woke up and saw the sun."),
    ("- First, Luna took a bath 🛁\n- Then she **really** slept ✨\n", "First, Luna took a bath Then she really slept"),
    ("> “Run!”\n> she said.\n\n<!-- a note -->\nHe ran <br>home.", "“Run!” she said. He ran home."),
    ("```python\nprint(1)\n```\n\n```\nA letter.\n```\n", "A letter."),
    ("He ran.\n\n* * *\n\nShe slept.\n---\nThey woke.\n\n#\n\nAll ate.", "He ran. She slept. They woke. All ate."),
    ("A cat slept.\n\n**THE END** Like & subscribe\n\nFollow me on https://example.com!\n", "A cat slept."),
    ("A cat slept.\n\nThe End\n", "A cat slept."), ("The end of the road was near.", "The end of the road was near."),
    ("CHAPTER ONE\n\nA cat slept.\n\nII\n\nIt woke.\n\nIn which Bo runs\n\nBo ran.", "A cat slept. It woke. Bo ran."),
    ("FADE IN:\n\nA cat slept.\n\nCut to black.\n", "A cat slept."), ("Cut the bread.\n", "Cut the bread."),
    ("The Bear\n\n*** START OF THE PROJECT GUTENBERG EBOOK THE BEAR ***\n\nA bear ran.\n\n*** END OF THE PROJECT GUTENBERG EBOOK THE BEAR ***\n\n"
     "Buy it.", "A bear ran."),
    ("snake_bear_cat and 2 * 3 * 4, a\\*b, AT&amp;T - twice!", "snake_bear_cat and 2 * 3 * 4, a*b, AT&amp;T - twice!"),
])
def test_what_is_shown_of_marks_in_prose(text: str, shown: str) -> None:
    assert words(text) == shown


def test_rules_and_headings_cut() -> None:
    assert pieces("He ran.\n\n* * *\n\nShe slept.\n\n## Two\n\nThey woke.\n\nTHE END\n") == ["He ran.", "She slept.", "They woke."]


@pytest.mark.parametrize("title", ["The Heron and the Beaver", "Our Trip to the Fire Station", "Moonlight Bakery"])
def test_a_title_without_a_number_is_no_picture(title: str) -> None:
    text = f"{title}\n\nHe ran home.\n\n{title}\n\nShe slept."
    assert kinds(text) == {"heading": [title, title]}
    assert kinds(f"{title} ran home.\n\nShe slept.") == {} == kinds(title)


def test_a_long_text_is_read_quickly() -> None:
    text = "".join(f"{number}. Wide shot: the **bear** walks in the forest 🐻.\n" for number in range(1, 3500))
    manuscript = read_manuscript(text)
    assert len(manuscript.shots) == 3499
    assert len(told([text[start:end] for start, end in manuscript.shots])) == 3499


@pytest.mark.parametrize(("text", "told"), [
    ("Close-up of a fox running in the snow.", "a fox running in the snow."),
    ("It rained. An extreme wide shot of two boats – then dark.", "It rained. two boats – then dark."),
    ("The camera slowly zooms in on a girl reading.", "a girl reading."),
    ("Photo of a bear.", "a bear."),
    ("The camera pans left.", "The camera pans left."),
    ("The camera fell into the lake.", "The camera fell into the lake."),
    ("A picture of her mother hung on the wall.", "A picture of her mother hung on the wall."),
    ("The last shot rang out.", "The last shot rang out."),
])
def test_what_a_sentence_says_of_the_picture_is_not_told(text: str, told: str) -> None:
    manuscript = read_manuscript(text)
    assert " ".join(manuscript.told(0, len(text)).split()) == told
