"""A clip in words.

Without `rng` the wording is plain and complete; with it, words and sentence forms vary.
"""

from __future__ import annotations

import numpy as np

from storybook.world.figures import figure
from storybook.world.groups import clauses
from storybook.world.spec import ClipSpec
from storybook.world.voice import Voice, join
from storybook.world.words import WORDS, present
from storybook.world.world import STORYBOOK_1, World

__all__ = ["WORDS", "caption", "two_wordings"]


def caption(spec: ClipSpec, rng: np.random.Generator | None = None, world: World = STORYBOOK_1) -> str:
    """One sentence about a clip. An unnamed colour is never given a word."""
    voice = Voice(world.words, rng)
    where = voice.say("scene", spec.scene)
    setting = " ".join(_settings(spec, voice))
    camera = "" if spec.camera == "fixed" or voice.skips("camera") else voice.say("camera", spec.camera)
    if not spec.actors:
        return join([f"an empty scene {where}", setting], camera)
    who = [figure(actor, voice) for actor in spec.actors]
    doing = [voice.say("action", actor.action) for actor in spec.actors]
    if world is not STORYBOOK_1 and len(who) > 1 and (said := clauses(spec, who, doing, voice)):
        return join([said, where, setting], camera)
    if len(who) > 1 and len(set(doing)) > 1:
        pairs = " and ".join(f"{figure(a, voice)} {d}" for a, d in zip(spec.actors, doing, strict=True))
        return join([pairs, where, setting], camera)
    return _sentence(" and ".join(who), doing[0], (where, setting, camera), voice, plural=len(who) > 1)


FREE_FORMS = (  # none of `caption`'s, and none that has its parts in the order of evaluate/trials.py
    "{doing}, {who} {where}",
    "{doing}: {who} {where}",
    "{where}, {doing}, {who}",
    "{where} {does} {who}",
    "{where} {who} {does}",
    "{who} {does} {where}",
    "{who} that {be} {doing} {where}",
)


def two_wordings(spec: ClipSpec, rng: np.random.Generator, world: World = STORYBOOK_1) -> tuple[str, str]:
    """The same things of a clip in the same words, said as `caption` does and then in an order or with a verb
    that it never has.

    Time of day and weather come first or last, apart or together. Without actors both are alike.
    """
    if not spec.actors:
        return (caption(spec, rng, world),) * 2
    voice = Voice(world.words, rng)
    plural, where = len(spec.actors) > 1, voice.say("scene", spec.scene)
    who, doing = (
        [figure(actor, voice) for actor in spec.actors],
        [voice.say("action", a.action) for a in spec.actors],
    )
    setting = _settings(spec, voice)
    camera = "" if spec.camera == "fixed" or voice.skips("camera") else voice.say("camera", spec.camera)
    if len(set(doing)) > 1:
        plain = " and ".join(f"{a} {d}" for a, d in zip(who, doing, strict=True))
        said = " and ".join(f"{a} {present(d)}" for a, d in zip(who, doing, strict=True)) + f" {where}"
        usual = f"{plain} {where}"
    else:
        does, be = present(doing[0], plural=plural), "are" if plural else "is"
        usual = f"{' and '.join(who)} {doing[0]} {where}"
        said = voice.pick(FREE_FORMS).format(
            who=" and ".join(who), doing=doing[0], does=does, be=be, where=where
        )
    first = [thing for thing in setting if rng.random() < 0.4]
    last = [thing for thing in setting if thing not in first]
    said = ", ".join([*first, said]) if rng.random() < 0.7 else " ".join([*first, said])
    return join([usual, *setting], camera), join([said, *last], camera)


def _sentence(who: str, doing: str, place: tuple[str, str, str], voice: Voice, *, plural: bool) -> str:
    where, setting, camera = place
    form = 0 if voice.rng is None else int(voice.rng.choice(6, p=[0.40, 0.22, 0.12, 0.12, 0.08, 0.06]))
    be = "are" if plural else "is"
    if voice.skips("scene"):
        where = ""
    if form == 1:
        return join([f"{who} {be} {doing}", where, setting], camera)
    if form == 2 and where:
        return join([f"{where}, {who} {be} {doing}", setting], camera)
    if form == 3 and setting:
        return join([f"{setting}, {who} {be} {doing}", where], camera)
    if form == 4:
        return join([f"{who}, {doing}", where, setting], camera)
    if form == 5:
        return join([f"there {be} {who} {doing}", where, setting], camera)
    return join([who, doing, where, setting], camera)


def _settings(spec: ClipSpec, voice: Voice) -> list[str]:
    """Time of day and weather; plain day and clear weather go without saying in the plain wording."""
    said = []
    if not voice.skips("time_of_day") and (spec.time_of_day != "day" or voice.chance(0.4)):
        said.append(voice.say("time_of_day", spec.time_of_day))
    if spec.weather != "clear" and not voice.skips("weather"):
        said.append(voice.say("weather", spec.weather))
    return said
