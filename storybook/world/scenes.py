"""The eight scenes: colours and layouts, before anything is drawn.

The world is a ground plane seen from a fixed height. A point of the ground at frame row v
(0 top, 1 bottom) has inverse_depth = (v - horizon) / INVERSE_DEPTH_ROWS: one scale holds in every clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from storybook.world.raster import Light
from storybook.world.spec import INDOORS, WATER_SCENES, ClipSpec, Rgb

INVERSE_DEPTH_ROWS = 0.64  # rows from the horizon to inverse depth 1, fraction of the frame


@dataclass(frozen=True)
class Ridge:
    """A far silhouette: hills, peaks or a line of trees."""

    inverse_depth: float
    rgb: Rgb
    height: float  # of its middle above the horizon, fraction of the frame
    swing: float  # how much the outline rises and falls
    waves: float  # outline waves a frame
    peaked: bool = False  # sharp, with snow on top


@dataclass(frozen=True)
class Prop:
    """A sprite that stands on the ground, or hangs in the sky when its inverse depth is 0."""

    kind: str
    x: float  # middle in the frame at the middle of the clip
    inverse_depth: float
    height: float  # in frames, where it stands


@dataclass(frozen=True)
class Solid:
    """A thing of parts that stands in the scene (see `things.STANDING`)."""

    kind: str
    x: float  # middle in the frame at the middle of the clip
    inverse_depth: float
    size: float  # frames a creature unit, where it stands
    azimuth_deg: float
    rgb: Rgb


@dataclass(frozen=True)
class Room:
    """A hall that the camera looks along (see `rooms`); lengths are in world units, as depths are."""

    style: str
    back: float  # inverse depth of its far end
    half_width: float
    height: float  # of the ceiling above the horizon
    vault: bool = False  # walls and ceiling are one round tunnel


@dataclass(frozen=True)
class Ground:
    """What the ground is made of: `main` with soft patches of `patch`, and water beyond `shore`."""

    main: Rgb
    patch: Rgb
    kind: str = "plain"  # plain, street, floor, boards, tiles, path, road
    water: Rgb | None = None
    shore: float = 0.0  # inverse depth of the water's edge; water lies farther


@dataclass(frozen=True)
class Stage:
    """A scene laid out for one clip."""

    horizon: float
    sky: tuple[Rgb, Rgb]  # top, bottom
    ridges: tuple[Ridge, ...]  # far to near
    ground: Ground
    props: tuple[Prop, ...]  # far to near
    wall: float = 0.0  # inverse depth of a room's back wall, 0 outdoors
    orb: tuple[float, float] = (0.75, 0.14)  # sun or moon
    snowy: bool = False  # snow lies on the props
    decor: str = ""  # what hangs on the back wall
    room: Room | None = None
    solids: tuple[Solid, ...] = ()


TINTS: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0), "dusk": (0.96, 0.74, 0.64), "night": (0.33, 0.40, 0.66),
    "dawn": (1.0, 0.88, 0.86),
}
SKIES: dict[str, tuple[Rgb, Rgb]] = {
    "day": ((0.40, 0.68, 0.95), (0.82, 0.93, 0.99)),
    "dusk": ((0.44, 0.36, 0.62), (0.99, 0.66, 0.42)),
    "night": ((0.05, 0.08, 0.24), (0.16, 0.23, 0.46)),
    "dawn": ((0.56, 0.70, 0.92), (1.0, 0.84, 0.78)),
}
LIGHTS: dict[str, Light] = {
    "day": Light((1.0, 0.99, 0.95), (0.96, 0.98, 1.02), (1.0, 1.0, 0.98)),
    "dusk": Light((1.04, 0.84, 0.64), (0.84, 0.74, 0.80), (1.0, 0.72, 0.42)),
    "night": Light((0.62, 0.70, 0.98), (0.56, 0.60, 0.84), (0.66, 0.78, 1.0)),
    "dawn": Light((1.03, 0.92, 0.84), (0.92, 0.90, 0.98), (1.0, 0.86, 0.80)),
}
INDOOR_TINTS: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0), "dusk": (0.98, 0.82, 0.70), "night": (0.50, 0.50, 0.70),
    "dawn": (1.0, 0.92, 0.88),
}
GLOOM: dict[str, Rgb] = {
    "clear": (1.0, 1.0, 1.0),
    "rain": (0.76, 0.80, 0.86),
    "snowfall": (0.93, 0.94, 0.97),
    "fog": (0.92, 0.94, 0.95),
    "snowstorm": (0.84, 0.87, 0.93),
}


def tint_of(spec: ClipSpec) -> Rgb:
    """The light that falls on ground and props."""
    tints = INDOOR_TINTS if spec.scene in INDOORS else TINTS
    a, b = tints[spec.time_of_day], GLOOM[spec.weather]
    return (a[0] * b[0], a[1] * b[1], a[2] * b[2])


def light_of(spec: ClipSpec) -> Light:
    """The light on creatures: kinder than on the scene, so that a colour keeps its name at night."""
    light, g = LIGHTS[spec.time_of_day], GLOOM[spec.weather]
    k = [(1 + c) / 2 for c in g]
    key, fill = light.key, light.fill
    return Light((key[0] * k[0], key[1] * k[1], key[2] * k[2]),
                 (fill[0] * k[0], fill[1] * k[1], fill[2] * k[2]), light.rim)


def lay_out(spec: ClipSpec) -> Stage:
    """Place everything of a scene, from the clip's seed."""
    rng = np.random.default_rng([spec.seed, 17])
    swims = spec.scene in WATER_SCENES and any(actor.action == "swimming" for actor in spec.actors)
    return with_sky(LAYOUTS[spec.scene](rng, swims), spec, rng)


