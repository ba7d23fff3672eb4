"""A shot is drawn and read back, drawn again with the next seed if it is not as asked; the best is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from storyanim.artifacts import Asked, Check, Frames, Reading
from storyanim.broken_clips import find_faults
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, output_of
from storyanim.errors import ServiceError
from storyanim.stages import ClipReader

_LOG = logging.getLogger(__name__)


def draw_checked(
    run: RunDir, place: str, draw: Callable[[str, int], Step[Frames]], asked: Asked, reader: ClipReader,
    retries: int, takes: int = 1,
) -> tuple[Step[Frames], Step[Check]]:
    """Draw a shot until it is as asked, at most `retries` times again; return the best drawing and its check.

    Args:
        run: folder of the run, open.
        place: of the shot in it, "shots/s03".
        draw: name of the step, number to add to the shot's seed → the frames.
        asked: what they are to show.
        reader: that reads them.
        retries: how often a shot is drawn again.
        takes: how often it is drawn whatever it shows; more than one end the drawing, as asked or not.

    Every drawing and its reading is a step of its own, so that more retries only add to what there is.
    Raises what drawing raises.
    """
    drawn: list[Step[Frames]] = []
    readings: list[Reading] = []
    least = max(1, takes)
    most = least if least > 1 else 1 + retries
    for number in range(most):
        drawn.append(draw(take_name(place, "frames", number), number))
        readings.append(_read(run, take_name(place, "reading", number), drawn[-1], asked, reader))
        if readings[-1].is_right and number + 1 >= least:
            break
        if least <= number + 1 < most:
            _LOG.info("%s is drawn again with the next seed: %s", place.rpartition("/")[2],
                      what_is_wrong(readings[-1]))
    check = run.step(f"{place}/check", choose_drawing, readings)
    return drawn[check.value.chosen], check


def take_name(place: str, name: str, number: int) -> str:
    """Return the step of a shot's drawing: "shots/s03/frames", then "shots/s03/frames-2"."""
    return f"{place}/{name}" + (f"-{number + 1}" if number else "")


def keys_of_drawings(run: RunDir, place: str) -> set[str]:
    """Return the keys of all drawings of a shot that lie in the run."""
    root = run.path / place
    found = (*root.glob("frames*"), *root.glob("takes/*/"))
    names = (folder.relative_to(run.path).as_posix() for folder in found)
    return {key for name in names if (key := run.key_of(name))}


def what_is_wrong(reading: Reading) -> str:
    """Return it in plain words, "" where nothing is."""
    faults = [f"it came out {' and '.join(reading.faults)}"] if reading.faults else []
    low = [f"it scores {reading.score:.2f}, below {reading.mark:.2f}"] if reading.score < reading.mark else []
    return ", ".join([*faults, *reading.remarks]) or "".join(low)


def _read(run: RunDir, name: str, frames: Step[Frames], asked: Asked, reader: ClipReader) -> Reading:
    """Read a drawing; where a server should and cannot, only whether it is a picture of anything is known."""
    try:
        return run.step(name, read_back, output_of(frames), asked, reader).value
    except ServiceError as error:
        _LOG.warning("%s could not be read back: %s", name, error)
        return Reading(faults=find_faults(frames.value))


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────


def read_back(frames: Frames, asked: Asked, reader: ClipReader) -> Reading:
    """Return what a drawing shows against what was asked; a broken one is not read."""
    if faults := find_faults(frames):
        return Reading(score=0.0, faults=faults)
    return reader.read(frames, asked)


def choose_drawing(readings: Sequence[Reading]) -> Check:
    """Return the drawings' readings with the number of the best: no faults first, then the score."""
    best = max(range(len(readings)), key=lambda k: (not readings[k].faults, readings[k].score, -k))
    return Check(readings=tuple(readings), chosen=best)
