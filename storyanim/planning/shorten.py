"""A plan of fewer shots, or of a given length: what matters least is merged into its neighbour.

Every letter stays in a shot. A merged shot shows what matters most of its parts: what a character of the cast or the hero does
before what a bystander does, what happens before what is. Scenes are kept apart as long as others can be merged.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise

from storyanim.artifacts import Shot
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning.forms import Manuscript
from storyanim.planning.narrative import Beat, Event, Narrative, Person

MAX_SHOTS = 9_999                                    # ids of shots have four digits
_MEAN_SHOT = 1.5                                     # that last as long as their words take, in shots of `shot_duration_s`
MAX_DURATION_S = 8.0                                 # of a shot whose words take long to read
_STEP_S = 0.25                                       # durations that fill a length are multiples of it
_KINDS = {"event": 3.0, "speech": 2.0, "state": 1.0, "heading": 0.5}
_LIMIT_HINT = "merge what matters least: --max-shots 200, or --length 10m; or make a film of each chapter"


def check_sentences(manuscript: Manuscript, settings: PlanSettings) -> None:
    """Raise StoryError, before a long text is read, when it has more sentences than a film has shots."""
    count = len(re.findall(r"\w+\W+\w+[^.!?\n]*[.!?\n]", manuscript.blanked()))
    if settings.max_shots is None and settings.length_s is None and count > MAX_SHOTS:
        raise StoryError(f"the story has {count:,} sentences, and a film at most {MAX_SHOTS:,} shots", hint=_LIMIT_HINT)


def duration_of(text: str, settings: PlanSettings) -> float:
    """Return a shot's seconds: `shot_duration_s`, or what reading its words takes, up to 8."""
    if not settings.words_per_second:
        return settings.shot_duration_s
    reading_s = min(len(text.split()) / settings.words_per_second, MAX_DURATION_S)
    return max(settings.shot_duration_s, round(2 * reading_s) / 2)


def shots_allowed(durations_s: Sequence[float], settings: PlanSettings) -> int:
    """Return how many of shots that would last so long the settings allow."""
    limit = settings.max_shots or MAX_SHOTS
    if settings.length_s is not None and sum(durations_s) > settings.length_s:
        mean = _MEAN_SHOT if settings.words_per_second else 1.0
        limit = min(limit, max(1, int(settings.length_s / (mean * settings.shot_duration_s))))
    return limit


def shorten(narrative: Narrative, manuscript: Manuscript, settings: PlanSettings) -> Narrative:
    """Return the narrative with as few beats as the settings ask for.

    Args:
        narrative: the story.
        manuscript: its text, whose headings begin scenes.
        settings: `max_shots` and `length_s`.

    Raises StoryError for more shots than a film can have.
    """
    beats = narrative.beats
    limit = shots_allowed([duration_of(narrative.text[beat.start:beat.end], settings) for beat in beats], settings)
    if len(beats) <= limit:
        return narrative
    if limit == MAX_SHOTS:
        raise StoryError(f"the story would become {len(beats):,} shots; a film has at most {MAX_SHOTS:,}", hint=_LIMIT_HINT)
    return replace(narrative, beats=merge_beats(beats, limit, scene_starts(beats, manuscript)))


def merge_beats(beats: Sequence[Beat], limit: int, scenes: Collection[int] = ()) -> tuple[Beat, ...]:
    """Return at most `limit` beats, which together are the same text.

    Args:
        beats: of a story, in order.
        limit: at least 1.
        scenes: numbers of the beats that begin a scene.
    """
    hero = _hero([event for beat in beats for event in beat.events])
    weights = [_weight(beat.main, hero) for beat in beats]
    goes_on = {k for k in range(1, len(beats)) if _steps(beats[k - 1:k + 1], beats[k - 1])}
    groups = merge_groups(weights, [beat.end - beat.start for beat in beats], limit, scenes, goes_on)
    return tuple(_merge(beats[group.start:group.stop], weights[group.start:group.stop]) for group in groups)


def merge_shots(shots: Sequence[Shot], limit: int, settings: PlanSettings) -> list[Shot]:
    """Return at most `limit` shots, which together have the same text and are numbered anew.

    A merged shot is the one of its parts with the most characters, of those the longest, with the text of all.
    """
    weights = [1.0 + len(shot.characters) for shot in shots]
    lengths = [len(shot.text) for shot in shots]
    found = []
    for number, group in enumerate(merge_groups(weights, lengths, limit), 1):
        best = max(group, key=lambda i: (weights[i], lengths[i]))
        text = "".join(shots[i].text for i in group)
        found.append(shots[best].model_copy(update={"id": f"s{number:02d}", "text": text, "duration_s": duration_of(text, settings)}))
    return found


