"""`python -m storybook vocabulary`: write what the family can draw, for the planner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def vocabulary(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON to write. [default: the bundled family's]")
    ] = None,
) -> None:
    """Write the vocabulary file of the storybook family, after its words or the world's have changed."""
    from storyanim.config import asset
    from storybook.vocabulary import write

    path = out or asset("storybook/vocabulary.json")
    write(path)
    print(path)
