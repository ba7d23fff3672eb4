"""Two or three figures in words: who does what at the left, at the right, behind, in front, face to face."""

from __future__ import annotations

from storybook.world.spec import ClipSpec
from storybook.world.voice import Voice

APART_ROWS = 0.05  # difference of the feet's rows from which one stands behind
FACING_DEG = 34.0
SAYS_PLACE = 0.75  # of the varied captions
PLACES = {2: ("on the left", "on the right"), 3: ("on the left", "in the middle", "on the right")}


def arrangement(spec: ClipSpec) -> str:
    """How two or three figures stand, from what is seen: "behind", "facing" or "beside"."""
    actors = sorted(spec.actors, key=lambda actor: actor.x)
    rows = [actor.row or 0.0 for actor in actors]
    if len(actors) == 2 and max(rows) - min(rows) > APART_ROWS:
        return "behind"
    left, right = actors[0], actors[-1]
    if len(actors) == 2 and left.azimuth_deg > FACING_DEG and right.azimuth_deg < -FACING_DEG:
        return "facing"
    return "beside"


def clauses(spec: ClipSpec, who: list[str], doing: list[str], voice: Voice) -> str:
    """The figures with their actions and places; empty when all do the same and a plain list says it.

    `who` and `doing` are in the order of the actors; the sentence may go from left to right instead.
    """
    same = len({actor.action for actor in spec.actors}) == 1
    if all(actor.action == "hugging" for actor in spec.actors):
        return f"{who[0]} and {who[1]} {voice.pick((f'{doing[0]} each other', f'are {doing[0]}', doing[0]))}"
    how = arrangement(spec)
    says_place = voice.rng is None or voice.chance(SAYS_PLACE)
    if how == "behind" and says_place:
        return _in_depth(spec, who, doing, voice)
    if how == "facing" and says_place:
        return _face_to_face(spec, who, doing, voice)
    if says_place:
        return _side_by_side(spec, who, doing, voice)
    return "" if same else " and ".join(f"{w} {d}" for w, d in zip(who, doing, strict=True))


def _in_depth(spec: ClipSpec, who: list[str], doing: list[str], voice: Voice) -> str:
    front, back = sorted((0, 1), key=lambda k: -(spec.actors[k].row or 0.0))
    forms = (
        f"{who[front]} {doing[front]} in front and {who[back]} {doing[back]} behind",
        f"{who[front]} {doing[front]} in front of {who[back]} who is {doing[back]}",
        f"{who[back]} {doing[back]} behind {who[front]} who is {doing[front]}",
        f"in front {who[front]} {doing[front]}, behind {who[back]} {doing[back]}",
    )
    return voice.pick(forms)


def _face_to_face(spec: ClipSpec, who: list[str], doing: list[str], voice: Voice) -> str:
    (a, b), actions = (0, 1), [actor.action for actor in spec.actors]
    forms = [
        f"{who[a]} {doing[a]} and {who[b]} {doing[b]}, facing each other",
        f"{who[a]} {doing[a]} face to face with {who[b]} who is {doing[b]}",
    ]
    if actions == ["talking", "talking"]:
        forms = [
            f"{who[a]} and {who[b]} {doing[a]}, facing each other",
            f"{who[a]} talking with {who[b]}",
            f"{who[a]} meeting {who[b]}",
        ]
    elif actions[0] == "talking":
        forms.append(f"{who[a]} talking to {who[b]} who is {doing[b]}")
    return voice.pick(forms)


def _side_by_side(spec: ClipSpec, who: list[str], doing: list[str], voice: Voice) -> str:
    order = sorted(range(len(who)), key=lambda k: spec.actors[k].x)
    places = PLACES[len(who)]
    said = [(who[k], doing[k], place) for k, place in zip(order, places, strict=True)]
    after = (
        " and ".join(f"{w} {d} {place}" for w, d, place in said)
        if len(said) == 2
        else ", ".join(f"{w} {d} {p}" for w, d, p in said)
    )
    forms = [after, ", ".join(f"{place} {w} {d}" for w, d, place in said)]
    if len(said) == 2:
        (w0, d0, _), (w1, d1, _) = said
        forms += [
            f"{w0} {d0} beside {w1} {d1}",
            f"{w0} {d0} to the left of {w1} who is {d1}",
            f"{w1} {d1} to the right of {w0} who is {d0}",
        ]
    return voice.pick(forms)
