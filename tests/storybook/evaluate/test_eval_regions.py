"""Questions of who does what: what they ask, where a figure is read, and how answers are counted."""

from __future__ import annotations

import numpy as np
import pytest

from storyanim.artifacts import CharacterToken, Frames
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, NAMES
from storybook.evaluate.regions import crop_figure, look_at, read_together, score_regions
from storybook.evaluate.regions_questions import (
    ACTIONS,
    EVENTS,
    PAIRS,
    TRIPLES,
    ask_events,
    ask_learned,
    ask_together,
    figures_of,
)
from storybook.world import STORYBOOK_1, render_clip
from storybook.world.photos import EXAMPLES

ACTION = ATTRIBUTES.index("action")


@pytest.mark.parametrize(("seed", "count"), [(PAIRS, 2), (TRIPLES, 3)])
def test_figures_are_held_out_and_each_does_something_else(seed: int, count: int) -> None:
    for number in range(8):
        spec = figures_of(seed + number, count)
        assert len({actor.action for actor in spec.actors}) == count
        assert {actor.action for actor in spec.actors} <= set(ACTIONS)
        assert {(actor.creature, actor.colour, actor.accessory) for actor in spec.actors} <= STORYBOOK_1.held_out


def test_each_region_tells_of_everybody_and_of_its_own_action() -> None:
    question = ask_together(0, "pairs", PAIRS, 2)
    assert question.plain.entities == ()
    assert question.regions.prompt == question.plain.prompt
    one, other = question.regions.entities
    both = one.prompt.split(" and ")
    assert one.prompt != other.prompt
    assert all(name.split()[1] in other.prompt for name in both)
    for entity, truth in zip(question.regions.entities, question.truth, strict=True):
        assert NAMES["action"][truth[ACTION]] in entity.prompt


def test_events_share_the_time() -> None:
    question = ask_events(0)
    assert [(event.start, event.end) for event in question.regions.events] == [(0, 0.5), (0.5, 1)]
    assert question.truth[0][ACTION] != question.truth[1][ACTION]
    assert len({spec.actors[0].creature for spec in question.specs}) == 1


def test_no_two_questions_are_alike() -> None:
    asked = [*(ask_together(k, "pairs", PAIRS, 2) for k in range(12)), *(ask_together(k, "triples", TRIPLES, 3) for k in range(6)),
             *(ask_events(k) for k in range(12))]
    assert len({question.plain.prompt for question in asked}) == len(asked)
    assert len({question.plain.id for question in asked}) == len(asked)
    assert EVENTS > TRIPLES > PAIRS


@pytest.mark.parametrize("count", [2, 3])
def test_a_crop_shows_nothing_of_a_neighbour(count: int) -> None:
    rgb = np.zeros((2, 96, 96, 3), np.uint8)
    for number in range(count):
        rgb[:, :, number * 96 // count:(number + 1) * 96 // count] = 50 * (number + 1)
    for number in range(count):
        seen = crop_figure(Frames(rgb, 8.0), number, count).rgb
        assert seen.shape == rgb.shape
        assert (seen == 50 * (number + 1)).all()
        looks = look_at(Frames(rgb, 8.0), number, count).rgb
        assert len(looks) % len(rgb) == 0
        assert (looks == 50 * (number + 1)).all()


def test_a_reader_of_thirds_is_right_of_rendered_figures() -> None:
    questions = [ask_together(k, "triples", TRIPLES, 3) for k in range(4)]
    clips = [Frames(render_clip(question.specs[0]).rgb, 8.0) for question in questions]
    found = score_regions(read_together(Judge(), clips, 3), np.array([question.truth for question in questions]))
    assert found["kind"] == 1
    assert found["action_each"] >= 10 / 12           # type: ignore[operator]


def test_learned_characters_are_named_in_their_regions() -> None:
    tokens = [CharacterToken(name, f"<{name}>", name, np.zeros((4, 2), np.float32), {}, "") for name in EXAMPLES]
    question = ask_learned(0, list(EXAMPLES.values()), tokens)
    assert [entity.name for entity in question.regions.entities] == ["bear", "fox"]
    assert all(token.token in entity.prompt for token in tokens for entity in question.regions.entities)
    assert [(actor.creature, actor.colour) for actor in question.specs[0].actors] == [("bear", "white"), ("fox", "pink")]
    assert question.regions.characters == question.plain.characters != ()


def test_a_clip_counts_when_every_figure_is_right() -> None:
    truth = np.array([[[1, 2, 0, 3, 4], [2, 3, 0, 3, 5]]] * 4, np.int8)
    read = truth.copy()
    read[1, 0, ACTION] = 0                           # one action wrong
    read[2, 1, 0] = 7                                # one kind wrong
    read[3, :, 2:4] = 9                              # what no figure is asked for
    found = score_regions(read, truth)
    assert (found["kind"], found["colour"], found["action"], found["all"]) == (0.75, 1.0, 0.75, 0.5)
    assert found["action_each"] == 7 / 8
    assert found["colour_interval"][1] == 1          # type: ignore[index]
    low, high = found["all_interval"]                # type: ignore[misc]
    assert 0 < low < 0.5 < high < 1


def test_what_has_no_name_is_never_wrong() -> None:
    truth = np.array([[[1, -1, 0, 3, 4]]], np.int8)
    assert score_regions(np.array([[[1, 5, 0, 3, 4]]], np.int8), truth)["all"] == 1.0
