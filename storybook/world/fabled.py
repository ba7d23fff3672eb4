"""What there is in stories only: a dragon and a robot."""

from __future__ import annotations

from storybook.world.creatures import GLOSS, GLOW, INK, ORANGE, STRIPED, WHITE, Kit, Vec, face, mix, trunk
from storybook.world.skeleton import turn_x, turn_y, turn_z
from storybook.world.solids import BOX, TUBE

SIDES = ((1.0, "left"), (-1.0, "right"))
HORN = (0.93, 0.87, 0.74)
DRAGON_HEAD: Vec = (0.215, 0.185, 0.200)
ROBOT_HEAD: Vec = (0.205, 0.165, 0.165)


def dragon(kit: Kit) -> None:
    spine = mix(kit.main, ORANGE, 0.70) if kit.main[0] < 0.7 else mix(kit.main, (0.35, 0.20, 0.55), 0.6)
    trunk(kit, (0.178, 0.200, 0.160), paws=kit.main)
    for k in range(5):
        kit.ball(
            "body",
            (0, 0.170 + 0.058 * k, 0.052 + 0.006 * min(k, 2)),
            (0.128 - 0.010 * abs(k - 1), 0.034, 0.118),
            mix(HORN, kit.light, 0.25),
        )
    kit.ball("head", (0, 0, 0), DRAGON_HEAD, kit.main)
    kit.ball("head", (0, -0.060, 0.190), (0.122, 0.082, 0.120), kit.main)
    kit.ball("head", (0, -0.105, 0.165), (0.110, 0.050, 0.110), mix(HORN, kit.light, 0.25))
    for sign, side in SIDES:
        kit.ball("head", (sign * 0.052, -0.010, 0.270), (0.034, 0.030, 0.030), kit.main)
        kit.ball("head", (sign * 0.054, -0.006, 0.298), (0.014, 0.014, 0.010), INK)
        kit.cone(
            "head",
            (sign * 0.098, 0.125, -0.03),
            (0.044, 0.200, 0.044),
            HORN,
            turn=turn_z(-16 * sign) @ turn_x(-26),
        )
        kit.cone(
            f"ear_{side}", (sign * 0.01, -0.02, 0), (0.055, 0.130, 0.035), spine, turn=turn_z(-70 * sign)
        )
        kit.cone("head", (sign * 0.040, -0.118, 0.270), (0.014, 0.034, 0.014), WHITE, turn=turn_x(180))
        wing = turn_y(-30 * sign)
        kit.cone(
            "body", (sign * 0.10, 0.340, -0.130), (0.170, 0.420, 0.026), spine, turn=wing @ turn_z(-56 * sign)
        )
        kit.cone(
            "body",
            (sign * 0.09, 0.360, -0.125),
            (0.052, 0.450, 0.036),
            kit.main,
            turn=wing @ turn_z(-40 * sign),
        )
    for y, z in ((0.205, -0.02), (0.165, -0.135), (0.05, -0.200)):
        kit.cone(
            "head",
            (0, y - 0.03, z * 0.9),
            (0.036, 0.115, 0.065),
            spine,
            turn=turn_x(-15 if z > -0.1 else -60),
        )
    for y in (0.38, 0.26):
        kit.cone("body", (0, y, -0.12), (0.032, 0.120, 0.070), spine, turn=turn_x(-78))
    kit.chain(
        [
            (0, -0.03, 0.03),
            (0.08, -0.07, -0.14),
            (0.20, -0.09, -0.22),
            (0.33, -0.04, -0.22),
            (0.40, 0.07, -0.18),
        ],
        0.052,
        kit.main,
    )
    kit.cone("tail", (0.39, 0.06, -0.18), (0.085, 0.170, 0.030), spine, turn=turn_z(-24))
    face(kit, DRAGON_HEAD, eye_deg=27, eye_phi=18, eye=1.0)


def robot(kit: Kit) -> None:
    steel: Vec = (0.66, 0.69, 0.74)
    dark = mix(steel, INK, 0.45)
    kit.solid(BOX, "body", (0, 0.295, 0), (0.168, 0.150, 0.125), kit.main, stuff=STRIPED)
    kit.solid(BOX, "body", (0, 0.310, 0.122), (0.112, 0.082, 0.012), steel)
    for k, rgb in enumerate(((0.95, 0.30, 0.28), (0.98, 0.82, 0.25), (0.35, 0.80, 0.45))):
        kit.ball("body", (-0.066 + 0.066 * k, 0.340, 0.136), (0.023, 0.023, 0.014), rgb, stuff=GLOW)
    kit.solid(BOX, "body", (0, 0.275, 0.136), (0.082, 0.016, 0.008), dark)
    kit.solid(TUBE, "body", (0, 0.450, 0), (0.070, 0.045, 0.070), dark)
    for sign, side in SIDES:
        kit.ball(f"arm_{side}", (0, 0, 0), (0.056, 0.056, 0.056), dark)
        kit.solid(TUBE, f"arm_{side}", (0, -0.090, 0), (0.036, 0.085, 0.036), steel)
        kit.solid(BOX, f"arm_{side}", (0, -0.190, 0.005), (0.056, 0.046, 0.056), kit.main)
        kit.solid(TUBE, f"leg_{side}", (0, -0.030, 0), (0.044, 0.080, 0.044), steel)
        kit.solid(BOX, f"leg_{side}", (0, -0.100, 0.030), (0.074, 0.040, 0.105), kit.main)
        kit.solid(TUBE, "head", (sign * 0.215, 0, 0), (0.052, 0.030, 0.052), dark, turn=turn_z(90))
    kit.solid(BOX, "head", (0, 0, 0), ROBOT_HEAD, kit.main)
    kit.solid(BOX, "head", (0, 0.005, 0.160), (0.160, 0.112, 0.030), mix(steel, WHITE, 0.35))
    kit.solid(TUBE, "head", (0, 0.215, 0), (0.015, 0.060, 0.015), dark)
    kit.ball("head", (0, 0.290, 0), (0.042, 0.042, 0.042), (0.98, 0.36, 0.30), stuff=GLOW)
    for sign in (1.0, -1.0):
        kit.ball("open", (sign * 0.078, 0.035, 0.186), (0.050, 0.054, 0.022), INK, stuff=GLOSS)
        kit.ball("open", (sign * 0.078, 0.035, 0.198), (0.030, 0.033, 0.018), (0.45, 0.95, 1.0), stuff=GLOW)
        kit.solid(BOX, "shut", (sign * 0.078, 0.025, 0.192), (0.050, 0.010, 0.008), INK)
        for x, up in ((-0.034, 0.02), (0.0, 0.042), (0.034, 0.02)):
            kit.ball("glad", (sign * 0.078 + x, up, 0.192), (0.024, 0.014, 0.010), INK)
        kit.ball(
            "tears", (sign * 0.085, -0.035, 0.196), (0.024, 0.034, 0.018), (0.45, 0.78, 1.0), stuff=GLOSS
        )
    kit.solid(BOX, "head", (0, -0.066, 0.192), (0.076, 0.014, 0.006), dark)
    for k in range(3):
        kit.solid(BOX, "head", (-0.038 + 0.038 * k, -0.066, 0.197), (0.006, 0.014, 0.006), WHITE)
