"""How long steps took with a profile on this machine: kept for all runs, so that the next can be foretold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from storyanim.artifacts import Storyboard
from storyanim.config import Settings, cache_folder
from storyanim.engine.folders import write_file
from storyanim.engine.steps import content_key
from storyanim.errors import StoryanimError

_LAST = 16                                           # measurements of a kind that count
START = "start"                                      # kind of what a run takes beside its steps
Seconds = Mapping[str, list[float]]                  # kind of step → what each took


def kind_of(step: str) -> str:
    """Return what a step does, whichever shot or character it is for: "shots/s03/frames-2" → "frames"."""
    room, _, rest = step.partition("/")
    if room == "shots":
        return rest.partition("/")[2].partition("-")[0]
    return room


def measured_in(events: Iterable[Mapping[str, Any]], board: Storyboard | None) -> dict[str, list[float]]:
    """Return what the steps of a run's log took; those of shots in seconds a second of the shot."""
    durations = durations_of(board)
    found: dict[str, list[float]] = {}
    for event in events:
        if event["event"] == "done":
            seconds = event["seconds"] / duration_of(event["step"], durations)
            found.setdefault(kind_of(event["step"]), []).append(seconds)
    return found


def durations_of(board: Storyboard | None) -> dict[str, float]:
    """Return the seconds of each shot, by its id."""
    return {shot.id: shot.duration_s for shot in board.shots} if board else {}


def duration_of(step: str, durations: Mapping[str, float]) -> float:
    """Return the seconds of the shot that a step is for; 1 for steps of the whole film."""
    room, _, rest = step.partition("/")
    return durations.get(rest.partition("/")[0], 1.0) if room in {"shots", "audio"} else 1.0


def expected_s(
    steps: Iterable[str], measured: Seconds, board: Storyboard | None, at_once: int
) -> float:
    """Return how long steps take, of those that were measured.

    Args:
        steps: names.
        measured: what `measured_in` gives. Medians of it count: a kind's first step of a run loads its model.
        board: whose shots they are for.
        at_once: shots drawn at once; finding footage and steps of the whole film share no work.
    """
    durations = durations_of(board)
    return sum(median(measured[kind]) * duration_of(step, durations)
               / (at_once if step.startswith("shots/") and kind != "match" else 1)
               for step in steps if measured.get(kind := kind_of(step)))


def start_of(steps: Iterable[str]) -> str:
    """Return the kind under which what a run takes beside its steps is kept: more where models load."""
    heavy = {kind_of(step) for step in steps} & {"match", "frames", "characters"}
    return START if heavy else f"{START} light"


def remember(
    settings: Settings, events: Sequence[Mapping[str, Any]], board: Storyboard, took_s: float, at_once: int
) -> None:
    """Keep what a run's steps took; failing to costs only that the next run is not foretold.

    Args:
        settings: of the run.
        events: that it logged.
        board: that it filmed.
        took_s: all of it. What its steps do not explain is its start: imports, loading of models.
        at_once: shots drawn at once.
    """
    steps = [event["step"] for event in events if event["event"] == "done"]
    if not steps:
        return
    measured = {kind: [*seconds] for kind, seconds in recall(settings).items()}
    for kind, seconds in measured_in(events, board).items():
        measured[kind] = [*measured.get(kind, []), *seconds]
    start, explained_s = start_of(steps), expected_s(steps, measured, board, at_once)
    measured[start] = [*measured.get(start, []), max(0.0, took_s - explained_s)]
    kept = {kind: [round(value, 4) for value in seconds[-_LAST:]] for kind, seconds in measured.items()}
    with suppress(StoryanimError):
        write_file(_file(settings), json.dumps(kept, sort_keys=True).encode())


def recall(settings: Settings) -> dict[str, list[float]]:
    """Return what `remember` kept of runs with these models, drawing settings and size of the film."""
    try:
        found = json.loads(_file(settings).read_text("utf-8"))
        return {str(kind): [float(value) for value in seconds] for kind, seconds in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _file(settings: Settings) -> Path:
    film = settings.film
    key = content_key([settings.models, settings.generate, [film.width_px, film.height_px, film.fps]])
    return cache_folder() / "seconds" / f"{key[:16]}.json"
