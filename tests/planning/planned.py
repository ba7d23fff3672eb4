"""Stories as the offline planner shoots them."""

from __future__ import annotations

from storyanim.artifacts import CastMember, Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.rules import RulePlanner
from storybook.vocabulary import make_vocabulary

WORDS = make_vocabulary().model_copy(update={"max_actors": 2})
BEAR = CastMember(name="bear", noun="bear", token="<bear>")


def shots(text: str, *cast: CastMember) -> list[Shot]:
    """The shots of a story in the storybook's words."""
    return list(RulePlanner(PlanSettings(), WORDS).plan(Story(title="t", text=text), cast).shots)
