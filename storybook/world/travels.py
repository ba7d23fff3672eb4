"""Actions on wheels, on a horse, in the air, on a ladder, in a bed and in a boat."""

from __future__ import annotations

from dataclasses import replace
from math import cos, degrees, pi, sin

from storybook.world.actions import Pose, sleeping
from storybook.world.things import pedal

FALL = 0.84  # of a fall's cycle in the air


def cycling(a: float) -> Pose:
    spin = degrees(a)
    return Pose(
        seat=0.560,
        rise=0.006 * sin(2 * a),
        lean_deg=17,
        head_pitch_deg=-12,
        head_yaw_deg=6 * sin(a / 3),
        look_deg=24,
        hands=(("mount", (0.175, 0.655, 0.262)), ("mount", (-0.175, 0.655, 0.262))),
        feet=(("mount", pedal(spin, 1.0)), ("mount", pedal(spin, -1.0))),
        spin_deg=spin,
        drift=0.16,
        tail_deg=8 * sin(a),
        ear_deg=16,
    )


def riding(a: float) -> Pose:
    s = sin(a)
    return Pose(
        seat=0.690 + 0.022 * s,
        mount_rise=0.022 * s,
        mount_tilt_deg=2.5 * cos(a),
        lean_deg=4 + 3 * cos(a),
        head_pitch_deg=-4,
        look_deg=28,
        hands=(("mount", (0.075, 0.720, 0.290)), ("mount", (-0.075, 0.720, 0.290))),
        feet=(("mount", (0.245, 0.500, 0.075)), ("mount", (-0.245, 0.500, 0.075))),
        spin_deg=degrees(a),
        drift=0.14,
        tail_deg=10 * s,
        ear_deg=12,
    )


def carting(a: float) -> Pose:
    s = sin(a)
    return Pose(
        seat=0.300 + 0.008 * abs(s),
        mount_rise=0.008 * abs(s),
        lean_deg=-2,
        head_yaw_deg=12 * sin(a / 2),
        look_deg=28,
        roll_deg=2 * s,
        hands=(("mount", (0.235, 0.420, 0.140)), ("mount", (-0.235, 0.420, 0.140))),
        feet=(("mount", (0.090, 0.285, 0.260)), ("mount", (-0.090, 0.285, 0.260))),
        spin_deg=degrees(a) * 0.75,
        drift=0.13,
        tail_deg=6 * s,
    )


def falling(a: float) -> Pose:
    """Head over heels out of the air, then on its bottom, dazed; and again."""
    u = (a / (2 * pi)) % 1.0
    if u > FALL:
        v = (u - FALL) / (1 - FALL)
        return Pose(
            rise=-0.115 + 0.05 * abs(sin(2 * pi * v)) * (1 - v),
            lean_deg=-10,
            leg_swing_deg=(84, 84),
            leg_spread_deg=(30, 30),
            arm_lift_deg=(58, 58),
            arm_swing_deg=(-20, -20),
            head_roll_deg=12 * sin(2 * pi * v),
            eyes_open=False,
            squash=1 - 0.10 * (1 - v),
        )
    k = u / FALL
    flail = 30 * sin(4 * a)
    return Pose(
        rise=0.74 - 0.60 * k * k,
        roll_deg=-150 + 104 * k,
        yaw_deg=14,
        arm_lift_deg=(120 + flail, 120 - flail),
        leg_spread_deg=(34, 34),
        leg_swing_deg=(26 + flail, 26 - flail),
        head_pitch_deg=-8,
        mouth_open=True,
        tail_deg=20 * sin(3 * a),
        ear_deg=-18,
    )


def flying(a: float) -> Pose:
    """Through the air on its tummy, arms ahead."""
    s = sin(a)
    return Pose(
        rise=0.34 + 0.05 * s,
        lean_deg=68 + 5 * s,
        head_pitch_deg=-56,
        look_deg=24,
        roll_deg=5 * sin(a / 2),
        arm_swing_deg=(168 + 5 * s, 168 - 5 * s),
        arm_lift_deg=(8, 8),
        leg_swing_deg=(9 * s, -9 * s),
        leg_spread_deg=(7, 7),
        drift=0.22,
        tail_deg=12 * s,
        ear_deg=30,
        mood="glad",
    )


def winging(a: float) -> Pose:
    """The same on beating wings."""
    s = sin(2 * a)
    return Pose(
        rise=0.36 - 0.06 * s,
        lean_deg=42,
        head_pitch_deg=-34,
        look_deg=18,
        arm_lift_deg=(98 + 50 * s, 98 + 50 * s),
        arm_swing_deg=(8, 8),
        leg_swing_deg=(-28 + 6 * s, -28 - 6 * s),
        drift=0.20,
        tail_deg=8 * s,
    )


def climbing(a: float) -> Pose:
    """Hand over hand up a ladder, its face turned to the camera."""
    s, rung = sin(a), 0.19
    high, low = 0.10 + rung * max(s, 0), 0.10 + rung * max(-s, 0)
    return Pose(
        rise=0.30 + 0.05 * abs(s),
        lean_deg=5,
        roll_deg=4 * s,
        head_pitch_deg=-10,
        look_deg=80,
        hands=(("neck", (0.120, high, 0.300)), ("neck", (-0.120, low, 0.300))),
        leg_swing_deg=(34 + 30 * max(-s, 0), 34 + 30 * max(s, 0)),
        leg_spread_deg=(10, 10),
        climb=0.10,
        tail_deg=8 * s,
    )


def bedded(a: float) -> Pose:
    """Asleep in a bed."""
    return replace(sleeping(a), rise=0.265, mount_deg=90.0, squash=1 + 0.03 * sin(a))


def afloat(pose: Pose, a: float) -> Pose:
    """The same pose in a boat that rocks."""
    rock = sin(0.7 * a)
    return replace(
        pose,
        rise=pose.rise + 0.150 + 0.014 * rock,
        mount_rise=0.014 * rock,
        mount_deg=68.0,
        roll_deg=pose.roll_deg + 2.0 * rock,
        water=0.185,
        drift=0.05,
    )
