"""Who can appear: every kind of figure by name, animals and people."""

from __future__ import annotations

from collections.abc import Callable

from storybook.world import beasts, fabled, livestock, people
from storybook.world.creatures import Kit, Vec
from storybook.world.people import CHILD, MAN, STOUT, WOMAN, Build
from storybook.world.skeleton import Joints
from storybook.world.species import SPECIES as PLUSH
from storybook.world.species import Species

PEOPLE = ("girl", "boy", "woman", "man", "old woman", "old man", "santa")


def _doll(
    build: Callable[[Kit], None], body: Build, tall: float, stature: float, hair: tuple[str, ...]
) -> Species:
    """A person; an adult's arms are a little longer than a child's."""
    rx, ry, rz = body.head
    child = body is CHILD
    joints = Joints(
        ear=(rx, 0.0, 0.0),
        head_y=ry - 0.008,
        shoulder=(body.wide - 0.006, body.neck - 0.065),
        hip_x=0.066,
        neck_y=body.neck,
        hip_y=body.hip,
        arm=0.190 if child else 0.205,
        leg=body.hip - 0.042,
        mouth=(0.0, -0.098 if child else -0.088, rz * 0.93),
    )
    belly: tuple[Vec, Vec] = ((0, body.hip + 0.14, 0.03), (body.wide * 0.75, 0.10, body.deep * 0.95))
    head = (rx + 0.020, ry + 0.030, rz + 0.024)  # with its hair
    return Species(build, joints, head, tall, belly, stature=stature, hair=hair)


GIRL_HAIR = ("long", "pigtails", "ponytail", "bob", "curly", "afro")
WOMAN_HAIR = ("long", "bob", "bun", "ponytail", "curly", "afro")

SPECIES: dict[str, Species] = {
    **PLUSH,
    "girl": _doll(people.girl, CHILD, 0.88, 0.92, GIRL_HAIR),
    "boy": _doll(people.boy, CHILD, 0.88, 0.92, ("short", "spiky", "curly", "afro")),
    "woman": _doll(people.woman, WOMAN, 0.98, 1.10, WOMAN_HAIR),
    "man": _doll(people.man, MAN, 0.98, 1.13, ("short", "spiky", "curly")),
    "old woman": _doll(people.old_woman, STOUT, 0.94, 1.02, ("bun",)),
    "old man": _doll(people.old_man, STOUT, 0.92, 1.06, ("balding",)),
    "santa": _doll(people.santa, STOUT, 1.08, 1.14, ("balding",)),
    "wolf": Species(
        beasts.wolf,
        Joints(ear=(0.125, 0.150, -0.01), shoulder=(0.148, 0.415), mouth=(0, -0.135, 0.30)),
        beasts.WOLF_HEAD,
        1.0,
    ),
    "pig": Species(
        livestock.pig,
        Joints(ear=(0.140, 0.145, 0.05), shoulder=(0.165, 0.40), mouth=(0, -0.145, 0.185)),
        livestock.PIG_HEAD,
        0.94,
    ),
    "bird": Species(
        beasts.bird,
        Joints(ear=(0.1, 0.2, 0), shoulder=(0.165, 0.40), hip_x=0.075, mouth=(0, -0.055, 0.24)),
        beasts.BIRD_HEAD,
        0.96,
        winged=True,
    ),
    "lion": Species(
        beasts.lion, Joints(ear=(0.150, 0.165, -0.01), mouth=(0, -0.115, 0.245)), beasts.LION_HEAD, 0.96
    ),
    "frog": Species(
        beasts.frog,
        Joints(ear=(0.1, 0.2, 0), shoulder=(0.150, 0.40), head_y=0.175, mouth=(0, -0.075, 0.195)),
        beasts.FROG_HEAD,
        0.88,
    ),
    "horse": Species(
        livestock.horse,
        Joints(ear=(0.085, 0.195, -0.02), mouth=(0, -0.185, 0.305)),
        livestock.HORSE_HEAD,
        1.02,
    ),
    "cow": Species(
        livestock.cow, Joints(ear=(0.165, 0.115, -0.01), mouth=(0, -0.160, 0.245)), livestock.COW_HEAD, 0.98
    ),
    "tortoise": Species(
        beasts.tortoise,
        Joints(ear=(0.1, 0.1, 0), head_y=0.245, mouth=(0, -0.090, 0.150)),
        beasts.TORTOISE_HEAD,
        0.86,
    ),
    "dragon": Species(
        fabled.dragon,
        Joints(ear=(0.190, 0.02, -0.02), mouth=(0, -0.120, 0.265)),
        fabled.DRAGON_HEAD,
        1.0,
        winged=True,
    ),
    "robot": Species(
        fabled.robot,
        Joints(ear=(0.2, 0.0, 0.0), shoulder=(0.215, 0.405), mouth=(0, -0.066, 0.197)),
        fabled.ROBOT_HEAD,
        0.98,
    ),
}
