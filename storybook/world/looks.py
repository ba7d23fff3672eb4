"""How figures look: combinations that may be drawn, shades of a colour, what is worn, hair and skin."""

from __future__ import annotations

import colorsys

import numpy as np

from storybook.world.spec import COLOURS, Rgb
from storybook.world.world import Look, World

UNNAMED_SHARE = 0.25
BARE_SHARE = 0.40  # clips whose actor wears nothing
UNNAMED_DISTANCE = 0.22  # RGB distance from every named colour at which a hue has no name
JITTER_HSV = (0.014, 0.07, 0.06)
HIDES_BELLY = ("sleeping", "swimming")  # a belly patch would not be seen

SKINS: tuple[Rgb, ...] = (
    (0.99, 0.86, 0.77),
    (0.96, 0.77, 0.62),
    (0.85, 0.63, 0.46),
    (0.70, 0.48, 0.33),
    (0.52, 0.34, 0.23),
    (0.38, 0.25, 0.18),
)
HAIRS: tuple[Rgb, ...] = (
    (0.12, 0.09, 0.09),
    (0.22, 0.14, 0.10),
    (0.40, 0.25, 0.14),
    (0.56, 0.36, 0.20),
    (0.92, 0.75, 0.40),
    (0.74, 0.34, 0.14),
)
OLD_HAIRS: tuple[Rgb, ...] = ((0.90, 0.90, 0.92), (0.74, 0.74, 0.77), (0.97, 0.96, 0.95))


def draw(
    rng: np.random.Generator, world: World, action: str, held_out: bool
) -> tuple[str, str | None, str | None]:
    """A look that the world shows while doing `action`: one of its `held_out`, or any other."""
    while True:
        creature, colour, accessory = _held_out(rng, world) if held_out else _any(rng, world)
        if accessory == "belly patch" and action in HIDES_BELLY:
            continue
        if held_out or colour is None or (creature, colour, accessory) not in world.held_out:
            return creature, colour, accessory


def _held_out(rng: np.random.Generator, world: World) -> Look:
    return sorted(world.held_out, key=str)[int(rng.integers(len(world.held_out)))]


def _any(rng: np.random.Generator, world: World) -> tuple[str, str | None, str | None]:
    creature = str(rng.choice(world.creatures))
    colour = None if rng.random() < UNNAMED_SHARE else str(rng.choice(list(world.colours)))
    accessory = None if rng.random() < BARE_SHARE else str(rng.choice(world.accessories))
    if creature == "santa":
        colour = None  # his clothes are always red
    return creature, colour, accessory if world.wears(creature, accessory) else None


def shade_of(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """A colour of the same name: jitter in hue, saturation and value."""
    h, s, v = colorsys.rgb_to_hsv(*rgb)
    dh, ds, dv = rng.uniform(-1, 1, 3) * JITTER_HSV
    if s < 0.12:  # white and grey stay neutral
        ds *= 0.4
    r, g, b = colorsys.hsv_to_rgb((h + dh) % 1.0, min(max(s + ds, 0.0), 1.0), min(max(v + dv, 0.06), 0.99))
    return (float(r), float(g), float(b))


def unnamed(rng: np.random.Generator) -> Rgb:
    """A colour from anywhere between the named ones."""
    while True:
        r, g, b = colorsys.hsv_to_rgb(
            float(rng.random()), float(rng.uniform(0.25, 0.95)), float(rng.uniform(0.3, 0.95))
        )
        if (
            min(float(np.linalg.norm(np.subtract((r, g, b), named))) for named in COLOURS.values())
            > UNNAMED_DISTANCE
        ):
            return (float(r), float(g), float(b))


def worn(rng: np.random.Generator, body: str | None, body_rgb: Rgb) -> tuple[str, Rgb]:
    """A named colour that is easily told from the body's."""
    while True:
        name = str(rng.choice(list(COLOURS)))
        rgb = shade_of(COLOURS[name], rng)
        if name != body and float(np.linalg.norm(np.subtract(rgb, body_rgb))) > 0.35:
            return name, rgb


def skin(rng: np.random.Generator) -> Rgb:
    """A skin tone from anywhere between the lightest and the darkest."""
    at = float(rng.uniform(0, len(SKINS) - 1))
    k = min(int(at), len(SKINS) - 2)
    a, b = SKINS[k], SKINS[k + 1]
    t = at - k
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


DARK_SKIN = 0.66  # red of a skin below which hair is dark


def hair(rng: np.random.Generator, style: str, skin_rgb: Rgb, *, old: bool) -> Rgb:
    """Return a natural hair colour; an afro is dark, and so is the hair of people with dark skin."""
    dark = style == "afro" or skin_rgb[0] < DARK_SKIN
    tones = OLD_HAIRS if old else HAIRS[:3] if dark else HAIRS
    return shade_of(tones[int(rng.integers(len(tones)))], rng)
