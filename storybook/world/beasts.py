"""Wild animals: wolf, bird, lion, frog and tortoise."""

from __future__ import annotations

from storybook.world.creatures import (
    GLOSS,
    GLOW,
    INK,
    ORANGE,
    STRIPED,
    WHITE,
    Kit,
    Vec,
    face,
    mix,
    muzzle,
    on_head,
    trunk,
)
from storybook.world.skeleton import turn_x, turn_y, turn_z
from storybook.world.solids import TUBE

SIDES = ((1.0, "left"), (-1.0, "right"))
HORN = (0.93, 0.87, 0.74)
WOLF_HEAD: Vec = (0.225, 0.195, 0.200)
BIRD_HEAD: Vec = (0.205, 0.195, 0.190)
LION_HEAD: Vec = (0.225, 0.205, 0.195)
FROG_HEAD: Vec = (0.270, 0.170, 0.205)
TORTOISE_HEAD: Vec = (0.158, 0.148, 0.162)


def wolf(kit: Kit) -> None:
    back = mix(mix(kit.main, (0.30, 0.31, 0.36), 0.75), INK, 0.25)  # a grey mantle, whatever its colour
    trunk(kit, (0.172, 0.195, 0.155), paws=kit.dark)
    kit.ball("body", (0, 0.385, -0.035), (0.190, 0.125, 0.150), back)
    for along in (-0.115, -0.040, 0.040, 0.115):  # a shaggy ruff, where a fox has a white bib
        kit.cone("body", (along, 0.455, 0.075 - abs(along) * 0.35), (0.060, 0.185, 0.050), back,
                 turn=turn_z(-along * 130) @ turn_x(168))
    kit.ball("head", (0, 0, 0), WOLF_HEAD, kit.main)
    kit.ball("head", (0, 0.060, -0.035), (0.205, 0.165, 0.190), back)
    kit.cone("head", (0, 0.020, 0.150), (0.085, 0.110, 0.060), back, turn=turn_x(72))
    for sign, side in SIDES:
        kit.cone(f"ear_{side}", (0, -0.05, 0), (0.078, 0.180, 0.066), back, turn=turn_z(-20 * sign))
        kit.cone(f"ear_{side}", (0, -0.03, 0.030), (0.044, 0.112, 0.046), mix(back, INK, 0.35),
                 turn=turn_z(-20 * sign))
        for low, drop in ((0.118, -0.04), (0.150, -0.10)):  # shaggy cheeks
            kit.cone(
                "head",
                (sign * low, drop, 0.010),
                (0.085, 0.180, 0.085),
                kit.light if drop < -0.05 else kit.main,
                turn=turn_z(-sign * (98 if drop > -0.05 else 122)),
            )
        kit.cone("head", (sign * 0.040, -0.125, 0.300), (0.018, 0.052, 0.018), WHITE, turn=turn_x(180))
    kit.ball("head", (0, -0.070, 0.225), (0.098, 0.070, 0.150), kit.main)
    kit.ball("head", (0, -0.030, 0.215), (0.050, 0.045, 0.140), back)
    kit.ball("head", (0, -0.108, 0.215), (0.090, 0.048, 0.138), mix(kit.light, (0.80, 0.80, 0.82), 0.4))
    kit.ball("head", (0, -0.045, 0.368), (0.054, 0.042, 0.036), INK, stuff=GLOSS)
    for at, radii, rgb in (
        ((0.02, -0.05, -0.12), (0.090, 0.150, 0.090), kit.main),
        ((0.05, -0.12, -0.22), (0.085, 0.120, 0.085), back),
    ):
        kit.ball("tail", at, radii, rgb, turn=turn_z(-10) @ turn_x(40))
    face(kit, WOLF_HEAD, eye_deg=27, eye_phi=12, eye=0.86)
    for sign in (1.0, -1.0):  # stern brows
        at, frame = on_head(WOLF_HEAD, sign * 25, 31, 1.03)
        kit.ball("head", at, (0.058, 0.018, 0.022), mix(back, INK, 0.4), turn=frame @ turn_z(20 * sign))


