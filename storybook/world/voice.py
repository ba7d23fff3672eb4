"""The words of a caption: plain without randomness, varied with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

OMIT = {"time_of_day": 0.25, "weather": 0.25, "camera": 0.2, "accessory": 0.12, "scene": 0.06, "colour": 0.06}


@dataclass(frozen=True)
class Voice:
    """A world's words, and what chooses among them.

    None always says the plain ones and leaves nothing out.
    """

    words: Mapping[str, Mapping[str, Sequence[str]]]
    rng: np.random.Generator | None

    def say(self, kind: str, value: str) -> str:
        """The plain word half of the time, else any."""
        ways = self.words[kind][value]
        return ways[0] if self.rng is None or self.rng.random() < 0.45 else self.pick(ways)

    def pick(self, ways: Sequence[str]) -> str:
        """Any of `ways`, the first without randomness."""
        return ways[0] if self.rng is None else ways[int(self.rng.integers(len(ways)))]

    def skips(self, kind: str) -> bool:
        return self.rng is not None and bool(self.rng.random() < OMIT[kind])

    def chance(self, share: float) -> bool:
        return self.rng is not None and bool(self.rng.random() < share)


def article(phrase: str) -> str:
    return "an" if phrase[0] in "aeiou" else "a"


def join(parts: Sequence[str], camera: str) -> str:
    """One line of the parts that there are, the camera after a comma."""
    text = " ".join(part for part in parts if part)
    return f"{text}, {camera}" if camera else text
