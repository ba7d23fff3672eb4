"""What the offline planner makes of English: shots, pronouns, settings, prompts."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planned import BEAR, WORDS, shots

from storyanim.artifacts import CastMember, Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.rules import RulePlanner
from storybook.vocabulary import make_vocabulary


def free(text: str, *cast: CastMember, style: str = "") -> list[Shot]:
    """The shots of a story in its own words."""
    return list(RulePlanner(PlanSettings(style=style)).plan(Story(title="t", text=text), cast).shots)


def texts(text: str) -> list[str]:
    return [shot.text.strip() for shot in shots(text)]


# ── every character in exactly one shot ──

PIECES = st.sampled_from([
    "The bear ran into a wolf and chased it.", "“Stop!” cried Mr. Fox, e.g. loudly.", "It rained.", "He slept",
    "\n", "\n\n", "  ", "\t", "...", "# ",
    "FADE IN:\n", "\n\nBRUNO\n(sighing)\nHello. I run.\n\n", "## Chapter 2: The Sea\n", "THE BEAR RAN.", "NARRATOR: He ran home.",
    "Flop, Mop and Pip, three bears,", "the camera pans left as", "You are a bear.", "I ran home to bed.",
    "John: (smiling) Hi!", "EXT. FOREST - NIGHT\n", "«Bonjour»",
    "naïve Zoë 🍊", "太郎。", "\"", "'", "(", ")", "—",
    "a cat sat\n", "3.5 km", "and then",
    "When the sun set, she went home;", "A.", "\r", "\u2028", "\u00a0", "Dr. St. No. 5",
])


@given(st.one_of(st.text(max_size=120), st.lists(PIECES, max_size=10).map(" ".join), st.lists(PIECES, max_size=10).map("".join)))
@example("\n\n A bear. \n")
@example("“ ” ’")
@example("The bear ran into a wolf\nand chased it until\n\n\nnight. \n\n")
@settings(max_examples=150, deadline=None)
def test_every_character_is_in_exactly_one_shot(text: str) -> None:
    if any(char.isalnum() for char in text):
        assert "".join(shot.text for shot in shots(text)) == text
        assert all(any(c.isalnum() for c in shot.text) for shot in shots(text))


# ── one event a shot ──


@pytest.mark.parametrize(("text", "expected"), [
    ("The bear ran into a wolf and chased it.", ["The bear ran into a wolf", "and chased it."]),
    ("The fox ran to the lake, jumped into the water and swam to the island.",
     ["The fox ran to the lake,", "jumped into the water", "and swam to the island."]),
    ("The cat climbed the hill; the dog followed her.", ["The cat climbed the hill;", "the dog followed her."]),
    ("The cat climbed the hill, and then she slept in the grass.",
     ["The cat climbed the hill,", "and then she slept in the grass."]),
    ("A bear eats bread and butter.", ["A bear eats bread and butter."]),
    ("The mouse ran up and down the stairs.", ["The mouse ran up and down the stairs."]),
    ("The cat and the dog walked home.", ["The cat and the dog walked home."]),
    ("“I ran home and hid under the bed,” said the cat.", ["“I ran home and hid under the bed,” said the cat."]),
    ("The fox who lived in the wood and hunted mice ran away.", ["The fox who lived in the wood and hunted mice ran away."]),
    ("When the moon rose and the owl flew over him, he slept.", ["When the moon rose and the owl flew over him, he slept."]),
    ("Mr. Fox met Dr. Bear at 5 p.m. in St. John's Wood.", ["Mr. Fox met Dr. Bear at 5 p.m. in St. John's Wood."]),
    ("It was a cold night. The bear walked through the snow.", ["It was a cold night. The bear walked through the snow."]),
    ("The bear walked through the snow. Brrr!", ["The bear walked through the snow. Brrr!"]),
    ("The cat saw a man. I slept.", ["The cat saw a man.", "I slept."]),
    ("“Run to me. I am here,” called the cat.", ["“Run to me. I am here,” called the cat."]),
    ("a dog runs\na dog jumps into a lake", ["a dog runs", "a dog jumps into a lake"]),
    ("EXT. BEACH - NIGHT\n\nA mouse walks along the shore.", ["EXT. BEACH - NIGHT\n\nA mouse walks along the shore."]),
    ("The cat ran.\n\n“Wait!” said the dog. “Wait for me!”", ["The cat ran.", "“Wait!” said the dog. “Wait for me!”"]),
    ("The bear walked through the deep forest and looked\nfor honey in every tree that he could find,\nand at night he slept.",
     ["The bear walked through the deep forest", "and looked\nfor honey in every tree that he could find,",
      "and at night he slept."]),
])
def test_one_event_a_shot(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


# ── who ──


@pytest.mark.parametrize(("text", "last"), [
    ("Mr. Bear met Mrs. Cat. She waved at him.", "a cat waving and a bear standing"),
    ("A red fox sat by the lake. Then he slept.", "a red fox sleeping"),
    ("Pip was a grey mouse with a red hat. Pip danced.", "a grey mouse with a red hat dancing"),
    ("There was a white rabbit named Clover. Clover ran.", "a white rabbit running"),
    ("Once a duck lived here. Her name was Dot. One day Dot swam in the lake.", "a duck swimming"),
    ("A cat lived in the city. It ran through the street. It was raining.", "a cat running"),
    ("A brown duck and a white duck swam. The white duck slept.", "a white duck sleeping"),
    ("The dog found a ball. It picked it up and ran.", "a dog running"),
    ("A dog and a cat met in the park. They danced.", "a dog and a cat dancing"),
    ("A bear saw a puppy. The bear chased it.", "a bear and a dog running"),
    ("Zoë the cat lived in a town. A dog came. Zoë waved.", "a cat waving"),
    ("A fox in a blue scarf walked by. The fox slept.", "a fox with a blue scarf sleeping"),
    ("The boy saw a rabbit. He ran.", "a rabbit standing"),
])
def test_pronouns_and_names_lead_to_the_same_character(text: str, last: str) -> None:
    assert shots(text)[-1].prompt.startswith(last + " ")




def test_a_teller_who_is_nobody_is_not_drawn() -> None:
    found = shots("I saw a bear in the forest. It ran.", BEAR)
    assert [shot.prompt for shot in found[1:]] == ["a <bear> bear running in the forest"]


@pytest.mark.parametrize(("text", "last"), [
    ("Bruno the bear and Mimi the mouse sat. They danced.", "a bear and a mouse dancing"),
    ("The cat, the dog and the mouse ran.", "a cat and a dog running"),
    ("Bruno the bear jumps. Bruno waves goodbye.", "a bear waving"),
])
def test_joined_subjects(text: str, last: str) -> None:
    assert shots(text)[-1].prompt.startswith(last + " ")




def test_a_cast_member_may_be_what_the_vocabulary_lacks() -> None:
    found = shots("A monster danced in the city.", CastMember(name="grr", noun="monster", token="<grr>"))
    assert found[0].prompt == "a <grr> monster dancing in the city"
    assert found[0].query == "a monster dancing in the city"


def test_a_cast_member_is_found_by_a_synonym_and_by_its_name() -> None:
    assert shots("A puppy ran.", CastMember(name="d", noun="dog", token="<d>"))[0].characters == ("d",)
    assert shots("Rusty the fox ran.", CastMember(name="rusty", noun="fox", token="<r>"))[0].characters == ("rusty",)


# ── where and when ──


def test_settings_last_until_they_change() -> None:
    found = shots("At night a fox walked in the forest. It started to rain. The fox ran. It came to a lake. "
                  "The next day it slept. The sun shone.")
    assert [shot.prompt for shot in found] == [
        "a fox walking in the forest at night",
        "a fox running in the forest at night in the rain",
        "a fox walking at the lake at night in the rain",
        "a fox sleeping in a meadow",                # another day
    ]


@pytest.mark.parametrize("text", [
    "A cat sat in the meadow and looked at the mountains.", "A cat sat in the meadow under a tree.",
    "A cat from the city sat in the meadow.", "“Let us go to the beach,” said the cat in the meadow.",
])
def test_places_that_are_only_spoken_of_are_no_settings(text: str) -> None:
    assert all("in a meadow" in shot.prompt for shot in shots(text))






@pytest.mark.parametrize(("text", "last"), [
    ("A dog slept in the bedroom. It went outside.", "a dog walking in a meadow"),
    ("A dog slept in the bedroom. It ran out of the house and jumped.", "a dog running in a meadow"),
    ("A dog slept in the bedroom. It left the room. It danced.", "a dog dancing in a meadow"),
    ("A dog slept in the bedroom. It ran outside to the beach.", "a dog running on the beach"),
    ("A dog slept in the bedroom. It went out.", "a dog walking in a meadow"),
    ("A dog slept in the bedroom. The light went out. The dog danced.", "a dog dancing in the bedroom"),
    ("A dog slept in the bedroom. In Paris it danced.", "a dog dancing in a meadow"),
    ("A dog slept in the bedroom. In May it danced.", "a dog dancing in the bedroom"),
    ("A dog slept in the bedroom. It looked outside.", "a dog standing in the bedroom"),
    ("A dog slept in the bedroom. It jumped out of bed.", "a dog jumping in the bedroom"),
    ("A dog ran in the forest. It waited outside the house.", "a dog sitting in the forest"),
])
def test_who_goes_out_is_no_longer_indoors(text: str, last: str) -> None:
    assert shots(text)[-1].prompt == last


@pytest.mark.parametrize(("text", "expected"), [
    ("Snow was falling, and the fox was asleep.", ["a fox sleeping in a meadow while snow falls"]),
    ("The fox was fast asleep in the forest. A duck danced.", ["a fox sleeping in the forest", "a duck dancing in the forest"]),
    ("The fox ran in the falling snow.", ["a fox running in the snow while snow falls"]),
    ("A fox sat in the city. It began to snow, so the fox danced.",
     ["a fox sitting in the city", "a fox dancing in the city while snow falls"]),
    ("It snowed. The fox ran.", ["a fox running in a meadow while snow falls"]),
    ("The fox ran when the bear was asleep.", ["a fox running and a bear standing in a meadow"]),
])
def test_falling_snow_and_sleepers(text: str, expected: list[str]) -> None:
    assert [shot.prompt for shot in shots(text)] == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("A fox ran in the forest while the camera panned left.", ["a fox running in the forest, the camera pans left"]),
    ("A fox ran in the forest. The camera pans slowly to the right. A cat sat.",
     ["a fox running in the forest, the camera pans right", "a cat sitting in the forest"]),
    ("A fox ran. The camera pans left.", ["a fox running in a meadow, the camera pans left"]),
    ("The camera zooms in. A fox ran in the forest.", ["a fox running in the forest, the camera comes closer"]),
    ("A fox with a camera ran in the forest.", ["a fox running in the forest"]),
    ("“Pan left!” said the fox.", ["a fox standing in a meadow"]),
])
def test_what_the_camera_does(text: str, expected: list[str]) -> None:
    found = shots(text)
    assert [shot.prompt for shot in found] == expected
    assert "".join(shot.text for shot in found) == text


@pytest.mark.parametrize(("text", "action"), [
    ("The dog could not sleep.", "standing"), ("The dog didn't run.", "standing"), ("The dog had never danced.", "standing"),
    ("The dog does not want to sleep.", "standing"), ("The dog did not wait but ran.", "running"),
    ("The dog was not tired and ran to the lake.", "running"),
])
def test_what_is_not_done_is_not_drawn(text: str, action: str) -> None:
    assert f"a dog {action} " in shots(text)[-1].prompt


@pytest.mark.parametrize("text", ["As the sun went down, a cat ran.", "The sun was setting. A cat ran."])
def test_the_sun_goes_down(text: str) -> None:
    assert [shot.prompt for shot in shots(text)] == ["a cat running in a meadow at dusk"]






def test_who_of_the_cast_is_only_spoken_of_is_shown_then() -> None:
    alone = RulePlanner(PlanSettings(), make_vocabulary())
    fox = CastMember(name="fox", noun="fox", token="<fox>")
    story = Story(title="t", text="The bear ran. He saw a fox. He jumped.")
    assert [shot.characters for shot in alone.plan(story, [BEAR, fox]).shots] == [("bear",), ("bear", "fox"), ("bear",)]
    assert [shot.characters for shot in alone.plan(story, [fox]).shots] == [(), ("fox",), ()]






@pytest.mark.parametrize("text", ["The cat slept until noon.", "Before night the cat slept.", "“Good night!” said the cat."])
def test_times_that_are_not_now(text: str) -> None:
    assert shots(text)[0].setting == ""


# ── what cannot be said ──


def test_what_cannot_be_said_is_listed() -> None:
    shot = shots("A wolf juggled a rocket in the forest.")[0]
    assert shot.prompt == "a dog dancing in the forest"
    assert set(shot.unsupported_words) == {"wolf", "rocket", "juggle"}


def test_what_is_said_is_not_listed() -> None:
    assert shots("In the evening a kitten strolled through the woods.")[0].unsupported_words == ()






# ── in the story's own words ──












# ── seeds ──


def test_seeds_depend_on_words_and_title_only() -> None:
    one = shots("A bear ran. A cat slept.")
    other = shots("A dog sat in the lake. A bear ran. A cat slept.")
    assert [s.seed for s in one] == [s.seed for s in other[1:]]
    renamed = RulePlanner(PlanSettings(), WORDS).plan(Story(title="u", text="A bear ran. A cat slept."), [])
    assert renamed.shots[0].seed != one[0].seed


def test_a_changed_sentence_changes_its_own_shot_only() -> None:
    before = shots("A red fox walked in the forest. The fox sat. The fox danced.")
    after = shots("A red fox walked in the forest. The fox slept. The fox danced.")
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert json.loads(before[0].canonical())["prompt"] == "a red fox walking in the forest"




@pytest.mark.parametrize(("text", "prompt"), [
    ("It rained, and the bear ran.", "a bear running in a meadow in the rain"),
    ("In the city it rained, and the bear ran through the evening.", "a bear running in the city at dusk in the rain"),
    ("Snow fell, and the bear danced in the forest.", "a bear dancing in the forest while snow falls"),
    ("The sun rose and the bear jumped.", "a bear jumping in a meadow"),
])
def test_the_weather_before_an_action_is_not_the_action(text: str, prompt: str) -> None:
    found = shots(text)
    assert [shot.prompt for shot in found] == [prompt]
    assert found[0].text == text
    assert not {"rain", "fall", "rise"} & set(found[0].unsupported_words)


def test_no_weather_indoors() -> None:
    found = shots("It was raining in the forest. The bear ran home and slept in its bed.")
    assert "rain" not in found[-1].prompt
    assert found[-1].prompt.startswith("a bear sleeping in the bedroom")
