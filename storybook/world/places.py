"""More scenes: rooms, a palace and a cave, a castle, a garden, a road, a farm, a winter forest and the open
sea."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from storybook.world import scenes
from storybook.world.scenes import SKIES, Ground, Prop, Ridge, Room, Solid, Stage, _row, _sides
from storybook.world.spec import ClipSpec, Rgb

SNOW_GROUND = ((0.95, 0.97, 1.0), (0.83, 0.89, 0.97))
WOODS = ((0.80, 0.60, 0.40), (0.70, 0.50, 0.34), (0.74, 0.62, 0.48))
PASTELS: tuple[Rgb, ...] = ((0.98, 0.92, 0.78), (0.84, 0.91, 0.96), (0.97, 0.87, 0.86), (0.87, 0.94, 0.85))
SIGNAL: tuple[Rgb, ...] = ((0.86, 0.26, 0.26), (0.24, 0.50, 0.86), (0.98, 0.80, 0.28), (0.36, 0.68, 0.40))


def lay_out(spec: ClipSpec) -> Stage:
    """Place everything of a scene, from the clip's seed."""
    if spec.scene in scenes.LAYOUTS:
        stage = scenes.lay_out(spec)
        if any("bed" in actor.things for actor in spec.actors):  # it lies in the only bed
            stage = replace(stage, props=tuple(prop for prop in stage.props if prop.kind != "bed"))
        return stage
    rng = np.random.default_rng([spec.seed, 17])
    snowy = spec.weather in ("snowfall", "snowstorm")
    stage = LAYOUTS[spec.scene](rng, snowy)
    return scenes.with_sky(stage, spec, rng)


def _ground(snowy: bool, main: Rgb, patch: Rgb, kind: str = "plain") -> Ground:
    return Ground(*SNOW_GROUND, kind) if snowy else Ground(main, patch, kind)


def _hills(snowy: bool, *ridges: Ridge) -> tuple[Ridge, ...]:
    if not snowy:
        return ridges
    return tuple(
        replace(r, rgb=(0.70 + r.inverse_depth, 0.78 + r.inverse_depth, 0.90))
        for r in ridges
    )


def _garden(rng: np.random.Generator, snowy: bool) -> Stage:
    ridges = _hills(
        snowy,
        Ridge(0.05, (0.52, 0.72, 0.52), 0.10, 0.03, 1.6),
        Ridge(0.09, (0.36, 0.60, 0.36), 0.08, 0.03, 6.5),
    )
    fence = [Prop("fence", -0.10 + 0.40 * k, 0.300, 0.115) for k in range(4)]
    hedges = [Prop("hedge", -0.05 + 0.37 * k, 0.285, 0.175) for k in range(4)]
    beds = [
        Prop("bush" if snowy else "rosebush", 0.5 + s * (0.33 + 0.05 * k), 0.42 + 0.12 * k, 0.13 + 0.045 * k)
        for s in (-1, 1)
        for k in range(3)
    ]
    flowers = [] if snowy else _sides(rng, ("flower",), 6, (0.55, 0.92), (0.14, 0.18))
    trees = _row(rng, ("tree",), 2, (0.20, 0.25), (1.3, 1.6)) + _sides(
        rng, ("tree", "bare_tree") if snowy else ("tree",), 1, (0.40, 0.46), (1.2, 1.4)
    )
    ground = _ground(snowy, (0.50, 0.76, 0.34), (0.42, 0.68, 0.30), "path")
    return Stage(
        0.43, SKIES["day"], ridges, ground, tuple(trees + hedges + fence + beds + flowers), snowy=snowy
    )


def _castle(rng: np.random.Generator, snowy: bool) -> Stage:
    ridges = _hills(
        snowy,
        Ridge(0.03, (0.56, 0.64, 0.80), 0.13, 0.08, 1.5, peaked=True),
        Ridge(0.09, (0.46, 0.68, 0.42), 0.05, 0.03, 1.9),
    )
    x = 0.5 + float(rng.uniform(-0.08, 0.08))
    props = [Prop("castle", x, 0.15, float(rng.uniform(0.44, 0.50)))]
    props += _sides(
        rng, ("snowy_pine", "bare_tree") if snowy else ("tree", "pine"), 4, (0.18, 0.30), (1.0, 1.3)
    )
    props += _sides(rng, ("bush",), 2, (0.40, 0.60), (0.28, 0.36))
    return Stage(
        0.44,
        SKIES["day"],
        ridges,
        _ground(snowy, (0.50, 0.74, 0.36), (0.42, 0.65, 0.30), "path"),
        tuple(props),
        snowy=snowy,
    )


