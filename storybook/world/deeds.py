"""More actions: with others and with things. Each is a function from a cycle's angle to a `Pose`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, pi, sin

from storybook.world import actions
from storybook.world.actions import Pose, Reach, blinking, walking
from storybook.world.travels import (
    afloat,
    bedded,
    carting,
    climbing,
    cycling,
    falling,
    flying,
    riding,
    winging,
)
from storybook.world.unseen import UNSEEN


def talking(a: float) -> Pose:
    """Both hands speak, one after the other."""
    s, t = sin(a), sin(a + 2.0)
    return Pose(
        arm_swing_deg=(62 + 30 * s, 48 + 30 * t),
        arm_lift_deg=(30 + 14 * t, 34 + 12 * s),
        head_pitch_deg=-3 + 5 * sin(2 * a),
        head_yaw_deg=7 * s,
        head_roll_deg=4 * t,
        roll_deg=2 * s,
        squash=1 + 0.012 * s,
        tail_deg=8 * s,
        mouth_open=sin(3 * a) > -0.25,
    )


def pointing(a: float) -> Pose:
    s = sin(a)
    return Pose(
        arm_lift_deg=(92 + 6 * s, 34),
        arm_swing_deg=(16, -18),
        head_yaw_deg=34 + 5 * s,
        head_pitch_deg=-5,
        roll_deg=3,
        lean_deg=3 + 2 * s,
        tail_deg=8 * s,
        squash=1 + 0.01 * s,
    )


def laughing(a: float) -> Pose:
    s = sin(a)
    belly: tuple[Reach, Reach] = (("neck", (0.085, -0.17, 0.175)), ("neck", (-0.085, -0.17, 0.175)))
    return Pose(
        rise=0.014 * abs(s),
        lean_deg=-9 + 3 * s,
        head_pitch_deg=-15 + 5 * s,
        head_roll_deg=6 * sin(a / 2),
        squash=1 + 0.035 * s,
        hands=belly,
        mood="glad",
        mouth_open=True,
        tail_deg=16 * s,
    )


def crying(a: float) -> Pose:
    s = sin(a)
    rub = 0.012 * s
    eyes: tuple[Reach, Reach] = (("head", (0.185 + rub, -0.045, 0.150)),
                                 ("head", (-0.185 - rub, -0.045, 0.150)))
    return Pose(
        lean_deg=7,
        head_pitch_deg=11 + 4 * s,
        head_roll_deg=5 * sin(a / 2),
        squash=0.985 + 0.014 * s,
        hands=eyes,
        mood="sad",
        eyes_open=False,
        mouth_open=s > 0.2,
        tear=(a / (2 * pi)) % 1.0,
        tail_deg=4 * s,
        ear_deg=16,
    )


def drinking(a: float) -> Pose:
    """A glass from before the chest to the mouth, tipped to it from the side."""
    k = _held_high(a)
    return Pose(
        hands=(None, ("lips", (-0.105 + 0.03 * (1 - k), -0.068 - 0.17 * (1 - k), 0.035 + 0.06 * (1 - k)))),
        grip_deg=-20 * k,
        grip_roll_deg=-52 * k,
        head_pitch_deg=-10 * k,
        head_roll_deg=6 * k,
        arm_lift_deg=(26, 22),
        squash=1 + 0.01 * sin(a),
        tail_deg=6 * sin(a),
    )


def eating(a: float) -> Pose:
    k = _held_high(a)
    return Pose(
        hands=(None, ("lips", (-0.03, -0.05 - 0.13 * (1 - k), 0.035 + 0.05 * (1 - k)))),
        head_pitch_deg=-4 + 7 * k,
        head_roll_deg=5 * (1 - k),
        arm_lift_deg=(26, 22),
        mouth_open=0.15 < (a / (2 * pi)) % 1.0 < 0.55 or sin(4 * a) > 0.4,
        squash=1 + 0.012 * sin(4 * a),
        tail_deg=10 * sin(a),
    )


def _held_high(a: float) -> float:
    """0 before the chest to 1 at the mouth, where it stays for half of the cycle."""
    return min(max(0.5 + 1.1 * sin(a), 0.0), 1.0)


def reading(a: float) -> Pose:
    s = sin(a)
    return Pose(
        hold=(0.0, -0.125, 0.30),
        hold_deg=-24,
        hands=(("hold", (0.165, -0.02, 0.0)), ("hold", (-0.165, -0.02, 0.0))),
        head_pitch_deg=15,
        head_yaw_deg=9 * s,
        squash=1 + 0.012 * cos(a),
        tail_deg=6 * s,
    )


def carrying(a: float) -> Pose:
    step = walking(a)
    return replace(
        step,
        lean_deg=-7,
        roll_deg=2.5 * sin(a),
        yaw_deg=3 * sin(a),
        hold=(0.0, -0.150, 0.190),
        hands=(("hold", (0.170, -0.04, 0.10)), ("hold", (-0.170, -0.04, 0.10))),
        look_deg=20,
        drift=0.09,
    )


def pushing(a: float) -> Pose:
    step = walking(a)
    return replace(
        step,
        lean_deg=24 + 3 * abs(sin(a)),
        head_pitch_deg=-14,
        look_deg=26,
        roll_deg=1.5 * sin(a),
        yaw_deg=0.0,
        hands=(("ground", (0.12, 0.46, 0.335)), ("ground", (-0.12, 0.46, 0.335))),
        drift=0.08,
    )


def hugging(a: float) -> Pose:
    s = sin(a)
    return Pose(
        lean_deg=7 + 2 * s,
        roll_deg=3 * s,
        arm_swing_deg=(84 + 4 * s, 72 - 4 * s),
        arm_lift_deg=(16, 16),
        head_roll_deg=8,
        head_pitch_deg=3,
        mood="glad",
        squash=1 + 0.012 * s,
        tail_deg=14 * s,
    )


def playing(a: float) -> Pose:
    """A ball thrown up and caught with both hands."""
    u = (a / (2 * pi)) % 1.0
    k = 4 * u * (1 - u)
    high = 0.02 + 0.16 * min(1.0, 2.4 * k)
    return Pose(
        toss=(-0.04 + 0.62 * k, 0.265),
        hands=(("neck", (0.145, high - 0.10, 0.225)), ("neck", (-0.145, high - 0.10, 0.225))),
        head_pitch_deg=4 - 26 * k,
        squash=1 - 0.05 * (1 - k) ** 3,
        rise=0.015 * k,
        spin_deg=220 * u,
        tail_deg=14 * sin(a),
    )


CYCLES: dict[str, tuple[Callable[[float], Pose], float]] = {  # pose, cycles a second
    **actions.CYCLES,
    "talking": (talking, 1.0),
    "pointing": (pointing, 0.8),
    "laughing": (laughing, 2.1),
    "crying": (crying, 1.3),
    "drinking": (drinking, 0.5),
    "eating": (eating, 0.7),
    "reading": (reading, 0.45),
    "carrying": (carrying, 0.95),
    "pushing": (pushing, 0.85),
    "hugging": (hugging, 0.6),
    "playing": (playing, 0.85),
    "cycling": (cycling, 0.9),
    "riding": (riding, 1.3),
    "carting": (carting, 0.9),
    "falling": (falling, 0.55),
    "flying": (flying, 0.7),
    "winging": (winging, 0.9),
    "climbing": (climbing, 0.8),
    "bedded": (bedded, 0.45),
    **UNSEEN,
}
THING_OF = {
    "drinking": "cup",
    "eating": "apple",
    "reading": "book",
    "carrying": "box",
    "pushing": "crate",
    "playing": "ball",
    "cycling": "bicycle",
    "riding": "pony",
    "carting": "cart",
    "climbing": "ladder",
}


def pose_at(
    action: str, phase: float, time_s: float, *, things: tuple[str, ...] = (), winged: bool = False
) -> Pose:
    """The pose of `action` at `time_s`, with blinking eyes.

    Args:
        action: a value of `ActorSpec.action`.
        phase: fraction of the action's cycle at time 0.
        things: with a "bed" it sleeps in it, with a "boat" it rocks.
        winged: flies by beating its arms.
    """
    name = (
        "bedded"
        if "bed" in things and action == "sleeping"
        else "winging"
        if winged and action == "flying"
        else action
    )
    build, rate_hz = CYCLES[name]
    pose = build(2 * pi * (phase + rate_hz * time_s))
    if "boat" in things:
        pose = afloat(pose, 2 * pi * (phase + 0.6 * time_s))
    return blinking(pose, phase, time_s)
