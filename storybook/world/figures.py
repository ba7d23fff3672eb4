"""A figure in words: "a little red bear with a blue hat", "a girl with long black hair in a green dress"."""

from __future__ import annotations

import colorsys

from storybook.world.cast import PEOPLE
from storybook.world.spec import ActorSpec, Rgb
from storybook.world.voice import Voice, article
from storybook.world.words import CLOTHES, HAIR_STYLES

SIZE_WORDS = ("", "", "", "little ", "small ", "cute ", "plush ")
NO_COLOUR = ("", "", "", "colourful ")
SAYS_HAIR = 0.18  # shares of the varied captions
SAYS_SKIN = 0.08
WEARS = ("in", "in", "wearing", "dressed in")


def figure(actor: ActorSpec, voice: Voice) -> str:
    """Who it is and what it wears. A colour without a name has no word."""
    return _person(actor, voice) if actor.creature in PEOPLE else _animal(actor, voice)


def _animal(actor: ActorSpec, voice: Voice) -> str:
    colour = ""
    if actor.colour is not None and not voice.skips("colour"):
        colour = voice.say("colour", actor.colour) + " "
    elif actor.colour is None and voice.rng is not None:
        colour = voice.pick(NO_COLOUR)
    size = "" if voice.rng is None else voice.pick(SIZE_WORDS)
    phrase = f"{size}{colour}{voice.say('creature', actor.creature)}"
    first = "the" if voice.chance(0.15) else article(phrase)
    if actor.accessory is None or actor.accessory_colour is None or voice.skips("accessory"):
        return f"{first} {phrase}"
    verb, thing = _worn(actor, voice)
    return f"{first} {phrase} {verb} {thing}"


def _person(actor: ActorSpec, voice: Voice) -> str:
    noun = voice.say("creature", actor.creature)
    if actor.creature == "santa":
        return noun
    if voice.chance(SAYS_SKIN):
        noun = f"{skin_word(actor.skin_rgb)}-skinned {noun}"
    parts = [f"{'the' if voice.chance(0.15) else article(noun)} {noun}"]
    if actor.hair_style and voice.chance(SAYS_HAIR):
        parts.append(f"with {HAIR_STYLES[actor.hair_style]} {hair_word(actor.hair_rgb)} hair")
    if actor.colour is not None and not voice.skips("colour"):
        colour = voice.say("colour", actor.colour)
        cloth = f"{colour} {voice.pick(CLOTHES[actor.creature])}"
        parts.append(
            f"in {actor.colour}" if voice.chance(0.25) else f"{voice.pick(WEARS)} {article(cloth)} {cloth}"
        )
    if actor.accessory is not None and actor.accessory_colour is not None and not voice.skips("accessory"):
        verb, thing = _worn(actor, voice)
        dressed = len(parts) > 1 and verb != "with"
        parts.append(f"and {thing}" if dressed else f"with {thing}")
    return " ".join(parts)


def _worn(actor: ActorSpec, voice: Voice) -> tuple[str, str]:
    """The verb and "a blue hat"."""
    assert actor.accessory is not None
    assert actor.accessory_colour is not None
    thing = f"{voice.say('colour', actor.accessory_colour)} {voice.say('accessory', actor.accessory)}"
    one = "" if actor.accessory == "stripes" else f"{article(thing)} "
    verb = "with"
    if actor.accessory not in ("belly patch", "stripes") and voice.rng is not None:
        verb = voice.pick(("with", "with", "wearing", "in"))
    return verb, one + thing


def hair_word(rgb: Rgb) -> str:
    """The plain name of a hair colour."""
    _, saturation, value = colorsys.rgb_to_hsv(*rgb)
    if saturation < 0.2:
        return "white" if value > 0.84 else "black" if value < 0.25 else "grey"
    if value < 0.26:
        return "black"
    if value > 0.80:
        return "blond"
    return "red" if rgb[0] > 2.0 * rgb[1] and value > 0.62 else "brown"


def skin_word(rgb: Rgb) -> str:
    return "fair" if rgb[0] > 0.90 else "brown" if rgb[0] > 0.60 else "dark"
