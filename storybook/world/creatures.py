"""The eight plush creatures as lists of rounded parts, each hung on a bone (see `skeleton`): the kit they
share.

A part is a quadric: an ellipsoid, or a rounded cone for ears, beaks and snouts; or one of the `solids`.
`Kit.rig` gives them as arrays, so that a whole creature is moved by a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storybook.world.skeleton import Joints, Matrix, Pivots, turn_x, turn_y, turn_z
from storybook.world.spec import Rgb

Vec = tuple[float, float, float]
BALL, CONE = 0, 1
FUR, STRIPED, GLOSS, GLOW = 0, 1, 2, 3  # fur; fur that takes stripes; eyes and noses; unshaded highlights

INK: Rgb = (0.10, 0.08, 0.10)
WHITE: Rgb = (0.98, 0.97, 0.95)
BLUSH: Rgb = (0.98, 0.48, 0.50)
ORANGE: Rgb = (0.98, 0.62, 0.13)
ROSE: Rgb = (0.95, 0.56, 0.62)


@dataclass(frozen=True)
class Rig:
    """A creature's P parts in bone space, and its joints."""

    joints: Joints
    bones: tuple[str, ...]  # (P,) the bone of each part
    centre: NDArray[np.float64]  # (P, 3) a cone's is its apex
    axes: NDArray[np.float64]  # (P, 3, 3) columns: own axes times radii
    kind: NDArray[np.int64]  # (P,) BALL or CONE
    rgb: NDArray[np.float32]  # (P, 3)
    stuff: NDArray[np.int64]  # (P,) FUR, STRIPED, GLOSS or GLOW
    tall: float  # height of the standing creature, ears included
    thing: NDArray[np.bool_]  # (P,) a part of what it holds or rides, not of the creature
    pivots: Pivots


@dataclass
class Kit:
    """Collects parts. `main` is the body's colour; the tints are mixed from it."""

    main: Rgb
    parts: list[tuple[str, Vec, Matrix, int, Rgb, int]] = field(default_factory=list)
    pivots: Pivots = field(default_factory=dict)
    skin: Rgb = (0.95, 0.78, 0.64)  # of people
    hair: Rgb = (0.30, 0.20, 0.13)
    hair_style: str = "short"
    own: int | None = None  # how many parts are the creature's; those after it are things

    def rig(self, joints: Joints, tall: float) -> Rig:
        names, centre, axes, kind, rgb, stuff = zip(*self.parts, strict=True)
        return Rig(
            joints,
            names,
            np.array(centre),
            np.array(axes),
            np.array(kind),
            np.array(rgb, dtype=np.float32),
            np.array(stuff),
            tall,
            np.arange(len(names)) >= (self.own or len(names)),
            self.pivots,
        )

    @property
    def light(self) -> Rgb:
        return mix(self.main, WHITE, 0.62)

    @property
    def dark(self) -> Rgb:
        return mix(self.main, INK, 0.32)

    def ball(self, on: str, centre: Vec, radii: Vec, rgb: Rgb, *, turn: Matrix | None = None,
             stuff: int = FUR) -> None:
        axes = np.diag(radii) if turn is None else turn @ np.diag(radii)
        self.parts.append((on, centre, axes, BALL, rgb, stuff))

    def cone(self, on: str, base: Vec, radii: Vec, rgb: Rgb, *, turn: Matrix | None = None,
             stuff: int = FUR) -> None:
        """A rounded cone that stands on `base` along its own y.

        `radii` = (half width, height, half depth).
        """
        turn = np.eye(3) if turn is None else turn
        apex = np.asarray(base) + turn @ np.array([0.0, radii[1], 0.0])
        self.parts.append((on, (apex[0], apex[1], apex[2]), turn @ np.diag(radii), CONE, rgb, stuff))

    def solid(
        self, kind: int, on: str, centre: Vec, half: Vec, rgb: Rgb, *, turn: Matrix | None = None,
        stuff: int = FUR
    ) -> None:
        """A box, tube, ring or bowl of half sizes `half`; tubes and rings lie about their own y."""
        axes = np.diag(half) if turn is None else turn @ np.diag(half)
        self.parts.append((on, centre, axes, kind, rgb, stuff))

    def pair(
        self, on: str, centre: Vec, radii: Vec, rgb: Rgb, *, turn: Callable[[float], Matrix] | None = None,
        stuff: int = FUR
    ) -> None:
        """The same ball on both sides; `on` may hold {} for left and right."""
        for side, sign in (("left", 1.0), ("right", -1.0)):
            self.ball(
                on.format(side),
                (sign * centre[0], centre[1], centre[2]),
                radii,
                rgb,
                turn=turn(sign) if turn else None,
                stuff=stuff,
            )

    def chain(self, points: list[Vec], radius: float, rgb: Rgb, *, tip: Rgb | None = None) -> None:
        """A tail: overlapping balls from point to point on the tail's bone."""
        for k, (a, b) in enumerate(pairwise(points)):
            a_, b_ = np.asarray(a), np.asarray(b)
            along = b_ - a_
            half = float(np.linalg.norm(along)) / 2
            frame = _frame_along(along / (2 * half))
            m = (a_ + b_) / 2
            colour = tip if tip is not None and k == len(points) - 2 else rgb
            self.ball("tail", (m[0], m[1], m[2]), (radius, half + 0.8 * radius, radius), colour, turn=frame,
                      stuff=STRIPED)