def bird(kit: Kit) -> None:
    kit.ball("body", (0, 0.285, 0), (0.185, 0.200, 0.175), kit.main, stuff=STRIPED)
    kit.ball("body", (0, 0.270, 0.058), (0.148, 0.168, 0.135), kit.light)
    for sign, side in SIDES:
        wing = turn_z(4 * sign)
        kit.ball(
            f"arm_{side}",
            (sign * 0.010, -0.110, -0.02),
            (0.040, 0.165, 0.115),
            kit.main,
            turn=wing,
            stuff=STRIPED,
        )
        kit.ball(f"arm_{side}", (sign * 0.020, -0.190, -0.045), (0.034, 0.110, 0.090), kit.dark, turn=wing)
        kit.solid(TUBE, f"leg_{side}", (0, -0.050, 0), (0.020, 0.070, 0.020), ORANGE)
        for toe in (-28, 0, 28):
            kit.ball(
                f"leg_{side}",
                (sign * 0.008 + 0.0011 * toe, -0.118, 0.045),
                (0.020, 0.020, 0.062),
                ORANGE,
                turn=turn_y(toe),
            )
    kit.ball("head", (0, 0, 0), BIRD_HEAD, kit.main)
    kit.ball("head", (0, -0.055, 0.070), (0.145, 0.110, 0.125), kit.light)
    kit.cone("head", (0, -0.020, 0.160), (0.052, 0.140, 0.050), (1.0, 0.68, 0.12), turn=turn_x(92))
    kit.cone("head", (0, -0.050, 0.160), (0.042, 0.085, 0.030), (0.90, 0.52, 0.08), turn=turn_x(100))
    for lean, long in ((-36, 0.16), (-14, 0.20), (8, 0.15)):
        kit.ball(
            "head",
            (0, 0.190, -0.02 + 0.0012 * lean),
            (0.026, long * 0.55, 0.034),
            kit.dark,
            turn=turn_x(lean),
        )
    for spread in (-16, 0, 16):
        kit.ball(
            "tail",
            (0.004 * spread, 0.0, -0.13),
            (0.042, 0.026, 0.150),
            kit.dark,
            turn=turn_y(spread) @ turn_x(-18),
        )
    face(kit, BIRD_HEAD, eye_deg=31, eye_phi=10, eye=1.0)


def lion(kit: Kit) -> None:
    mane = mix(mix(kit.main, (0.52, 0.22, 0.06), 0.45), INK, 0.18)
    trunk(kit, (0.168, 0.195, 0.150), paws=kit.light)
    for k in range(13):
        turn = turn_z(k * 360 / 13)
        place = turn @ [0.0, 0.215, 0.0]
        kit.ball(
            "head",
            (place[0], place[1] * 0.96, -0.045 - 0.02 * (k % 2)),
            (0.090, 0.108, 0.095),
            mane,
            turn=turn,
        )
    kit.ball("head", (0, 0.0, -0.13), (0.250, 0.240, 0.150), mane)
    kit.ball("body", (0, 0.425, 0.010), (0.170, 0.075, 0.150), mane)
    kit.ball("head", (0, 0, 0.015), LION_HEAD, kit.main)
    kit.pair("ear_{}", (0, 0.030, 0.060), (0.062, 0.062, 0.040), kit.main)
    kit.pair("ear_{}", (0, 0.028, 0.090), (0.036, 0.036, 0.024), kit.light)
    muzzle(
        kit, (0, -0.065, 0.185), (0.104, 0.070, 0.078), kit.light, (0.048, 0.032, 0.030), (0.45, 0.22, 0.18)
    )
    kit.chain(
        [(0, 0, 0), (0.04, -0.03, -0.12), (0.08, 0.03, -0.21), (0.11, 0.14, -0.23), (0.12, 0.25, -0.20)],
        0.030,
        kit.main,
    )
    kit.ball("tail", (0.12, 0.290, -0.19), (0.062, 0.082, 0.062), mane)
    face(kit, (0.225, 0.205, 0.212), eye_deg=25, eye_phi=10, eye=0.92)


