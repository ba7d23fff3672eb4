"""`python -m storybook vocabulary`: write what a family can draw, for the planner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def vocabulary(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON to write. [default: the bundled family's]")
    ] = None,
    world: Annotated[str, typer.Option(help="storybook-1 or storybook-2.")] = "storybook-1",
) -> None:
    """Write the vocabulary file of a storybook family, after its words or the world's have changed."""
    from storyanim.config import asset
    from storyanim.errors import UsageError
    from storybook.vocabulary import write
    from storybook.world import WORLDS

    if world not in WORLDS:
        raise UsageError(f"no world {world!r}", hint=f"known are {', '.join(WORLDS)}")
    path = out or asset("storybook/vocabulary.json")
    write(path, WORLDS[world])
    print(path)