def merge_groups(weights: Sequence[float], lengths: Sequence[int], limit: int, breaks: Collection[int] = (),
                 goes_on: Collection[int] = ()) -> list[range]:
    """Return `limit` runs of neighbours, or fewer, that lose the least.

    A run shows its part of the greatest weight and loses the others. What costs least is joined first, and of equal costs
    what is shortest, so that no run swallows all.

    Args:
        weights: how much each part matters.
        lengths: of each part's text.
        limit: how many runs may be left, at least 1.
        breaks: numbers of the parts that are joined to the one before only when nothing else is left.
        goes_on: numbers of the parts that one shot can show after the one before, so that nothing of the two is lost.
    """
    count, mean = len(weights), sum(lengths) / max(1, len(lengths))
    stops, best, total, size = list(range(1, count + 1)), list(weights), list(weights), [length / mean for length in lengths]
    left, alive, version = list(range(-1, count - 1)), [True] * count, [0] * count

    def cost(a: int, b: int) -> tuple[bool, float, int, int, int, int]:
        both_shown = b in goes_on and stops[a] == b and b - a == 1 and stops[b] - b == 1
        lost = 0.0 if both_shown else total[a] + total[b] - max(best[a], best[b])
        return b in breaks, lost + size[a] + size[b], a, b, version[a], version[b]

    queue = [cost(a, a + 1) for a in range(count - 1)]
    heapq.heapify(queue)
    runs = count
    while runs > max(1, limit):
        _, _, a, b, seen_a, seen_b = heapq.heappop(queue)
        if not alive[a] or not alive[b] or (version[a], version[b]) != (seen_a, seen_b):
            continue
        best[a], total[a], size[a], stops[a] = max(best[a], best[b]), total[a] + total[b], size[a] + size[b], stops[b]
        alive[b], runs, version[a] = False, runs - 1, version[a] + 1
        if stops[a] < count:
            left[stops[a]] = a
            heapq.heappush(queue, cost(a, stops[a]))
        if left[a] >= 0:
            heapq.heappush(queue, cost(left[a], a))
    return [range(a, stops[a]) for a in range(count) if alive[a]]


def scene_starts(beats: Sequence[Beat], manuscript: Manuscript) -> frozenset[int]:
    """Return the numbers of the beats that begin with a heading, a date, or after a rule."""
    told = [match.start() for match in re.finditer(r"[^\W_]", manuscript.blanked())]
    marks = [mark.start for mark in manuscript.marks if mark.kind in {"heading", "date", "cut"}]
    found = set()
    for number, (before, beat) in enumerate(pairwise(beats), 1):
        last, first = bisect_left(told, before.end) - 1, bisect_left(told, beat.start)
        begin = told[last] if last >= 0 else 0
        end = told[first] if first < len(told) else len(manuscript.text)
        if bisect_right(marks, end) > bisect_right(marks, begin):
            found.add(number)
    return frozenset(found)


def fit_length(shots: Sequence[Shot], settings: PlanSettings) -> list[Shot]:
    """Return the shots with durations that together are no longer than `length_s`, each by its share of the seconds."""
    wanted = sum(shot.duration_s for shot in shots)
    if settings.length_s is None or wanted <= settings.length_s:
        return list(shots)
    least = min(settings.shot_duration_s, settings.length_s / len(shots))
    spare = max(0.0, settings.length_s - least * len(shots))
    beyond = sum(max(0.0, shot.duration_s - least) for shot in shots)
    share = spare / beyond if beyond else 0.0
    durations = [least + share * max(0.0, shot.duration_s - least) for shot in shots]
    return [shot.model_copy(update={"duration_s": max(least, duration // _STEP_S * _STEP_S)})
            for shot, duration in zip(shots, durations, strict=True)]


def _merge(beats: Sequence[Beat], weights: Sequence[float]) -> Beat:
    """Return beats as one that shows the event of the greatest weight, where and how it is then."""
    shown = beats[max(range(len(beats)), key=lambda i: weights[i])]
    events = tuple(event for beat in beats for event in beat.events)
    return replace(shown, start=beats[0].start, end=beats[-1].end, events=events, steps=_steps(beats, shown))


def _steps(beats: Sequence[Beat], shown: Beat) -> tuple[Event, ...]:
    """Return what those of the shown event do in a row, in one place; none where it is one thing."""
    def doers(beat: Beat) -> set[Person]:
        return {person for phrase in beat.main.subjects for person in phrase.people} if beat.main else set()

    same = [beat.main for beat in beats if beat.main and beat.main.kind == "event" and not beat.main.negated
            and doers(beat) == doers(shown) and beat.setting.place == shown.setting.place]
    return tuple(same) if len(same) > 1 and doers(shown) else ()


def _hero(events: Sequence[Event]) -> Person | None:
    """Return who acts most; None when nobody does."""
    people = {person for event in events for phrase in event.subjects for person in phrase.people}
    return max(people, key=lambda person: (person.acts, -person.first), default=None)


def _weight(event: Event | None, hero: Person | None) -> float:
    """Return how much an event matters to a film."""
    if event is None:
        return 0.0
    weight = _KINDS[event.kind] / (2 if event.negated else 1)
    doers = [person for phrase in event.subjects for person in phrase.people]
    if any(person.member is not None for person in doers):
        return 2.0 * weight
    if hero is not None and hero in doers:
        return 1.7 * weight
    return weight * (1.0 + min(0.5, 0.1 * max(person.acts for person in doers)) if doers else 0.7)
