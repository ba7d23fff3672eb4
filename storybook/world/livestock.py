"""Animals of the farm: pig, horse and cow."""

from __future__ import annotations

from storybook.world.creatures import GLOSS, INK, ROSE, WHITE, Kit, Vec, face, mix, trunk
from storybook.world.skeleton import turn_x, turn_z
from storybook.world.solids import TUBE

SIDES = ((1.0, "left"), (-1.0, "right"))
HORN = (0.93, 0.87, 0.74)
PIG_HEAD: Vec = (0.240, 0.220, 0.205)
HORSE_HEAD: Vec = (0.185, 0.200, 0.190)
COW_HEAD: Vec = (0.220, 0.205, 0.200)


def pig(kit: Kit) -> None:
    pink = mix(kit.main, ROSE, 0.45)
    trunk(kit, (0.198, 0.200, 0.175), paws=mix(kit.main, INK, 0.30))
    kit.ball("head", (0, 0, 0), PIG_HEAD, kit.main)
    for sign, side in SIDES:
        kit.cone(
            f"ear_{side}",
            (0, 0.0, 0.0),
            (0.098, 0.165, 0.050),
            kit.main,
            turn=turn_z(-22 * sign) @ turn_x(38),
        )
        kit.cone(
            f"ear_{side}",
            (0, 0.008, 0.028),
            (0.062, 0.115, 0.036),
            pink,
            turn=turn_z(-22 * sign) @ turn_x(38),
        )
        kit.ball("head", (sign * 0.038, -0.050, 0.298), (0.019, 0.030, 0.018), mix(pink, INK, 0.6))
    kit.solid(TUBE, "head", (0, -0.050, 0.230), (0.100, 0.066, 0.080), pink, turn=turn_x(90))
    kit.ball("head", (0, -0.140, 0.165), (0.040, 0.016, 0.030), mix(kit.main, INK, 0.55))
    kit.chain(
        [
            (0, 0, 0),
            (0.05, 0.03, -0.07),
            (0.02, 0.09, -0.10),
            (-0.03, 0.06, -0.11),
            (0.0, 0.0, -0.13),
            (0.06, 0.03, -0.16),
        ],
        0.024,
        pink,
    )
    face(kit, PIG_HEAD, eye_deg=25, eye_phi=12, eye=0.88)


def horse(kit: Kit) -> None:
    mane = mix(kit.main, INK, 0.62)
    trunk(kit, (0.170, 0.195, 0.155), paws=mix(INK, kit.main, 0.15))
    kit.ball("head", (0, -0.06, -0.02), (0.140, 0.180, 0.140), kit.main)
    kit.ball("head", (0, 0.020, 0.0), HORSE_HEAD, kit.main)
    kit.ball("head", (0, -0.070, 0.150), (0.118, 0.120, 0.165), kit.main, turn=turn_x(28))
    kit.ball("head", (0, -0.125, 0.262), (0.112, 0.088, 0.095), kit.light)
    kit.ball("head", (0, 0.090, 0.158), (0.040, 0.110, 0.045), WHITE, turn=turn_x(-32))
    for sign, side in SIDES:
        kit.cone(f"ear_{side}", (0, -0.04, 0), (0.058, 0.200, 0.050), kit.main, turn=turn_z(-6 * sign))
        kit.cone(f"ear_{side}", (0, -0.02, 0.026), (0.034, 0.140, 0.032), ROSE, turn=turn_z(-6 * sign))
        kit.ball("head", (sign * 0.045, -0.105, 0.348), (0.017, 0.024, 0.014), mix(kit.light, INK, 0.75))
    kit.ball("head", (0, -0.165, 0.318), (0.052, 0.012, 0.034), mix(kit.light, INK, 0.55))
    for y, z in (
        (0.235, 0.02),
        (0.200, -0.10),
        (0.110, -0.175),
        (0.0, -0.200),
        (-0.11, -0.195),
        (-0.20, -0.175),
    ):
        kit.ball("head", (0.0, y, z), (0.062, 0.088, 0.078), mane)
    kit.ball("head", (0.025, 0.205, 0.095), (0.052, 0.082, 0.050), mane, turn=turn_z(-14))
    for points, r in (([(0, 0, 0), (0.02, 0.02, -0.10), (0.04, -0.06, -0.18), (0.05, -0.19, -0.20)], 0.058),):
        kit.chain(points, r, mane)
    face(kit, (0.190, 0.195, 0.190), eye_deg=38, eye_phi=16, eye=0.96)


def cow(kit: Kit) -> None:
    patch = mix(kit.main, INK, 0.72) if sum(kit.main) > 0.9 else WHITE
    pink = mix(ROSE, WHITE, 0.25)
    trunk(kit, (0.185, 0.200, 0.165), paws=mix(INK, kit.main, 0.20))
    for at, radii in (
        ((-0.10, 0.345, 0.085), (0.085, 0.080, 0.080)),
        ((0.115, 0.235, 0.060), (0.080, 0.090, 0.105)),
        ((0.06, 0.33, -0.09), (0.12, 0.10, 0.085)),
    ):
        kit.ball("body", at, radii, patch)
    kit.ball("head", (0, 0, 0), COW_HEAD, kit.main)
    kit.ball("head", (0.098, 0.052, 0.085), (0.100, 0.100, 0.115), patch)
    kit.ball("head", (0, -0.105, 0.165), (0.142, 0.092, 0.112), pink)
    for sign, side in SIDES:
        kit.ball("head", (sign * 0.058, -0.085, 0.262), (0.022, 0.028, 0.018), mix(pink, INK, 0.62))
        kit.ball(
            f"ear_{side}",
            (sign * 0.080, -0.045, 0),
            (0.110, 0.055, 0.040),
            patch if sign > 0 else kit.main,
            turn=turn_z(-16 * sign),
        )
        kit.ball(
            f"ear_{side}", (sign * 0.080, -0.050, 0.020), (0.075, 0.034, 0.030), pink, turn=turn_z(-16 * sign)
        )
        kit.cone("head", (sign * 0.120, 0.145, 0.0), (0.048, 0.150, 0.048), HORN, turn=turn_z(-34 * sign))
    kit.ball("head", (0, -0.150, 0.245), (0.060, 0.012, 0.030), mix(pink, INK, 0.5))
    kit.ball("head", (0, 0.190, 0.06), (0.075, 0.055, 0.065), patch)
    kit.ball("body", (0, 0.430, 0.135), (0.045, 0.048, 0.042), (0.95, 0.76, 0.22), stuff=GLOSS)
    kit.chain([(0, 0, 0), (0.05, -0.04, -0.12), (0.09, -0.02, -0.20), (0.12, 0.08, -0.23)], 0.024, kit.main)
    kit.ball("tail", (0.13, 0.13, -0.23), (0.045, 0.062, 0.045), patch)
    face(kit, COW_HEAD, eye_deg=26, eye_phi=14, eye=0.96)
