"""Who does what in one shot: an entity for each figure with an action of its own, events one after the other (DreamRunner 3.1).

The text of an entity names everybody, doing what its own figure does: a model that was never shown figures which do
different things still knows from it where everybody stands. Shots of one figure, or of one action, need neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from storyanim.artifacts import Box, ShotEntity, ShotEvent
from storyanim.planning.narrative import Beat, Event, Person
from storyanim.planning.staging import Staging, side_of
from storyanim.planning.words import words as lexicon

MAX_EVENTS = 2                                       # of a shot of some two seconds
_BEHIND, _IN_FRONT = {"behind", "beyond"}, {"in front of", "in the front of", "before"}
_TOWARDS = {"towards", "toward", "to"}
_OTHER = {"it", "him", "her"}
_FAR_FOOT = 0.82                                     # of the height: where who is behind ends
_STEP = 0.3                                          # of a column: how far who comes nearer travels


def order_from_left(people: Sequence[Person], beat: Beat) -> list[Person]:
    """Return people as they stand from left to right: where the story puts them, else as it names them."""
    events = list(_events(beat))
    named = {id(person): phrase.start for event in reversed(events)
             for phrase in reversed((*event.subjects, *event.objects, *event.modifiers)) for person in phrase.people}
    return sorted(people, key=lambda person: (_side_of(person, events), named.get(id(person), beat.end)))


def write_entities(
    people: Sequence[Person], beat: Beat, doing: Sequence[str], say: Callable[[str], str],
    ask: Callable[[Person, str], str]
) -> tuple[ShotEntity, ...]:
    """Return an entity for each figure, from the back to the front, else from the left; none where all do the same.

    Args:
        people: from left to right.
        beat: that may tell where they stand or go.
        doing: what each does.
        say: action → the text that names everybody, doing that.
        ask: person, action → what to look for in footage of it alone.
    """
    if len(people) < 2 or len(set(doing)) < 2:
        return ()
    places = place_boxes(people, beat)
    entities = [ShotEntity(name=person.member.name if person.member else "", prompt=say(action), query=ask(person, action),
                           boxes=boxes) for person, action, boxes in zip(people, doing, places, strict=True)]
    if any(places):                                  # who is farther away first, who travels last
        entities.sort(key=lambda entity: (entity.boxes[0].y1, len(entity.boxes)))
    return tuple(entities)


def place_boxes(people: Sequence[Person], beat: Beat) -> list[tuple[Box, ...]]:
    """Return where each is: who is behind somebody stands higher, who comes nearer travels; none where nothing is told.

    Args:
        people: from left to right.
        beat: that may tell it.
    """
    far, steps = [False] * len(people), [0.0] * len(people)
    for event, phrase in [(told, phrase) for told in _events(beat) for phrase in told.modifiers]:
        doers = [k for k, person in enumerate(people) if any(person in subject.people for subject in event.subjects)]
        others = [k for k, person in enumerate(people) if person in phrase.people and k not in doers]
        if not phrase.people and phrase.text.lower() in _OTHER and len(people) == 2:         # "ran towards it"
            others = [k for k in range(2) if k not in doers]
        if not doers or not others:
            continue
        for k in doers if phrase.preposition in _BEHIND else others if phrase.preposition in _IN_FRONT else ():
            far[k] = True
        for k in doers if phrase.preposition in _TOWARDS and event.verb in lexicon("motion") else ():
            steps[k] = _STEP if others[0] > k else -_STEP
    if not any(far) and not any(steps):
        return [()] * len(people)
    return [_column(k, len(people), far[k], steps[k]) for k in range(len(people))]


def _column(number: int, count: int, far: bool, step: float) -> tuple[Box, ...]:
    """Return a column's box, of who travels one at the beginning and one at the end."""
    left, right, foot = number / count, (number + 1) / count, _FAR_FOOT if far else 1.0
    start = Box(x0=left, x1=right, y1=foot)
    return (start, Box(x0=left + step / count, x1=right + step / count, y1=foot, at=1.0)) if step else (start,)


def write_events(doing: Sequence[str], say: Callable[[str], str]) -> tuple[ShotEvent, ...]:
    """Return the events of one who does several things in a row, in equal parts of the time; none for one thing.

    Args:
        doing: in order.
        say: action → text.
    """
    once = [action for k, action in enumerate(doing) if k == 0 or action != doing[k - 1]][:MAX_EVENTS]
    if len(once) < 2:
        return ()
    return tuple(ShotEvent(prompt=say(action), start=k / len(once), end=(k + 1) / len(once)) for k, action in enumerate(once))


def deed_of(person: Person, staging: Staging) -> Event | None:
    """Return what somebody does while others do something else; None of who does not."""
    return next((deed for other, deed in staging.meanwhile if other is person), None)


def _side_of(person: Person, events: Sequence[Event]) -> int:
    """-1 of who is told to be on the left, 1 on the right, else 0."""
    own = (event for event in events if any(person in phrase.people for phrase in event.subjects))
    return next((side for event in own for phrase in event.modifiers if (side := side_of(phrase))), 0)


def _events(beat: Beat) -> Iterator[Event]:
    for event in beat.events:
        yield from (event, *event.meanwhile)
