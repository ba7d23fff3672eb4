"""Stories as the offline planner reads and shoots them."""

from __future__ import annotations

import re

from storyanim.artifacts import CastMember, Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.beats import read_narrative
from storyanim.planning.forms import read_manuscript
from storyanim.planning.narrative import Beat, Narrative, Person
from storyanim.planning.rules import RulePlanner
from storybook.vocabulary import make_vocabulary

WORDS = make_vocabulary().model_copy(update={"max_actors": 2})
BEAR = CastMember(name="bear", noun="bear", token="<bear>")


def shots(text: str, *cast: CastMember) -> list[Shot]:
    """The shots of a story in the storybook's words, without the colours that the story does not tell."""
    board = RulePlanner(PlanSettings(), WORDS).plan(Story(title="t", text=text), cast)
    return [shot.model_copy(update={"prompt": without_colours(shot.prompt, text)}) for shot in board.shots]


def without_colours(prompt: str, text: str) -> str:
    """A prompt without the colours that its figures have by nature."""
    untold = "|".join(colour for colour in WORDS.kinds["colour"] if colour not in text)
    return re.sub(rf"\ban? (?:{untold}) (?=(?:{'|'.join(WORDS.kinds['creature'])})\b)", "a ", prompt) if untold else prompt


def narrative(text: str, *cast: CastMember) -> Narrative:
    """What is understood of a story."""
    return read_narrative(read_manuscript(text), cast)


def texts(text: str) -> list[str]:
    """The stretches of a story's beats, without blanks at their ends."""
    return [text[beat.start:beat.end].strip() for beat in narrative(text).beats]


def name_of(person: Person) -> str:
    """What a test calls somebody: the name, "I", or the noun."""
    return person.names[0] if person.names else "I" if person.narrator else person.noun


def doers(beat: Beat) -> list[str]:
    """Who acts in a beat."""
    return [name_of(p) for phrase in beat.main.subjects for p in phrase.people] if beat.main else []


def deeds(text: str) -> list[tuple[str, str]]:
    """Who does what, beat by beat: ("Tom+Mia", "run")."""
    return [("+".join(doers(beat)), beat.main.verb if beat.main else "") for beat in narrative(text).beats]


def places(text: str) -> list[str]:
    """Where each beat is."""
    return [beat.setting.place for beat in narrative(text).beats]
