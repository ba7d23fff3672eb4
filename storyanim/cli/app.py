"""The Typer application: every command, each in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from storyanim.cli import (
    character,
    convert,
    doctor,
    export,
    fetch,
    index,
    motion,
    personalize,
    replay,
    review,
    run,
    shot,
    take,
)

app = typer.Typer(
    name="storyanim", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn a written story into a film in which your own character plays.",
)
app.command()(run.run)
app.command()(run.plan)
app.command()(index.index)
app.command("index-info")(index.index_info)
app.command()(index.search)
app.command()(personalize.personalize)
app.add_typer(character.app, name="character")
app.add_typer(motion.app, name="motion")
app.add_typer(shot.app, name="shot")
app.command()(replay.replay)
app.command()(run.report)
app.command()(review.review)
app.command()(take.clean)
app.add_typer(export.app, name="export")
app.add_typer(convert.app, name="convert")
app.command()(fetch.fetch)
app.command()(doctor.doctor)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"storyanim {metadata.version('storyanim')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option(
        "--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Take the options that stand before a command."""
