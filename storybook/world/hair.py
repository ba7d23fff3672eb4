"""Hair styles of people, as parts on the head."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from storybook.world.creatures import WHITE, Kit, Vec, mix, on_head
from storybook.world.skeleton import turn_x, turn_z


def _cap(kit: Kit, head: Vec, grow: float = 0.016, low: float = 0.0) -> None:
    """The hair that covers the crown and the back of the head, and a parted fringe."""
    rx, ry, rz = head
    kit.ball("head", (0, 0.050 - low, -0.045), (rx + grow, ry + grow - 0.012, rz + grow - 0.002), kit.hair)
    for sign in (1.0, -1.0):
        at, frame = on_head(head, sign * 27, 47, 1.0)
        kit.ball("head", at, (0.100, 0.048, 0.042), kit.hair, turn=frame @ turn_z(-24 * sign))


def _short(kit: Kit, head: Vec) -> None:
    _cap(kit, head)
    for sign in (1.0, -1.0):
        kit.ball("head", (sign * head[0] * 0.93, 0.03, -0.015), (0.040, 0.080, 0.075), kit.hair)


def _spiky(kit: Kit, head: Vec) -> None:
    _short(kit, head)
    for theta, phi in ((0, 72), (-42, 62), (42, 62), (-80, 60), (80, 60), (150, 62), (-150, 62)):
        at, frame = on_head(head, theta, phi, 0.95)
        kit.cone("head", at, (0.062, 0.130, 0.062), kit.hair, turn=frame @ turn_x(62))


def _bob(kit: Kit, head: Vec) -> None:
    _cap(kit, head)
    for sign in (1.0, -1.0):
        kit.ball(
            "head",
            (sign * head[0] * 0.92, -0.055, -0.020),
            (0.068, 0.155, 0.105),
            kit.hair,
            turn=turn_z(4 * sign),
        )
    kit.ball("head", (0, -0.070, -0.105), (head[0] * 0.95, 0.130, 0.105), kit.hair)


def _long(kit: Kit, head: Vec) -> None:
    _bob(kit, head)
    kit.ball("head", (0, -0.190, -0.120), (head[0] * 0.92, 0.190, 0.080), kit.hair)
    for sign in (1.0, -1.0):
        kit.ball("head", (sign * head[0] * 0.88, -0.190, -0.035), (0.060, 0.150, 0.075), kit.hair)


def _ponytail(kit: Kit, head: Vec) -> None:
    _short(kit, head)
    kit.ball("head", (0, 0.095, -head[2] - 0.055), (0.050, 0.050, 0.050), mix(kit.main, WHITE, 0.25))
    kit.ball(
        "head", (0.02, -0.030, -head[2] - 0.115), (0.072, 0.165, 0.070), kit.hair, turn=turn_x(16) @ turn_z(8)
    )


def _pigtails(kit: Kit, head: Vec) -> None:
    _short(kit, head)
    for sign in (1.0, -1.0):
        kit.ball(
            "head",
            (sign * (head[0] + 0.030), 0.060, -0.030),
            (0.034, 0.034, 0.034),
            mix(kit.main, WHITE, 0.25),
        )
        kit.ball(
            "head",
            (sign * (head[0] + 0.085), -0.030, -0.030),
            (0.060, 0.120, 0.060),
            kit.hair,
            turn=turn_z(18 * sign),
        )


def _curly(kit: Kit, head: Vec) -> None:
    _cap(kit, head, 0.010)
    spots = (
        (0, 78),
        (-40, 60),
        (40, 60),
        (0, 52),
        (-75, 42),
        (75, 42),
        (-92, 14),
        (92, 14),
        (-100, -14),
        (100, -14),
        (140, 48),
        (-140, 48),
        (180, 55),
        (130, 10),
        (-130, 10),
        (180, 12),
        (150, -22),
        (-150, -22),
    )
    for theta, phi in spots:
        at, _ = on_head(head, theta, phi, 1.03)
        kit.ball("head", at, (0.075, 0.072, 0.072), kit.hair)


def _afro(kit: Kit, head: Vec) -> None:
    rx, ry, rz = head
    big = (rx + 0.075, ry + 0.055, rz + 0.050)
    kit.ball("head", (0, 0.085, -0.075), big, kit.hair)
    for theta in (-46, -16, 16, 46):
        at, _ = on_head(head, theta, 52, 1.02)
        kit.ball("head", at, (0.070, 0.058, 0.052), kit.hair)
    for k in range(14):  # curls on the outline
        x, y = sin(2 * pi * k / 14), cos(2 * pi * k / 14)
        if y > -0.75:
            kit.ball("head", (x * big[0] * 0.93, 0.085 + y * big[1] * 0.93, -0.075), (0.066, 0.066, 0.075),
                     kit.hair)


def _bun(kit: Kit, head: Vec) -> None:
    _short(kit, head)
    kit.ball("head", (0, head[1] + 0.045, -0.060), (0.078, 0.070, 0.074), kit.hair)


def _balding(kit: Kit, head: Vec) -> None:
    for sign in (1.0, -1.0):
        kit.ball("head", (sign * head[0] * 0.93, 0.005, -0.040), (0.052, 0.085, 0.085), kit.hair)
    kit.ball("head", (0, -0.02, -head[2] * 0.80), (head[0] * 0.90, 0.095, 0.060), kit.hair)


HAIR: dict[str, Callable[[Kit, Vec], None]] = {
    "short": _short,
    "spiky": _spiky,
    "bob": _bob,
    "long": _long,
    "ponytail": _ponytail,
    "pigtails": _pigtails,
    "curly": _curly,
    "afro": _afro,
    "bun": _bun,
    "balding": _balding,
}