def _frame_along(y: NDArray[np.float64]) -> Matrix:
    """A rotation whose second column is `y`."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(y[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    x = np.cross(y, helper)
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def mix(a: Rgb, b: Rgb, t: float) -> Rgb:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def on_head(radii: Vec, theta_deg: float, phi_deg: float, push: float = 1.0) -> tuple[Vec, Matrix]:
    """A place on an ellipsoid head (theta to its left, phi up), and a frame whose z looks outward."""
    frame = turn_y(theta_deg) @ turn_x(-phi_deg)
    p = push * np.asarray(radii) * frame[:, 2]
    return (p[0], p[1], p[2]), frame


def face(
    kit: Kit, head: Vec, *, eye_deg: float = 25, eye_phi: float = 6, eye: float = 1.0,
    cheek: Rgb | None = None
) -> None:
    """Eyes with highlights, their closed lids, and blush."""
    for sign in (1.0, -1.0):
        at, frame = on_head(head, sign * eye_deg, eye_phi, 0.97)
        kit.ball("open", at, (0.057 * eye, 0.070 * eye, 0.022), WHITE, turn=frame, stuff=GLOW)
        at, frame = on_head(head, sign * (eye_deg - 1.5), eye_phi - 0.5, 1.02)
        kit.ball("open", at, (0.044 * eye, 0.056 * eye, 0.022), INK, turn=frame, stuff=GLOSS)
        shine, _ = on_head(head, sign * (eye_deg - 1.5) + 4.5, eye_phi + 7, 1.10)
        kit.ball("open", shine, (0.019 * eye, 0.021 * eye, 0.018), (1.0, 1.0, 1.0), stuff=GLOW)
        for step, drop in ((-10.0, 1.5), (-3.5, -2.0), (3.5, -2.0), (10.0, 1.5)):  # a sleepy curve
            at, frame = on_head(head, sign * eye_deg + step, eye_phi - 3 + drop, 1.0)
            kit.ball("shut", at, (0.022, 0.014, 0.016), INK, turn=frame @ turn_z(step * 3.2))
        for step, drop in ((-10.0, -3.0), (-3.5, 2.0), (3.5, 2.0), (10.0, -3.0)):  # a glad one
            at, frame = on_head(head, sign * eye_deg + step, eye_phi - 1 + drop, 1.0)
            kit.ball("glad", at, (0.023, 0.015, 0.018), INK, turn=frame @ turn_z(step * -3.6))
        for drop, swell in ((14, 0.026), (29, 0.036)):
            at, frame = on_head(head, sign * (eye_deg + 5), eye_phi - drop, 1.03)
            kit.ball("tears", at, (swell, swell * 1.35, 0.022), (0.55, 0.82, 1.0), turn=frame, stuff=GLOSS)
        at, frame = on_head(head, sign * (eye_deg + 17), eye_phi - 23, 0.975)
        kit.ball("head", at, (0.047, 0.033, 0.014), mix(cheek or kit.main, BLUSH, 0.45 if cheek else 0.62),
                 turn=frame)


def talking_mouth(kit: Kit, at: Vec) -> None:
    """An open mouth with a tongue, shown while it talks or laughs."""
    x, y, z = at
    kit.ball("talk", (x, y, z), (0.046, 0.048, 0.034), (0.42, 0.10, 0.12))
    kit.ball("talk", (x, y - 0.020, z + 0.010), (0.030, 0.022, 0.028), (0.95, 0.45, 0.48))


def trunk(kit: Kit, body: Vec = (0.180, 0.195, 0.160), *, paws: Rgb | None = None, feet: bool = True) -> None:
    """Body, arms and legs that most species share."""
    paw = paws or kit.main
    kit.ball("body", (0, 0.295, 0), body, kit.main, stuff=STRIPED)
    kit.ball("body", (0, 0.40, 0), (body[0] * 0.80, 0.11, body[2] * 0.80), kit.main, stuff=STRIPED)
    kit.pair("arm_{}", (0, -0.085, 0), (0.060, 0.125, 0.062), kit.main, stuff=STRIPED)
    kit.pair("arm_{}", (0, -0.185, 0.008), (0.062, 0.060, 0.064), paw)
    if feet:
        kit.pair("leg_{}", (0, -0.035, 0.0), (0.082, 0.105, 0.085), kit.main, stuff=STRIPED)
        kit.pair("leg_{}", (0, -0.093, 0.038), (0.082, 0.052, 0.112), paw)


def muzzle(kit: Kit, centre: Vec, radii: Vec, rgb: Rgb, nose: Vec, nose_rgb: Rgb = INK) -> None:
    """A muzzle with a nose on top of its front and a small smile."""
    x, y, z = centre
    kit.ball("head", centre, radii, rgb)
    kit.ball("head", (x, y + radii[1] * 0.48, z + radii[2] * 0.86), nose, nose_rgb, stuff=GLOSS)
    for sign in (1.0, -1.0):
        kit.ball(
            "head",
            (sign * 0.026, y - radii[1] * 0.36, z + radii[2] * 0.88),
            (0.032, 0.013, 0.022),
            mix(rgb, INK, 0.72),
            turn=turn_z(sign * 24),
        )
