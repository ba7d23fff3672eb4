"""Clips of the storybook world by seed, for training and, apart from it, for evaluation.

Held out: a creature, a colour and an accessory (or none) have the positions i, j, k in the lists of the
world. A triple is held out of training when i + j + k is a multiple of 12 (`World.held_out`). In STORYBOOK_1
that is 35 of 400 triples, 8.75%; each creature, colour, accessory and each pair of them is still seen in
training. Examples: red bear without accessory (0); grey rabbit (12); white dog with a hat (12); yellow duck
with a belly patch (12). An unnamed colour is never held out. `HELD_OUT` is the whole list of STORYBOOK_1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storybook.world import staging
from storybook.world.looks import BARE_SHARE, HIDES_BELLY, UNNAMED_SHARE, shade_of, unnamed, worn
from storybook.world.render import Renderer
from storybook.world.spec import (
    ACCESSORIES,
    ACTIONS,
    CAMERAS,
    COLOURS,
    CREATURES,
    SCENES,
    TIMES_OF_DAY,
    WATER_SCENES,
    WEATHERS,
    ActorSpec,
    ClipSpec,
    WorldClip,
    with_,
)
from storybook.world.world import STORYBOOK_1, World

__all__ = [
    "ACCESSORIES",
    "ACTIONS",
    "CAMERAS",
    "COLOURS",
    "CREATURES",
    "HELD_OUT",
    "HIDES_BELLY",
    "SCENES",
    "TIMES_OF_DAY",
    "WEATHERS",
    "ActorSpec",
    "ClipSpec",
    "WorldClip",
    "render_clip",
    "render_frames",
    "sample_spec",
    "with_",
]

HELD_OUT = STORYBOOK_1.held_out
POND_SHARE = 0.10  # of swimmers that are in a pond of a dry scene
CAMERA_SHARES = (0.55, 0.15, 0.15, 0.15)
TIME_SHARES = (0.50, 0.25, 0.25)
WEATHER_SHARES = (0.68, 0.08, 0.16, 0.08)
SIDE_ON = ("walking", "running", "swimming")


def sample_spec(seed: int, *, held_out: bool = False, num_actors: int = 1,
                world: World = STORYBOOK_1) -> ClipSpec:
    """The clip of a seed.

    Args:
        held_out: False draws no combination of `world.held_out`, as training clips must not; True draws only
            those.
        num_actors: 0 to 2; up to 3 in STORYBOOK_2.
        world: what may be drawn.
    """
    if world is not STORYBOOK_1:
        return staging.sample(world, seed, held_out=held_out, num_actors=num_actors)
    rng = np.random.default_rng([seed, 1 if held_out else 0, num_actors])
    action, scene = _action_and_scene(rng)
    time_of_day = str(rng.choice(TIMES_OF_DAY, p=TIME_SHARES))
    weather = "clear" if scene == "bedroom" else str(rng.choice(WEATHERS, p=WEATHER_SHARES))
    camera = str(rng.choice(CAMERAS, p=CAMERA_SHARES))
    actors = tuple(_actor(rng, action, camera, held_out, (k, num_actors)) for k in range(num_actors))
    if camera.startswith("pan") and actors and actors[0].action in SIDE_ON:
        camera = "pan_right" if actors[0].azimuth_deg > 0 else "pan_left"  # follow who moves
    return ClipSpec(actors, scene, time_of_day, weather, camera, int(rng.integers(2**31)))


def _action_and_scene(rng: np.random.Generator) -> tuple[str, str]:
    """Swimmers are mostly in water, a few in a pond; never in the bedroom."""
    action = str(rng.choice(ACTIONS))
    if action != "swimming":
        return action, str(rng.choice(SCENES))
    pond = rng.random() < POND_SHARE
    return action, str(rng.choice([s for s in SCENES if s not in WATER_SCENES and s != "bedroom"] if pond
                                  else WATER_SCENES))


def _actor(rng: np.random.Generator, action: str, camera: str, held_out: bool,
           place: tuple[int, int]) -> ActorSpec:
    """Actor `place[0]` of `place[1]`."""
    creature, colour, accessory = _who(rng, held_out)
    while accessory == "belly patch" and action in HIDES_BELLY:
        creature, colour, accessory = _who(rng, held_out)
    rgb = shade_of(COLOURS[colour], rng) if colour else unnamed(rng)
    worn_colour, worn_rgb = worn(rng, colour, rgb) if accessory else (None, None)
    azimuth, x, size = _pose_in_frame(rng, action, camera)
    k, count = place
    if count > 1:
        x, size = (k + 0.5 + float(rng.uniform(-0.06, 0.06))) / count, size * (0.58 if action == "sleeping"
                                                                               else 0.76)
        azimuth *= 0.6
    return ActorSpec(creature, colour, rgb, accessory, worn_colour, worn_rgb, action, azimuth,
                     float(rng.random()), x, size)


def _who(rng: np.random.Generator, held_out: bool) -> tuple[str, str | None, str | None]:
    if held_out:
        return sorted(HELD_OUT, key=str)[int(rng.integers(len(HELD_OUT)))]
    while True:
        creature = str(rng.choice(CREATURES))
        colour = None if rng.random() < UNNAMED_SHARE else str(rng.choice(list(COLOURS)))
        accessory = None if rng.random() < BARE_SHARE else str(rng.choice(ACCESSORIES))
        if colour is None or (creature, colour, accessory) not in HELD_OUT:
            return creature, colour, accessory


def _pose_in_frame(rng: np.random.Generator, action: str, camera: str) -> tuple[float, float, float]:
    """Azimuth, x and size that keep the actor in the frame and its face in sight."""
    if action in SIDE_ON:
        azimuth = float(rng.uniform(38, 86) * rng.choice([-1, 1]))
        x = float(rng.uniform(0.46, 0.54))
    else:
        azimuth = float(np.clip(rng.normal(0, 28), -62, 62))
        x = float(rng.uniform(0.40, 0.60))
    low, high = {
        "jumping": (0.54, 0.62),
        "sleeping": (0.66, 0.78),
        "swimming": (0.68, 0.80),
        "sitting": (0.62, 0.78),
        "dancing": (0.58, 0.68),
        "running": (0.56, 0.68),
    }.get(action, (0.58, 0.74))
    if camera == "approach":
        high = (low + high) / 2
    return azimuth, x, float(rng.uniform(low, high))


def render_clip(spec: ClipSpec, *, size: int = 128, num_frames: int = 16, fps: float = 8.0,
                supersample: int = 2) -> WorldClip:
    """Frames 0 .. num_frames - 1 at `fps`, `size` pixels square."""
    return render_frames(spec, [k / fps for k in range(num_frames)], size=size, fps=fps,
                         supersample=supersample)


def render_frames(
    spec: ClipSpec, times_s: Sequence[float], *, size: int = 128, fps: float = 8.0, supersample: int = 2
) -> WorldClip:
    """Frames at any instants, for stills and photos."""
    renderer = Renderer(spec, size, supersample)
    frames = [renderer.frame(float(t)) for t in times_s]
    return WorldClip(
        spec=spec,
        rgb=np.stack([f.rgb for f in frames]),
        inverse_depth=np.stack([f.inverse_depth for f in frames]).astype(np.float32),
        mask=np.stack([f.mask for f in frames]),
        head_xy=np.array([f.head_xy for f in frames], dtype=np.float32),
        fps=fps,
        owner=np.stack([f.owner for f in frames]),
    )
