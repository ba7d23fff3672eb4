"""What figures hold, ride or lie in, as parts with their own depth, hung on the bones that `skeleton`
places."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from storybook.world.creatures import GLOSS, GLOW, INK, WHITE, Kit, mix
from storybook.world.skeleton import turn_x, turn_y, turn_z
from storybook.world.solids import BOWL, BOX, RING, TUBE
from storybook.world.spec import Rgb

WOOD: Rgb = (0.66, 0.45, 0.28)
STEEL: Rgb = (0.72, 0.74, 0.78)
TYRE: Rgb = (0.16, 0.16, 0.18)
CARDBOARD: Rgb = (0.80, 0.62, 0.42)
Painter = Callable[[Kit, Rgb], None]


def cup(kit: Kit, rgb: Rgb) -> None:
    """A drinking glass in the right hand."""
    on = "hand_right"
    kit.solid(TUBE, on, (0, 0.055, 0.03), (0.058, 0.084, 0.058), mix(rgb, WHITE, 0.25))
    kit.solid(RING, on, (0, 0.142, 0.03), (0.060, 0.010, 0.060), mix(rgb, WHITE, 0.7))
    kit.solid(TUBE, on, (0, 0.138, 0.03), (0.047, 0.004, 0.047), mix(rgb, INK, 0.35))


def apple(kit: Kit, rgb: Rgb) -> None:
    on = "hand_right"
    kit.ball(on, (0, 0.03, 0.035), (0.072, 0.066, 0.072), (0.88, 0.16, 0.15), stuff=GLOSS)
    kit.solid(TUBE, on, (0, 0.100, 0.035), (0.008, 0.024, 0.008), (0.40, 0.26, 0.14))
    kit.ball(on, (0.030, 0.108, 0.035), (0.036, 0.015, 0.020), (0.36, 0.70, 0.26), turn=turn_z(24))


def book(kit: Kit, rgb: Rgb) -> None:
    """An open book, its covers outward and its pages to the reader."""
    for sign in (1.0, -1.0):
        tilt = turn_y(-20 * sign)
        kit.solid(BOX, "hold", (sign * 0.088, 0, 0.0), (0.092, 0.120, 0.010), rgb, turn=tilt)
        kit.solid(
            BOX, "hold", (sign * 0.086, 0.004, -0.016), (0.084, 0.112, 0.010), (0.98, 0.96, 0.90), turn=tilt
        )
    kit.solid(BOX, "hold", (0, 0, 0.030), (0.014, 0.120, 0.010), mix(rgb, INK, 0.3))
    kit.solid(BOX, "hold", (0.095, 0.028, 0.010), (0.046, 0.030, 0.006), (0.98, 0.86, 0.42), turn=turn_y(-20))


def box(kit: Kit, rgb: Rgb) -> None:
    """A parcel in both arms."""
    kit.solid(BOX, "hold", (0, 0, 0.12), (0.155, 0.130, 0.125), CARDBOARD)
    kit.solid(BOX, "hold", (0, 0, 0.12), (0.034, 0.133, 0.128), rgb)
    kit.solid(BOX, "hold", (0, 0, 0.12), (0.157, 0.132, 0.030), rgb)


def crate(kit: Kit, rgb: Rgb) -> None:
    """A wooden crate on the ground, to push."""
    at, half = (0.0, 0.225, 0.56), (0.230, 0.225, 0.230)
    kit.solid(BOX, "ground", at, half, mix(WOOD, (1.0, 0.85, 0.6), 0.25))
    dark = mix(WOOD, INK, 0.18)
    for y in (0.025, 0.425):
        kit.solid(BOX, "ground", (at[0], y, at[2]), (half[0] + 0.010, 0.034, half[2] + 0.010), dark)
    for x in (-0.205, 0.205):
        for z in (-0.205, 0.205):
            kit.solid(BOX, "ground", (x, at[1], at[2] + z), (0.036, half[1], 0.036), dark)


def ball(kit: Kit, rgb: Rgb) -> None:
    """A toy ball with two bands, thrown up and caught."""
    kit.ball("toss", (0, 0, 0), (0.125, 0.125, 0.125), rgb, stuff=GLOSS)
    kit.solid(TUBE, "toss", (0, 0, 0), (0.127, 0.030, 0.127), WHITE, turn=turn_z(35))
    kit.ball("toss", (0, 0, 0), (0.129, 0.129, 0.030), (0.99, 0.84, 0.30), turn=turn_y(40) @ turn_x(15))


def ladder(kit: Kit, rgb: Rgb) -> None:
    for x in (-0.150, 0.150):
        kit.solid(BOX, "ground", (x, 0.86, 0.330), (0.026, 0.90, 0.030), WOOD)
    for k in range(9):
        kit.solid(BOX, "ground", (0, 0.10 + 0.19 * k, 0.330), (0.150, 0.020, 0.024), mix(WOOD, WHITE, 0.18))


WHEEL_R, CRANK = 0.225, (0.0, 0.200, -0.02)
WHEELS_Z = (0.400, -0.370)


def bicycle(kit: Kit, rgb: Rgb) -> None:
    for name, z in zip(("wheel_front", "wheel_back"), WHEELS_Z, strict=True):
        kit.pivots[name] = ((0.0, WHEEL_R, z), lambda spin: spin)
        upright = turn_z(90)
        kit.solid(RING, name, (0, 0, 0), (WHEEL_R, 0.026, WHEEL_R), TYRE, turn=upright)
        kit.solid(TUBE, name, (0, 0, 0), (0.034, 0.030, 0.034), STEEL, turn=upright)
        for deg in (0, 60, 120):
            kit.solid(
                BOX, name, (0, 0, 0), (0.007, WHEEL_R * 0.84, 0.007), mix(STEEL, WHITE, 0.3), turn=turn_x(deg)
            )
    joints = {
        "head": (0.56, 0.300),
        "seat": (0.46, -0.150),
        "crank": (CRANK[1], CRANK[2]),
        "back": (WHEEL_R, -0.370),
        "front": (WHEEL_R, 0.400),
    }
    for a, b, thick in (
        ("head", "seat", 0.026),
        ("head", "crank", 0.028),
        ("seat", "crank", 0.026),
        ("crank", "back", 0.020),
        ("seat", "back", 0.018),
        ("head", "front", 0.024),
    ):
        _bar(kit, "mount", joints[a], joints[b], thick, rgb)
    kit.ball("mount", (0, 0.485, -0.155), (0.075, 0.036, 0.105), INK)
    _bar(kit, "mount", (0.56, 0.300), (0.640, 0.275), 0.020, STEEL)
    kit.solid(TUBE, "mount", (0, 0.640, 0.272), (0.018, 0.200, 0.018), STEEL, turn=turn_z(90))
    for x in (-0.175, 0.175):
        kit.solid(TUBE, "mount", (x, 0.640, 0.268), (0.028, 0.040, 0.028), INK, turn=turn_z(90))
    kit.ball("mount", (0, 0.560, 0.350), (0.040, 0.040, 0.036), (1.0, 0.93, 0.62), stuff=GLOW)
    kit.pivots["crank"] = (CRANK, lambda spin: spin)
    kit.solid(TUBE, "crank", (0, 0, 0), (0.062, 0.016, 0.062), STEEL, turn=turn_z(90))
    for sign in (1.0, -1.0):
        kit.solid(BOX, "crank", (sign * 0.045, sign * 0.045, 0), (0.010, 0.052, 0.014), STEEL)
        kit.solid(BOX, "crank", (sign * 0.080, sign * 0.090, 0), (0.040, 0.013, 0.034), INK)


def _bar(kit: Kit, on: str, a: tuple[float, float], b: tuple[float, float], thick: float, rgb: Rgb) -> None:
    """A round bar between two points (y, z) of the middle plane."""
    from math import atan2, degrees, hypot

    dy, dz = b[0] - a[0], b[1] - a[1]
    kit.ball(
        on,
        (0, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2),
        (thick, hypot(dy, dz) / 2 + thick, thick),
        rgb,
        turn=turn_x(degrees(atan2(dz, dy))),
    )


def _stepping(spin_deg: float) -> float:
    return 34 * sin(spin_deg * pi / 180)


def _counter_stepping(spin_deg: float) -> float:
    return -_stepping(spin_deg)


def pony(kit: Kit, rgb: Rgb) -> None:
    """A horse to ride, on four legs."""
    dark, light = mix(rgb, INK, 0.58), mix(rgb, WHITE, 0.45)
    kit.ball("mount", (0, 0.430, 0.0), (0.185, 0.180, 0.360), rgb)
    kit.ball("mount", (0, 0.445, 0.230), (0.165, 0.175, 0.165), rgb)
    kit.ball("mount", (0, 0.440, -0.235), (0.175, 0.180, 0.170), rgb)
    kit.ball("mount", (0, 0.640, 0.400), (0.100, 0.230, 0.125), rgb, turn=turn_x(30))
    kit.ball("mount", (0, 0.830, 0.520), (0.112, 0.125, 0.130), rgb)
    kit.ball("mount", (0, 0.770, 0.640), (0.088, 0.092, 0.160), rgb, turn=turn_x(34))
    kit.ball("mount", (0, 0.715, 0.735), (0.086, 0.072, 0.072), light)
    for sign in (1.0, -1.0):
        kit.cone("mount", (sign * 0.060, 0.920, 0.480), (0.034, 0.115, 0.030), rgb, turn=turn_z(-8 * sign))
        kit.ball("mount", (sign * 0.098, 0.850, 0.585), (0.024, 0.034, 0.030), INK, stuff=GLOSS)
        kit.ball("mount", (sign * 0.113, 0.860, 0.592), (0.009, 0.010, 0.010), WHITE, stuff=GLOW)
        kit.ball("mount", (sign * 0.040, 0.735, 0.800), (0.014, 0.018, 0.012), mix(light, INK, 0.7))
    for y, z in ((0.945, 0.500), (0.880, 0.400), (0.790, 0.330), (0.690, 0.270), (0.600, 0.215)):
        kit.ball("mount", (0, y, z), (0.045, 0.085, 0.065), dark, turn=turn_x(24))
    kit.solid(BOX, "mount", (0, 0.592, 0.00), (0.120, 0.028, 0.150), (0.72, 0.22, 0.20))
    kit.ball("mount", (0, 0.510, 0.0), (0.198, 0.110, 0.140), (0.82, 0.28, 0.24))
    for k, (x, z) in enumerate(((0.095, 0.250), (-0.095, 0.250), (0.100, -0.260), (-0.100, -0.260))):
        name = f"hoof_{k}"
        kit.pivots[name] = ((x, 0.390, z), _stepping if k in (0, 3) else _counter_stepping)
        kit.ball(name, (0, -0.110, 0), (0.064, 0.160, 0.072), rgb)
        kit.ball(name, (0, -0.270, 0), (0.048, 0.105, 0.052), rgb)
        kit.ball(name, (0, -0.350, 0.012), (0.058, 0.042, 0.066), dark)
    kit.pivots["dock"] = ((0.0, 0.520, -0.380), lambda spin: 12 * sin(spin * pi / 180))
    for y, z, r in ((-0.01, -0.04, 0.055), (-0.10, -0.09, 0.070), (-0.22, -0.10, 0.064)):
        kit.ball("dock", (0, y, z), (r * 0.8, 0.100, r), dark, turn=turn_x(-14))


def cart(kit: Kit, rgb: Rgb) -> None:
    """An open wooden cart on four wheels, to sit in."""
    kit.solid(BOX, "mount", (0, 0.215, 0), (0.255, 0.026, 0.420), mix(rgb, INK, 0.3))
    for x in (-0.255, 0.255):
        kit.solid(BOX, "mount", (x, 0.315, 0), (0.018, 0.100, 0.420), rgb)
    for z in (-0.420, 0.420):
        kit.solid(BOX, "mount", (0, 0.315, z), (0.260, 0.100, 0.018), mix(rgb, INK, 0.12))
    for x in (-0.275, 0.275):
        kit.solid(BOX, "mount", (x, 0.405, 0), (0.014, 0.018, 0.420), mix(rgb, WHITE, 0.45))
    for k, (x, z) in enumerate(((0.295, 0.270), (-0.295, 0.270), (0.295, -0.270), (-0.295, -0.270))):
        name = f"wheel_{k}"
        kit.pivots[name] = ((x, 0.150, z), lambda spin: spin)
        kit.solid(RING, name, (0, 0, 0), (0.150, 0.026, 0.150), TYRE, turn=turn_z(90))
        kit.solid(TUBE, name, (0, 0, 0), (0.046, 0.030, 0.046), (0.98, 0.82, 0.30), turn=turn_z(90))
        for deg in (0, 45, 90, 135):
            kit.solid(BOX, name, (0, 0, 0), (0.014, 0.125, 0.014), WOOD, turn=turn_x(deg))
    _bar(kit, "mount", (0.220, 0.430), (0.430, 0.740), 0.020, WOOD)
    kit.solid(TUBE, "mount", (0, 0.430, 0.740), (0.018, 0.090, 0.018), WOOD, turn=turn_z(90))


def bed(kit: Kit, rgb: Rgb) -> None:
    """A bed across the frame, its head at the sleeper's.

    A blanket over the sleeper's back. Its z is the sleeper's way.
    """
    kit.solid(BOX, "mount", (0, 0.150, -0.03), (0.330, 0.060, 0.640), WOOD)
    kit.solid(BOX, "mount", (0, 0.245, -0.03), (0.320, 0.055, 0.620), (0.96, 0.95, 0.92))
    kit.solid(BOX, "mount", (0, 0.330, 0.640), (0.340, 0.330, 0.036), mix(WOOD, WHITE, 0.1))
    kit.solid(BOX, "mount", (0, 0.230, -0.690), (0.340, 0.230, 0.036), WOOD)
    kit.ball("mount", (0, 0.335, 0.330), (0.265, 0.085, 0.200), (0.99, 0.99, 1.0))
    kit.ball("mount", (0.02, 0.355, -0.300), (0.305, 0.245, 0.400), rgb)
    kit.solid(BOX, "mount", (0, 0.265, -0.300), (0.335, 0.085, 0.350), rgb)
    kit.ball("mount", (0.02, 0.400, 0.030), (0.290, 0.165, 0.085), mix(rgb, WHITE, 0.6))
    for z in (0.620, -0.670):
        for x in (-0.290, 0.290):
            kit.solid(BOX, "mount", (x, 0.055, z), (0.036, 0.060, 0.036), mix(WOOD, INK, 0.2))
            kit.ball("mount", (x, 0.680 if z > 0 else 0.480, z), (0.046, 0.046, 0.046), mix(WOOD, INK, 0.2))


def boat(kit: Kit, rgb: Rgb) -> None:
    """A rowing boat; the water line is at half its height."""
    kit.solid(BOWL, "mount", (0, 0.330, 0), (0.300, 0.360, 0.640), rgb)
    kit.solid(BOWL, "mount", (0, 0.336, 0), (0.270, 0.270, 0.595), mix(WOOD, WHITE, 0.15))
    kit.solid(RING, "mount", (0, 0.332, 0), (0.312, 0.022, 0.652), mix(rgb, WHITE, 0.6))
    kit.solid(BOX, "mount", (0, 0.250, -0.06), (0.240, 0.020, 0.075), WOOD)
    kit.solid(TUBE, "mount", (0, 0.700, -0.36), (0.020, 0.430, 0.020), WOOD)
    kit.solid(BOX, "mount", (0, 1.070, -0.44), (0.010, 0.050, 0.085), (0.96, 0.30, 0.28))


def table(kit: Kit, rgb: Rgb) -> None:
    """A table that stands in the scene."""
    kit.solid(BOX, "mount", (0, 0.470, 0), (0.420, 0.030, 0.260), WOOD)
    kit.solid(BOX, "mount", (0, 0.503, 0), (0.300, 0.006, 0.262), mix(rgb, WHITE, 0.3))
    for x in (-0.370, 0.370):
        for z in (-0.210, 0.210):
            kit.solid(BOX, "mount", (x, 0.225, z), (0.034, 0.220, 0.034), mix(WOOD, INK, 0.15))


def laid_table(kit: Kit, rgb: Rgb) -> None:
    """The same with a cup and a plate of fruit."""
    table(kit, rgb)
    kit.solid(TUBE, "mount", (-0.170, 0.565, 0.05), (0.055, 0.060, 0.055), WHITE)
    kit.solid(TUBE, "mount", (0.130, 0.520, 0.02), (0.130, 0.012, 0.130), (0.94, 0.95, 0.98))
    for x, z, r in ((0.075, 0.02, 0.056), (0.180, 0.00, 0.054), (0.130, 0.08, 0.054)):
        kit.ball(
            "mount",
            (x, 0.580, z),
            (r, r, r),
            (0.88, 0.20, 0.16) if x < 0.15 else (0.98, 0.70, 0.16),
            stuff=GLOSS,
        )


def parked_ball(kit: Kit, rgb: Rgb) -> None:
    kit.ball("mount", (0, 0.16, 0), (0.16, 0.16, 0.16), rgb, stuff=GLOSS)
    kit.ball("mount", (0, 0.16, 0), (0.165, 0.165, 0.040), WHITE, turn=turn_y(30) @ turn_x(20))


def stacked_boxes(kit: Kit, rgb: Rgb) -> None:
    kit.solid(BOX, "mount", (0, 0.17, 0), (0.20, 0.17, 0.18), CARDBOARD)
    kit.solid(BOX, "mount", (0, 0.17, 0), (0.202, 0.172, 0.036), mix(rgb, WHITE, 0.2))
    kit.solid(BOX, "mount", (0.03, 0.46, 0), (0.15, 0.12, 0.14), mix(CARDBOARD, WHITE, 0.15), turn=turn_y(18))


HELD: dict[str, Painter] = {
    "cup": cup,
    "apple": apple,
    "book": book,
    "box": box,
    "crate": crate,
    "ball": ball,
    "ladder": ladder,
    "bicycle": bicycle,
    "pony": pony,
    "cart": cart,
    "bed": bed,
    "boat": boat,
}
STANDING: dict[str, Painter] = {
    "table": table,
    "laid table": laid_table,
    "ball": parked_ball,
    "boxes": stacked_boxes,
    "bicycle": bicycle,
    "boat": boat,
    "cart": cart,
}
PEDAL_R = 0.09


def pedal(spin_deg: float, side: float) -> tuple[float, float, float]:
    """Where a pedal is, on the mount's bone."""
    a = spin_deg * pi / 180
    return (
        side * 0.080,
        CRANK[1] + side * PEDAL_R * cos(a) + 0.045,
        CRANK[2] + side * PEDAL_R * sin(a) + 0.015,
    )
