"""Fewer shots, or a film of a given length: what matters least goes, and no letter is lost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyanim.artifacts import CastMember, Shot
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.forms import read_manuscript
from storyanim.planning.narrative import Beat, Event, Narrative, Person, Phrase, Setting
from storyanim.planning.shorten import (
    check_sentences,
    fit_length,
    merge_beats,
    merge_groups,
    merge_shots,
    scene_starts,
    shorten,
)

BEAR = CastMember(name="bear", noun="bear", token="<bear>")


def somebody(name: str, acts: int, member: CastMember | None = None) -> Person:
    return Person(names=[name], acts=acts, member=member)


def beats_of(*told: tuple[str, Person | None, str]) -> tuple[str, tuple[Beat, ...]]:
    """A text and its beats, of (sentence, who does it, kind of event)."""
    text, beats = "", []
    for sentence, who, kind in told:
        start, text = len(text), text + sentence
        phrases = () if who is None else (Phrase(who.names[0], who.names[0], False, (who,), "", start, start),)
        more: Any = {"kind": kind, "verb": sentence, "tokens": None}
        event = Event(start=start, end=len(text), particle="", negated=False, subjects=phrases, objects=(), modifiers=(), while_doing=(), **more)
        beats.append(Beat(start, len(text), (event,), event, Setting(place=f"place {len(beats)}"), {}))
    return text, tuple(beats)


def shown(beats: tuple[Beat, ...]) -> list[str]:
    return [beat.main.verb for beat in beats if beat.main]


TOM, MIA, COW = somebody("Tom", 5), somebody("Mia", 2), somebody("Cow", 1)
TEXT, BEATS = beats_of(("Tom ran. ", TOM, "event"), ("It was cold. ", None, "state"), ("A cow mooed. ", COW, "event"), ("Mia sang. ", MIA, "event"),
                       ("Tom said no. ", TOM, "speech"), ("Tom jumped. ", TOM, "event"))


@pytest.mark.parametrize(("limit", "left"), [
    (6, ["Tom ran. ", "It was cold. ", "A cow mooed. ", "Mia sang. ", "Tom said no. ", "Tom jumped. "]),
    (5, ["Tom ran. ", "A cow mooed. ", "Mia sang. ", "Tom said no. ", "Tom jumped. "]),
    (3, ["Tom ran. ", "Mia sang. ", "Tom jumped. "]), (2, ["Tom ran. ", "Tom jumped. "]), (1, ["Tom ran. "]),
])
def test_what_matters_least_goes(limit: int, left: list[str]) -> None:
    merged = merge_beats(BEATS, limit)
    assert shown(merged) == left
    assert "".join(TEXT[beat.start:beat.end] for beat in merged) == TEXT
    assert [event for beat in merged for event in beat.events] == [event for beat in BEATS for event in beat.events]
    assert all(beat.setting == BEATS[[b.main for b in BEATS].index(beat.main)].setting for beat in merged)


def test_the_cast_matters_more_than_the_hero() -> None:
    bear = somebody("bear", 1, BEAR)
    _, beats = beats_of(("Tom ran. ", TOM, "event"), ("The bear slept. ", bear, "event"), ("Tom jumped. ", TOM, "event"), ("Tom sat. ", TOM, "event"))
    assert shown(merge_beats(beats, 1)) == ["The bear slept. "]


def test_scenes_are_kept_apart_as_long_as_others_can_be_merged() -> None:
    text = "It was cold.\n\n## At the sea\n\nTom ran. Tom jumped.\n\n3 March.\n\nMia sang.\n\n* * *\n\nTom slept."
    cuts = [0, text.index("##"), text.index("Tom jumped"), text.index("3 March"), text.index("* * *"), len(text)]
    _, parts = beats_of(*((text[a:b], TOM if "Tom" in text[a:b] else None, "event") for a, b in pairwise(cuts)))
    scenes = scene_starts(parts, read_manuscript(text))
    assert scenes == {1, 3, 4}
    assert [text[beat.start:beat.end].split()[0] for beat in merge_beats(parts, 4, scenes)] == ["It", "##", "3", "*"]
    assert len(merge_beats(parts, 2, scenes)) == 2
    assert scene_starts(parts, read_manuscript(text.replace("#", "h").replace("3 March.", "A March ").replace("*", "a"))) == set()


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 90)), min_size=1, max_size=40), st.integers(1, 45), st.sets(st.integers(1, 39)))
def test_groups_are_all_in_order(parts: list[tuple[float, int]], limit: int, breaks: set[int]) -> None:
    groups = merge_groups([weight for weight, _ in parts], [length for _, length in parts], limit, breaks)
    assert len(groups) == min(limit, len(parts))
    assert [i for group in groups for i in group] == list(range(len(parts)))
    kept = {group.start for group in groups}
    inner = breaks & set(range(1, len(parts)))
    assert inner <= kept or kept - {0} <= inner      # no scene is merged while others can be


def test_many_are_merged_quickly_and_evenly() -> None:
    groups = merge_groups([1.0] * 20_000, [50] * 20_000, 100)
    assert len(groups) == 100
    assert max(map(len, groups)) <= 4 * min(map(len, groups))


def test_a_narrative_is_shortened_to_a_number_or_a_length() -> None:
    narrative, manuscript = Narrative(TEXT, (TOM, MIA, COW), BEATS), read_manuscript(TEXT)

    def left(**given: Any) -> int:
        return len(shorten(narrative, manuscript, PlanSettings(**given)).beats)

    assert [left(), left(max_shots=9), left(max_shots=3), left(length_s=12), left(length_s=9), left(length_s=9, max_shots=2), left(length_s=1)
            ] == [6, 6, 3, 6, 4, 2, 1]


def test_too_many_shots_are_told_at_once() -> None:
    manuscript = read_manuscript("The bear walked in the forest. " * 6000 + "He ran home. " * 4001)
    with pytest.raises(StoryError, match="10,001 sentences") as caught:
        check_sentences(manuscript, PlanSettings())
    assert "--max-shots" in caught.value.hint
    check_sentences(manuscript, PlanSettings(max_shots=100))
    check_sentences(read_manuscript("The bear walked in the forest. " * 6000), PlanSettings())
    _, beats = beats_of(*[("x", None, "event")] * 10_000)
    narrative = Narrative("x" * 10_000, (), beats)
    with pytest.raises(StoryError, match="10,000 shots") as caught:
        shorten(narrative, manuscript, PlanSettings())
    assert "--max-shots" in caught.value.hint
    assert len(shorten(narrative, manuscript, PlanSettings(max_shots=20)).beats) == 20


def shot(number: int, text: str, duration_s: float = 2.0, characters: tuple[str, ...] = ()) -> Shot:
    return Shot(id=f"s{number:02d}", text=text, query=text, prompt=text, duration_s=duration_s, characters=characters)


def test_shots_are_merged_and_numbered_anew() -> None:
    shots = [shot(1, "A. "), shot(2, "Bear. ", characters=("bear",)), shot(3, "Cat. "), shot(4, "Long. ")]
    merged = merge_shots(shots, 2, PlanSettings())
    assert [(s.id, s.text) for s in merged] == [("s01", "A. Bear. "), ("s02", "Cat. Long. ")]
    assert [s.prompt for s in merged] == ["Bear. ", "Long. "]
    assert merge_shots(shots, 4, PlanSettings()) == shots


@pytest.mark.parametrize(("durations", "length_s", "fitted"), [
    ([2.0, 2.0], None, [2.0, 2.0]), ([2.0, 2.0], 9.0, [2.0, 2.0]), ([2.0, 4.0, 8.0], 10.0, [2.0, 3.0, 5.0]), ([3.0, 3.0], 3.0, [1.5, 1.5]),
])
def test_durations_share_a_length(durations: list[float], length_s: float | None, fitted: list[float]) -> None:
    shots = [shot(i, "A.", duration_s) for i, duration_s in enumerate(durations, 1)]
    assert [s.duration_s for s in fit_length(shots, PlanSettings(length_s=length_s))] == fitted
