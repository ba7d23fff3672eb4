"""Who speaks how: the narrator's voice, and one for each of a story's cast that stays through the film."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

import regex  # type: ignore[import-untyped]
from pydantic import Field

from storyanim.artifacts import FrozenModel, Role
from storyanim.errors import UsageError
from storyanim.film.sound.voice_models import VoiceModel


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By what somebody is: pitch, and words a minute. A mouse is no bear.
_SMALL = _words(
    "mouse bird sparrow robin wren chick duckling kitten puppy cub rabbit bunny squirrel hedgehog frog bee "
    "butterfly ant snail mole bat hamster fairy elf gnome dwarf baby child kid boy girl son daughter prince "
    "princess lamb goat piglet fawn hen duck cat penguin toad beetle cricket fly")
_LARGE = _words(
    "bear giant dragon elephant troll ogre lion tiger ox bull horse whale hippo rhino wolf gorilla moose "
    "stag monster king grandfather oak tree mountain wind sea shark crocodile walrus mammoth dinosaur")
_SMALL_SOUND, _LARGE_SOUND, _SOUND = (78, 178), (22, 140), (50, 162)
_PITCH_STEPS, _VARIANTS = 9, 3                       # by which two of a kind differ
# Letters that eSpeak NG spells one by one in other languages ("Hebrew letter shin"): the language that speaks
# them, their class, and the languages that are written so.
_SCRIPTS = (
    ("ja", r"\p{Han}*[\p{Hiragana}\p{Katakana}]+\p{Han}*", "ja"),
    ("cmn", r"\p{Han}+", "cmn yue hak ja"),
    ("ru", r"\p{Cyrillic}+", "ru uk be bg sr mk kk ky tt ba cv tg mn"),
    ("el", r"\p{Greek}+", "el grc"),
    ("he", r"\p{Hebrew}+", "he yi"),
    ("ar", r"\p{Arabic}+", "ar fa ur sd ug ku ps"),
    ("th", r"\p{Thai}+", "th"),
)
_FOREIGN = regex.compile("|".join(rf"(?P<{tag}>(?:[^\p{{L}}\p{{N}}]*{letters})+)"
                                  for tag, letters, _ in _SCRIPTS))
_WRITTEN_SO = {tag: _words(languages) for tag, _, languages in _SCRIPTS}
_SPOKEN = {"zh": "cmn", "no": "nb"}                  # what eSpeak NG calls otherwise


class Voice(FrozenModel):
    """How somebody speaks."""

    language: str = "en-us"
    gender: Literal["", "male", "female"] = ""
    variant: int = Field(default=0, ge=0, le=9)      # which of the language's voices of that gender
    pitch: int = Field(default=50, ge=0, le=99)
    speed: int = Field(default=160, ge=80, le=450)   # words a minute
    model: str = ""                                  # name of a VoiceModel; "": eSpeak NG


class Line(FrozenModel):
    """Words that one voice speaks in a go."""

    text: str
    voice: Voice
    at: int = 0                                      # where in the shot's text they begin


def by_script(line: Line) -> list[Line]:
    """Return a line in parts: letters that its voice would spell are read in a language of theirs."""
    parts, at, text = [], 0, line.text
    for found in _FOREIGN.finditer(text):
        tag = found.lastgroup
        if line.voice.language.split("-")[0] not in _WRITTEN_SO[tag]:
            voice = line.voice.model_copy(update={"language": tag, "model": ""})
            parts += [(at, found.start(), line.voice), (found.start(), found.end(), voice)]
            at = found.end()
    return [Line(text=text[start:end], at=line.at + start, voice=voice)
            for start, end, voice in [*parts, (at, len(text), line.voice)]
            if re.search(r"\w", text[start:end])]


def parse_voice(text: str, start: Voice, models: Sequence[VoiceModel] = ()) -> Voice:
    """Read "en-gb female 2, pitch 60, speed 150"; what is not said stays as in `start`.

    The name of a model of `models` may stand in it. Raises UsageError.
    """
    changes: dict[str, str | int] = {}
    rest, known = text.strip().lower(), {model.name: model for model in models}
    for name in ("pitch", "speed"):
        if found := re.search(rf"\b{name}\s*[=:]?\s*(\d+)", rest):
            changes[name] = int(found[1])
            rest = rest.replace(found[0], " ")
    for word in re.findall(r"[^\s,;]+", rest):
        if word in known:
            changes |= {"model": word, "language": known[word].language}
        elif word in ("male", "female"):
            changes["gender"] = word
        elif word.isdecimal():
            changes["variant"] = int(word)
        elif re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", word):
            changes |= {"language": word, "model": ""}
        else:
            raise _no_voice(text, f"what is {word!r}?")
    try:
        return Voice.model_validate(start.model_dump() | changes)
    except ValueError as error:
        raise _no_voice(text, "a number is out of range") from error


def _no_voice(text: str, why: str) -> UsageError:
    return UsageError(f"{text!r} is no voice: {why}",
                      hint='say it as in "en-gb female 2, pitch 60, speed 150"; '
                           "pitch is 0 to 99, speed 80 to 450; voices of files need sound.voices")


def voice_of(role: Role, narrator: Voice, models: Sequence[VoiceModel] = ()) -> Voice:
    """Return the voice of somebody: as the storyboard says, else by kind, pronoun and name.

    Where the narrator speaks by a model, it is one of `models` of the same language, too.
    """
    words = set(re.findall(r"[a-z]+", f"{role.noun} {role.looks}".lower()))
    small = words & (_SMALL | {"little", "tiny", "small"})
    pitch, speed = _SMALL_SOUND if small else _LARGE_SOUND if words & _LARGE else _SOUND
    number = int.from_bytes(hashlib.sha256(role.name.encode()).digest()[:4], "big")
    gender: Literal["male", "female"] = "female" if role.pronouns == "she" else "male"
    start = Voice(language=narrator.language, gender=gender, variant=1 + number % _VARIANTS,
                  pitch=pitch + 2 * (number // _VARIANTS % _PITCH_STEPS - _PITCH_STEPS // 2),
                  speed=speed, model=_model_for(number, gender, narrator, models))
    return parse_voice(role.voice, start, models) if role.voice else start


def narrator_of(text: str, language: str, models: Sequence[VoiceModel]) -> Voice:
    """Return the narrator's voice: as said, else the first model of the language, else eSpeak NG's.

    Raises UsageError.
    """
    start = Voice() if language in ("", "en") else Voice(language=_SPOKEN.get(language, language))
    first = next((model for model in models if _speaks(model, start.language)), None)
    if first is not None:
        start = start.model_copy(update={"model": first.name, "language": first.language})
    return parse_voice(text, start, models)


def _model_for(number: int, gender: str, narrator: Voice, models: Sequence[VoiceModel]) -> str:
    if not narrator.model:
        return ""
    fitting = [model for model in models if _speaks(model, narrator.language)]
    others = [model for model in fitting if model.name != narrator.model and model.gender in ("", gender)]
    return others[number % len(others)].name if others else narrator.model


def _speaks(model: VoiceModel, language: str) -> bool:
    return model.language.split("-")[0] == language.split("-")[0]
