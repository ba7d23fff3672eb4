"""`storyanim shot layout`: where the figures of a shot stand."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyanim import console
from storyanim.errors import UsageError

if TYPE_CHECKING:
    from storyanim.artifacts import Box, Shot

_BOX = re.compile(r"(\d+)=([\d.]+),([\d.]+),([\d.]+),([\d.]+)(?:@([\d.]+))?")
_LOG = logging.getLogger(__name__)
_LEAST = 0.2                                         # of a side: a smaller figure is hardly drawn


def layout(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="s01, s02, ...")],
    box: Annotated[list[str] | None, typer.Option(
        "--box", metavar="N=X0,Y0,X1,Y1[@AT]",
        help="Where figure N stands, from the upper left corner in shares of the picture; @AT: at this share "
             "of the shot, so that two boxes of a figure move it. 1=0,0.2,0.5,1")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to equal columns.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Print where the figures of a shot stand, or place them."""
    from storyanim.run.edits import change_shot, find_shot, read_board

    placed = _read_boxes(box or ())
    if placed or reset:
        change_shot(run, shot, lambda old: place_figures(old, placed, reset=reset), "layout")
        console.say(f"changed; now draw it: storyanim run {run}")
        return
    found = find_shot(read_board(run), shot)
    if not found.entities:
        raise UsageError(f"{shot} shows no figures that do different things, so nothing has a place",
                         hint="give it `entities` in the storyboard's file")
    facts = {"shot": shot, "entities": [entity.model_dump(mode="json") for entity in found.entities]}
    lines = [f"{number}  {say_place(found, number - 1)}  {entity.prompt}"
             for number, entity in enumerate(found.entities, 1)]
    console.result(facts, "\n".join(lines), json_)


def place_figures(shot: Shot, placed: Sequence[tuple[int, Box]], *, reset: bool = False) -> Shot:
    """Return the shot with boxes in place of those of the figures that are named. Raises UsageError."""
    count = len(shot.entities)
    if count < 2:
        raise UsageError(f"{shot.id} has no figures to place",
                         hint="only figures that do different things have places")
    if wrong := [number for number, _ in placed if not 1 <= number <= count]:
        raise UsageError(f"{shot.id} has no figure {wrong[0]}",
                         hint=f"it has 1 to {count}: storyanim shot layout RUN {shot.id}")
    for number, box in placed:
        if min(box.x1 - box.x0, box.y1 - box.y0) < _LEAST:
            _LOG.warning("figure %d of %s gets less than a fifth of a side: it may not be seen",
                         number, shot.id)
    entities = []
    for number, entity in enumerate(shot.entities, 1):
        own = tuple(sorted((box for n, box in placed if n == number), key=lambda box: box.at))
        entities.append(entity.model_copy(update={"boxes": own or (() if reset else entity.boxes)}))
    return shot.model_copy(update={"entities": tuple(entities)})


def say_place(shot: Shot, index: int) -> str:
    """Return a figure's boxes for people: "0,0,0.5,1", of one that moves "0,0,0.5,1@0 0.5,0,1,1@1"."""
    boxes = shot.boxes_of(index)
    said = [",".join(f"{value:g}" for value in (round(v, 3) for v in box.corners)) for box in boxes]
    moving = (f"{text}@{box.at:g}" for text, box in zip(said, boxes, strict=True))
    return said[0] if len(said) == 1 else " ".join(moving)


def _read_boxes(texts: Sequence[str]) -> list[tuple[int, Box]]:
    """Return number of a figure and its box. Raises UsageError."""
    from pydantic import ValidationError

    from storyanim.artifacts import Box

    found = []
    for text in texts:
        match = _BOX.fullmatch(text.replace(" ", ""))
        hint = "N=X0,Y0,X1,Y1 in shares of the picture, as in --box 1=0,0.2,0.5,1"
        if match is None:
            raise UsageError(f"--box {text!r} is no box", hint=hint)
        try:
            values = [float(value) for value in match.groups()[1:5]]
            box = Box(x0=values[0], y0=values[1], x1=values[2], y1=values[3], at=float(match[6] or 0))
        except (ValidationError, ValueError) as error:
            raise UsageError(f"--box {text!r} is no part of the picture", hint=hint) from error
        found.append((int(match[1]), box))
    return found
