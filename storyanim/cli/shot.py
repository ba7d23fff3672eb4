"""`storyanim shot`: changes to a run's storyboard; `storyanim run RUN` then draws what changed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from storyanim import console
from storyanim.cli import take
from storyanim.cli.flags import AsJson
from storyanim.cli.layout import layout
from storyanim.errors import UsageError

app = typer.Typer(no_args_is_help=True,
                  help="Change a shot of a run; `storyanim run RUN` then draws what changed.")
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
ShotId = Annotated[str, typer.Argument(metavar="SHOT", help="s01, s02, ...")]
ClipId = Annotated[str, typer.Argument(metavar="CLIP",
                                       help="A candidate's name, from the report or `storyanim search`.")]
Figure = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of several that do different things: "
                                            "this one's footage, as `layout` counts them.")]
_MAX_TEXT = 60                                       # characters of a shot's words in a list


@app.command("list")
def list_(run: Run, json_: AsJson = False) -> None:
    """List the shots of a run."""
    from storyanim.run.edits import list_shots

    shots = list_shots(run)
    rows = [(made.shot.id, f"{made.shot.duration_s:g} s", f"seed {made.shot.seed}",
             "drawn" if made.drawn else "not drawn", made.footage or "-",
             _shortened(made.shot.text or made.shot.prompt)) for made in shots]
    facts = [made.shot.model_dump(mode="json") | {"drawn": made.drawn, "footage": made.footage}
             for made in shots]
    console.result(facts, console.columns((), rows), json_)


@app.command()
def redo(
    run: Run, shot: ShotId,
    takes: Annotated[int, typer.Option("--takes", min=0, max=16, metavar="N",
                                       help="Drawings, each with another seed, of which the best is shown. "
                                            "0: as for other shots.")] = 0,
) -> None:
    """Draw a shot again with another seed; what was drawn is kept as a take."""
    from storyanim.run.edits import redo_shot

    redo_shot(run, shot, takes)
    _say_changed(run)


app.command()(take.takes)
app.command()(take.choose)


@app.command()
def seed(run: Run, shot: ShotId, seed: Annotated[int, typer.Argument(min=0, help="From 0 on.")]) -> None:
    """Give a shot this seed; that of `storyanim run --seed` is added to it."""
    from storyanim.run.edits import set_seed

    set_seed(run, shot, seed)
    _say_changed(run)


@app.command()
def style(
    run: Run, shot: ShotId,
    style: Annotated[str, typer.Argument(metavar="STYLE", help='As in "watercolour"; "" ends it.')],
) -> None:
    """Draw a shot in a style of its own, by a profile that draws from any words."""
    from storyanim.run.edits import set_style

    set_style(run, shot, style)
    _say_changed(run)


@app.command()
def replace(
    run: Run, shot: ShotId,
    prompt: Annotated[str | None, typer.Option(help="What to draw.")] = None,
    query: Annotated[str | None, typer.Option(help="What footage to look for.")] = None,
) -> None:
    """Give a shot another prompt or query."""
    if not (prompt or query):
        raise UsageError("nothing to replace", hint="give --prompt or --query")
    from storyanim.run.edits import replace_shot

    replace_shot(run, shot, prompt, query)
    _say_changed(run)


@app.command()
def insert(
    run: Run, shot: ShotId,
    prompt: Annotated[str, typer.Option(help="What to draw.")],
    query: Annotated[str | None, typer.Option(help="What footage to look for. [default: the prompt]")] = None,
    text: Annotated[str, typer.Option(help="Its subtitle.")] = "",
) -> None:
    """Put a new shot behind SHOT."""
    from storyanim.run.edits import insert_shot

    insert_shot(run, shot, prompt, query, text)
    _say_changed(run)


@app.command()
def remove(run: Run, shot: ShotId) -> None:
    """Take a shot out of the film."""
    from storyanim.run.edits import remove_shot

    remove_shot(run, shot)
    _say_changed(run)


@app.command()
def move(
    run: Run, shot: ShotId,
    behind: Annotated[str | None, typer.Option("--behind", metavar="SHOT", help="Show it after.")] = None,
    before: Annotated[str | None, typer.Option("--before", metavar="SHOT", help="Or before.")] = None,
) -> None:
    """Show a shot at another place of the film."""
    if (behind is None) == (before is None):
        raise UsageError("one place is needed", hint="give --behind SHOT or --before SHOT")
    from storyanim.run.edits import move_shot

    move_shot(run, shot, behind=behind, before=before)
    _say_changed(run)


@app.command()
def order(
    run: Run,
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="An .otio, .edl or .fcpxml that "
                                            "`storyanim export film` wrote and an editor changed.")],
    drop_missing: Annotated[bool, typer.Option("--drop-missing",
                                               help="Shots that it lacks leave the film.")] = False,
    json_: AsJson = False,
) -> None:
    """Show the shots in the order, and for the seconds, that an editor's project has."""
    from storyanim.run.exports import take_cut

    cut = take_cut(run, project, drop_missing=drop_missing)
    what = "removed" if drop_missing else "not in the project, kept"
    lines = [", ".join(cut.order), *([f"{what}: {', '.join(cut.missing)}"] if cut.missing else []),
             *(f"{shot}: {seconds:g} s" for shot, seconds in cut.durations_s.items()),
             *(f"{clip}: left as it is, {why}" for clip, why in cut.refused.items())]
    console.result(asdict(cut), "\n".join(lines), json_)
    if cut.changed:
        console.say(f"changed; now draw it: storyanim run {run}", quiet=json_)
    else:
        console.say("nothing is changed", quiet=json_)


