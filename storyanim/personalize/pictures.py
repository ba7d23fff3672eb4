"""A character's pictures as a generator sees them: with what was learned of it, or alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Character, CharacterToken, ClipMatch
from storyanim.config import Models
from storyanim.errors import CharacterError
from storyanim.personalize.images import load_image
from storyanim.stages import CharacterLearner

MAX_PICTURES = 4                                     # the folder's first
_SIDE_PX = 512


class PictureLearner:
    """A `CharacterLearner` that puts a character's pictures into its token, whatever else learns of it."""

    def __init__(self, models: Models, learner: CharacterLearner | None) -> None:
        """Take the one that learns a table and a LoRA; None: the pictures are all that is known."""
        self._models, self._learner = models, learner

    @property
    def fingerprint(self) -> str:
        """Of the learner, and of how pictures are taken."""
        inner = self._learner.fingerprint if self._learner else hub.base_fingerprint(self._models)
        return f"pictures:1:{MAX_PICTURES}x{_SIDE_PX}:{inner}"

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (),
        watch: Callable[[float, dict[str, float]], None] | None = None, /, *, checkpoint: Path | None = None,
    ) -> CharacterToken:
        """Return the token with square pictures. Raises CharacterError, what the learner raises."""
        pictures = tuple(load_image(path, _SIDE_PX, _SIDE_PX) for path in character.images[:MAX_PICTURES])
        if not pictures:
            raise CharacterError(f"{character.name} has no pictures", hint="give a folder of pictures")
        if self._learner is not None:
            token = self._learner.learn(character, class_clips, watch, checkpoint=checkpoint)
            return replace(token, pictures=pictures)
        facts = {"method": "pictures", "pictures": str(len(pictures)), "fingerprint": self.fingerprint}
        return CharacterToken(
            name=character.name, token=character.token, noun=character.noun,
            table=np.zeros((0, 0), np.float32), lora={}, base=hub.base_fingerprint(self._models),
            metadata=facts, pictures=pictures)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)
