"""How a creature moves: each action is a function from a cycle's angle to a `Pose`.

Angles are degrees. Lengths are in creature units: an upright bear is 1 high. Every action is periodic in its
own cycle, and is chosen so that eight frames a second show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, pi, sin

BLINK_EVERY_S = 1.7
BLINK_S = 0.15


Reach = tuple[str, tuple[float, float, float]]  # a bone and a point in its space


@dataclass(frozen=True)
class Pose:
    """Where each joint is. Left is the creature's own left, which is +x when it faces the camera."""

    rise: float = 0.0  # of the whole body above the ground
    drift: float = 0.0  # along the way that it faces, in units a second
    lean_deg: float = 0.0  # forward
    roll_deg: float = 0.0  # to its left
    yaw_deg: float = 0.0  # turn about the upright axis
    squash: float = 1.0  # height factor; the width keeps the volume
    head_pitch_deg: float = 0.0  # nod
    head_yaw_deg: float = 0.0
    head_roll_deg: float = 0.0
    look_deg: float = 0.0  # the head turned to the camera, of who faces sideways
    arm_swing_deg: tuple[float, float] = (0, 0)  # forward, (left, right)
    arm_lift_deg: tuple[float, float] = (22, 22)  # outward; 0 hangs down, 180 is straight up
    leg_swing_deg: tuple[float, float] = (0, 0)
    leg_spread_deg: tuple[float, float] = (2, 2)
    tail_deg: float = 0.0  # wag
    ear_deg: float = 0.0  # flop back
    eyes_open: bool = True
    lying: bool = False  # prone, body to the side, head on the ground
    water: float | None = None  # height of the water line; None: dry
    seat: float | None = None  # the hips are at this height, however long the legs are
    climb: float = 0.0  # upward, units a second
    mood: str = ""  # glad or sad
    mouth_open: bool = False
    tear: float = 0.0  # how far tears have run, fraction of a cheek
    hands: tuple[Reach | None, Reach | None] = (None, None)  # what the hands reach for, (left, right)
    feet: tuple[Reach | None, Reach | None] = (None, None)
    grip_deg: float = 0.0  # nod of what is in a hand
    grip_roll_deg: float = 0.0  # and its tilt to the figure's left
    hold: tuple[float, float, float] = (0.0, -0.1, 0.25)  # of what both hands hold, from the neck
    hold_deg: float = 0.0
    toss: tuple[float, float] = (0.0, 0.0)  # of a ball: above the neck, forward
    spin_deg: float = 0.0  # of wheels and of a mount's legs
    mount_deg: float | None = None  # which way a mount faces; None: as its rider
    mount_rise: float = 0.0
    mount_tilt_deg: float = 0.0


def walking(a: float) -> Pose:
    s = sin(a)
    return Pose(
        rise=0.025 * abs(cos(a)),
        drift=0.11,
        lean_deg=3,
        roll_deg=4 * s,
        yaw_deg=6 * s,
        arm_swing_deg=(-42 * s, 42 * s),
        leg_swing_deg=(44 * s, -44 * s),
        head_roll_deg=-4 * s,
        tail_deg=16 * s,
        ear_deg=6 * abs(s),
    )


def running(a: float) -> Pose:
    s = sin(a)
    return Pose(
        rise=0.03 + 0.09 * abs(cos(a)),
        drift=0.24,
        lean_deg=17,
        yaw_deg=9 * s,
        head_pitch_deg=-11,
        arm_swing_deg=(25 - 75 * s, 25 + 75 * s),
        arm_lift_deg=(30, 30),
        leg_swing_deg=(8 + 68 * s, 8 - 68 * s),
        tail_deg=26 * s,
        ear_deg=24 + 10 * cos(2 * a),
    )


