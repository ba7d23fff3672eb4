"""Who does what in one shot: entities and events of the offline planner."""

from __future__ import annotations

import pytest

from storyanim.artifacts import CastMember, Shot, Story
from storyanim.config import PlanSettings, asset
from storyanim.planning.rules import RulePlanner
from storyanim.planning.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load(asset("storybook") / "vocabulary.json")


def plan(text: str, *cast: CastMember, free: bool = False, **settings: object) -> tuple[Shot, ...]:
    made = RulePlanner(PlanSettings(**settings), None if free else VOCABULARY)          # type: ignore[arg-type]
    return made.plan(Story(title="t", text=text), cast).shots


def actions(shot: Shot) -> list[str]:
    """What each entity's prompt says is done, by the last word before the scene."""
    return [next(word for word in entity.prompt.split() if word.endswith("ing")) for entity in shot.entities]


class TestEntities:
    @pytest.mark.parametrize(("text", "first", "second"), [
        ("The cat danced while the dog slept.", "dancing", "sleeping"),
        ("The duck sat down while the penguin danced on the beach.", "sitting", "dancing"),
        ("The mouse jumped beside the bear.", "jumping", "standing"),
    ])
    def test_each_does_its_own(self, text: str, first: str, second: str) -> None:
        shot, = plan(text)
        assert actions(shot) == [first, second]
        assert shot.figures == 2
        assert [entity.query.split()[2] for entity in shot.entities] == [first, second]

    @pytest.mark.parametrize("text", [
        "The cat danced.", "The cat and the dog danced.", "The cat danced with the dog.", "Tom sang as he walked."])
    def test_one_action_needs_none(self, text: str) -> None:
        assert all(shot.entities == () for shot in plan(text))

    def test_each_text_names_everybody(self) -> None:
        shot, = plan("The cat danced while the dog slept.")
        for entity in shot.entities:
            assert "cat" in entity.prompt
            assert "dog" in entity.prompt

    def test_sides_of_the_story_count(self) -> None:
        shot, = plan("The cat danced on the right while the dog slept on the left.")
        assert actions(shot) == ["sleeping", "dancing"]

    @pytest.mark.parametrize(("text", "left", "right"), [
        ("The dog slept while a cat danced on its left.", "cat", "dog"),
        ("The fox waved on the right of the bear.", "bear", "fox"),
        ("The mouse danced to the left of the duck.", "mouse", "duck"),
    ])
    def test_so_do_sides_of_somebody(self, text: str, left: str, right: str) -> None:
        shot, = plan(text)
        assert [entity.query.split()[1] for entity in shot.entities] == [left, right]

    @pytest.mark.parametrize(("text", "far"), [
        ("The rabbit slept behind the bear.", "rabbit"), ("The duck danced in front of the penguin.", "penguin")])
    def test_who_is_behind_stands_higher_and_is_drawn_first(self, text: str, far: str) -> None:
        shot, = plan(text)
        back, front = shot.entities
        assert back.query.split()[1] == far
        assert back.boxes[0].y1 < front.boxes[0].y1

    @pytest.mark.parametrize(("text", "sign"), [
        ("The bear walked towards the fox.", 1), ("The cat waved while the mouse ran toward it.", -1)])
    def test_who_comes_nearer_moves(self, text: str, sign: int) -> None:
        still, moving = plan(text)[0].entities
        assert len(still.boxes) == 1
        before, after = moving.boxes
        assert (before.at, after.at) == (0, 1)
        assert (after.x0 - before.x0) * sign > 0.1
        assert (still.boxes[0].x0 - before.x0) * sign > 0

    @pytest.mark.parametrize("text", ["The bear gave a flower to the rabbit.", "The bear threw the rabbit a ball."])
    def test_who_is_given_something_is_there(self, text: str) -> None:
        shot, = plan(text)
        assert [entity.query.split()[1] for entity in shot.entities] == ["bear", "rabbit"]

    def test_who_acts_is_drawn_before_who_is_stood_behind(self) -> None:
        shot, = plan("The penguin sat behind the dog while the mouse danced.")
        assert [entity.query.split()[1] for entity in shot.entities] == ["penguin", "mouse"]

    def test_who_sleeps_sleeps_on_when_somebody_comes(self) -> None:
        shot = plan("The cat slept. The dog ran towards the cat.")[-1]
        assert sorted(actions(shot)) == ["running", "sleeping"]

    def test_own_characters_are_named(self) -> None:
        cast = [CastMember(name="rex", noun="dog", token="<rex>"), CastMember(name="mia", noun="cat", token="<mia>")]
        shot, = plan("The cat danced while the dog slept.", *cast)
        assert [entity.name for entity in shot.entities] == ["mia", "rex"]
        assert set(shot.characters) == {"mia", "rex"}

    def test_any_words(self) -> None:
        shot, = plan("The wizard juggled while the dragon slept.", free=True)
        first, second = (entity.prompt for entity in shot.entities)
        assert "juggling" in first
        assert "sleeping" in second
        for prompt in (first, second, shot.prompt):
            assert "wizard" in prompt
            assert "dragon" in prompt

    def test_what_is_denied_is_no_action(self) -> None:
        assert plan("The cat danced while the dog did not jump.")[0].entities == ()


class TestEvents:
    TEXT = "The bear waved and then sat down. The duck swam in the lake."

    def test_two_things_in_a_row_when_shots_are_few(self) -> None:
        shot = plan(self.TEXT, max_shots=2)[0]
        assert [event.prompt.split()[3] for event in shot.events] == ["waving", "sitting"]
        assert [(event.start, event.end) for event in shot.events] == [(0, 0.5), (0.5, 1)]

    def test_none_while_shots_are_free(self) -> None:
        assert all(shot.events == () for shot in plan(self.TEXT))

    def test_none_of_different_people(self) -> None:
        assert plan("The bear waved. The duck swam.", max_shots=1)[0].events == ()
