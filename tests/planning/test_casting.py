"""Who plays whom: stand-ins that keep their kind and colour, and the action of whom they play."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from storyanim.artifacts import CastMember, Role, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.casting import family_of, settle_noun
from storyanim.planning.narrative import Person
from storyanim.planning.rules import RulePlanner
from storybook.vocabulary import make_vocabulary
from storybook.world import STORYBOOK_2

BUNDLED = make_vocabulary()
PEOPLE = make_vocabulary(STORYBOOK_2)


def board(text: str, *cast: CastMember, **settings: object) -> Storyboard:
    """A story as the bundled profile plans it."""
    return RulePlanner(PlanSettings.model_validate(settings), BUNDLED).plan(Story(title="t", text=text), cast)


def roles(text: str, **settings: object) -> dict[str, Role]:
    return {role.name: role for role in board(text, **settings).cast}


@pytest.mark.parametrize(("text", "actions"), [
    ("Tom jumped over the fence. Tom ran down the street. Tom saw a cow. Tom danced in the rain.",
     ["jumping", "running", "standing", "dancing"]),
    ("The girl ran to the lake. She swam. She slept in the grass.", ["running", "swimming", "sleeping"]),
    ("A dragon sat on a hill. The dragon danced.", ["sitting", "dancing"]),
])
def test_a_stand_in_does_what_the_story_says(text: str, actions: list[str]) -> None:
    shots = board(text).shots
    assert [re.findall("|".join(BUNDLED.kinds["action"]), shot.prompt) for shot in shots] == [[a] for a in actions]


def test_a_place_is_the_one_that_has_what_the_story_says_is_in_it() -> None:
    text = "A bear danced in a room with flowers. He read a book. A girl sang in a room with two chairs."
    shots = RulePlanner(PlanSettings(), PEOPLE).plan(Story(title="t", text=text), ()).shots
    assert ["flowers" in shot.prompt for shot in shots] == [True, True, False]


@pytest.mark.parametrize(("text", "said", "lacking"), [
    ("A girl rode a bicycle on the beach.", "bicycle", ()), ("A cat slept in a bed.", "bedroom", ()),
    ("A boy read a book in the park.", "reading", ()), ("A girl rode a camel on the beach.", "beach", ("camel",)),
])
def test_what_the_prompt_says_is_not_lacking(text: str, said: str, lacking: tuple[str, ...]) -> None:
    shot = RulePlanner(PlanSettings(), PEOPLE).plan(Story(title="t", text=text), ()).shots[0]
    assert said in shot.prompt
    assert shot.unsupported_words == lacking


@pytest.mark.parametrize(("name", "part"), [
    ("Father Christmas", "Father Christmas"), ("Saint Nicholas", "Father Christmas"), ("Grandmother May", "old woman"),
    ("Uncle October", "man"),
])
@pytest.mark.parametrize("text", ["{} danced in the snow.", "A fox danced with {}."])
def test_who_is_called_by_a_relative_s_name_and_a_month_s_is_somebody(text: str, name: str, part: str) -> None:
    board_ = RulePlanner(PlanSettings(), PEOPLE).plan(Story(title="t", text=text.format(name)), ())
    assert part in " ".join(role.played_by for role in board_.cast)
    assert part in board_.shots[0].prompt


@pytest.mark.parametrize("text", [
    "Tom jumped over the fence. Tom ran down the street. Tom saw a cow. Tom danced in the rain.",
    "A girl walked in the forest. The girl met a wolf. The girl ran. The girl slept.",
    "The bear walked. The bear sat down. The bear danced.",
])
def test_a_figure_never_changes_kind_or_colour(text: str) -> None:
    planned = board(text)
    hero = max(planned.cast, key=lambda role: role.num_shots)
    assert hero.num_shots == len(planned.shots)
    assert all(hero.played_by in shot.prompt for shot in planned.shots), [shot.prompt for shot in planned.shots]


@pytest.mark.parametrize("text", [
    "Rosa ran to the beach. Leo danced in the rain. Rosa slept. Leo swam.",
    "A king sat down. A queen danced. A princess ran. A knight jumped. A wizard walked. A witch slept. A giant stood up."
    " A fairy waved. A troll swam. A goblin sat down.",
    "A bear danced. Another bear slept. A bear cub ran.",
])
def test_two_characters_never_look_alike(text: str) -> None:
    played = [role.played_by for role in board(text).cast]
    assert len(set(played)) == len(played) > 1


@pytest.mark.parametrize(("noun", "kind"), [
    ("wolf", "dog|fox"), ("lion", "cat"), ("squirrel", "rabbit|mouse"), ("swan", "duck"), ("badger", "bear"),
])
def test_the_nearest_in_kind_stands_in(noun: str, kind: str) -> None:
    (role,) = board(f"The {noun} ran through the forest. The {noun} jumped.").cast
    assert re.search(kind, role.played_by), role


@pytest.mark.parametrize(("text", "played"), [
    ("The princess danced.", "girl in a red dress"), ("The knight ran. He sat down.", "man in a brown shirt"),
    ("The grandmother slept.", "old woman in a grey dress"), ("A crocodile swam.", "green dragon"),
])
def test_a_wider_world_plays_people_with_people(text: str, played: str) -> None:
    planned = RulePlanner(PlanSettings(), PEOPLE).plan(Story(title="t", text=text), ())
    assert planned.cast[0].played_by == played


def test_the_storys_colour_comes_first() -> None:
    assert roles("A white fox ran. The fox danced.")["fox"].played_by == "white fox"
    assert roles("A fox ran. The fox danced.")["fox"].played_by == "orange fox"


def test_whom_one_clause_mentions_is_no_hero() -> None:
    planned = board("Tom walked to the village. Tom saw a bear. Tom laughed. Tom ran home.")
    assert [role.name for role in planned.cast] == ["Tom"]
    assert not any("bear" in shot.prompt for shot in planned.shots if planned.cast[0].played_by.split()[-1] != "bear")


def test_what_a_stand_in_replaces_is_listed() -> None:
    shots = board("The girl ran to the lake. The dragon danced.").shots
    assert "girl" in shots[0].unsupported_words
    assert "dragon" in shots[1].unsupported_words


def test_none_leaves_out_whom_the_model_cannot_draw() -> None:
    planned = board("The girl ran to the lake. The bear danced.", cast="none")
    assert planned.shots[0].prompt.startswith("an empty scene")
    assert {role.name: role.played_by for role in planned.cast} == {"girl": "", "bear": "brown bear"}


def test_strict_names_whom_it_cannot_draw() -> None:
    with pytest.raises(StoryError, match=r"cannot draw Tom, girl") as error:
        board("Tom ran to the lake. The girl danced. The bear slept.", cast="strict")
    assert "--character FOLDER=Tom" in error.value.hint
    board("The bear danced. The bear slept.", cast="strict")


def test_a_person_chooses_who_plays() -> None:
    text = "Tom ran to the lake. Tom danced."
    planned = board(text, stand_ins={"Tom": "green duck with a red hat"})
    assert all("a green duck with a red hat" in shot.prompt for shot in planned.shots)
    assert planned.cast[0].played_by == "green duck with a red hat"
    with pytest.raises(StoryError, match="spaceship"):
        board(text, stand_ins={"Tom": "spaceship"})


def test_a_cast_character_plays_by_the_storys_name() -> None:
    bear = CastMember(name="bear", noun="bear", token="<bear>", plays="Tom")
    planned = board("Tom jumped over the fence. Mia ran down the street.", bear)
    assert planned.shots[0].prompt.startswith("a <bear> bear jumping")
    assert {role.name: role.played_by for role in planned.cast}["Tom"] == "bear"
    assert "bear" not in planned.cast[1].played_by


@pytest.mark.parametrize(("folder", "told", "people", "expected"), [
    ("bear", "Tom", [], ("bear", "Tom")), ("bruno", "bear", [], ("bear", "")),
    ("ellie", "Ellie", [Person("girl", ["Ellie"], "f", human=True)], ("girl", "Ellie")),
    ("photos", "Zoe", [], ("person", "Zoe")), ("bear", "girl", [Person("girl")], ("bear", "girl")),
    ("my_fox", "I", [Person(narrator=True)], ("fox", "I")), ("brown_bear", "", [], ("bear", "")),
])
def test_noun_and_name_are_apart(folder: str, told: str, people: list[Person], expected: tuple[str, str]) -> None:
    assert settle_noun(folder, told, people, BUNDLED) == expected


def test_families_are_a_tree() -> None:
    assert family_of("wolf")[:3] == family_of("dog")[:3] == ("animal", "mammal", "canine")
    assert family_of("princess")[0] == "person"
    assert family_of("unheard-of") == ()


def test_old_storyboards_stay_valid() -> None:
    planned = board("The bear ran.")
    facts = planned.model_dump(mode="json")
    facts.pop("cast")
    facts["characters"] = [{"name": "bear", "noun": "bear", "token": "<bear>"}]
    assert Storyboard.model_validate(facts).cast == ()
    assert Storyboard.from_yaml(planned.to_yaml()) == planned
    assert all(int(a.first_shot[1:]) <= int(b.first_shot[1:]) for a, b in pairwise(planned.cast))