def jumping(a: float) -> Pose:
    u = (a / (2 * pi)) % 1.0
    if u < 0.36:  # crouch and push off
        k = sin(pi * u / 0.36)
        return Pose(squash=1 - 0.2 * k, arm_swing_deg=(-35 * k, -35 * k), leg_spread_deg=(10 * k, 10 * k),
                    tail_deg=6 * k)
    v = (u - 0.36) / 0.64
    k = 4 * v * (1 - v)
    lift = 30 + 115 * k
    return Pose(
        rise=0.36 * k,
        squash=1 + 0.07 * k,
        arm_lift_deg=(lift, lift),
        leg_spread_deg=(4 + 20 * k, 4 + 20 * k),
        leg_swing_deg=(14 * k, -10 * k),
        head_pitch_deg=-8 * k,
        ear_deg=34 * (v - 0.5),
        tail_deg=14 * k,
    )


def sitting(a: float) -> Pose:
    s = sin(a)
    return Pose(
        rise=-0.115,
        lean_deg=-5,
        leg_swing_deg=(82 + 7 * s, 82 - 7 * s),
        leg_spread_deg=(27, 27),
        arm_swing_deg=(30, 30),
        arm_lift_deg=(13, 13),
        head_roll_deg=9 * s,
        head_pitch_deg=3,
        squash=1 + 0.012 * cos(a),
        tail_deg=14 * s,
    )


def sleeping(a: float) -> Pose:
    return Pose(
        lying=True,
        eyes_open=False,
        squash=1 + 0.045 * sin(a),
        head_roll_deg=13,
        head_pitch_deg=6 + 2 * sin(a - 0.6),
        tail_deg=4 * sin(a),
        ear_deg=10,
    )


def waving(a: float) -> Pose:
    s = sin(a)
    return Pose(
        roll_deg=3 * sin(a / 2),
        arm_lift_deg=(143 + 30 * s, 24),
        arm_swing_deg=(10, 0),
        head_roll_deg=-7 + 3 * s,
        tail_deg=14 * s,
        squash=1 + 0.01 * s,
    )


def dancing(a: float) -> Pose:
    s, c = sin(a), cos(a)
    return Pose(
        rise=0.07 * abs(c),
        roll_deg=13 * s,
        yaw_deg=24 * s,
        arm_lift_deg=(85 + 62 * s, 85 - 62 * s),
        arm_swing_deg=(18, 18),
        leg_spread_deg=(6 + 34 * max(s, 0), 6 + 34 * max(-s, 0)),
        head_roll_deg=-16 * s,
        squash=1 - 0.06 * abs(s),
        tail_deg=30 * s,
        ear_deg=12 * c,
    )


def swimming(a: float) -> Pose:
    s, c = sin(a), cos(a)
    return Pose(
        rise=-0.02 + 0.025 * sin(2 * a),
        lean_deg=32,
        head_pitch_deg=-26,
        roll_deg=7 * s,
        water=0.29,
        arm_swing_deg=(95 + 75 * c, 95 - 75 * c),
        arm_lift_deg=(38, 38),
        leg_swing_deg=(25 * s, -25 * s),
        tail_deg=12 * s,
        drift=0.05,
    )


def standing(a: float) -> Pose:
    s = sin(a)
    return Pose(
        head_yaw_deg=38 * s,
        head_pitch_deg=4 * sin(2 * a),
        head_roll_deg=4 * s,
        squash=1 + 0.012 * cos(a),
        tail_deg=9 * s,
        arm_lift_deg=(20 + 2 * s, 20 - 2 * s),
    )


CYCLES: dict[str, tuple[Callable[[float], Pose], float]] = {  # pose, cycles a second
    "walking": (walking, 1.05),
    "running": (running, 1.85),
    "jumping": (jumping, 0.95),
    "sitting": (sitting, 0.5),
    "sleeping": (sleeping, 0.45),
    "waving": (waving, 1.7),
    "dancing": (dancing, 0.9),
    "swimming": (swimming, 0.9),
    "standing": (standing, 0.5),
}


def blinking(pose: Pose, phase: float, time_s: float) -> Pose:
    """The pose with its eyes shut while it blinks."""
    blinks = (time_s + BLINK_EVERY_S * (phase * 7.3 % 1.0)) % BLINK_EVERY_S < BLINK_S
    return replace(pose, eyes_open=False) if blinks else pose
