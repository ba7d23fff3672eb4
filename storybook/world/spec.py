"""What a clip of the storybook world shows: plain values, and the names that they may take.

A rendered clip is a pure function of its `ClipSpec`. Colours are RGB in [0, 1], places are fractions of the
frame's side (x from the left), angles are degrees, `phase` is a fraction of an action's cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[float, float, float]

CREATURES = ("bear", "cat", "dog", "rabbit", "fox", "penguin", "mouse", "duck")
COLOURS: dict[str, Rgb] = {
    "red": (0.86, 0.17, 0.17),
    "orange": (0.96, 0.52, 0.12),
    "yellow": (0.97, 0.83, 0.22),
    "green": (0.28, 0.66, 0.27),
    "blue": (0.22, 0.45, 0.88),
    "purple": (0.55, 0.29, 0.75),
    "pink": (0.97, 0.58, 0.72),
    "brown": (0.56, 0.35, 0.20),
    "white": (0.95, 0.95, 0.94),
    "grey": (0.56, 0.57, 0.60),
}
ACCESSORIES = ("scarf", "hat", "belly patch", "stripes")
ACTIONS = ("walking", "running", "jumping", "sitting", "sleeping", "waving", "dancing", "swimming",
           "standing")
SCENES = ("forest", "beach", "snow", "city", "meadow", "lake", "bedroom", "mountains")
WATER_SCENES = ("beach", "lake")
INDOORS = ("bedroom", "palace", "cave", "kitchen", "classroom", "shop", "flower room")  # of every world
TIMES_OF_DAY = ("day", "dusk", "night")
WEATHERS = ("clear", "rain", "snowfall", "fog")
CAMERAS = ("fixed", "pan_left", "pan_right", "approach")


@dataclass(frozen=True)
class ActorSpec:
    """One creature: who it is, what it wears, what it does and where it stands."""

    creature: str
    colour: str | None  # None: a hue without a name
    rgb: Rgb  # body colour
    accessory: str | None
    accessory_colour: str | None
    accessory_rgb: Rgb | None
    action: str
    azimuth_deg: float  # 0 faces the camera, +90 faces right, -90 left
    phase: float  # fraction of the action's cycle at time 0
    x: float  # middle of the creature, fraction of the frame's width
    size: float  # height when upright, fraction of the frame's height
    row: float | None = None  # frame row of the feet, fraction of the height; None: by its size
    things: tuple[str, ...] = ()  # what it holds, rides, lies or floats in
    thing_rgb: Rgb = (0.86, 0.17, 0.17)
    hair_style: str | None = None  # of people
    hair_rgb: Rgb = (0.30, 0.20, 0.13)
    skin_rgb: Rgb = (0.95, 0.78, 0.64)


@dataclass(frozen=True)
class ClipSpec:
    """One clip: its actors (none, one or two), its scene and its camera."""

    actors: tuple[ActorSpec, ...]
    scene: str
    time_of_day: str
    weather: str
    camera: str
    seed: int  # places the props and the weather; draws nothing of the actors


@dataclass(frozen=True)
class WorldClip:
    """A rendered clip with the truth about it."""

    spec: ClipSpec
    rgb: NDArray[np.uint8]  # (T, H, W, 3)
    inverse_depth: NDArray[np.float32]  # (T, H, W) in [0, 1], one scale for all clips
    mask: NDArray[np.bool_]  # (T, H, W) pixels of the actors, what they wear included
    head_xy: NDArray[np.float32]  # (T, 2) centre of the first actor's head in pixels; nan without an actor
    fps: float
    # (T, H, W) whose pixel it is: number of an actor, -1 none (things it holds or rides included)
    owner: NDArray[np.int8]

    @property
    def masks(self) -> NDArray[np.bool_]:
        """One mask an actor, (A, T, H, W); what is hidden by others is left out."""
        return self.owner == np.arange(len(self.spec.actors)).reshape(-1, 1, 1, 1)


def with_(spec: ClipSpec, **changes: Any) -> ClipSpec:
    """A copy of `spec` with fields changed.

    An actor's fields change in every actor. Unknown names are errors.
    """
    clip_names = {f.name for f in fields(ClipSpec)}
    of_clip = {name: value for name, value in changes.items() if name in clip_names}
    of_actor = {name: value for name, value in changes.items() if name not in clip_names}
    actors = of_clip.pop("actors", spec.actors)
    if of_actor:
        actors = tuple(replace(actor, **of_actor) for actor in actors)
    return replace(spec, actors=tuple(actors), **of_clip)
