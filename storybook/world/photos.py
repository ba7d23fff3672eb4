"""Pictures of one creature, as a person would take of a plush toy: five places and poses, in plain
daylight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storybook.world.dataset import render_frames, sample_spec
from storybook.world.spec import with_

_POSES = (                                           # action, scene, azimuth_deg
    ("standing", "meadow", -20.0),
    ("sitting", "beach", 25.0),
    ("waving", "snow", 0.0),
    ("walking", "forest", 50.0),
    ("standing", "bedroom", 12.0),
)
# The example characters of the package: combinations that no training clip shows (see dataset.py).
EXAMPLES = {
    "bear": {
        "creature": "bear",
        "colour": "white",
        "rgb": (0.95, 0.95, 0.94),
        "accessory": "stripes",
        "accessory_colour": "blue",
        "accessory_rgb": (0.20, 0.42, 0.88),
    },
    "fox": {
        "creature": "fox",
        "colour": "pink",
        "rgb": (0.97, 0.55, 0.70),
        "accessory": "hat",
        "accessory_colour": "blue",
        "accessory_rgb": (0.18, 0.38, 0.86),
    },
}


def take_photos(look: Mapping[str, Any], seed: int, size_px: int = 384) -> list[NDArray[np.uint8]]:
    """Five pictures, (size_px, size_px, 3) each.

    Args:
        look: fields of an `ActorSpec` that make up who it is: creature, colours, accessory.
        seed: of the props around it.
    """
    rng = np.random.default_rng(seed)
    photos = []
    for action, scene, azimuth_deg in _POSES:
        plain = sample_spec(int(rng.integers(10_000)))
        posed = with_(plain, action=action, scene=scene, azimuth_deg=azimuth_deg, x=0.5, size=0.74)
        spec = with_(posed, weather="clear", time_of_day="day", camera="fixed", **look)
        photos.append(render_frames(spec, [0.4], size=size_px).rgb[0])
    return photos
