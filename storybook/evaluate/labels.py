"""What the judge reads of a clip, as small numbers: one column an attribute, -1 where there is nothing to
read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storybook.world import ACCESSORIES, ACTIONS, COLOURS, CREATURES, SCENES, ClipSpec

Labels = NDArray[np.int8]                            # (N, 5) columns as in ATTRIBUTES, or (5,) of one clip

NAMES: dict[str, tuple[str, ...]] = {
    "creature": CREATURES,
    "colour": tuple(COLOURS),
    "accessory": ("none", *ACCESSORIES),
    "scene": SCENES,
    "action": ACTIONS,
}
ATTRIBUTES = tuple(NAMES)
UNKNOWN = -1


def labels_of(spec: ClipSpec, number: int = 0) -> Labels:
    """Return the truth about actor `number` of a clip, (5,); a colour without a name is UNKNOWN."""
    actor = spec.actors[number]
    said = (actor.creature, actor.colour, actor.accessory or "none", spec.scene, actor.action)
    return np.array([UNKNOWN if value is None else NAMES[name].index(value) for name,
                     value in zip(NAMES, said, strict=True)],
                    np.int8)


def words_of(labels: Sequence[int] | Labels) -> dict[str, str]:
    """Return one clip's labels (5,) as words by attribute; UNKNOWN is "?"."""
    return {name: NAMES[name][value] if value >= 0 else "?" for name,
            value in zip(NAMES, labels, strict=True)}
