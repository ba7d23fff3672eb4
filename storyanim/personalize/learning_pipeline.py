"""The pipeline that something is learned on: on the device only meanwhile, saving memory when it runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, TypeVar

from storyanim.device import (
    choose_device,
    free_cached_memory,
    is_out_of_memory,
    leave_device,
    map_out_of_memory,
)
from storyanim.errors import ResourceError
from storyanim.personalize.lora import frozen, gradient_checkpointing

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class LearningPipeline:
    """A StoryVideoPipeline, loaded for the first learning."""

    def __init__(self, load: Callable[[], Any], saves_memory: bool, hint: str) -> None:
        """Load nothing yet.

        Args:
            load: gives a StoryVideoPipeline without a LoRA; it is left as it was.
            saves_memory: whether each block is computed twice from the start (gradient checkpointing).
            hint: of the error when memory runs out all the same.
        """
        self._load, self.saves_memory, self._hint = load, saves_memory, hint

    def learn(self, what: str, work: Callable[[], Result]) -> Result:
        """Do the work; once more with gradient checkpointing when memory runs out: its result is equal.

        Args:
            what: is learned, for the log.
            work: opens `ready` first of all.

        Raises ResourceError.
        """
        try:
            return work()
        except ResourceError as error:
            if self.saves_memory or not is_out_of_memory(error):
                raise
            self.saves_memory = True
            log.warning("out of memory while learning %s, again with gradient checkpointing", what)
        free_cached_memory()
        return work()

    @contextmanager
    def ready(self, what: str) -> Iterator[Any]:
        """Give the pipeline on the device, frozen. Running out of memory becomes a ResourceError.

        Args: what: is learned, as "a motion".
        """
        with map_out_of_memory(f"learn {what}", self._hint), ExitStack() as after:
            pipeline = self._pipeline
            after.callback(leave_device, pipeline)   # last of all: drawing needs the room
            pipeline.to(choose_device())
            parts = pipeline.unet, pipeline.text_encoder, pipeline.vae, pipeline.structure
            after.enter_context(frozen(*parts))
            if self.saves_memory:
                after.enter_context(gradient_checkpointing(pipeline.unet))
            yield pipeline

    @cached_property
    def _pipeline(self) -> Any:
        return self._load()
