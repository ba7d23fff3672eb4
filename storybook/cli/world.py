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
    world: Annotated[str, typer.Option(help="storybook-1 or storybook-2.")] = "storybook-1",
    figures: Annotated[int, typer.Option(min=0, max=3, help="How many figures in each.")] = 1,
    every: Annotated[str, typer.Option(help="One scene for each creature, action, scene, time_of_day or "
                                            "weather.")] = "",
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels a side of a frame.")] = 128,
) -> None:
    """Draw a sheet of random scenes with depth and captions."""
    from io import BytesIO

    from storyanim.engine.folders import check_writable, write_file
    from storyanim.errors import UsageError
    from storybook.world import WORLDS
    from storybook.world.sheet import EVERY, preview_sheet, spec_sheet
    from storybook.world.sheet import every as one_of_each

    if world not in WORLDS:
        raise UsageError(f"no world {world!r}", hint=f"known are {', '.join(WORLDS)}")
    if every and every not in EVERY:
        raise UsageError(f"nothing to show of {every!r}", hint=f"one of {', '.join(EVERY)}")
    check_writable(out)
    png = BytesIO()
    known = WORLDS[world]
    if every:
        sheet = spec_sheet(one_of_each(every, known, seed), size=size, world=known)
    else:
        sheet = preview_sheet(range(seed, seed + count), size=size, num_actors=figures, world=known)
    sheet.save(png, "PNG")
    write_file(out, png.getvalue())
    print(out)
