"""People as dolls: skin, hair, clothes. The body's colour is that of what they wear."""

from __future__ import annotations

from dataclasses import dataclass

from storybook.world.creatures import GLOSS, INK, STRIPED, WHITE, Kit, Vec, face, mix, on_head
from storybook.world.hair import HAIR
from storybook.world.skeleton import turn_x, turn_y, turn_z
from storybook.world.solids import RING
from storybook.world.spec import Rgb

CHILD_HEAD: Vec = (0.205, 0.200, 0.190)
ADULT_HEAD: Vec = (0.172, 0.178, 0.165)
RED: Rgb = (0.84, 0.13, 0.14)
SHOE: Rgb = (0.34, 0.21, 0.15)
LIPS: Rgb = (0.80, 0.32, 0.32)


@dataclass(frozen=True)
class Build:
    """A doll's measures: neck and hips above the ground, half width and half depth of the chest."""

    neck: float
    hip: float
    wide: float
    deep: float
    head: Vec


CHILD = Build(0.445, 0.175, 0.128, 0.108, CHILD_HEAD)
WOMAN = Build(0.590, 0.270, 0.122, 0.105, ADULT_HEAD)
MAN = Build(0.605, 0.275, 0.150, 0.118, ADULT_HEAD)
STOUT = Build(0.560, 0.220, 0.178, 0.150, ADULT_HEAD)


def girl(kit: Kit) -> None:
    _arms(kit, kit.main, 0.050)
    _legs(kit, CHILD, kit.skin, mix(kit.dark, INK, 0.25), socks=WHITE)
    _chest(kit, CHILD, kit.main)
    _skirt(kit, (0.205, 0.300, 0.185), 0.125, kit.main)
    kit.ball("body", (0, CHILD.neck - 0.035, 0.030), (0.092, 0.032, 0.092), WHITE)
    _head(kit, CHILD_HEAD, lashes=True)


def boy(kit: Kit) -> None:
    shorts = mix((0.24, 0.30, 0.46), kit.main, 0.15)
    _arms(kit, kit.main, 0.050)
    _legs(kit, CHILD, kit.skin, (0.90, 0.90, 0.88), shorts=shorts)
    _chest(kit, CHILD, kit.main)
    kit.ball("body", (0, 0.205, 0), (0.130, 0.070, 0.112), shorts)
    _head(kit, CHILD_HEAD)


def woman(kit: Kit) -> None:
    _arms(kit, kit.main, 0.044)
    _legs(kit, WOMAN, kit.skin, mix(kit.dark, INK, 0.3))
    _chest(kit, WOMAN, kit.main)
    _skirt(kit, (0.200, 0.395, 0.180), 0.130, kit.main)
    kit.ball("body", (0, 0.375, 0.0), (0.105, 0.028, 0.096), kit.dark)
    kit.ball("body", (0, WOMAN.neck - 0.02, 0.055), (0.055, 0.040, 0.055), kit.skin)
    _head(kit, ADULT_HEAD, lashes=True, lips=True)


def man(kit: Kit) -> None:
    trousers: Rgb = (0.25, 0.27, 0.35)
    _arms(kit, kit.main, 0.050)
    _legs(kit, MAN, trousers, SHOE)
    _chest(kit, MAN, kit.main)
    kit.ball("body", (0, 0.300, 0), (0.138, 0.070, 0.112), trousers)
    kit.ball("body", (0, MAN.neck - 0.012, 0.050), (0.075, 0.045, 0.070), WHITE)
    for y in (0.40, 0.46, 0.52):
        kit.ball(
            "body", (0, y, 0.116 if y < 0.5 else 0.106), (0.013, 0.013, 0.010), mix(kit.main, WHITE, 0.7)
        )
    _head(kit, ADULT_HEAD)


