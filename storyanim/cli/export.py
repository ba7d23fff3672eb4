"""`storyanim export`: a run's film in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from storyanim.errors import InputError, UsageError

app = typer.Typer(no_args_is_help=True, help="A run's film in other forms.")


@app.callback()
def _group() -> None:
    """A run's film in other forms."""


@app.command()
def preview(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with a finished film.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .webp or .gif to write.")] = Path("preview.webp"),
    width: Annotated[int, typer.Option(min=16, max=2048, help="Pixels.")] = 256,
) -> None:
    """Write the film as a small moving picture."""
    from storyanim.engine.folders import check_place
    from storyanim.engine.run_dir import RunDir
    from storyanim.film.preview import draw_preview
    from storyanim.order import production_of, read_order

    if out.suffix not in {".webp", ".gif"}:
        raise UsageError(f"{out} is neither .webp nor .gif", hint="choose one of the two with -o")
    read_order(run)
    check_place(out)
    with RunDir(run) as opened:
        film = production_of(opened).film
        if film is None:
            raise InputError(f"{run} has no film yet", hint=f"make it: storyanim run {run}")
        draw_preview(film.value, out, width_px=width)
    print(out)
