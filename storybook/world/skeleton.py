"""Bones: the affine map from each bone's own space to the creature's, for a pose.

Creature space: x to the creature's left as it faces the camera, y up, z forward, unit = the height of an
upright bear. A bone is a 3x4 matrix [linear | origin]; `None` hides what hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from storybook.world.actions import Pose, Reach

Matrix = NDArray[np.float64]
# bone of a thing: where, how it turns
Pivots = dict[str, tuple[tuple[float, float, float], Callable[[float], float]]]

NECK_Y = 0.45
HIP_Y = 0.14


@dataclass(frozen=True)
class Joints:
    """The pivots that differ between species."""

    ear: tuple[float, float, float]  # left ear, from the middle of the head
    head_y: float = 0.205  # middle of the head above the neck
    neck_y: float = NECK_Y
    hip_y: float = HIP_Y
    arm: float = 0.185  # shoulder to hand
    leg: float = 0.105  # hip to the middle of the foot
    mouth: tuple[float, float, float] = (0.0, -0.09, 0.25)  # from the middle of the head
    shoulder: tuple[float, float] = (0.150, 0.415)
    hip_x: float = 0.092
    tail: tuple[float, float, float] = (0.0, 0.17, -0.13)


def turn_x(deg: float) -> Matrix:
    """Positive nods: forward (z) goes down."""
    c, s = cos(radians(deg)), sin(radians(deg))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def turn_y(deg: float) -> Matrix:
    """Positive turns forward (z) to +x."""
    c, s = cos(radians(deg)), sin(radians(deg))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def turn_z(deg: float) -> Matrix:
    """Positive lifts +x to +y."""
    c, s = cos(radians(deg)), sin(radians(deg))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def bone(linear: Matrix, origin: tuple[float, float, float] | Matrix) -> Matrix:
    return np.concatenate([linear, np.asarray(origin, dtype=float).reshape(3, 1)], axis=1)


def hang(parent: Matrix, linear: Matrix, origin: tuple[float, float, float]) -> Matrix:
    """A bone at `origin` of its parent, turned by `linear`."""
    return bone(parent[:, :3] @ linear, parent[:, :3] @ np.asarray(origin) + parent[:, 3])


def bones(pose: Pose, joints: Joints, azimuth_deg: float,
          pivots: Pivots | None = None) -> dict[str, Matrix | None]:
    """All bones of a creature that faces `azimuth_deg`, and of the thing that it holds or rides."""
    body, head = _lying(pose, joints, azimuth_deg) if pose.lying else _upright(pose, joints, azimuth_deg)
    sx, sy = joints.shoulder
    found: dict[str, Matrix | None] = {"body": body, "head": head}
    limbs = zip(
        ("left", "right"),
        (1.0, -1.0),
        pose.arm_swing_deg,
        pose.arm_lift_deg,
        pose.leg_swing_deg,
        pose.leg_spread_deg,
        strict=True,
    )
    for side, sign, arm_swing, arm_lift, leg_swing, leg_spread in limbs:
        arm = turn_y(12 * sign) @ turn_z(sign * arm_lift) @ turn_x(-arm_swing)
        leg = turn_z(sign * leg_spread) @ turn_x(-leg_swing)
        if leg_swing > 60 and pose.rise < -0.05:  # legs stretched forward spread sideways
            leg = turn_y(sign * leg_spread) @ turn_x(-leg_swing)
        found[f"arm_{side}"] = hang(body, arm, (sign * sx, sy, 0.0))
        found[f"leg_{side}"] = hang(body, leg, (sign * joints.hip_x, joints.hip_y, 0.0))
        ex, ey, ez = joints.ear
        found[f"ear_{side}"] = hang(head, turn_x(-pose.ear_deg), (sign * ex, ey, ez))
    found["tail"] = hang(body, turn_y(pose.tail_deg), joints.tail)
    if pose.lying:
        found |= _tucked_limbs(body, joints)
        found["tail"] = _tail_around(body, pose)
    _show_face(found, pose, head)
    _place_things(found, pose, joints, azimuth_deg, pivots or {})
    return found


def _show_face(found: dict[str, Matrix | None], pose: Pose, head: Matrix) -> None:
    found["open"], found["shut"] = (head, None) if pose.eyes_open else (None, head)
    glad = pose.mood == "glad"
    if glad:
        found["open"], found["shut"] = None, None
    found["glad"] = head if glad else None
    found["talk"] = head if pose.mouth_open else None
    found["tears"] = None
    if pose.mood == "sad":
        found["tears"] = hang(head, np.eye(3), (0.0, -0.10 * pose.tear, 0.02 * pose.tear))


def _place_things(
    found: dict[str, Matrix | None], pose: Pose, joints: Joints, azimuth_deg: float, pivots: Pivots
) -> None:
    """Bones to hang things on, then arms and legs that reach for them."""
    body, head = found["body"], found["head"]
    assert body is not None
    assert head is not None
    facing = azimuth_deg if pose.mount_deg is None else pose.mount_deg * (1.0 if azimuth_deg >= 0 else -1.0)
    mount = bone(turn_y(facing) @ turn_x(pose.mount_tilt_deg), (0.0, pose.mount_rise, 0.0))
    upright = turn_y(azimuth_deg + pose.yaw_deg)
    places = {"mount": mount, "ground": bone(turn_y(azimuth_deg), (0.0, 0.0, 0.0)), "body": body,
              "head": head}
    places["neck"] = hang(body, np.eye(3), (0, joints.neck_y, 0))
    places["lips"] = hang(head, np.eye(3), joints.mouth)
    hold = places["neck"][:, :3] @ np.asarray(pose.hold) + places["neck"][:, 3]
    places["hold"] = bone(upright @ turn_x(pose.hold_deg), hold)
    places["toss"] = hang(places["ground"], turn_z(pose.spin_deg),
                          (0.0, joints.neck_y + pose.toss[0], pose.toss[1]))
    for name, (origin, turns) in pivots.items():
        places[name] = hang(mount, turn_x(turns(pose.spin_deg)), origin)
    for k, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        sx, sy = joints.shoulder
        if (hand := pose.hands[k]) is not None:
            found[f"arm_{side}"] = _reach(body, (sign * sx, sy, 0.0), _point(places, hand), joints.arm)
        if (foot := pose.feet[k]) is not None:
            hip = (sign * joints.hip_x, joints.hip_y, 0.0)
            found[f"leg_{side}"] = _reach(body, hip, _point(places, foot), joints.leg)
        arm = found[f"arm_{side}"]
        assert arm is not None
        palm = arm[:, :3] @ np.array([0.0, -joints.arm - 0.02, 0.02]) + arm[:, 3]
        places[f"hand_{side}"] = bone(upright @ turn_x(pose.grip_deg) @ turn_z(pose.grip_roll_deg), palm)
    found.update((name, place) for name, place in places.items() if name not in found)


def _point(places: dict[str, Matrix], reach: Reach) -> Matrix:
    on, at = reach
    return places[on][:, :3] @ np.asarray(at) + places[on][:, 3]


def _reach(body: Matrix, joint: tuple[float, float, float], target: Matrix, length: float) -> Matrix:
    """A limb from its joint to a point, stretched or shortened as plush may be."""
    origin = body[:, :3] @ np.asarray(joint) + body[:, 3]
    along = origin - target
    far = float(np.linalg.norm(along)) + 1e-9
    y = along / far
    x = np.cross(y, body[:, 2])
    x /= np.linalg.norm(x) + 1e-9
    stretch = min(max(far / length, 0.55), 2.0)
    return bone(np.stack([x, y * stretch, np.cross(x, y)], axis=1), origin)


def _upright(pose: Pose, joints: Joints, azimuth_deg: float) -> tuple[Matrix, Matrix]:
    wide = pose.squash**-0.5
    stand = turn_y(azimuth_deg + pose.yaw_deg) @ turn_z(pose.roll_deg) @ turn_x(pose.lean_deg)
    linear = stand @ np.diag([wide, pose.squash, wide])
    pivot = np.array([0, joints.hip_y, 0])
    rise = pose.rise - (joints.hip_y - HIP_Y if pose.rise < -0.05 else 0.0)  # who sits, sits on the ground
    if pose.seat is not None:
        rise += pose.seat - joints.hip_y
    body = bone(linear, np.array([0, rise, 0]) + pivot * pose.squash - linear @ pivot)
    look = pose.look_deg * min(abs(azimuth_deg) / 60, 1.0)
    yaw = pose.head_yaw_deg - look if azimuth_deg > 0 else pose.head_yaw_deg + look
    turn = turn_y(yaw) @ turn_z(pose.head_roll_deg) @ turn_x(pose.head_pitch_deg)
    neck = hang(body, turn, (0, joints.neck_y, 0))
    return body, hang(neck, np.eye(3), (0, joints.head_y, 0))


def _lying(pose: Pose, joints: Joints, azimuth_deg: float) -> tuple[Matrix, Matrix]:
    """On its tummy across the frame, the head on its paws and turned to the camera."""
    side = 1.0 if azimuth_deg >= 0 else -1.0  # which way the head points
    forward = np.array([side * 0.94, 0.0, 0.34])  # from tail to head
    down = np.array([0.0, -1.0, 0.0])  # where the tummy looks
    linear = np.stack([np.cross(forward, down), forward, down], axis=1) @ np.diag([1.0, 1.0, pose.squash])
    back = 0.13 + 0.6 * (joints.neck_y - NECK_Y)
    at = np.array([-side * 0.30, 0.165 * pose.squash + pose.rise, -0.12]) - back * forward
    body = bone(linear, at)
    face = turn_y(azimuth_deg * 0.35) @ turn_z(-side * pose.head_roll_deg) @ turn_x(pose.head_pitch_deg)
    x = side * (0.22 + 0.4 * (joints.neck_y - NECK_Y))
    return body, bone(face, (x, joints.head_y + 0.012 * pose.squash + pose.rise, 0.10))


def _tucked_limbs(body: Matrix, joints: Joints) -> dict[str, Matrix | None]:
    """Arms forward under the chin and legs folded beside the body."""
    sx, sy = joints.shoulder
    tucked: dict[str, Matrix | None] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        tucked[f"arm_{side}"] = hang(body, turn_z(sign * 8) @ turn_x(-158), (sign * sx, sy, 0.07))
        out, fold = (14, -112) if joints.hip_y <= HIP_Y else (4, 6)  # long legs stay straight
        hip = (sign * (joints.hip_x + 0.05), joints.hip_y + 0.02,
               0.0) if fold < 0 else (sign * joints.hip_x, joints.hip_y, 0.0)
        tucked[f"leg_{side}"] = hang(body, turn_z(sign * out) @ turn_x(fold), hip)
    return tucked


def _tail_around(body: Matrix, pose: Pose) -> Matrix:
    """A tail that lies on the ground and curls to the front."""
    forward = body[:, 1] / np.linalg.norm(body[:, 1])
    front = np.array([-forward[2], 0.0, forward[0]]) * np.sign(forward[0])
    linear = np.stack([np.cross(front, forward), front, forward], axis=1)
    origin = body[:, :3] @ np.array([0.0, 0.13, 0.0]) + body[:, 3]
    return bone(linear @ turn_x(pose.tail_deg), (origin[0], 0.085, origin[2]))
