"""`python -m storybook world`: look at the storybook world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Look at the storybook world.")


@app.callback()
def _group() -> None:
    """Look at the storybook world."""


@app.command()
def preview(
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG to write.")] = Path("world.png"),
    seed: Annotated[int, typer.Option(help="First scene.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=200, help="How many scenes.")] = 12,
) -> None:
    """Draw a sheet of random scenes with depth and captions."""
    from io import BytesIO

    from storyanim.engine.folders import check_place, write_file
    from storybook.world.sheet import preview_sheet

    check_place(out)
    png = BytesIO()
    preview_sheet(list(range(seed, seed + count))).save(png, "PNG")
    write_file(out, png.getvalue())
    print(out)
