"""The Typer application of `python -m storybook`."""

from __future__ import annotations

import typer

from storybook.cli import evaluate, train, vocabulary, world

app = typer.Typer(
    name="python -m storybook", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
    help="Render, train and measure the storybook family that ships with storyanim.",
)
app.add_typer(world.app, name="world")
app.command()(train.train)
app.add_typer(evaluate.app, name="eval")
app.command()(vocabulary.vocabulary)
