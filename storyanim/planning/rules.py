"""The offline planner: sentences to shots by rules of English, without a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from storyanim.artifacts import CastMember, Shot, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.beats import Beat, find_beats
from storyanim.planning.entity import Entity
from storyanim.planning.follow import Follower
from storyanim.planning.meanings import plain_vocabulary
from storyanim.planning.vocabulary import Vocabulary
from storyanim.planning.wording import say_freely, say_with

VERSION = 5                                          # raise it when the same story would give another storyboard


class RulePlanner:
    """One event a shot (AaS 3.1), found by rules. Deterministic, needs no network."""

    def __init__(self, settings: PlanSettings, vocabulary: Vocabulary | None = None) -> None:
        self.settings = settings
        self.vocabulary = vocabulary

    @cached_property
    def fingerprint(self) -> str:
        """Name, version, the settings that matter, the vocabulary."""
        words = self.vocabulary.fingerprint if self.vocabulary else ""
        kept: dict[str, Any] = {"style": self.settings.style, "shot_duration_s": self.settings.shot_duration_s}
        return f"rules:{VERSION}:" + hashlib.sha256(f"{sorted(kept.items())}{words}".encode()).hexdigest()

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        """Every character of the text lands in exactly one shot, in order. Raises StoryError."""
        require_words(story)
        beats, follower = find_beats(story.text, self.vocabulary or plain_vocabulary(), cast, story.title)
        shots = self._shots(story, beats, follower)
        if self.vocabulary and {member.name for member in cast} - {name for shot in shots for name in shot.characters}:
            shots = self._shots(story, beats, follower, crowd=True)
        require_cast(cast, shots, follower.entities)
        return Storyboard(title=story.title, style=self.settings.style, characters=tuple(cast), shots=tuple(shots))

    def _shots(self, story: Story, beats: Sequence[Beat], follower: Follower, *, crowd: bool = False) -> list[Shot]:
        """Args: crowd: see `say_with`; for a cast of whom one is only spoken of."""
        hero, last_action = follower.hero(), ""
        shots = []
        for number, beat in enumerate(beats, 1):
            words = (say_with(self.vocabulary, beat, hero, last_action, crowd=crowd) if self.vocabulary
                     else say_freely(plain_vocabulary(), beat, hero, self.settings.style))
            last_action = words.action
            text = story.text[beat.start:beat.end]
            shots.append(Shot(
                id=f"s{number:02d}", text=text, query=words.query, prompt=words.prompt, characters=words.characters,
                figures=words.figures, setting=beat.main.setting.words(), duration_s=self.settings.shot_duration_s,
                seed=shot_seed(story.title, text), unsupported_words=words.unsupported_words,
            ))
        return shots


def shot_seed(title: str, text: str) -> int:
    """A shot's seed from its own words, wherever it stands: an edit elsewhere does not touch it."""
    words = " ".join(text.split())
    return int.from_bytes(hashlib.sha256(f"{title}\0{words}".encode()).digest()[:4], "big")


def require_words(story: Story) -> None:
    """Raises StoryError for a story without a word."""
    if not any(char.isalnum() for char in story.text):
        raise StoryError("the story has no words", hint="write at least one sentence")


def require_cast(cast: Sequence[CastMember], shots: Sequence[Shot], found: Sequence[Entity]) -> None:
    """Raises StoryError when a character of the cast is in no shot."""
    named = {name for shot in shots for name in shot.characters}
    for member in cast:
        if member.name not in named:
            nouns = ", ".join(dict.fromkeys(e.noun for e in found)) or "nobody"
            raise StoryError(f"no shot names the character {member.name!r} as {member.noun!r}",
                             hint=f"the story speaks of: {nouns}; name one of them, as in --character {member.name}=NOUN")


