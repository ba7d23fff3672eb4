"""Who plays in a run: folders of pictures and character files, checked before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storyanim import hub
from storyanim.artifacts import CastMember, Character, CharacterToken, FrozenModel
from storyanim.config import Settings
from storyanim.engine.store import load_character_token
from storyanim.errors import CharacterError
from storyanim.personalize.framing import cut_figures
from storyanim.personalize.images import Survey, read_character, read_pictures, tell_warnings
from storyanim.plan import guess_noun, load_vocabulary
from storyanim.stages import DepthEstimator


class CharacterRequest(FrozenModel):
    """One `--character`: a folder with its noun, or a character file."""

    path: str
    noun: str | None = None

    @classmethod
    def parse(cls, text: str) -> CharacterRequest:
        """`DIR`, `DIR=NOUN` or `FILE.safetensors`. Raises CharacterError for a path that is not there."""
        path, noun = text, ""
        if not os.path.exists(text) and "=" in text:
            path, _, noun = text.rpartition("=")
        if not os.path.exists(path):                 # unlike Path, it does not take "" for the working folder
            raise CharacterError(f"there is no character {path!r}", hint="give a folder of pictures or a .safetensors file")
        return cls(path=str(Path(path).resolve()), noun=noun or None)


@dataclass
class Cast:
    """The characters of a run, in the order in which they were given."""

    characters: list[Character | CharacterToken] = field(default_factory=list)
    surveys: dict[str, Survey] = field(default_factory=dict)         # name → what lies in its folder, if it has one

    @property
    def members(self) -> list[CastMember]:
        """The characters as a planner knows them."""
        return [CastMember(name=who.name, noun=who.noun, token=who.token) for who in self.characters]


def read_cast(orders: Sequence[CharacterRequest], text: str, settings: Settings) -> Cast:
    """The characters of a run, checked; what is wrong with their pictures is logged. Raises CharacterError.

    Args:
        text: the story, from which a noun that was not given is guessed.
    """
    vocabulary = load_vocabulary(settings)
    cast = Cast()
    for order in orders:
        path = Path(order.path)
        if not path.is_dir():
            cast.characters.append(load_character_token(path))
            continue
        survey = read_pictures(path)
        who = read_character(path, noun=order.noun or guess_noun(path.name, text, vocabulary), survey=survey)
        cast.characters.append(who)
        cast.surveys[who.name] = survey
    names = [who.name for who in cast.characters]
    if len(set(names)) < len(names):
        raise CharacterError(f"two characters have the same name: {', '.join(names)}", hint="rename one of the folders")
    return cast


def check_bases(cast: Cast, settings: Settings) -> None:
    """Raises CharacterError for a character file that was learned for another base model than the profile's."""
    tokens = [who for who in cast.characters if isinstance(who, CharacterToken)]
    base = hub.fingerprint(settings.models.pipeline) if tokens else ""
    for token in tokens:
        if token.base != base:
            raise CharacterError(f"the character {token.name} was learned for another base model than that of the profile "
                                 f"{settings.profile}", hint="learn it again with this profile (`storyanim personalize`), "
                                 "or run with the profile that it was learned with")


def warn_of_cuts(character: Character, survey: Survey, depth: DepthEstimator, settings: Settings) -> Survey:
    """The survey with warnings, which are logged, of pictures whose middle leaves out much of the figure."""
    found = cut_figures(character.images, depth, (settings.generate.width_px, settings.generate.height_px))
    tell_warnings(character.images[0].parent, found)
    return survey.warned(found)
