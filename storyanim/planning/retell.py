"""What a language model wrote for a shot: checked, and put into the vocabulary of the model that draws."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from storyanim.artifacts import CastMember
from storyanim.planning.beats import Beat, find_beats
from storyanim.planning.english import tokenize
from storyanim.planning.replies import BadReply, WrittenShot
from storyanim.planning.setting import Setting
from storyanim.planning.vocabulary import Kind, Vocabulary
from storyanim.planning.wording import Wording, say_with

_PSEUDO_WORD = re.compile(r"<[\w-]+>")


def check_written(shots: Sequence[WrittenShot], count: int, cast: Sequence[CastMember]) -> list[WrittenShot]:
    """The batch in order, pseudo-words and characters made to agree. Raises BadReply."""
    problems: list[str] = []
    numbers = [shot.number for shot in shots]
    if numbers != list(range(1, count + 1)):
        problems.append(f"- shots must be numbered 1 to {count}, each once and in order; got {numbers}")
    known = {name: member for member in cast for name in (member.name.lower(), member.noun.lower(), member.token.lower())}
    tokens = {member.token for member in cast}
    checked: list[WrittenShot] = []
    for shot in shots:
        members = [known[name.lower()] for name in shot.characters if name.lower() in known]
        unknown = sorted(set(_PSEUDO_WORD.findall(shot.prompt)) - tokens)
        if unknown:
            problems.append(f"- shot {shot.number}: the prompt has the unknown pseudo-word {unknown[0]}")
        members += [member for member in cast if member.token in shot.prompt and member not in members]
        prompt = shot.prompt
        for member in members:
            prompt = _with_token(prompt, member)
            if member.token not in prompt:
                problems.append(f"- shot {shot.number}: the prompt must say {member.token} {member.noun!r}, who is seen in it")
        query = " ".join(_PSEUDO_WORD.sub("", shot.query).split())
        names = tuple(dict.fromkeys(member.name for member in members))
        checked.append(shot.model_copy(update={"prompt": prompt, "query": query, "characters": list(names)}))
    if problems:
        raise BadReply("\n".join(problems[:8]))
    return checked


def _with_token(prompt: str, member: CastMember) -> str:
    """The prompt with the member's pseudo-word before its noun."""
    if member.token in prompt:
        return prompt
    noun = re.compile(rf"\b(?:{re.escape(member.noun)}|{re.escape(member.name)})\b", re.IGNORECASE)
    return noun.sub(f"{member.token} {member.noun}", prompt, count=1)


def drawable_words(vocabulary: Vocabulary) -> str:
    """What can be drawn, for the model to choose from."""
    kinds: tuple[Kind, ...] = ("creature", "colour", "accessory", "action", "scene", "time_of_day", "weather")
    lines = [f"- {kind.replace('_', ' ')}: {', '.join(vocabulary.kinds[kind])}" for kind in kinds]
    return ("Only these can be drawn; say in `prompt` and `query` the nearest of them (any character of the film can be drawn):\n"
            + "\n".join(lines))


def retell(vocabulary: Vocabulary, written: WrittenShot, cast: Sequence[CastMember]) -> Wording:
    """A written shot in the vocabulary's words."""
    members = [member for member in cast if member.name in written.characters]
    plain = _PSEUDO_WORD.sub("", written.prompt)
    beats, follower = find_beats(" ".join(plain.split()), vocabulary, members)
    beat = Beat([unit for found in beats for unit in found.units])
    setting = _fill_setting(beat.main.setting, written.setting, vocabulary)
    beat.units = [replace(unit, setting=setting) for unit in beat.units]
    told = say_with(vocabulary, beat, follower.hero(), "", crowd=True)
    return replace(told, characters=tuple(member.name for member in members if member.token in told.prompt))


def _fill_setting(setting: Setting, words: str, vocabulary: Vocabulary) -> Setting:
    """What the prompt leaves open, from the shot's setting."""
    tokens = tokenize(words, 0, len(words))
    found = {kind: next((f.value for f in vocabulary.scan(kind, tokens)), "") for kind in ("scene", "time_of_day", "weather")}
    return replace(setting, scene=setting.scene or found["scene"], time_of_day=setting.time_of_day or found["time_of_day"],
                   weather=setting.weather or found["weather"])