def with_sky(stage: Stage, spec: ClipSpec, rng: np.random.Generator) -> Stage:
    """The stage with its props in drawing order, under the sky of the clip's time of day."""
    props = tuple(sorted(stage.props, key=lambda prop: prop.inverse_depth))
    orb = (float(rng.uniform(0.12, 0.88)), float(rng.uniform(0.09, 0.19)))
    return replace(stage, sky=SKIES[spec.time_of_day], props=props, orb=orb)


def _row(
    rng: np.random.Generator,
    kinds: tuple[str, ...],
    count: int,
    inverse_depth: tuple[float, float],
    height: tuple[float, float],
) -> list[Prop]:
    """Props spread over the width with jitter; `height` is at inverse depth 1, in frames."""
    starts = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count * 1.36 - 0.18
    found = []
    for x in starts:
        n = float(rng.uniform(*inverse_depth))
        found.append(Prop(kinds[int(rng.integers(len(kinds)))], float(x), n, float(rng.uniform(*height)) * n))
    return found


def _sides(
    rng: np.random.Generator,
    kinds: tuple[str, ...],
    count: int,
    inverse_depth: tuple[float, float],
    height: tuple[float, float],
) -> list[Prop]:
    """Props at the left and right of the frame, which leave the middle to the actors."""
    found = []
    for k in range(count):
        side = 1 if (k + int(rng.integers(2))) % 2 else -1
        n = float(rng.uniform(*inverse_depth))
        x = 0.5 + side * float(rng.uniform(0.30, 0.50))
        found.append(Prop(kinds[int(rng.integers(len(kinds)))], x, n, float(rng.uniform(*height)) * n))
    return found


def _forest(rng: np.random.Generator, swims: bool) -> Stage:
    ridges = (Ridge(0.05, (0.44, 0.64, 0.50), 0.20, 0.05, 5.5),
              Ridge(0.10, (0.25, 0.48, 0.33), 0.13, 0.05, 7.5))
    props = _row(rng, ("tree", "pine"), 5, (0.20, 0.32), (1.6, 2.1)) + _sides(rng, ("tree", "pine"), 2,
                                                                              (0.42, 0.58), (1.35, 1.7))
    return Stage(
        0.42,
        SKIES["day"],
        ridges,
        Ground((0.36, 0.60, 0.28), (0.26, 0.49, 0.24)),
        tuple(props + _sides(rng, ("bush",), 1, (0.5, 0.7), (0.25, 0.35))),
    )


def _beach(rng: np.random.Generator, swims: bool) -> Stage:
    ground = Ground(
        (0.96, 0.86, 0.64), (0.90, 0.77, 0.53), water=(0.18, 0.60, 0.82),
        shore=2.0 if swims else float(rng.uniform(0.36, 0.44))
    )
    props = _row(rng, ("boat",), 1, (0.13, 0.18), (0.9, 1.1))
    if not swims:
        props += _sides(rng, ("umbrella",), 1, (0.56, 0.66),
                        (0.80, 0.95)) + _sides(rng, ("palm",), 1, (0.48, 0.54), (1.2, 1.4))
    return Stage(0.42, SKIES["day"], (), ground, tuple(props))


def _snow(rng: np.random.Generator, swims: bool) -> Stage:
    ridges = (Ridge(0.04, (0.66, 0.76, 0.88), 0.13, 0.06, 1.7),
              Ridge(0.09, (0.82, 0.88, 0.95), 0.06, 0.03, 2.4))
    props = _row(rng, ("snowy_pine",), 4, (0.18, 0.30), (1.3, 1.7)) + _sides(rng, ("snowy_pine",), 2,
                                                                             (0.42, 0.55), (1.1, 1.4))
    return Stage(0.42, SKIES["day"], ridges, Ground((0.95, 0.97, 1.0), (0.83, 0.89, 0.97)), tuple(props))


