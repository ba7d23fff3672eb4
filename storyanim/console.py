"""What a person sees: progress on stderr, results on stdout, errors as lines with exit codes (errors.py)."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import typer

from storyanim.errors import PartialError, StoryanimError

# Typer brings a click of its own from 0.26 on; the bases of its public BadParameter are right in every
# version.
_ClickException: Any = typer.BadParameter.__mro__[2]
_INTERRUPTED = 130
_NO_END = 100_000                                    # columns of what is no terminal


class Progress(Protocol):
    """Told how far a piece of work is."""

    def __call__(self, done: float, text: str) -> None: ...


@contextmanager
def progress(title: str, quiet: bool = False) -> Iterator[Progress]:
    """Yield a bar with time left on a terminal, else a plain line at each tenth.

    `done` runs from 0 to 1; where it falls back, the next piece of work begins, with a time of its own.
    """
    if quiet:
        yield lambda done, text: None
    elif sys.stderr.isatty():
        yield from _bar(title)
    else:
        yield _lines(title)


def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"),
               TimeRemainingColumn(),
               TextColumn("{task.fields[text]}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0, text="")

        def show(done: float, text: str) -> None:
            if done < bar.tasks[0].completed:
                bar.reset(task)
            bar.update(task, completed=min(done, 1.0), text=text)

        yield show


def _lines(title: str) -> Progress:
    shown = -1
    started = time.monotonic()

    def show(done: float, text: str) -> None:
        nonlocal shown, started
        if int(done * 10) < shown:
            shown, started = -1, time.monotonic()
        if int(done * 10) > shown:
            shown = int(done * 10)
            spent = time.monotonic() - started
            left = f", {spent / done - spent:.0f} s left" if done > 0.02 else ""
            print(f"{title}: {100 * done:.0f} %{left}  {text}", file=sys.stderr, flush=True)

    return show


def say(text: str, quiet: bool = False) -> None:
    """Print a line on stderr."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def result(value: dict[str, Any] | list[Any], lines: str, as_json: bool) -> None:
    """Print the command's result on stdout: one JSON document, or lines for people."""
    print(json.dumps(value, ensure_ascii=False, indent=1) if as_json else lines)


def table(rows: dict[str, str]) -> str:
    """Return names and values in two columns as wide as the terminal; for a file or a pipe, a line a name."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, show_header=False, pad_edge=False)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in rows.items():
        drawn.add_row(name, Text(value))             # a text, since rich would read [brackets] as its markup
    text = StringIO()
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(file=text, color_system=None, width=None if has_width else _NO_END).print(drawn)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


class _StderrHandler(logging.Handler):
    """Prints warnings of the package as plain lines on what is stderr at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stderr, flush=True)


def run_app(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line of an application and return its exit code, see errors.py."""
    _show_warnings()
    try:
        code = app(args=list(arguments), standalone_mode=False)
        return _interrupted() if code == _INTERRUPTED else code if isinstance(code, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except _ClickException as error:                 # usage errors, and files that click cannot open
        return _usage(error)
    except StoryanimError as error:
        if os.environ.get("STORYANIM_DEBUG"):
            raise
        for name, reason in (error.failed if isinstance(error, PartialError) else {}).items():
            print(f"failed: {name}: {reason}", file=sys.stderr)
        return _complain(error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):         # what a Ctrl-C becomes depends on Typer's version
        return _interrupted()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("out of memory", "close other programs, or choose --quality draft", 6)


def _show_warnings() -> None:
    log = logging.getLogger("storyanim")
    if not any(isinstance(handler, _StderrHandler) for handler in log.handlers):
        log.addHandler(_StderrHandler(logging.WARNING))


def _usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return 2
    command = context.command_path if context else "storyanim"
    return _complain(error.format_message(), f"see `{command} --help`", 2)


def _interrupted() -> int:
    return _complain("interrupted", "the same command goes on where it stopped", _INTERRUPTED)


def _complain(message: str, hint: str, code: int) -> int:
    one_line = " ".join(str(message).split())
    print(f"error: {one_line.rstrip('.')}\nhint: {' '.join(hint.split())}", file=sys.stderr)
    return code
