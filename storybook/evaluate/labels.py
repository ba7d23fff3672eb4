"""What the judge reads of a clip, as small numbers: one column an attribute, -1 where there is nothing to
read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storybook.world import STORYBOOK_1, ClipSpec, World

Labels = NDArray[np.int8]                            # (N, 5) columns as in ATTRIBUTES, or (5,) of one clip


def names_of(world: World) -> dict[str, tuple[str, ...]]:
    """Return what a judge of a world can read: attribute → its values, in the order of their numbers."""
    return {
        "creature": world.creatures,
        "colour": tuple(world.colours),
        "accessory": ("none", *world.accessories),
        "scene": world.scenes,
        "action": world.actions,
    }


NAMES = names_of(STORYBOOK_1)
ATTRIBUTES = tuple(NAMES)
UNKNOWN = -1


def labels_of(spec: ClipSpec, number: int = 0, world: World = STORYBOOK_1) -> Labels:
    """Return the truth about actor `number` of a clip, (5,); a colour without a name is UNKNOWN."""
    actor = spec.actors[number]
    said = (actor.creature, actor.colour, actor.accessory or "none", spec.scene, actor.action)
    return np.array([UNKNOWN if value is None else names.index(value)
                     for names, value in zip(names_of(world).values(), said, strict=True)], np.int8)


def words_of(labels: Sequence[int] | Labels, world: World = STORYBOOK_1) -> dict[str, str]:
    """Return one clip's labels (5,) as words by attribute; UNKNOWN is "?"."""
    return {name: names[value] if value >= 0 else "?"
            for (name, names), value in zip(names_of(world).items(), labels, strict=True)}
