"""The offline planner: a story is read with spaCy's dependency trees, and its beats are put into words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from storyanim.artifacts import CastMember, Shot, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.beats import read_narrative
from storyanim.planning.forms import read_manuscript
from storyanim.planning.narrative import Person
from storyanim.planning.shorten import check_sentences, fit_length, shorten
from storyanim.planning.vocabulary import Vocabulary
from storyanim.planning.wording import write_shots

VERSION = 20                                         # raise it when the same story would give another storyboard


class RulePlanner:
    """One event a shot (AaS 3.1). Deterministic, needs no network."""

    def __init__(self, settings: PlanSettings, vocabulary: Vocabulary | None = None) -> None:
        self.settings = settings
        self.vocabulary = vocabulary

    @cached_property
    def fingerprint(self) -> str:
        """Return name, version, the settings that matter, the vocabulary."""
        words = self.vocabulary.fingerprint if self.vocabulary else ""
        chat = {"planner", "base_url", "api_key", "model", "timeout_s"}
        kept: dict[str, Any] = {name: value for name, value in self.settings if name not in chat}
        return f"rules:{VERSION}:" + hashlib.sha256(f"{sorted(kept.items())}{words}".encode()).hexdigest()

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        """Return a storyboard in which every letter of the text lands in exactly one shot, in order. Raises StoryError."""
        require_words(story)
        manuscript = read_manuscript(story.text)
        check_sentences(manuscript, self.settings)
        narrative = shorten(read_narrative(manuscript, cast, story.title), manuscript, self.settings)
        shots, roles = write_shots(narrative, self.vocabulary, self.settings, story, cast)
        require_cast(cast, shots, lambda: narrative.people)
        return Storyboard(title=story.title, style=self.settings.style, characters=tuple(cast), cast=roles,
                          shots=tuple(fit_length(shots, self.settings)))


def require_words(story: Story) -> None:
    """Raise StoryError for a story without a word."""
    if not any(char.isalnum() for char in story.text):
        raise StoryError("the story has no words", hint="write at least one sentence")


def require_cast(
    cast: Sequence[CastMember], shots: Sequence[Shot], people: Callable[[], Sequence[Person]]
) -> None:
    """Raise StoryError when a character of the cast is in no shot; `people` gives whom the story tells of."""
    named = {name for shot in shots for name in shot.characters}
    for member in cast:
        if member.name not in named:
            known = dict.fromkeys(name for person in people() for name in (*person.names, person.noun))
            raise StoryError(f"no shot names the character {member.name!r} as {member.plays or member.noun!r}",
                             hint=f"the story speaks of: {', '.join(known) or 'nobody'}; name one of them, "
                                  "as in --character FOLDER=NOUN or FILE=NOUN")