@app.command()
def pin(
    run: Run, shot: ShotId,
    clip: Annotated[str | None,
                    typer.Argument(metavar="[CLIP]", help="A candidate's name, as in `ban`.")] = None,
    footage: Annotated[str | None, typer.Option("--clip", metavar="FILE[@START-END]",
                                                help="A video of your own, in seconds: "
                                                "dog.mp4@3.2-5.2. [default: its beginning]")] = None,
    figure: Figure = None,
) -> None:
    """Let a shot, or one of its figures, move as this clip does, or as a video of your own."""
    if (clip is None) == (footage is None):
        raise UsageError("one clip is pinned", hint="give a candidate's name, or a video with --clip FILE")
    from storyanim.run.edits import pin_clip, pin_file

    if footage is not None:
        pin_file(run, shot, footage, figure)
    elif clip is not None:
        pin_clip(run, shot, clip, figure)
    _say_changed(run)


@app.command()
def ban(run: Run, shot: ShotId, clip: ClipId, figure: Figure = None) -> None:
    """Never let a shot, or one of its figures, move as this clip does."""
    from storyanim.run.edits import ban_clip

    ban_clip(run, shot, clip, figure)
    _say_changed(run)


@app.command()
def undo(
    run: Run,
    to: Annotated[int | None, typer.Option("--to", min=1, metavar="N",
                                           help="The storyboard with this number, also a later one.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the storyboards that the run had.")] = False,
    json_: AsJson = False,
) -> None:
    """Go back to the storyboard before the last change; again, to the one before that."""
    from storyanim.run.edits import list_versions
    from storyanim.run.edits import undo as go_back

    if list_:
        kept = list_versions(run)
        facts = [{"number": old.number, "made_by": old.made_by, "file": str(old.path)} for old in kept]
        console.result(facts, console.columns((), [(f"{old.number}", old.made_by) for old in kept]), json_)
        return
    found = go_back(run, to)
    facts = [{"number": found.number, "made_by": found.made_by, "file": str(found.path)}]
    console.result(facts, f"back at storyboard {found.number} ({found.made_by})", json_)
    console.say(f"now draw it: storyanim run {run}", quiet=json_)


app.command()(layout)


def _say_changed(run: Path) -> None:
    console.say(f"changed; now draw it: storyanim run {run}")


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_TEXT else f"{words[:_MAX_TEXT - 1].rstrip()}…"
