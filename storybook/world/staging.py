"""The sampler of STORYBOOK_2: who does what where, alone or in groups, with the things that it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from storybook.world import looks
from storybook.world.cast import PEOPLE, SPECIES
from storybook.world.deeds import THING_OF
from storybook.world.spec import INDOORS, WATER_SCENES, ActorSpec, ClipSpec, Rgb
from storybook.world.world import World

AFLOAT = frozenset(
    {
        "standing",
        "sitting",
        "waving",
        "talking",
        "pointing",
        "laughing",
        "crying",
        "drinking",
        "eating",
        "reading",
    }
)
OUTDOORS_ONLY = frozenset({"cycling", "riding", "carting", "flying", "falling"})
WIDE = frozenset(
    {
        "cycling",
        "riding",
        "carting",
        "pushing",
        "climbing",
        "sleeping",
        "flying",
        "falling",
        "playing",
        "swimming",
    }
)
SIDE_ON = frozenset(
    {
        "walking",
        "running",
        "swimming",
        "carrying",
        "pushing",
        "cycling",
        "riding",
        "carting",
        "flying",
        "climbing",
    }
)
SNOWS = ("snowfall", "snowstorm")
DRY = frozenset({"beach", "sea"})  # where no snow falls
WHITE = frozenset({"snow", "winter forest"})  # where no rain falls
TIME_SHARES = {"day": 0.44, "dawn": 0.18, "dusk": 0.18, "night": 0.20}
WEATHER_SHARES = {"clear": 0.58, "rain": 0.08, "snowfall": 0.12, "fog": 0.08, "snowstorm": 0.14}
CAMERA_SHARES = (0.55, 0.15, 0.15, 0.15)
GROUP_CAMERA_SHARES = (0.84, 0.0, 0.0, 0.16)  # a pan would leave one of them out
BED_SHARE = 0.55  # of sleepers that lie in a bed
POND_SHARE = 0.10
SIZES: dict[str, tuple[float, float]] = {  # height when upright of who is alone, fraction of the frame
    "jumping": (0.54, 0.62),
    "sleeping": (0.66, 0.78),
    "swimming": (0.68, 0.80),
    "sitting": (0.62, 0.78),
    "dancing": (0.58, 0.68),
    "running": (0.56, 0.68),
    "cycling": (0.46, 0.54),
    "riding": (0.39, 0.46),
    "carting": (0.46, 0.54),
    "pushing": (0.50, 0.58),
    "playing": (0.48, 0.56),
    "flying": (0.50, 0.60),
    "falling": (0.48, 0.56),
    "climbing": (0.40, 0.48),
}
UPRIGHT = (0.58, 0.74)
COATS: tuple[Rgb, ...] = (
    (0.56, 0.35, 0.20),
    (0.80, 0.62, 0.40),
    (0.92, 0.90, 0.87),
    (0.34, 0.24, 0.20),
    (0.60, 0.58, 0.58),
    (0.68, 0.36, 0.18),
)
HORIZON = 0.42  # about where it is in every scene; sizes shrink towards it


def sample(world: World, seed: int, *, held_out: bool, num_actors: int) -> ClipSpec:
    """The clip of a seed; see `dataset.sample_spec`."""
    rng = np.random.default_rng([seed, int(held_out), num_actors, 2])
    doing = _actions(rng, world, num_actors)
    scene = _scene(rng, world, doing)
    time_of_day = _one_of(rng, TIME_SHARES)
    weather = _weather(rng, scene)
    camera = str(rng.choice(world.cameras, p=CAMERA_SHARES if num_actors < 2 else GROUP_CAMERA_SHARES))
    actors = _cast(rng, world, doing, held_out)
    actors = tuple(_equip(rng, world, actor, scene, alone=num_actors == 1) for actor in actors)
    placed = [_alone(rng, actors[0], camera)] if num_actors == 1 else _grouped(rng, actors)
    if camera.startswith("pan") and placed and placed[0].action in SIDE_ON:
        camera = "pan_right" if placed[0].azimuth_deg > 0 else "pan_left"  # follow who moves
    return ClipSpec(tuple(placed), scene, time_of_day, weather, camera, int(rng.integers(2**31)))


def _one_of(rng: np.random.Generator, shares: dict[str, float]) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def _actions(rng: np.random.Generator, world: World, count: int) -> list[str]:
    """One action a figure.

    Groups mostly do different things; at most one of them needs much room, and none in threes.
    """
    if count == 0:
        return []
    if count == 1:
        return [str(rng.choice([a for a in world.actions if a != "hugging"]))]
    draw = rng.random()
    if count == 2 and draw < 0.12:
        return ["hugging", "hugging"]
    if draw < 0.30:
        return [
            "talking",
            *(str(rng.choice(("talking", "standing", "laughing", "pointing"))) for _ in range(count - 1)),
        ]
    small = [a for a in world.actions if a not in WIDE and a != "hugging"]
    if draw < 0.42:
        return [str(rng.choice([*small, "swimming"]))] * count
    doing = [str(a) for a in rng.choice(small, count, replace=False)]
    if count == 2 and rng.random() < 0.35:
        doing[int(rng.integers(2))] = str(rng.choice(sorted(WIDE - {"swimming"})))
    return doing


def _scene(rng: np.random.Generator, world: World, doing: list[str]) -> str:
    """Swimmers are mostly in water, a few in a pond; who rides, flies or falls is outdoors.

    Who is at sea keeps in the boat.
    """
    if "swimming" in doing:
        pond = rng.random() < POND_SHARE
        dry = [s for s in world.scenes if s not in WATER_SCENES and s not in INDOORS and s != "sea"]
        return str(rng.choice(dry if pond else WATER_SCENES))
    if "sleeping" in doing and len(doing) == 1 and rng.random() < BED_SHARE:
        return "bedroom"
    open_air = bool(OUTDOORS_ONLY & set(doing))
    afloat = set(doing) <= AFLOAT and len(doing) < 3
    return str(
        rng.choice([s for s in world.scenes if not (open_air and s in INDOORS) and (afloat or s != "sea")])
    )


def _weather(rng: np.random.Generator, scene: str) -> str:
    if scene in INDOORS:
        return "clear"
    while True:
        weather = _one_of(rng, WEATHER_SHARES)
        if not (weather in SNOWS and scene in DRY) and not (weather == "rain" and scene in WHITE):
            return weather


def _cast(rng: np.random.Generator, world: World, doing: list[str], held_out: bool) -> tuple[ActorSpec, ...]:
    """A figure for each action, no two of a kind."""
    found: list[ActorSpec] = []
    for action in doing:
        actor = _actor(rng, world, action, held_out)
        while any(actor.creature == other.creature for other in found):
            actor = _actor(rng, world, action, held_out)
        found.append(actor)
    return tuple(found)


def _actor(rng: np.random.Generator, world: World, action: str, held_out: bool) -> ActorSpec:
    """A figure with its looks; where it stands comes later."""
    creature, colour, accessory = looks.draw(rng, world, action, held_out)
    rgb = looks.shade_of(world.colours[colour], rng) if colour else looks.unnamed(rng)
    worn, worn_rgb = looks.worn(rng, colour, rgb) if accessory else (None, None)
    phase = float(rng.random())
    actor = ActorSpec(creature, colour, rgb, accessory, worn, worn_rgb, action, 0.0, phase, 0.5, 0.6)
    if creature not in PEOPLE:
        return actor
    style = str(rng.choice(SPECIES[creature].hair))
    skin = looks.skin(rng)
    hair = looks.hair(rng, style, skin, old=creature.startswith("old"))
    return replace(actor, hair_style=style, hair_rgb=hair, skin_rgb=skin)


def _equip(rng: np.random.Generator, world: World, actor: ActorSpec, scene: str, *, alone: bool) -> ActorSpec:
    """What its action takes, a boat at sea, and a bed for who sleeps alone in the bedroom."""
    things = [THING_OF[actor.action]] if actor.action in THING_OF else []
    if scene == "sea":
        things.append("boat")
    if scene == "bedroom" and actor.action == "sleeping" and alone:
        things.append("bed")
    named = [rgb for name, rgb in world.colours.items() if name != actor.colour]
    rgb = looks.shade_of(
        COATS[int(rng.integers(len(COATS)))] if "pony" in things else named[int(rng.integers(len(named)))],
        rng,
    )
    return replace(actor, things=tuple(things), thing_rgb=rgb)


def _height(rng: np.random.Generator, actor: ActorSpec, *, near_camera: bool = False) -> float:
    low, high = SIZES.get(actor.action, UPRIGHT)
    if "bed" in actor.things:
        low, high = 0.50, 0.58
    if "boat" in actor.things:
        low, high = low * 0.76, high * 0.76
    if near_camera:
        low, high = 0.90 * low, 0.90 * (low + high) / 2
    return min(float(rng.uniform(low, high)) * SPECIES[actor.creature].stature, 0.80)


def _alone(rng: np.random.Generator, actor: ActorSpec, camera: str) -> ActorSpec:
    """Azimuth, x and size that keep it in the frame and its face in sight."""
    if actor.action in SIDE_ON or "bed" in actor.things:
        azimuth = float(rng.uniform(38, 80) * rng.choice([-1, 1]))
        x = float(rng.uniform(0.46, 0.54))
    else:
        azimuth = float(np.clip(rng.normal(0, 28), -62, 62))
        x = float(rng.uniform(0.40, 0.60))
    if actor.action == "climbing":
        azimuth = float(rng.uniform(116, 134) * np.sign(azimuth))  # its back to the camera, the head turned
    if actor.action == "pushing":
        azimuth = float(rng.uniform(58, 78) * np.sign(azimuth))
        x = 0.5 - 0.10 * float(np.sign(azimuth))
    return replace(
        actor, azimuth_deg=azimuth, x=x, size=_height(rng, actor, near_camera=camera == "approach")
    )


def _grouped(rng: np.random.Generator, actors: tuple[ActorSpec, ...]) -> list[ActorSpec]:
    """Beside one another, face to face, or one behind; the first may be anywhere."""
    if not actors:
        return []
    if len(actors) == 3:
        spots = [(0.20, 0.885, 0.60), (0.50, float(rng.choice([0.80, 0.90])), 0.60), (0.80, 0.885, 0.60)]
        turns = [float(rng.uniform(5, 45)), float(rng.uniform(-35, 35)), float(rng.uniform(-45, -5))]
    else:
        spots, turns = _pair(rng, actors)
    order = rng.permutation(len(actors))
    placed: list[ActorSpec] = list(actors)
    for spot, turn, k in zip(spots, turns, order, strict=True):
        placed[int(k)] = _put(rng, actors[int(k)], spot, turn)
    return placed


def _pair(
    rng: np.random.Generator, actors: tuple[ActorSpec, ...]
) -> tuple[list[tuple[float, float, float]], list[float]]:
    """Two spots (x, row, share of the size when alone) and the way that each looks."""
    hugs, talks = (actors[0].action == a for a in ("hugging", "talking"))
    if hugs:
        return [(0.365, 0.885, 0.78), (0.635, 0.885, 0.78)], [
            float(rng.uniform(48, 62)),
            -float(rng.uniform(48, 62)),
        ]
    if talks or rng.random() < 0.25:
        gap = float(rng.uniform(0.19, 0.23))
        return [(0.5 - gap, 0.89, 0.76), (0.5 + gap, 0.89, 0.76)], [
            float(rng.uniform(38, 58)),
            -float(rng.uniform(38, 58)),
        ]
    if rng.random() < 0.40:
        side = float(rng.choice([-1, 1]))
        return [(0.5 - 0.17 * side, 0.925, 0.84), (0.5 + 0.20 * side, 0.795, 0.84)], [
            float(rng.normal(0, 20)) for _ in range(2)
        ]
    turns = [float(rng.uniform(-10, 40)), -float(rng.uniform(-10, 40))]
    return [(0.5 + s * float(rng.uniform(0.21, 0.25)), 0.89, 0.74) for s in (-1, 1)], turns


def _put(
    rng: np.random.Generator, actor: ActorSpec, spot: tuple[float, float, float], turn: float
) -> ActorSpec:
    x, row, share = spot
    if actor.action == "climbing":
        turn = float(rng.uniform(116, 134)) * (1.0 if x < 0.5 else -1.0)
    elif actor.action in SIDE_ON and abs(turn) < 36:
        turn = float(rng.uniform(40, 62)) * (1.0 if x < 0.5 else -1.0)
    depth = (row - HORIZON) / (0.89 - HORIZON)  # farther is smaller
    size = _height(rng, actor) * share * depth
    return replace(actor, x=x + float(rng.uniform(-0.015, 0.015)), row=row, azimuth_deg=turn, size=size)
