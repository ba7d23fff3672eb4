"""Who is learned: characters of held-out combinations, their pictures, and prompts for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from storyanim.artifacts import Character, Shot
from storyanim.engine.folders import disk_errors
from storyanim.personalize.images import read_character
from storybook.evaluate.trials import Trial, call, held_out_specs, word
from storybook.world import ActorSpec, sample_spec, with_
from storybook.world.dataset import HIDES_BELLY
from storybook.world.photos import take_photos

LEADS, SHADES, PLACES = 9_903_000, 9_904_000, 9_910_000   # first seeds; no other data has them
MAX_LEADS = 8                                       # as many creatures as there are
FIRST_NUMBER = 2_000                                 # of their trials: behind those of the other measurements
PROMPTS_KEPT = 100                                   # trial numbers kept for each character
_LOOK = ("creature", "colour", "rgb", "accessory", "accessory_colour", "accessory_rgb")
_TWO_COLOURED = ("penguin",)                         # a white belly may be most of it, and is not its colour
_MAX_SEEDS = 400                                          # seeds that are looked through


@dataclass(frozen=True)
class Lead:
    """A character to learn."""

    number: int
    actor: ActorSpec

    @property
    def name(self) -> str:
        """"lead1-fox"."""
        return f"lead{self.number + 1}-{self.actor.creature}"

    @property
    def look(self) -> dict[str, Any]:
        """The fields of an `ActorSpec` that make up who it is."""
        return {name: getattr(self.actor, name) for name in _LOOK}

    def take_pictures(self, folder: Path) -> Character:
        """Write its pictures into `folder`; return the character."""
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for number, photo in enumerate(take_photos(self.look, seed=LEADS + self.number), start=1):
                Image.fromarray(photo).save(folder / f"{number:02d}.png")
        return read_character(folder, noun=self.actor.creature, name=self.name)

    def trials(self, count: int) -> list[Trial]:
        """Return the first `count` of its prompts: held-out wordings, the creature named by its noun alone.

        The camera stands still, in plain daylight. Raises ValueError beyond PROMPTS_KEPT.
        """
        if count > PROMPTS_KEPT:
            raise ValueError(f"{PROMPTS_KEPT} prompts a character at most, not {count}")
        found: list[Trial] = []
        for spec in held_out_specs(PLACES + _MAX_SEEDS * self.number, _MAX_SEEDS):
            if self.actor.accessory == "belly patch" and spec.actors[0].action in HIDES_BELLY:
                continue                             # what is hidden cannot be judged
            number = FIRST_NUMBER + PROMPTS_KEPT * self.number + len(found)
            there = with_(spec, weather="clear", time_of_day="day", **self.look)
            found.append(Trial(number, there, word(there, number, f"a {self.actor.creature}")))
            if len(found) == count:
                break
        return found

    def shot(self, trial: Trial, token: str | None, seed: int) -> Shot:
        """Return a shot of the character by its pseudo-word and noun, or without one, by words for its look.

        Each seed is a shot of its own.
        """
        prompt = word(trial.spec, trial.number,
                      f"a {token} {self.actor.creature}" if token else call(self.actor))
        number = PROMPTS_KEPT * PROMPTS_KEPT * seed + trial.number
        return trial.shot.model_copy(update={"id": f"s{number + 1}", "prompt": prompt, "seed": number})


def make_leads(count: int) -> list[Lead]:
    """Return `count` characters with accessories, always the same: of other creatures, where there are."""
    actors = (spec.actors[0] for spec in held_out_specs(LEADS, _MAX_SEEDS))
    return _of_other_creatures((actor for actor in actors if actor.accessory), count, 0)


def make_shades(count: int) -> list[Lead]:
    """Return the same of further characters whose colour has no name.

    They wear nothing, so that it is all there is to learn.
    """
    actors = (sample_spec(SHADES + k).actors[0] for k in range(_MAX_SEEDS))
    alone = (actor for actor in actors if not (actor.colour or actor.accessory)
             and actor.creature not in _TWO_COLOURED)
    return _of_other_creatures(alone, count, MAX_LEADS)


def _of_other_creatures(actors: Iterable[ActorSpec], count: int, first: int) -> list[Lead]:
    """Return the first `count` that are of other creatures than those before them, numbered from `first`."""
    found: dict[str, ActorSpec] = {}
    for actor in actors:
        found.setdefault(actor.creature, actor)
        if len(found) == count:
            break
    return [Lead(first + number, actor) for number, actor in enumerate(found.values())]
