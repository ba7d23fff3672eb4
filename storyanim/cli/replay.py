"""`storyanim replay`: a run's film made once more, and compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.cli.fetch import confirm_downloads


def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with a film.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the new run. [default: removed afterwards]")
    ] = None,
    executor: flags.Executor = flags.ExecutorFlag.local,
    ray_address: flags.RayAddress = None,
    workers: flags.Workers = 0,
    yes: flags.Yes = False,
    json_: flags.AsJson = False,
) -> None:
    """Make a run's film again from its run.json, and tell whether the bytes are the same.

    What differs in versions, files, settings, models and seeds is named. The run stays as it is.
    """
    flags.check_ray(executor, ray_address)
    from storyanim.films.replay import replay_film

    with console.progress("replay") as bar:
        found = replay_film(run, out, executor=executor.value, ray_address=ray_address, workers=workers,
                            confirm=partial(confirm_downloads, yes), progress=bar)
    same = f"the same bytes as in {found.folder}" if not found.changed else "other bytes"
    console.result(
        {"run": str(found.folder), "out": None if out is None else str(out), "same": not found.changed,
         "changed": list(found.changed), "steps": list(found.steps), "differences": list(found.differences)},
        "\n".join([f"{found.folder / 'film.mp4'}: {same}", *found.differences]), json_)
    found.check_same()
