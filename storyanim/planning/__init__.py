"""Story to storyboard: one event a shot, with a query and a prompt for each (AaS 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from storyanim.config import PlanSettings, Settings
from storyanim.engine.motion_file import load_motion
from storyanim.errors import UsageError
from storyanim.planning.casting import guess_noun, settle_noun
from storyanim.planning.language import require_english
from storyanim.planning.narrative import Person
from storyanim.planning.read import STDIN, is_storyboard, read_story, read_storyboard
from storyanim.planning.vocabulary import Vocabulary
from storyanim.stages import Planner, Progress, no_progress


def _rules(settings: PlanSettings, vocabulary: Vocabulary | None, progress: Progress = no_progress) -> Planner:
    from storyanim.planning.rules import RulePlanner

    return RulePlanner(settings, vocabulary)


def _openai(settings: PlanSettings, vocabulary: Vocabulary | None, progress: Progress = no_progress) -> Planner:
    from storyanim.planning.chat import ChatPlanner

    return ChatPlanner(settings, vocabulary, progress)


PLANNERS: dict[str, Callable[..., Planner]] = {"rules": _rules, "openai": _openai}


def build_planner(settings: Settings, vocabulary: Vocabulary | None, progress: Progress = no_progress) -> Planner:
    """Build the planner that the settings name; `progress` is told how far a plan is. Raises UsageError."""
    name = settings.plan.planner
    if name not in PLANNERS:
        raise UsageError(f"unknown planner {name!r}", hint=f"known are {', '.join(PLANNERS)}")
    return PLANNERS[name](_without_cards(settings), vocabulary, progress)


def _without_cards(settings: Settings) -> PlanSettings:
    """Return the planner's settings with the seconds that a film's length leaves for its shots."""
    plan, cards_s = settings.plan, 2 * settings.film.title_s
    if plan.length_s is None:
        return plan
    if plan.length_s - cards_s < plan.shot_duration_s:
        raise UsageError(f"a film of {plan.length_s:g} s has no room for a shot of {plan.shot_duration_s:g} s",
                         hint=f"the cards take {cards_s:g} s (film.title_s); give a length of "
                              f"{cards_s + plan.shot_duration_s:g} s or more")
    return plan.model_copy(update={"length_s": plan.length_s - cards_s})


def people_of(text: str) -> tuple[Person, ...]:
    """Return whom a story tells of, in the order of their coming."""
    from storyanim.planning.beats import read_narrative
    from storyanim.planning.forms import read_manuscript

    return read_narrative(read_manuscript(text), ()).people


def nouns_of(text: str) -> list[str]:
    """Return what a story calls them: ["bear", "Tom"]."""
    return list(dict.fromkeys(person.names[0] if person.names else person.noun for person in people_of(text)))


def load_vocabulary(settings: Settings) -> Vocabulary | None:
    """What the profile's model can draw, with the run's motions; None when it takes any words.

    Raises ModelError, MotionError.
    """
    path = settings.vocabulary_path
    if path is None:
        return None
    vocabulary = Vocabulary.load(path)
    names = [load_motion(Path(file)).name for file in settings.motion.files]
    return vocabulary.with_actions(names) if names else vocabulary


__all__ = [
    "PLANNERS",
    "STDIN",
    "Vocabulary",
    "build_planner",
    "guess_noun",
    "is_storyboard",
    "load_vocabulary",
    "nouns_of",
    "people_of",
    "read_story",
    "read_storyboard",
    "require_english",
    "settle_noun",
]