def frog(kit: Kit) -> None:
    trunk(kit, (0.178, 0.180, 0.155), paws=kit.main, feet=False)
    kit.ball("body", (0, 0.275, 0.050), (0.140, 0.150, 0.125), kit.light)
    kit.ball("head", (0, 0, 0), FROG_HEAD, kit.main)
    kit.ball("head", (0, -0.085, 0.035), (0.205, 0.085, 0.150), kit.light)
    for sign, side in SIDES:
        kit.ball(f"leg_{side}", (sign * 0.040, -0.030, 0.0), (0.110, 0.105, 0.100), kit.main, stuff=STRIPED)
        for toe in (-24, 0, 24):
            kit.ball(
                f"leg_{side}",
                (sign * 0.03 + 0.002 * toe, -0.108, 0.085),
                (0.034, 0.026, 0.105),
                kit.main,
                turn=turn_y(toe),
            )
            kit.ball(
                f"arm_{side}",
                (0.0014 * toe, -0.220, 0.012),
                (0.022, 0.042, 0.026),
                kit.main,
                turn=turn_z(toe),
            )
        kit.ball("head", (sign * 0.138, 0.150, 0.045), (0.098, 0.098, 0.090), kit.main)
        for bone, parts in (("open", ((0.0, 0.105, 0.070, WHITE, GLOW), (0.006, 0.126, 0.052, INK, GLOSS))),):
            for lift, z, r, rgb, stuff in parts:
                kit.ball(bone, (sign * 0.138, 0.160 + lift, z), (r, r, 0.038), rgb, stuff=stuff)
        kit.ball(
            "open", (sign * 0.138 + 0.018, 0.186, 0.160), (0.017, 0.018, 0.012), (1.0, 1.0, 1.0), stuff=GLOW
        )
        for bone, drop in (("shut", 0.010), ("glad", -0.010)):
            for x in (-0.045, -0.015, 0.015, 0.045):
                up = 0.150 + (drop if abs(x) > 0.03 else -drop)
                kit.ball(bone, (sign * 0.138 + x, up, 0.133 - abs(x) * 0.5), (0.022, 0.013, 0.016), INK)
        kit.ball("head", (sign * 0.030, 0.020, 0.196), (0.011, 0.010, 0.010), mix(kit.main, INK, 0.6))
        kit.ball("head", (sign * 0.195, -0.030, 0.125), (0.042, 0.030, 0.020), (0.98, 0.55, 0.55))
        for swell, drop in ((0.024, 0.05), (0.032, -0.02)):
            kit.ball(
                "tears",
                (sign * 0.165, drop, 0.170),
                (swell, swell * 1.3, 0.02),
                (0.55, 0.82, 1.0),
                stuff=GLOSS,
            )
    for theta in range(-56, 57, 7):
        at, frame = on_head(FROG_HEAD, theta, -15 + 0.0042 * theta * theta, 1.0)
        kit.ball("head", at, (0.028, 0.012, 0.012), mix(kit.main, INK, 0.7), turn=frame @ turn_z(theta * 0.4))


def tortoise(kit: Kit) -> None:
    shell, plate = mix(kit.main, (0.42, 0.26, 0.12), 0.62), mix(kit.main, (0.72, 0.52, 0.24), 0.55)
    trunk(kit, (0.165, 0.180, 0.130), paws=kit.main)
    kit.ball("body", (0, 0.275, 0.048), (0.150, 0.165, 0.105), mix(HORN, kit.light, 0.3))
    kit.ball("body", (0, 0.300, -0.095), (0.290, 0.280, 0.205), shell)
    kit.ball("body", (0, 0.300, -0.035), (0.300, 0.290, 0.050), plate)
    spots = ((0, 0), (62, 0), (-62, 0), (31, 48), (-31, 48), (31, -48), (-31, -48))
    for theta, phi in spots:
        at, frame = on_head((0.290, 0.280, 0.205), 180 + theta * 0.85, phi, 0.955)
        kit.ball("body", (at[0], at[1] + 0.300, at[2] - 0.095), (0.072, 0.072, 0.022), plate, turn=frame)
    kit.ball("body", (0, 0.490, 0.0), (0.078, 0.120, 0.078), kit.main)
    kit.ball("head", (0, 0, 0), TORTOISE_HEAD, kit.main)
    kit.ball("head", (0, -0.055, 0.075), (0.122, 0.086, 0.110), kit.light)
    kit.ball("head", (0, -0.020, 0.165), (0.040, 0.034, 0.030), mix(kit.main, INK, 0.18))
    for theta in (-30, -15, 0, 15, 30):
        at, frame = on_head((0.132, 0.098, 0.185), theta, -24, 1.0)
        kit.ball(
            "head", (at[0], at[1] - 0.045, at[2]), (0.024, 0.011, 0.012), mix(kit.main, INK, 0.65), turn=frame
        )
    kit.cone("tail", (0, -0.02, -0.04), (0.045, 0.120, 0.040), kit.main, turn=turn_x(-100))
    face(kit, TORTOISE_HEAD, eye_deg=30, eye_phi=14, eye=0.94)
