"""`storyanim shot`: changes to a run's storyboard; `storyanim run RUN` then draws what changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyanim import console
from storyanim.errors import StoryError, UsageError

if TYPE_CHECKING:
    from storyanim.artifacts import Shot, Storyboard

app = typer.Typer(no_args_is_help=True,
                  help="Change a shot of a run; `storyanim run RUN` then draws what changed.")
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
ShotId = Annotated[str, typer.Argument(metavar="SHOT", help="s01, s02, ...")]
ClipId = Annotated[str, typer.Argument(metavar="CLIP",
                                       help="A candidate's name, from the report or `storyanim search`.")]


@app.command()
def redo(run: Run, shot: ShotId) -> None:
    """Draw a shot again with another seed."""
    _change(run, shot, lambda old: old.model_copy(update={"seed": (old.seed + 1) % 2**63}))


@app.command()
def replace(
    run: Run, shot: ShotId,
    prompt: Annotated[str | None, typer.Option(help="What to draw.")] = None,
    query: Annotated[str | None, typer.Option(help="What footage to look for.")] = None,
) -> None:
    """Give a shot another prompt or query."""
    changes = {name: value for name, value in (("prompt", prompt), ("query", query)) if value}
    if not changes:
        raise UsageError("nothing to replace", hint="give --prompt or --query")
    _change(run, shot, lambda old: old.model_copy(update=changes))


@app.command()
def insert(
    run: Run, shot: ShotId,
    prompt: Annotated[str, typer.Option(help="What to draw.")],
    query: Annotated[str | None, typer.Option(help="What footage to look for. [default: the prompt]")] = None,
    text: Annotated[str, typer.Option(help="Its subtitle.")] = "",
) -> None:
    """Put a new shot behind SHOT."""
    from storyanim.planning.keep import insert_shot

    _edit(run, lambda board: insert_shot(board, _known(board, shot).id, prompt, query or prompt, text))


@app.command()
def remove(run: Run, shot: ShotId) -> None:
    """Take a shot out of the film."""
    def without(board: Storyboard) -> Storyboard:
        gone = _known(board, shot)
        if len(board.shots) == 1:
            raise StoryError("a film needs at least one shot", hint="insert another shot first")
        return board.model_copy(update={"shots": tuple(s for s in board.shots if s is not gone)})

    _edit(run, without)


@app.command()
def pin(
    run: Run, shot: ShotId,
    clip: Annotated[str | None,
                    typer.Argument(metavar="[CLIP]", help="A candidate's name, as in `ban`.")] = None,
    footage: Annotated[str | None, typer.Option("--clip", metavar="FILE[@START-END]",
                                                help="A video of your own, in seconds: "
                                                "dog.mp4@3.2-5.2. [default: its beginning]")] = None,
) -> None:
    """Let a shot move as this clip does, or as a video of your own."""
    if (clip is None) == (footage is None):
        raise UsageError("one clip is pinned", hint="give a candidate's name, or a video with --clip FILE")
    from storyanim.retrieve.choose import read_user_footage, with_absolute_path

    def pinned(old: Shot) -> Shot:
        if footage is not None:
            read_user_footage(footage, old.duration_s)  # what is wrong with it is told now
        name = clip if footage is None else with_absolute_path(footage)
        return old.model_copy(update={"pinned": name, "banned": tuple(c for c in old.banned if c != name)})

    _change(run, shot, pinned)


@app.command()
def ban(run: Run, shot: ShotId, clip: ClipId) -> None:
    """Never let a shot move as this clip does."""
    def banned(old: Shot) -> Shot:
        pinned = None if old.pinned == clip else old.pinned
        return old.model_copy(update={"pinned": pinned, "banned": tuple(sorted({*old.banned, clip}))})

    _change(run, shot, banned)


def _known(board: Storyboard, shot_id: str) -> Shot:
    for shot in board.shots:
        if shot.id == shot_id:
            return shot
    raise StoryError(f"the storyboard has no shot {shot_id}",
                     hint=f"it has {', '.join(shot.id for shot in board.shots)}")


def _change(run: Path, shot_id: str, change: Callable[[Shot], Shot]) -> None:
    def changed(board: Storyboard) -> Storyboard:
        old = _known(board, shot_id)
        return board.model_copy(update={"shots": tuple(change(s) if s is old else s for s in board.shots)})

    _edit(run, changed)


def _edit(run: Path, change: Callable[[Storyboard], Storyboard]) -> None:
    from storyanim.engine.run_dir import RunDir
    from storyanim.run.request import read_request
    from storyanim.run.storyboard import edit_storyboard

    read_request(run)
    with RunDir(run) as opened:
        edit_storyboard(opened, change)
    console.say(f"changed; now draw it: storyanim run {run}")
