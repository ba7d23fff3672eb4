"""Story to storyboard: one event a shot, with a query and a prompt for each (AaS 3.1)."""

from __future__ import annotations

from collections.abc import Callable

from storyanim.config import PlanSettings, Settings
from storyanim.errors import UsageError
from storyanim.planning.cast import entities_of, guess_noun, nouns_of
from storyanim.planning.english import reads_english
from storyanim.planning.read import is_storyboard, read_story, read_storyboard
from storyanim.planning.vocabulary import Vocabulary
from storyanim.stages import Planner


def _rules(settings: PlanSettings, vocabulary: Vocabulary | None) -> Planner:
    from storyanim.planning.rules import RulePlanner

    return RulePlanner(settings, vocabulary)


def _openai(settings: PlanSettings, vocabulary: Vocabulary | None) -> Planner:
    from storyanim.planning.chat import ChatPlanner

    return ChatPlanner(settings, vocabulary)


PLANNERS: dict[str, Callable[[PlanSettings, Vocabulary | None], Planner]] = {"rules": _rules, "openai": _openai}


def build_planner(settings: Settings, vocabulary: Vocabulary | None) -> Planner:
    """Build the planner that the settings name. Raises UsageError."""
    name = settings.plan.planner
    if name not in PLANNERS:
        raise UsageError(f"unknown planner {name!r}", hint=f"known are {', '.join(PLANNERS)}")
    return PLANNERS[name](settings.plan, vocabulary)


def load_vocabulary(settings: Settings) -> Vocabulary | None:
    """What the profile's model can draw; None when it takes any words. Raises ModelError."""
    path = settings.vocabulary_path
    return None if path is None else Vocabulary.load(path)


__all__ = [
    "PLANNERS",
    "Vocabulary",
    "build_planner",
    "entities_of",
    "guess_noun",
    "is_storyboard",
    "load_vocabulary",
    "nouns_of",
    "read_story",
    "read_storyboard",
    "reads_english",
]
