"""What makes each species: its silhouette, face and tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storybook.world.creatures import (
    GLOSS,
    INK,
    ORANGE,
    ROSE,
    STRIPED,
    WHITE,
    Kit,
    Vec,
    face,
    mix,
    muzzle,
    trunk,
)
from storybook.world.skeleton import Joints, turn_x, turn_y, turn_z


@dataclass(frozen=True)
class Species:
    """How a species is built and measured."""

    build: Callable[[Kit], None]
    joints: Joints
    head: Vec  # radii of the head
    tall: float  # upright, ears included
    belly: tuple[Vec, Vec] = ((0, 0.285, 0.045), (0.138, 0.152, 0.131))
    hat_tilt_deg: float = 9.0
    stature: float = 1.0  # how tall beside a bear
    winged: bool = False  # flies by beating its arms
    hair: tuple[str, ...] = ()  # styles that its hair may have


BEAR_HEAD: Vec = (0.248, 0.222, 0.208)
CAT_HEAD: Vec = (0.262, 0.208, 0.200)
DOG_HEAD: Vec = (0.228, 0.220, 0.205)
RABBIT_HEAD: Vec = (0.228, 0.212, 0.200)
FOX_HEAD: Vec = (0.262, 0.200, 0.198)
PENGUIN_HEAD: Vec = (0.225, 0.215, 0.200)
MOUSE_HEAD: Vec = (0.225, 0.205, 0.200)
DUCK_HEAD: Vec = (0.218, 0.215, 0.205)


def bear(kit: Kit) -> None:
    trunk(kit, paws=kit.dark)
    kit.ball("head", (0, 0, 0), BEAR_HEAD, kit.main)
    kit.pair("ear_{}", (0, 0.035, 0), (0.085, 0.085, 0.052), kit.main)
    kit.pair("ear_{}", (-0.005, 0.033, 0.035), (0.054, 0.054, 0.030), mix(kit.light, ROSE, 0.35))
    muzzle(kit, (0, -0.068, 0.165), (0.108, 0.082, 0.088), kit.light, (0.046, 0.034, 0.030))
    kit.ball("tail", (0, 0, -0.03), (0.062, 0.062, 0.058), kit.main)
    face(kit, BEAR_HEAD)


def cat(kit: Kit) -> None:
    trunk(kit, (0.160, 0.195, 0.145), paws=kit.light)
    kit.ball("head", (0, 0, 0), CAT_HEAD, kit.main)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        kit.cone(f"ear_{side}", (0, -0.03, 0), (0.115, 0.215, 0.065), kit.main, turn=turn_z(-12 * sign))
        kit.cone(f"ear_{side}", (0, -0.02, 0.030), (0.074, 0.150, 0.050), ROSE, turn=turn_z(-12 * sign))
        kit.ball("head", (sign * 0.045, -0.075, 0.178), (0.062, 0.050, 0.050), kit.light)
    kit.ball("head", (0, -0.040, 0.222), (0.030, 0.022, 0.022), ROSE)
    kit.ball("head", (0, -0.122, 0.188), (0.030, 0.022, 0.026), mix(kit.light, INK, 0.55))
    kit.chain(
        [(0, 0, 0), (0.03, -0.02, -0.13), (0.06, 0.05, -0.22), (0.08, 0.17, -0.24), (0.08, 0.28, -0.19),
         (0.07, 0.35, -0.13)],
        0.036,
        kit.main,
        tip=kit.light,
    )
    face(kit, CAT_HEAD, eye_deg=27, eye=1.06)


def dog(kit: Kit) -> None:
    trunk(kit, paws=kit.light)
    kit.ball("head", (0, 0, 0), DOG_HEAD, kit.main)
    kit.pair("ear_{}", (0.035, -0.125, 0.0), (0.060, 0.175, 0.092), kit.dark, turn=lambda s: turn_z(13 * s))
    muzzle(kit, (0, -0.070, 0.185), (0.112, 0.086, 0.120), kit.light, (0.056, 0.042, 0.036))
    kit.ball("head", (0, -0.158, 0.225), (0.036, 0.050, 0.024), (0.95, 0.42, 0.46))
    kit.chain([(0, -0.02, 0), (0, 0.06, -0.12), (0, 0.19, -0.16)], 0.045, kit.main, tip=kit.light)
    face(kit, DOG_HEAD, eye_deg=24, eye_phi=9)


def rabbit(kit: Kit) -> None:
    trunk(kit, (0.165, 0.190, 0.150), paws=kit.light)
    kit.ball("head", (0, 0, 0), RABBIT_HEAD, kit.main)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        kit.ball(f"ear_{side}", (sign * 0.028, 0.185, 0), (0.066, 0.215, 0.045), kit.main,
                 turn=turn_z(-8 * sign))
        kit.ball(f"ear_{side}", (sign * 0.027, 0.185, 0.026), (0.040, 0.168, 0.030), ROSE,
                 turn=turn_z(-8 * sign))
        kit.ball("head", (sign * 0.046, -0.080, 0.172), (0.064, 0.054, 0.050), kit.light)
        kit.ball("head", (sign * 0.019, -0.138, 0.190), (0.018, 0.028, 0.016), WHITE)
    kit.ball("head", (0, -0.042, 0.215), (0.032, 0.024, 0.024), ROSE)
    kit.ball("tail", (0, -0.01, -0.06), (0.090, 0.090, 0.085), mix(kit.light, WHITE, 0.5))
    face(kit, RABBIT_HEAD, eye_deg=26)


def fox(kit: Kit) -> None:
    socks = mix(kit.main, INK, 0.68)
    trunk(kit, (0.158, 0.190, 0.142), paws=socks)
    kit.ball("body", (0, 0.365, 0.062), (0.095, 0.115, 0.095), WHITE)
    kit.ball("head", (0, 0, 0), FOX_HEAD, kit.main)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        tilt = turn_z(-14 * sign)
        kit.cone(f"ear_{side}", (0, -0.05, 0), (0.132, 0.310, 0.075), kit.main, turn=tilt)
        kit.cone(f"ear_{side}", (0, -0.02, 0.036), (0.078, 0.205, 0.055), WHITE, turn=tilt)
        kit.cone(f"ear_{side}", (sign * 0.048, 0.148, 0), (0.056, 0.120, 0.036), socks, turn=tilt)
        kit.ball("head", (sign * 0.142, -0.086, 0.085), (0.118, 0.082, 0.095), WHITE, turn=turn_z(20 * sign))
    kit.cone("head", (0, -0.055, 0.120), (0.108, 0.235, 0.078), WHITE, turn=turn_x(97))
    kit.cone("head", (0, -0.022, 0.120), (0.092, 0.215, 0.060), kit.main, turn=turn_x(99))
    kit.ball("head", (0, -0.066, 0.328), (0.040, 0.034, 0.032), INK, stuff=GLOSS)
    kit.ball("tail", (0.04, 0.05, -0.16), (0.108, 0.200, 0.108), kit.main, turn=turn_z(-20) @ turn_x(-52))
    kit.ball("tail", (0.11, 0.19, -0.27), (0.118, 0.160, 0.118), kit.main, turn=turn_z(-14) @ turn_x(-12),
             stuff=STRIPED)
    kit.ball("tail", (0.14, 0.30, -0.29), (0.088, 0.118, 0.088), WHITE, turn=turn_z(-10))
    face(kit, FOX_HEAD, eye_deg=29, eye_phi=11, eye=0.95)


def penguin(kit: Kit) -> None:
    kit.ball("body", (0, 0.275, 0), (0.205, 0.245, 0.178), kit.main, stuff=STRIPED)
    kit.ball("body", (0, 0.250, 0.062), (0.158, 0.208, 0.132), WHITE)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        kit.ball(f"arm_{side}", (sign * 0.012, -0.125, 0), (0.034, 0.168, 0.082), kit.main)
        kit.ball(f"leg_{side}", (sign * 0.012, -0.108, 0.065), (0.088, 0.036, 0.122), ORANGE,
                 turn=turn_y(12 * sign))
        kit.ball("head", (sign * 0.082, -0.005, 0.082), (0.112, 0.135, 0.122), WHITE)
    kit.ball("head", (0, 0, 0), PENGUIN_HEAD, kit.main)
    kit.ball("head", (0, -0.105, 0.085), (0.125, 0.085, 0.112), WHITE)
    kit.cone("head", (0, -0.055, 0.165), (0.066, 0.150, 0.044), ORANGE, turn=turn_x(97))
    kit.ball("tail", (0, -0.07, -0.05), (0.070, 0.035, 0.090), kit.main)
    face(kit, PENGUIN_HEAD, eye_deg=23, eye_phi=10)


def mouse(kit: Kit) -> None:
    trunk(kit, (0.158, 0.185, 0.145), paws=mix(kit.light, ROSE, 0.45))
    kit.ball("head", (0, 0, 0), MOUSE_HEAD, kit.main)
    kit.pair("ear_{}", (0.055, 0.075, 0), (0.168, 0.168, 0.038), kit.main, turn=lambda s: turn_y(-8 * s))
    kit.pair("ear_{}", (0.052, 0.070, 0.022), (0.122, 0.122, 0.028), mix(ROSE, WHITE, 0.12),
             turn=lambda s: turn_y(-8 * s))
    kit.cone("head", (0, -0.065, 0.115), (0.110, 0.205, 0.088), kit.light, turn=turn_x(95))
    kit.ball("head", (0, -0.078, 0.298), (0.036, 0.034, 0.032), (0.93, 0.38, 0.46), stuff=GLOSS)
    kit.chain(
        [
            (0, -0.04, 0),
            (0.05, -0.09, -0.16),
            (0.14, -0.06, -0.27),
            (0.23, 0.04, -0.28),
            (0.28, 0.15, -0.24),
            (0.35, 0.21, -0.20),
        ],
        0.024,
        mix(kit.main, ROSE, 0.6),
    )
    face(kit, MOUSE_HEAD, eye_deg=28, eye_phi=8)


def duck(kit: Kit) -> None:
    bill = (1.0, 0.60, 0.10)
    kit.ball("body", (0, 0.255, -0.015), (0.202, 0.205, 0.190), kit.main, stuff=STRIPED)
    kit.ball("body", (0, 0.39, 0), (0.125, 0.12, 0.115), kit.main, stuff=STRIPED)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        kit.ball(f"arm_{side}", (sign * 0.010, -0.105, -0.015), (0.046, 0.150, 0.098), kit.main,
                 stuff=STRIPED)
        kit.ball(f"arm_{side}", (sign * 0.022, -0.190, -0.02), (0.040, 0.078, 0.082), kit.light)
        kit.ball(f"leg_{side}", (0, -0.065, 0.0), (0.036, 0.070, 0.036), bill)
        kit.ball(f"leg_{side}", (sign * 0.016, -0.110, 0.065), (0.094, 0.034, 0.128), bill,
                 turn=turn_y(14 * sign))
    kit.ball("head", (0, 0, 0), DUCK_HEAD, kit.main)
    kit.ball("head", (0, -0.048, 0.225), (0.142, 0.038, 0.118), bill, turn=turn_x(-10))
    kit.ball("head", (0, -0.092, 0.195), (0.108, 0.030, 0.100), mix(bill, INK, 0.22), turn=turn_x(12))
    kit.ball("head", (0, 0.225, -0.02), (0.034, 0.062, 0.034), kit.main, turn=turn_x(-18))
    kit.ball("head", (0.035, 0.212, -0.03), (0.028, 0.050, 0.028), kit.main, turn=turn_z(-32))
    kit.cone("tail", (0, -0.03, 0.0), (0.100, 0.180, 0.080), kit.main, turn=turn_x(-52))
    face(kit, DUCK_HEAD, eye_deg=28, eye_phi=13)


WIDE_BELLY: tuple[Vec, Vec] = ((0, 0.252, 0.068), (0.148, 0.185, 0.135))

SPECIES: dict[str, Species] = {
    "bear": Species(bear, Joints(ear=(0.172, 0.150, -0.01)), BEAR_HEAD, 0.98),
    "cat": Species(cat, Joints(ear=(0.150, 0.140, -0.01), shoulder=(0.135, 0.415)), CAT_HEAD, 1.01),
    "dog": Species(dog, Joints(ear=(0.200, 0.125, -0.01)), DOG_HEAD, 0.92),
    "rabbit": Species(rabbit, Joints(ear=(0.080, 0.150, -0.02), shoulder=(0.138, 0.415)), RABBIT_HEAD, 1.20),
    "fox": Species(fox, Joints(ear=(0.152, 0.130, -0.01), shoulder=(0.135, 0.415)), FOX_HEAD, 1.06),
    "penguin": Species(
        penguin, Joints(ear=(0.1, 0.2, 0), shoulder=(0.185, 0.43), hip_x=0.100), PENGUIN_HEAD, 0.90,
        WIDE_BELLY, winged=True
    ),
    "mouse": Species(mouse, Joints(ear=(0.170, 0.135, -0.02), shoulder=(0.135, 0.405)), MOUSE_HEAD, 1.03),
    "duck": Species(duck, Joints(ear=(0.1, 0.2, 0), shoulder=(0.175, 0.40), hip_x=0.095), DUCK_HEAD, 0.92,
                    winged=True),
}