def old_woman(kit: Kit) -> None:
    shawl = mix(kit.main, WHITE, 0.45)
    _arms(kit, kit.main, 0.050)
    _legs(kit, STOUT, mix(kit.skin, WHITE, 0.3), SHOE)
    _chest(kit, STOUT, kit.main)
    _skirt(kit, (0.235, 0.420, 0.205), 0.090, kit.main)
    kit.ball("body", (0, STOUT.neck - 0.065, -0.005), (0.188, 0.088, 0.155), shawl)
    _head(kit, ADULT_HEAD)
    _glasses(kit, ADULT_HEAD)


def old_man(kit: Kit) -> None:
    _arms(kit, kit.main, 0.052)
    _legs(kit, STOUT, (0.42, 0.36, 0.30), SHOE)
    _chest(kit, STOUT, kit.main)
    kit.ball("body", (0, 0.250, 0), (0.168, 0.085, 0.142), (0.42, 0.36, 0.30))
    _head(kit, ADULT_HEAD)
    _beard(kit, ADULT_HEAD, kit.hair, 0.10)
    _glasses(kit, ADULT_HEAD)


def santa(kit: Kit) -> None:
    """Father Christmas, always in red and white."""
    fur: Rgb = (0.97, 0.97, 0.98)
    kit.main, kit.hair = RED, fur
    _arms(kit, RED, 0.060, hand=INK)
    for side in ("left", "right"):
        kit.ball(f"arm_{side}", (0, -0.130, 0), (0.064, 0.030, 0.064), fur)
    _legs(kit, STOUT, RED, INK)
    _chest(kit, STOUT, RED)
    kit.ball("body", (0, 0.285, 0.01), (0.208, 0.170, 0.185), RED)
    kit.ball("body", (0, 0.165, 0.0), (0.196, 0.040, 0.172), fur)
    kit.ball("body", (0, 0.290, 0.012), (0.212, 0.034, 0.190), INK)
    kit.ball("body", (0, 0.290, 0.195), (0.048, 0.044, 0.022), (0.98, 0.80, 0.25), stuff=GLOSS)
    _head(kit, ADULT_HEAD)
    _beard(kit, ADULT_HEAD, fur, 0.17)
    kit.ball("head", (0, 0.095, -0.005), (0.188, 0.048, 0.182), fur)
    kit.cone("head", (0, 0.08, -0.02), (0.165, 0.260, 0.160), RED, turn=turn_z(-24) @ turn_x(-14))
    kit.ball("head", (0.130, 0.295, -0.080), (0.058, 0.058, 0.058), fur)


def _chest(kit: Kit, build: Build, rgb: Rgb) -> None:
    low, high = build.hip + 0.03, build.neck
    middle = (low + high) / 2
    kit.ball("body", (0, middle, 0), (build.wide, (high - low) / 2 + 0.035, build.deep), rgb, stuff=STRIPED)
    kit.ball("body", (0, high - 0.070, 0), (build.wide * 0.98, 0.075, build.deep * 0.92), rgb, stuff=STRIPED)
    kit.ball("body", (0, high, 0.0), (0.062, 0.050, 0.060), kit.skin)


def _skirt(kit: Kit, radii: Vec, base: float, rgb: Rgb) -> None:
    """A skirt that flares from the waist, with a darker hem."""
    kit.cone("body", (0, base, 0), (radii[0], radii[1] * 1.20, radii[2]), rgb, stuff=STRIPED)
    kit.solid(
        RING, "body", (0, base + 0.012, 0), (radii[0] * 1.01, 0.020, radii[2] * 1.01), mix(rgb, INK, 0.22)
    )


def _arms(kit: Kit, rgb: Rgb, thick: float, hand: Rgb | None = None) -> None:
    kit.pair("arm_{}", (0, -0.075, 0), (thick, 0.110, thick + 0.003), rgb, stuff=STRIPED)
    kit.pair("arm_{}", (0, -0.150, 0), (thick * 0.88, 0.045, thick * 0.88), mix(rgb, INK, 0.10))
    kit.pair("arm_{}", (0, -0.195, 0.008), (thick * 0.95, 0.050, thick * 0.98), hand or kit.skin)


