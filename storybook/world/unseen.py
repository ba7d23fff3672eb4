"""Actions that no training clip of any world shows: what a learned motion is measured with."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, degrees, sin

from storybook.world.actions import Pose


def bowing(a: float) -> Pose:
    """Down from the hips and up again, the arms behind."""
    k = (1 - cos(a)) / 2
    return Pose(
        lean_deg=66 * k,
        head_pitch_deg=16 * k,
        arm_swing_deg=(-34 * k, -34 * k),
        arm_lift_deg=(16, 16),
        tail_deg=6 * sin(a),
        ear_deg=12 * k,
    )


def stretching(a: float) -> Pose:
    """Tall, both arms up, from one side to the other."""
    s = sin(a)
    return Pose(
        squash=1.04 + 0.03 * cos(2 * a),
        roll_deg=27 * s,
        arm_lift_deg=(166, 166),
        arm_swing_deg=(6, 6),
        leg_spread_deg=(16, 16),
        head_roll_deg=10 * s,
        head_pitch_deg=-8,
        tail_deg=-12 * s,
    )


def spinning(a: float) -> Pose:
    """Round and round on the spot, the arms out."""
    return Pose(
        rise=0.02 * abs(sin(2 * a)),
        yaw_deg=degrees(a) % 360,
        arm_lift_deg=(84, 84),
        leg_spread_deg=(5, 5),
        tail_deg=14,
        ear_deg=16,
    )


# pose, cycles a second
UNSEEN: dict[str, tuple[Callable[[float], Pose], float]] = {
    "bowing": (bowing, 0.75),
    "spinning": (spinning, 0.8),
    "stretching": (stretching, 0.7),
}
