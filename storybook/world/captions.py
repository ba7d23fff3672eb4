"""A clip in words. Without `rng` the wording is plain and complete; with it, words and sentence forms vary."""

from __future__ import annotations

import numpy as np

from storybook.world.spec import ActorSpec, ClipSpec
from storybook.world.words import WORDS, present

__all__ = ["WORDS", "caption", "two_wordings"]

SIZE_WORDS = ("", "", "", "little ", "small ", "cute ", "plush ")
NO_COLOUR = ("", "", "", "colourful ")
OMIT = {"time_of_day": 0.25, "weather": 0.25, "camera": 0.2, "accessory": 0.12, "scene": 0.06, "colour": 0.06}


def caption(spec: ClipSpec, rng: np.random.Generator | None = None) -> str:
    """One sentence about a clip. An unnamed colour is never given a word."""
    where = _words("scene", spec.scene, rng)
    setting = _setting(spec, rng)
    camera = "" if spec.camera == "fixed" or _skips("camera", rng) else _words("camera", spec.camera, rng)
    if not spec.actors:
        return _join([f"an empty scene {where}", setting], camera)
    who = " and ".join(_actor(actor, rng) for actor in spec.actors)
    doing = [_words("action", actor.action, rng) for actor in spec.actors]
    if len(spec.actors) > 1 and len(set(doing)) > 1:
        clauses = " and ".join(f"{_actor(a, rng)} {d}" for a, d in zip(spec.actors, doing, strict=True))
        return _join([clauses, where, setting], camera)
    return _sentence(who, doing[0], where, setting, camera, plural=len(spec.actors) > 1, rng=rng)


FREE_FORMS = (  # none of `caption`'s, and none that has its parts in the order of evaluate/trials.py
    "{doing}, {who} {where}",
    "{doing}: {who} {where}",
    "{where}, {doing}, {who}",
    "{where} {does} {who}",
    "{where} {who} {does}",
    "{who} {does} {where}",
    "{who} that {be} {doing} {where}",
)


def two_wordings(spec: ClipSpec, rng: np.random.Generator) -> tuple[str, str]:
    """The same things of a clip in the same words, said as `caption` does and then in an order or with a verb that it never has.

    Time of day and weather come first or last, apart or together. Without actors both are alike.
    """
    if not spec.actors:
        return (caption(spec, rng),) * 2
    plural, where = len(spec.actors) > 1, _words("scene", spec.scene, rng)
    who, doing = [_actor(actor, rng) for actor in spec.actors], [_words("action", a.action, rng) for a in spec.actors]
    setting = _settings(spec, rng)
    camera = "" if spec.camera == "fixed" or _skips("camera", rng) else _words("camera", spec.camera, rng)
    if len(set(doing)) > 1:
        plain = " and ".join(f"{a} {d}" for a, d in zip(who, doing, strict=True))
        said = " and ".join(f"{a} {present(d)}" for a, d in zip(who, doing, strict=True)) + f" {where}"
        usual = f"{plain} {where}"
    else:
        does, be = present(doing[0], plural=plural), "are" if plural else "is"
        usual = f"{' and '.join(who)} {doing[0]} {where}"
        said = _pick(FREE_FORMS, rng).format(who=" and ".join(who), doing=doing[0], does=does, be=be, where=where)
    first = [thing for thing in setting if rng.random() < 0.4]
    last = [thing for thing in setting if thing not in first]
    said = ", ".join([*first, said]) if rng.random() < 0.7 else " ".join([*first, said])
    return _join([usual, *setting], camera), _join([said, *last], camera)


def _sentence(
    who: str, doing: str, where: str, setting: str, camera: str, *, plural: bool, rng: np.random.Generator | None
) -> str:
    form = 0 if rng is None else int(rng.choice(6, p=[0.40, 0.22, 0.12, 0.12, 0.08, 0.06]))
    be = "are" if plural else "is"
    if _skips("scene", rng):
        where = ""
    if form == 1:
        return _join([f"{who} {be} {doing}", where, setting], camera)
    if form == 2 and where:
        return _join([f"{where}, {who} {be} {doing}", setting], camera)
    if form == 3 and setting:
        return _join([f"{setting}, {who} {be} {doing}", where], camera)
    if form == 4:
        return _join([f"{who}, {doing}", where, setting], camera)
    if form == 5:
        return _join([f"there {be} {who} {doing}", where, setting], camera)
    return _join([who, doing, where, setting], camera)


def _actor(actor: ActorSpec, rng: np.random.Generator | None) -> str:
    colour = ""
    if actor.colour is not None and not _skips("colour", rng):
        colour = _words("colour", actor.colour, rng) + " "
    elif actor.colour is None and rng is not None:
        colour = _pick(NO_COLOUR, rng)
    size = "" if rng is None else _pick(SIZE_WORDS, rng)
    phrase = f"{size}{colour}{_words('creature', actor.creature, rng)}"
    article = "an" if phrase[0] in "aeiou" else "a"
    if rng is not None and rng.random() < 0.15:
        article = "the"
    if actor.accessory is None or actor.accessory_colour is None or _skips("accessory", rng):
        return f"{article} {phrase}"
    thing = f"{_words('colour', actor.accessory_colour, rng)} {_words('accessory', actor.accessory, rng)}"
    one = "" if actor.accessory == "stripes" else ("an " if thing[0] in "aeiou" else "a ")
    verb = "with"
    if actor.accessory in ("scarf", "hat") and rng is not None:
        verb = _pick(("with", "with", "wearing", "in"), rng)
    return f"{article} {phrase} {verb} {one}{thing}"


def _setting(spec: ClipSpec, rng: np.random.Generator | None) -> str:
    return " ".join(_settings(spec, rng))


def _settings(spec: ClipSpec, rng: np.random.Generator | None) -> list[str]:
    """Time of day and weather; plain day and clear weather go without saying in the plain wording."""
    said = []
    if not _skips("time_of_day", rng) and (spec.time_of_day != "day" or (rng is not None and rng.random() < 0.4)):
        said.append(_words("time_of_day", spec.time_of_day, rng))
    if spec.weather != "clear" and not _skips("weather", rng):
        said.append(_words("weather", spec.weather, rng))
    return said


def _join(parts: list[str], camera: str) -> str:
    text = " ".join(part for part in parts if part)
    return f"{text}, {camera}" if camera else text


def _words(kind: str, value: str, rng: np.random.Generator | None) -> str:
    """The plain word half of the time, else any."""
    ways = WORDS[kind][value]
    return ways[0] if rng is None or rng.random() < 0.45 else _pick(ways, rng)


def _pick(ways: tuple[str, ...], rng: np.random.Generator) -> str:
    return ways[int(rng.integers(len(ways)))]


def _skips(kind: str, rng: np.random.Generator | None) -> bool:
    return rng is not None and bool(rng.random() < OMIT[kind])