def _road(rng: np.random.Generator, snowy: bool) -> Stage:
    ridges = _hills(
        snowy,
        Ridge(0.04, (0.56, 0.74, 0.62), 0.12, 0.05, 1.3),
        Ridge(0.09, (0.50, 0.70, 0.38), 0.055, 0.03, 2.1),
    )
    props = _sides(rng, ("bare_tree", "snowy_pine") if snowy else ("tree",), 4, (0.20, 0.34), (1.2, 1.5))
    props += [Prop("rails", 0.5 + s * 0.43, 0.40, 0.12) for s in (-1, 1)] + _sides(
        rng, ("signpost",), 1, (0.46, 0.52), (0.75, 0.85)
    )
    return Stage(
        0.42,
        SKIES["day"],
        ridges,
        _ground(snowy, (0.62, 0.74, 0.36), (0.74, 0.74, 0.40), "road"),
        tuple(props),
        snowy=snowy,
    )


def _farm(rng: np.random.Generator, snowy: bool) -> Stage:
    side = 1.0 if rng.random() < 0.5 else -1.0
    ridges = _hills(
        snowy,
        Ridge(0.05, (0.60, 0.76, 0.50), 0.09, 0.03, 1.4),
        Ridge(0.10, (0.74, 0.72, 0.38), 0.05, 0.02, 1.7),
    )
    props = [
        Prop("barn", 0.5 - side * float(rng.uniform(0.20, 0.28)), 0.24, float(rng.uniform(0.34, 0.38))),
        Prop("silo", 0.5 - side * 0.02, 0.225, 0.38),
        Prop("windmill", 0.5 + side * float(rng.uniform(0.26, 0.36)), 0.17, 0.30),
        Prop("rails", 0.5 + side * 0.30, 0.33, 0.115),
        Prop("rails", 0.5 + side * 0.50, 0.33, 0.115),
        Prop("hay", 0.5 + side * float(rng.uniform(0.34, 0.42)), 0.45, 0.15),
        Prop("hay", 0.5 - side * float(rng.uniform(0.38, 0.46)), 0.52, 0.17),
    ]
    ground = _ground(snowy, (0.66, 0.74, 0.36), (0.78, 0.70, 0.42), "plain")
    return Stage(0.43, SKIES["day"], ridges, ground, tuple(props), snowy=snowy)


def _winter_forest(rng: np.random.Generator, snowy: bool) -> Stage:
    ridges = (
        Ridge(0.05, (0.62, 0.72, 0.80), 0.20, 0.05, 6.5),
        Ridge(0.10, (0.40, 0.54, 0.58), 0.13, 0.05, 9.5),
    )
    props = _row(rng, ("snowy_pine", "snowy_pine", "bare_tree"), 8, (0.18, 0.34), (1.6, 2.0))
    props += _sides(rng, ("snowy_pine",), 2, (0.42, 0.56), (1.4, 1.7)) + _sides(
        rng, ("bush",), 1, (0.5, 0.66), (0.24, 0.32)
    )
    return Stage(0.42, SKIES["day"], ridges, Ground(*SNOW_GROUND), tuple(props), snowy=True)


def _sea(rng: np.random.Generator, snowy: bool) -> Stage:
    ridges = (Ridge(0.03, (0.56, 0.70, 0.82), 0.045, 0.035, 1.2),) if rng.random() < 0.6 else ()
    props = [
        Prop(
            ("lighthouse", "boat")[int(rng.integers(2))],
            0.5 + float(rng.choice([-1, 1])) * float(rng.uniform(0.22, 0.36)),
            0.15,
            0.24,
        )
    ]
    props += [Prop("boat", float(rng.uniform(0.1, 0.9)), 0.09, 0.075)]
    ground = Ground((0.20, 0.52, 0.76), (0.20, 0.52, 0.76), water=(0.17, 0.52, 0.78), shore=2.0)
    return Stage(0.40, SKIES["day"], ridges, ground, tuple(props))


def _palace(rng: np.random.Generator, snowy: bool) -> Stage:
    room = Room("palace", back=0.145, half_width=1.02, height=1.30)
    props = [
        Prop("column", 0.5 + s * 0.82 * n, n, (1.30 + scenes.INVERSE_DEPTH_ROWS) * n)
        for n in (0.19, 0.27, 0.40)
        for s in (-1, 1)
    ]
    props += [Prop("chandelier", 0.5, n, (1.30 + scenes.INVERSE_DEPTH_ROWS) * n) for n in (0.20, 0.31)]
    return Stage(
        0.42, SKIES["day"], (), Ground((0.95, 0.88, 0.72), (0.80, 0.16, 0.20)), tuple(props), room=room
    )


