"""What a world holds: the values that its clips may take, their words, and what is held out of training.

`STORYBOOK_1` is the world that the bundled weights were trained on; its seeds give the same clips for ever.
`STORYBOOK_2` has people, more animals, actions, scenes, weather and groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from storybook.world import spec
from storybook.world.cast import PEOPLE
from storybook.world.spec import Rgb
from storybook.world.words import WORDS, WORDS_2

HELD_OUT_MODULUS = 12
Look = tuple[str, str, str | None]  # creature, colour, accessory


@dataclass(frozen=True, eq=False)
class World:
    """The values of `ClipSpec` and `ActorSpec` that a world's clips have, each in a fixed order."""

    name: str
    creatures: tuple[str, ...]  # people too
    colours: Mapping[str, Rgb]  # of a creature's body, or of a person's clothes
    accessories: tuple[str, ...]
    actions: tuple[str, ...]
    scenes: tuple[str, ...]
    times_of_day: tuple[str, ...]
    weathers: tuple[str, ...]
    cameras: tuple[str, ...]
    words: Mapping[str, Mapping[str, tuple[str, ...]]]

    def wears(self, creature: str, accessory: str | None) -> bool:
        """Whether clips show such a creature with it: people have no belly patch, Father Christmas nothing
        but his own."""
        if accessory is None:
            return True
        return creature != "santa" and not (creature in PEOPLE and accessory == "belly patch")

    @cached_property
    def held_out(self) -> frozenset[Look]:
        """Looks that no training clip shows: positions i, j, k in the lists add up to a multiple of 12.

        k counts (none, *accessories). An unnamed colour is never held out, nor is Father Christmas.
        """
        return frozenset(
            (creature, colour, accessory)
            for i, creature in enumerate(self.creatures)
            for j, colour in enumerate(self.colours)
            for k, accessory in enumerate((None, *self.accessories))
            if (i + j + k) % HELD_OUT_MODULUS == 0 and creature != "santa" and self.wears(creature, accessory)
        )


STORYBOOK_1 = World(
    name="storybook-1",
    creatures=spec.CREATURES,
    colours=spec.COLOURS,
    accessories=spec.ACCESSORIES,
    actions=spec.ACTIONS,
    scenes=spec.SCENES,
    times_of_day=spec.TIMES_OF_DAY,
    weathers=spec.WEATHERS,
    cameras=spec.CAMERAS,
    words=WORDS,
)
STORYBOOK_2 = World(
    name="storybook-2",
    creatures=tuple(WORDS_2["creature"]),
    colours=spec.COLOURS,
    accessories=tuple(WORDS_2["accessory"]),
    actions=tuple(WORDS_2["action"]),
    scenes=tuple(WORDS_2["scene"]),
    times_of_day=tuple(WORDS_2["time_of_day"]),
    weathers=tuple(WORDS_2["weather"]),
    cameras=spec.CAMERAS,
    words=WORDS_2,
)
WORLDS = {world.name: world for world in (STORYBOOK_1, STORYBOOK_2)}
