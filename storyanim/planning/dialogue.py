"""Who says what in a story's shots, for the voices of its narration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from storyanim.artifacts import Role
from storyanim.planning.quotes import find_speech

_MARKS = "“”«»„‹›\"‘’'"
_CLAUSE = re.compile(r"[^.!?…]*[.!?…]?")
_PRONOUNS = {"he": "he", "she": "she", "they": "they", "it": "it", "i": "I"}


@dataclass(frozen=True)
class Utterance:
    """text[start:end] of a shot, spoken by one voice; marks of quotation are left out."""

    start: int
    end: int
    role: Role | None                                # None: the narrator


def find_utterances(texts: Sequence[str], cast: Sequence[Role]) -> list[list[Utterance]]:
    """Return each text's utterances, in order; who speaks is told by its clause, or by turns."""
    speakers = _Speakers(cast)
    return [_divide(text, speakers) for text in texts]


def _divide(text: str, speakers: _Speakers) -> list[Utterance]:
    found, at = [], 0
    quotations = find_speech(text)
    for number, quotation in enumerate(quotations, start=1):
        until = quotations[number].start if number < len(quotations) else len(text)
        before, after = text[at:quotation.start], text[quotation.end:until]
        found.append(Utterance(at, quotation.start, None))
        role = speakers.of(before, after)
        start, end = quotation.start, quotation.end
        while start < end and text[start] in _MARKS:
            start += 1
        while end > start and text[end - 1] in _MARKS:
            end -= 1
        found.append(Utterance(start, end, role))
        at = quotation.end
    found.append(Utterance(at, len(text), None))
    speakers.hear(text[at:])
    return [one for one in found if re.search(r"\w", text[one.start:one.end])]


class _Speakers:
    """Who was named, and who spoke, along a story."""

    def __init__(self, cast: Sequence[Role]) -> None:
        self._words = {role.name: _names(role) for role in cast}
        self._cast = cast
        self._named: list[Role] = []                 # who was named last comes last
        self._spoke: list[Role] = []

    def of(self, before: str, after: str) -> Role | None:
        """Return who says what stands between two texts, the second until the next quotation."""
        names = self.hear(before)
        clause = re.split(r"(?<=[.!?…])\s+(?=\S)", before)[-1].strip()
        follows = _CLAUSE.match(after.lstrip(" ,—–-"))
        role = self._in(follows[0] if follows and _begins_small(after) else "")
        if role is None and clause and clause[-1] in ",:":
            role = self._in(clause)
        if role is None and not names and len(self._spoke) > 1:
            role = next((one for one in reversed(self._spoke) if one is not self._spoke[-1]), None)
            role = self._spoke[-1] if before.strip() else role
        role = role or (names or self._spoke or [None])[-1]          # type: ignore[list-item]
        if role is not None:
            self._spoke.append(role)
        return role

    def hear(self, text: str) -> list[Role]:
        """Take down who is named in a text, and return them in order."""
        names = self._mentions(text)
        self._named += names
        return names

    def _in(self, clause: str) -> Role | None:
        """Return whom a clause names first, or means by a pronoun."""
        if names := self._mentions(clause):
            return names[0]
        for word in re.findall(r"\w+", clause.lower()):
            if word in _PRONOUNS:
                known = self._cast if word == "i" else self._named
                fits = [role for role in known if role.pronouns == _PRONOUNS[word]]
                return fits[-1] if fits else None
        return None

    def _mentions(self, text: str) -> list[Role]:
        found = []
        for role in self._cast:
            for name in self._words[role.name]:
                if place := re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE):
                    found.append((place.start(), role))
                    break
        return [role for _, role in sorted(found, key=lambda pair: pair[0])]


def _names(role: Role) -> list[str]:
    return [name for name in dict.fromkeys((role.name, role.noun)) if name and name != "I"]


def _begins_small(after: str) -> bool:
    """Return whether what follows a quotation belongs to it: "...," said the fox."""
    words = re.search(r"\w+", after)
    return words is not None and (words[0][0].islower() or not re.match(r"\s*[.!?]", after))