def _city(rng: np.random.Generator, swims: bool) -> Stage:
    houses = [
        Prop("house", -0.16 + 0.22 * k + float(rng.uniform(-0.02, 0.02)), 0.30 + 0.002 * k,
             float(rng.uniform(0.36, 0.50)))
        for k in range(7)
    ]
    props = houses + _sides(rng, ("lamp",), 1, (0.46, 0.54),
                            (1.1, 1.25)) + _sides(rng, ("tree",), 1, (0.40, 0.44), (0.8, 1.0))
    return Stage(
        0.42,
        SKIES["day"],
        (Ridge(0.06, (0.62, 0.68, 0.78), 0.15, 0.06, 4.2),),
        Ground((0.78, 0.75, 0.71), (0.72, 0.69, 0.66), "street"),
        tuple(props),
    )


def _meadow(rng: np.random.Generator, swims: bool) -> Stage:
    ridges = (Ridge(0.05, (0.56, 0.78, 0.56), 0.10, 0.04, 1.4),
              Ridge(0.10, (0.46, 0.74, 0.40), 0.05, 0.03, 1.9))
    flowers = _sides(rng, ("flower",), 8, (0.45, 0.92), (0.13, 0.17))
    props = _row(rng, ("tree",), 2, (0.18, 0.26),
                 (1.2, 1.5)) + flowers + _sides(rng, ("bush",), 1, (0.35, 0.45), (0.3, 0.4))
    return Stage(0.44, SKIES["day"], ridges, Ground((0.52, 0.78, 0.32), (0.42, 0.69, 0.28)), tuple(props))


def _lake(rng: np.random.Generator, swims: bool) -> Stage:
    ridges = (Ridge(0.03, (0.54, 0.66, 0.78), 0.16, 0.06, 1.6),
              Ridge(0.08, (0.30, 0.54, 0.40), 0.045, 0.02, 6.5))
    ground = Ground(
        (0.44, 0.68, 0.32), (0.36, 0.58, 0.28), water=(0.26, 0.52, 0.70),
        shore=2.0 if swims else float(rng.uniform(0.44, 0.52))
    )
    props = _row(rng, ("pine", "tree"), 4, (0.11, 0.13), (1.5, 2.0))
    if not swims:
        props += _sides(rng, ("tree", "bush", "rock"), 2, (0.54, 0.64), (0.35, 0.5))
    return Stage(0.42, SKIES["day"], ridges, ground, tuple(props))


def _bedroom(rng: np.random.Generator, swims: bool) -> Stage:
    side = 1.0 if rng.random() < 0.5 else -1.0
    props = (Prop("bed", 0.5 - side * float(rng.uniform(0.30, 0.36)), 0.46, float(rng.uniform(0.36, 0.42))),)
    walls: tuple[Rgb, ...] = ((0.98, 0.90, 0.76), (0.80, 0.88, 0.96), (0.97, 0.84, 0.84), (0.85, 0.93, 0.82))
    rugs: tuple[Rgb, ...] = ((0.86, 0.48, 0.44), (0.44, 0.62, 0.78), (0.66, 0.54, 0.76))
    ground = Ground((0.78, 0.58, 0.38), rugs[int(rng.integers(3))], "floor")
    return Stage(0.40, SKIES["day"], (Ridge(0.41, walls[int(rng.integers(4))], 0.0, 0.0, side),), ground,
                 props, wall=0.41)


def _mountains(rng: np.random.Generator, swims: bool) -> Stage:
    ridges = (
        Ridge(0.02, (0.56, 0.62, 0.78), 0.22, 0.13, 1.5, peaked=True),
        Ridge(0.05, (0.45, 0.50, 0.62), 0.11, 0.10, 2.1, peaked=True),
        Ridge(0.10, (0.42, 0.60, 0.46), 0.035, 0.02, 2.0),
    )
    props = _row(rng, ("pine",), 2, (0.20, 0.28), (0.9, 1.2)) + _sides(rng, ("rock",), 3, (0.40, 0.72),
                                                                       (0.22, 0.34))
    return Stage(0.46, SKIES["day"], ridges, Ground((0.58, 0.66, 0.42), (0.52, 0.56, 0.42)), tuple(props))


LAYOUTS = {
    "forest": _forest,
    "beach": _beach,
    "snow": _snow,
    "city": _city,
    "meadow": _meadow,
    "lake": _lake,
    "bedroom": _bedroom,
    "mountains": _mountains,
}
