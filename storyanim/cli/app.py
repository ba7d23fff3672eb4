"""The Typer application, and the one place where errors become exit codes (see errors.py)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from storyanim.cli import character, convert, doctor, evaluate, export, index, personalize, run, shot, train, world
from storyanim.errors import PartialError, StoryanimError

# Typer brings a click of its own from 0.26 on; the bases of its public BadParameter are right in every version.
_ClickException: Any = typer.BadParameter.__mro__[2]
_INTERRUPTED = 130

app = typer.Typer(
    name="storyanim", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn a written story into a film in which your own character plays.",
)
app.command()(run.run)
app.command()(run.plan)
app.command()(index.index)
app.command()(index.search)
app.command()(personalize.personalize)
app.add_typer(character.app, name="character")
app.add_typer(shot.app, name="shot")
app.command()(run.report)
app.add_typer(export.app, name="export")
app.add_typer(convert.app, name="convert")
app.command()(doctor.doctor)
app.add_typer(evaluate.app, name="eval")
app.command()(train.train)
app.add_typer(world.app, name="world")


def run_app(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = app(args=list(arguments), standalone_mode=False)
        return _interrupted() if code == _INTERRUPTED else code if isinstance(code, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except _ClickException as error:                 # usage errors, and files that click cannot open
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        return _complain(error.format_message(), f"see `{context.command_path if context else 'storyanim'} --help`", 2)
    except StoryanimError as error:
        if os.environ.get("STORYANIM_DEBUG"):
            raise
        if isinstance(error, PartialError):
            for name, reason in error.failed.items():
                print(f"failed: {name}: {reason}", file=sys.stderr)
        return _complain(error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):         # what a Ctrl-C becomes depends on Typer's version
        return _interrupted()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("out of memory", "close other programs, or choose --quality draft", 6)


def _interrupted() -> int:
    return _complain("interrupted", "the same command goes on where it stopped", _INTERRUPTED)


def _complain(message: str, hint: str, code: int) -> int:
    one_line = " ".join(str(message).split())
    print(f"error: {one_line.rstrip('.')}\nhint: {' '.join(hint.split())}", file=sys.stderr)
    return code
