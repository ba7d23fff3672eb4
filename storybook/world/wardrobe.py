"""An actor in its clothes: a scarf, a hat, a patch on its belly, or stripes."""

from __future__ import annotations

import numpy as np

from storybook.world.cast import SPECIES
from storybook.world.creatures import GLOSS, INK, WHITE, Kit, Rig, mix, talking_mouth
from storybook.world.skeleton import NECK_Y, Joints, turn_x, turn_y, turn_z
from storybook.world.solids import RING
from storybook.world.spec import ActorSpec, Rgb
from storybook.world.species import Species
from storybook.world.things import HELD


def build(actor: ActorSpec) -> Rig:
    """The parts of an actor, with its accessory and the thing that it holds or rides."""
    species = SPECIES[actor.creature]
    kit = Kit(actor.rgb, skin=actor.skin_rgb, hair=actor.hair_rgb, hair_style=actor.hair_style or "short")
    species.build(kit)
    talking_mouth(kit, species.joints.mouth)
    if actor.accessory is not None and actor.accessory_rgb is not None:
        dress(kit, species, actor.accessory, actor.accessory_rgb)
    kit.own = len(kit.parts)
    for thing in actor.things:
        HELD[thing](kit, actor.thing_rgb)
    return kit.rig(species.joints, species.tall)


def dress(kit: Kit, species: Species, accessory: str, rgb: Rgb) -> None:
    """Add the accessory's parts. Stripes are painted by the renderer on the parts that take them."""
    if accessory == "scarf":
        _scarf(kit, rgb, species.joints)
    elif accessory == "hat":
        _hat(kit, species, rgb)
    elif accessory == "belly patch":
        centre, radii = species.belly
        kit.ball("body", centre, (radii[0] * 1.03, radii[1] * 1.03, radii[2] + 0.006), rgb)
    elif accessory == "crown":
        _crown(kit, species, rgb)
    elif accessory == "cape":
        _cape(kit, species, rgb)
    elif accessory == "bow":
        _bow(kit, species, rgb)


def _scarf(kit: Kit, rgb: Rgb, joints: Joints) -> None:
    y = joints.neck_y
    k = 1.0 if y == NECK_Y else min(1.0, (joints.shoulder[0] + 0.03) / 0.150)  # dolls have slender necks
    kit.ball("body", (0, y + 0.005, 0.005), (0.192 * k, 0.062, 0.172 * k), rgb)
    kit.ball("body", (0, y - 0.035, 0.005), (0.180 * k, 0.050, 0.164 * k), mix(rgb, INK, 0.14))
    kit.ball("body", (0.085 * k, y - 0.055, 0.150 * k), (0.052, 0.050, 0.040), rgb)
    kit.ball(
        "body", (0.100 * k, y - 0.155, 0.158 * k), (0.050, 0.110, 0.030), rgb, turn=turn_z(8) @ turn_x(-10)
    )


def _crown(kit: Kit, species: Species, rgb: Rgb) -> None:
    """A crown with six points and jewels."""
    rx, ry, rz = species.head
    y, wide, deep = ry * 0.92, rx * 0.62, rz * 0.66
    kit.solid(RING, "head", (0, y + 0.020, 0), (wide, 0.034, deep), rgb)
    for k in range(6):
        x, _, z = turn_y(60 * k + 30) @ [0.0, 0.0, 1.0]
        kit.cone(
            "head",
            (x * wide * 0.90, y + 0.030, z * deep * 0.90),
            (0.050, 0.115, 0.036),
            rgb,
            turn=turn_y(60 * k + 30),
        )
        kit.ball(
            "head",
            (x * wide * 0.94, y + 0.145, z * deep * 0.94),
            (0.019, 0.019, 0.019),
            mix(rgb, WHITE, 0.5),
            stuff=GLOSS,
        )
    kit.ball(
        "head",
        (0, y + 0.024, deep * 0.98),
        (0.026, 0.026, 0.016),
        (0.90, 0.16, 0.30) if rgb[2] > 0.3 else (0.20, 0.45, 0.90),
        stuff=GLOSS,
    )


def _cape(kit: Kit, species: Species, rgb: Rgb) -> None:
    """A cape down the back, tied at the neck."""
    joints = species.joints
    y, wide = joints.neck_y, joints.shoulder[0] + 0.075
    kit.ball("body", (0, y - 0.035, 0.0), (wide * 0.86, 0.055, 0.155), rgb)
    kit.cone("body", (0, 0.095, -0.165), (wide * 1.30, (y - 0.06) * 1.25, 0.085), rgb, turn=turn_x(9))
    kit.cone(
        "body",
        (0, 0.105, -0.150),
        (wide * 1.22, (y - 0.07) * 1.25, 0.080),
        mix(rgb, INK, 0.28),
        turn=turn_x(9),
    )
    kit.ball("body", (0, y - 0.040, 0.150), (0.030, 0.030, 0.022), (0.98, 0.80, 0.30), stuff=GLOSS)


def _bow(kit: Kit, species: Species, rgb: Rgb) -> None:
    """A bow on one side of the head."""
    rx, ry, rz = species.head
    at = (rx * 0.52, ry * 0.88, rz * 0.30)
    for sign in (1.0, -1.0):
        kit.ball(
            "head",
            (at[0] + sign * 0.072, at[1] + 0.030 - sign * 0.026, at[2]),
            (0.078, 0.056, 0.036),
            rgb,
            turn=turn_z(-22 + 16 * sign),
        )
    kit.ball("head", (at[0], at[1] + 0.030, at[2] + 0.014), (0.034, 0.036, 0.034), mix(rgb, INK, 0.25))


def _hat(kit: Kit, species: Species, rgb: Rgb) -> None:
    """A round hat with a brim and a darker band, set on top of the head and tilted a little."""
    tilt = turn_z(-species.hat_tilt_deg) @ turn_x(-6)
    rx, ry, rz = species.head
    base = np.array([0.012, ry * 0.80, 0.02])

    def at(y: float) -> tuple[float, float, float]:
        p = base + tilt @ np.array([0.0, y, 0.0])
        return (p[0], p[1], p[2])

    kit.ball("head", at(0.0), (rx * 0.88, 0.030, rz * 0.98), rgb, turn=tilt)
    kit.ball("head", at(0.028), (rx * 0.60, 0.052, rz * 0.68), mix(rgb, INK, 0.45), turn=tilt)
    kit.ball("head", at(0.055), (rx * 0.575, 0.135, rz * 0.65), rgb, turn=tilt)
