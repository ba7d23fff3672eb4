"""`storyanim shot takes`, `shot choose` and `storyanim clean`: what was drawn of a shot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli.flags import AsJson
from storyanim.errors import UsageError

if TYPE_CHECKING:
    from storyanim.run.takes import ListedTake

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
ShotId = Annotated[str, typer.Argument(metavar="SHOT", help="s01, s02, ...")]


def takes(run: Run, shot: ShotId, json_: AsJson = False) -> None:
    """List what was drawn of a shot, each drawing with its seed, footage and score."""
    from storyanim.run.edits import list_takes

    listed = list_takes(run, shot)
    rows = [(f"{made.take.number}", "in the film" if made.in_film else "", f"seed {made.take.shot.seed}",
             f"{made.take.reading.score:.2f}", made.take.footage or "-", made.take.shot.prompt,
             str(made.picture)) for made in listed]
    lines = console.columns(("take", "", "", "score", "footage", "prompt", "picture"), rows)
    console.result([_facts(made) for made in listed], lines if rows else f"{shot} is not drawn yet", json_)


def choose(
    run: Run, shot: ShotId,
    take: Annotated[int, typer.Argument(metavar="TAKE", min=1, help="Its number in `shot takes`.")],
) -> None:
    """Show another take of a shot in the film."""
    from storyanim.run.edits import choose_take

    choose_take(run, shot, take)
    console.say(f"changed; now film it: storyanim run {run}")


def clean(run: Run, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
          json_: AsJson = False) -> None:
    """Remove takes that other drawings took the place of; says first what that frees, and asks."""
    from storyanim.run.takes import remove_takes, spare_takes

    spare = spare_takes(run)
    count = sum(map(len, spare.values()))
    size = sum(made.num_bytes for found in spare.values() for made in found)
    facts: dict[str, Any] = {"takes": {shot: [made.take.number for made in found]
                                       for shot, found in spare.items()}, "bytes": size, "removed": False}
    if not count:
        console.result(facts, "there is no take to remove", json_)
        return
    lines = [f"{shot}: take {', '.join(str(made.take.number) for made in found)}"
             for shot, found in spare.items()]
    console.say("\n".join([*lines, f"{count} take{'s' * (count > 1)}, {_say_bytes(size)}; "
                           "what is in the film stays, `shot choose` cannot bring these back"]))
    if not yes and not console.ask("Remove them?"):
        raise UsageError("nothing was removed", hint="--yes removes them unasked")
    freed = remove_takes(run, spare)
    console.result(facts | {"bytes": freed, "removed": True}, f"freed {_say_bytes(freed)}", json_)


def _facts(made: ListedTake) -> dict[str, Any]:
    return {
        "number": made.take.number, "in_film": made.in_film, "seed": made.take.shot.seed,
        "prompt": made.take.shot.prompt, "footage": made.take.footage,
        "reading": made.take.reading.model_dump(mode="json"), "picture": str(made.picture),
        "folder": str(made.folder), "bytes": made.num_bytes,
    }


def _say_bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MB" if number < 2**30 else f"{number / 2**30:.1f} GB"