def _legs(
    kit: Kit, build: Build, rgb: Rgb, shoe: Rgb, *, socks: Rgb | None = None, shorts: Rgb | None = None
) -> None:
    long = build.hip
    kit.pair("leg_{}", (0, -long * 0.42, 0), (0.058, long * 0.50, 0.060), rgb)
    if shorts:
        kit.pair("leg_{}", (0, -long * 0.18, 0), (0.074, long * 0.36, 0.078), shorts)
    if socks:
        kit.pair("leg_{}", (0, -long * 0.66, 0), (0.055, long * 0.20, 0.057), socks)
    kit.pair("leg_{}", (0, 0.042 - long, 0.032), (0.062, 0.044, 0.098), shoe)


def _head(kit: Kit, head: Vec, *, lashes: bool = False, lips: bool = False) -> None:
    rx = head[0]
    kit.ball("head", (0, 0, 0), head, kit.skin)
    for sign in (1.0, -1.0):
        kit.ball("head", (sign * rx * 0.98, -0.015, -0.012), (0.036, 0.048, 0.030), kit.skin)
        at, frame = on_head(head, sign * 25, 31, 0.99)
        kit.ball("head", at, (0.042, 0.013, 0.016), mix(kit.hair, INK, 0.25), turn=frame @ turn_z(-8 * sign))
        if lashes:
            at, frame = on_head(head, sign * 40, 13, 1.0)
            kit.ball("open", at, (0.026, 0.011, 0.014), INK, turn=frame @ turn_z(26 * sign))
    at, frame = on_head(head, 0, -9, 1.02)
    kit.ball("head", at, (0.027, 0.023, 0.026), mix(kit.skin, (0.85, 0.35, 0.28), 0.28), turn=frame)
    for step, drop in ((-11.0, 0.0), (-4.0, -3.2), (4.0, -3.2), (11.0, 0.0)):
        at, frame = on_head(head, step, -33 + drop, 1.0)
        colour = LIPS if lips else mix(kit.skin, (0.45, 0.12, 0.12), 0.75)
        kit.ball(
            "head", at, (0.021, 0.013 if lips else 0.011, 0.014), colour, turn=frame @ turn_z(step * 2.6)
        )
    face(kit, head, eye_deg=24, eye_phi=5, eye=0.94 if rx > 0.19 else 0.82, cheek=kit.skin)
    HAIR[kit.hair_style](kit, head)


def _beard(kit: Kit, head: Vec, rgb: Rgb, long: float) -> None:
    rx, ry, rz = head
    kit.ball("head", (0, -ry * 0.72, rz * 0.52), (rx * 0.80, 0.075, 0.090), rgb)
    kit.ball("head", (0, -ry * 0.80 - long * 0.55, rz * 0.62), (rx * 0.62, 0.05 + long * 0.62, 0.070), rgb)
    for sign in (1.0, -1.0):
        kit.ball("head", (sign * rx * 0.78, -ry * 0.40, rz * 0.40), (0.055, 0.085, 0.070), rgb)
        kit.ball(
            "head", (sign * 0.042, -0.070, rz * 1.02), (0.055, 0.026, 0.030), rgb, turn=turn_z(-16 * sign)
        )


def _glasses(kit: Kit, head: Vec) -> None:
    for sign in (1.0, -1.0):
        at, frame = on_head(head, sign * 24, 4, 1.10)
        kit.solid(
            RING, "head", at, (0.062, 0.010, 0.062), (0.30, 0.26, 0.28), turn=frame @ turn_x(90) @ turn_y(0)
        )
    kit.ball("head", (0, 0.015, head[2] * 1.10), (0.022, 0.009, 0.010), (0.30, 0.26, 0.28))
