"""An actor in its clothes: a scarf, a hat, a patch on its belly, or stripes."""

from __future__ import annotations

import numpy as np

from storybook.world.creatures import INK, Kit, Rig, mix
from storybook.world.skeleton import NECK_Y, turn_x, turn_z
from storybook.world.spec import ActorSpec, Rgb
from storybook.world.species import SPECIES, Species


def build(actor: ActorSpec) -> Rig:
    """The parts of an actor, with its accessory."""
    species = SPECIES[actor.creature]
    kit = Kit(actor.rgb)
    species.build(kit)
    if actor.accessory is not None and actor.accessory_rgb is not None:
        dress(kit, species, actor.accessory, actor.accessory_rgb)
    return kit.rig(species.joints, species.tall)


def dress(kit: Kit, species: Species, accessory: str, rgb: Rgb) -> None:
    """Add the accessory's parts. Stripes are painted by the renderer on the parts that take them."""
    if accessory == "scarf":
        _scarf(kit, rgb)
    elif accessory == "hat":
        _hat(kit, species, rgb)
    elif accessory == "belly patch":
        centre, radii = species.belly
        kit.ball("body", centre, (radii[0] * 1.03, radii[1] * 1.03, radii[2] + 0.006), rgb)


def _scarf(kit: Kit, rgb: Rgb) -> None:
    kit.ball("body", (0, NECK_Y + 0.005, 0.005), (0.192, 0.062, 0.172), rgb)
    kit.ball("body", (0, NECK_Y - 0.035, 0.005), (0.180, 0.050, 0.164), mix(rgb, INK, 0.14))
    kit.ball("body", (0.085, NECK_Y - 0.055, 0.150), (0.052, 0.050, 0.040), rgb)
    kit.ball("body", (0.100, NECK_Y - 0.155, 0.158), (0.050, 0.110, 0.030), rgb, turn=turn_z(8) @ turn_x(-10))


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