def _cave(rng: np.random.Generator, snowy: bool) -> Stage:
    room = Room("cave", back=0.205, half_width=1.10, height=1.20, vault=True)
    props = [
        Prop("stalactite", 0.5 + float(rng.uniform(-0.3, 0.3)), n, (1.02 + scenes.INVERSE_DEPTH_ROWS) * n)
        for n in (0.24, 0.30, 0.36)
    ]
    props += _sides(rng, ("stalagmite",), 3, (0.36, 0.56), (0.45, 0.65)) + _sides(
        rng, ("crystal",), 2, (0.40, 0.62), (0.28, 0.38)
    )
    return Stage(
        0.44, SKIES["day"], (), Ground((0.46, 0.41, 0.42), (0.38, 0.34, 0.37)), tuple(props), room=room
    )


def _indoors(
    rng: np.random.Generator, decor: str, kind: str, props: list[Prop], solids: list[Solid]
) -> Stage:
    rugs: tuple[Rgb, ...] = ((0.86, 0.48, 0.44), (0.44, 0.62, 0.78), (0.66, 0.54, 0.76), (0.50, 0.70, 0.52))
    wood = WOODS[int(rng.integers(3))]
    side = 1.0 if rng.random() < 0.5 else -1.0
    wall = Ridge(0.41, PASTELS[int(rng.integers(4))], 0.0, 0.0, side)
    ground = Ground(wood, rugs[int(rng.integers(4))], kind)
    return Stage(
        0.40, SKIES["day"], (wall,), ground, tuple(props), wall=0.41, decor=decor, solids=tuple(solids)
    )


def _kitchen(rng: np.random.Generator, snowy: bool) -> Stage:
    side = 1.0 if rng.random() < 0.5 else -1.0
    props = [
        Prop("stove", 0.5 - side * 0.33, 0.42, 0.27),
        Prop("fridge", 0.5 + side * 0.44, 0.415, 0.42),
        Prop("cupboard", 0.5 + side * 0.17, 0.418, 0.24),
        Prop("cupboard", 0.5 - side * 0.06, 0.418, 0.24),
    ]
    table = Solid("laid table", 0.5 + side * 0.36, 0.56, 0.52, -16.0 * side, SIGNAL[int(rng.integers(4))])
    return _indoors(rng, "kitchen", "tiles", props, [table])


def _classroom(rng: np.random.Generator, snowy: bool) -> Stage:
    props = [Prop("shelf", 0.5 + float(rng.choice([-1, 1])) * 0.42, 0.415, 0.34)]
    props += [Prop("desk", 0.5 + s * 0.37, 0.50, 0.19) for s in (-1, 1)]
    return _indoors(rng, "classroom", "boards", props, [])


def _shop(rng: np.random.Generator, snowy: bool) -> Stage:
    side = 1.0 if rng.random() < 0.5 else -1.0
    props = [
        Prop("shelf", 0.5 + side * 0.36, 0.415, 0.36),
        Prop("shelf", 0.5 + side * 0.02, 0.415, 0.36),
        Prop("stall", 0.5 - side * 0.30, 0.45, 0.42),
    ]
    boxes = Solid("boxes", 0.5 + side * 0.38, 0.54, 0.42, 20.0 * side, SIGNAL[int(rng.integers(4))])
    return _indoors(rng, "shop", "tiles", props, [boxes])


def _parlour(rng: np.random.Generator, snowy: bool) -> Stage:
    side = 1.0 if rng.random() < 0.5 else -1.0
    props = [
        Prop("vase", 0.5 - side * 0.33, 0.46, 0.36),
        Prop("pot_plant", 0.5 + side * 0.41, 0.43, 0.22),
        Prop("vase", 0.5 + side * 0.27, 0.418, 0.30),
    ]
    return _indoors(rng, "parlour", "floor", props, [])


LAYOUTS: dict[str, Callable[[np.random.Generator, bool], Stage]] = {
    "garden": _garden,
    "castle": _castle,
    "road": _road,
    "farm": _farm,
    "winter forest": _winter_forest,
    "sea": _sea,
    "palace": _palace,
    "cave": _cave,
    "kitchen": _kitchen,
    "classroom": _classroom,
    "shop": _shop,
    "flower room": _parlour,
}
