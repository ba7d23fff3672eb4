"""Views that nothing is learned from, and the step that they choose."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from small import BrightnessDepth
from torch import nn

from storyanim.artifacts import Character, CharacterToken
from storyanim.config import Settings
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.examples import MAX_HELD_OUT_VIEWS, VIEWS, ExampleMaker
from storyanim.personalize.fit import TimeInvLearner
from storyanim.personalize.timeinv import TimeInvTable
from storyanim.personalize.trainer import TrainState
from storyanim.personalize.validation import BestCheckpoint

Make = Callable[..., Settings]


def state() -> TrainState:
    """A single weight, that says how many steps were done."""
    table = TimeInvTable(torch.zeros(4), torch.arange(3), 10)
    weight = nn.Parameter(torch.zeros(1))
    return TrainState(table, {"steps": weight}, torch.optim.AdamW([weight]), torch.zeros(1), torch.zeros(8))


def followed(errors: dict[int, list[float]]) -> tuple[int, float]:
    """The step that is kept, and the state."""
    who = state()
    best = BestCheckpoint(who, 8, 4, 2)
    assert best.steps == tuple(errors) == (0, 2, 4, 6, 8)
    for step, seen in errors.items():
        with torch.no_grad():
            who.weights["steps"].fill_(step)
        best.record(step, torch.tensor(seen, dtype=torch.float32))
    return best.restore_best(), float(who.weights["steps"].detach())


class TestChoice:
    @pytest.mark.parametrize(("errors", "kept"), [
        ({0: [9, 9], 2: [8, 8], 4: [7, 7], 6: [6, 6], 8: [5, 5]}, 8),       # it went on getting better
        ({0: [9, 9], 2: [8, 8], 4: [5, 5], 6: [6, 6], 8: [7, 7]}, 4),
        ({0: [9, 9], 2: [8, 8], 4: [7, 7], 6: [5, 5.5], 8: [6, 6]}, 6),
        ({0: [9, 9], 2: [1, 1], 4: [5, 5], 6: [6, 6], 8: [7, 7]}, 4),       # too early does not count
        ({0: [9, 9], 2: [8, 8], 4: [5, 7], 6: [6, 7], 8: [8, 5]}, 8),       # one better, one worse: not sure
        ({0: [9, 9], 2: [8, 8], 4: [float("nan")] * 2, 6: [6, 6], 8: [5, 5]}, 8),
    ])
    def test_an_earlier_step_has_to_be_surely_better(self, errors: dict[int, list[float]], kept: int) -> None:
        assert followed(errors) == (kept, kept)

    def test_without_checks_the_last_step_is_kept_and_nothing_is_copied(self) -> None:
        best = BestCheckpoint(state(), 8, 0, 2)
        assert (best.steps, best.restore_best(), best.curve) == ((), 8, [])
        assert not any(name.startswith("best.") for name in best.tensors)

    def test_few_steps_are_looked_at_once_each(self) -> None:
        assert BestCheckpoint(state(), 2, 8, 2).steps == (0, 1, 2)


class TestViews:
    def test_one_of_each_picture_is_held_out_and_the_others_stay(
        self, shared_pipeline: StoryVideoPipeline, settings: Make, character: Character
    ) -> None:
        makers = (ExampleMaker(shared_pipeline, BrightnessDepth(), settings(num_validations=checks)) for checks in (3, 0))
        with_, without = (list(maker.of_character(character, ["at sea"])) for maker in makers)
        held = [example for example in with_ if example.held_out]
        assert len(held) == len(character.images) == 3
        assert not any("at sea" in caption for example in held for caption in example.captions)
        learned = [example for example in with_ if not example.held_out]
        assert len(learned) == len(without) == 3 * VIEWS
        for ours, theirs in zip(learned, without, strict=True):
            assert torch.equal(ours.latents, theirs.latents)
            assert ours.captions == theirs.captions

    def test_of_many_pictures_only_some_have_one(
        self, shared_pipeline: StoryVideoPipeline, settings: Make, character: Character
    ) -> None:
        many = character.model_copy(update={"images": character.images * 4})
        made = ExampleMaker(shared_pipeline, BrightnessDepth(), settings(num_validations=1)).of_character(many)
        assert sum(example.held_out for example in made) == MAX_HELD_OUT_VIEWS


class TestLearning:
    def test_the_token_tells_its_curves_and_looking_changes_nothing(
        self, shared_pipeline: StoryVideoPipeline, settings: Make, character: Character
    ) -> None:
        def learned(**personalize: object) -> CharacterToken:
            wanted = settings(num_steps=4, **personalize)
            return TimeInvLearner(wanted, lambda: shared_pipeline, BrightnessDepth()).learn(character)

        token, unseen = learned(num_validations=2), learned()
        said = token.metadata
        assert [step for step, _ in json.loads(said["held_out_curve"])] == [0, 2, 4]
        assert [step for step, _ in json.loads(said["loss_curve"])] == [1, 2, 3, 4]
        assert unseen.metadata["held_out_curve"] == "[]"
        assert said["loss_curve"] == unseen.metadata["loss_curve"]
        assert unseen.metadata["chosen_step"] == "4"
        if said["chosen_step"] == "4":
            assert (token.table == unseen.table).all()

    def test_a_rate_that_is_far_too_high_is_stopped_before_its_end(
        self, shared_pipeline: StoryVideoPipeline, settings: Make, character: Character
    ) -> None:
        wanted = settings(num_steps=8, num_validations=4, lora_learning_rate=3.0, embedding_learning_rate=3.0)
        said = TimeInvLearner(wanted, lambda: shared_pipeline, BrightnessDepth()).learn(character).metadata
        curve = dict(json.loads(said["held_out_curve"]))
        chosen = int(said["chosen_step"])
        assert curve[chosen] <= curve[8]
        assert curve[chosen] == min(error for step, error in curve.items() if step >= 4) or chosen == 8
