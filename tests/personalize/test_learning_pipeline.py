"""Memory that runs out while something is learned: once more with less of it, then told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small import BrightnessDepth
from test_motion_learning import clip, settings_with

from storyanim.artifacts import Character
from storyanim.config import Settings
from storyanim.errors import ResourceError
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.fit import TimeInvLearner
from storyanim.personalize.motion import MotionLearner

Settle = Callable[..., Settings]


@pytest.fixture(params=["character", "motion"])
def learn(request: pytest.FixtureRequest, shared_pipeline: StoryVideoPipeline, settings: Settle, character: Character) -> Callable[..., Any]:
    """Each learner, by its `watch`."""
    wanted = settings_with(settings(num_steps=2))
    if request.param == "motion":
        return lambda watch: MotionLearner(wanted, lambda: shared_pipeline).learn("bowing", [clip(0)], watch).lora
    return lambda watch: TimeInvLearner(wanted, lambda: shared_pipeline, BrightnessDepth()).learn(character, (), watch).lora


def test_once_more_with_gradient_checkpointing(learn: Callable[..., Any], shared_pipeline: StoryVideoPipeline,
                                               caplog: pytest.LogCaptureFixture) -> None:
    saving: list[bool] = []

    def watch(done: float, figures: dict[str, float]) -> None:
        saving.append(shared_pipeline.unet.is_gradient_checkpointing)
        if len(saving) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with caplog.at_level(logging.WARNING, "storyanim"):
        again = learn(watch)
    assert saving[0] is False
    assert len(saving) > 2
    assert all(saving[1:])
    assert [record.message for record in caplog.records if "out of memory" in record.message]
    whole = learn(None)
    assert again.keys() == whole.keys()
    assert not shared_pipeline.unet.is_gradient_checkpointing


def test_told_when_that_is_too_much(learn: Callable[..., Any]) -> None:
    def full(done: float, figures: dict[str, float]) -> None:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")

    with pytest.raises(ResourceError, match="not enough memory to learn a ") as caught:
        learn(full)
    assert "close other programs" in caught.value.hint


def test_another_want_is_no_reason_to_learn_again(learn: Callable[..., Any]) -> None:
    calls: list[float] = []

    def no_room(done: float, figures: dict[str, float]) -> None:
        calls.append(done)
        raise ResourceError("no room on the disk", hint="make some")

    with pytest.raises(ResourceError, match="disk"):
        learn(no_room)
    assert len(calls) == 1
