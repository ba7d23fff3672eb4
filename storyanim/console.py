"""What a person sees: progress on stderr, results on stdout, errors as lines with exit codes (errors.py)."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
    """Yield a bar with time left on a terminal, else a plain line at each tenth; nothing before a call.

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
    bar = Bar(*columns, console=Console(stderr=True))
    task = bar.add_task(title, total=1.0, text="")

    def show(done: float, text: str) -> None:
        bar.start()
        if done < bar.tasks[0].completed:
            bar.reset(task)
        bar.update(task, completed=min(done, 1.0), text=text)

    try:
        yield show
    finally:
        bar.stop()


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
            _tell(f"{title}: {100 * done:.0f} %{left}  {text}")

    return show


def say(text: str, quiet: bool = False) -> None:
    """Print a line on stderr."""
    if not quiet:
        _tell(text)


def result(value: dict[str, Any] | list[Any], lines: str, as_json: bool) -> None:
    """Print the command's result on stdout: one JSON document, or lines for people."""
    if as_json:
        lines = json.dumps(value, ensure_ascii=False, indent=1)
        _documents.append(lines)
    print(lines)


def can_ask() -> bool:
    """Whether somebody at a terminal can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask on the terminal, "no" by default; False where nobody can answer."""
    return can_ask() and bool(typer.confirm(question, err=True))


def table(rows: dict[str, str]) -> str:
    """Return names and values in two columns as wide as the terminal; for a file or a pipe, a line a name."""
    return columns((), list(rows.items()))


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns as wide as the terminal, the last folded; a header of () is not shown."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, show_header=bool(header), pad_edge=False)
    number = len(rows[0]) if rows else len(header)
    for i in range(number):
        last = i == number - 1
        drawn.add_column(header[i] if header else "", no_wrap=not last,
                         overflow="fold" if last else "ellipsis")
    for row in rows:
        drawn.add_row(*map(Text, row))               # texts, since rich would read [brackets] as its markup
    text = StringIO()
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(file=text, color_system=None, width=None if has_width else _NO_END).print(drawn)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


class _StderrHandler(logging.Handler):
    """Prints remarks and warnings of the package as plain lines on what is stderr at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        _tell(record.getMessage())


@dataclass(frozen=True)
class _Complaint:
    """An error as it is told: lines on stderr, with `--json` also a document on stdout."""

    message: str
    hint: str
    code: int
    details: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    def tell(self, as_json: bool) -> None:
        message, hint = " ".join(self.message.split()).rstrip("."), " ".join(self.hint.split())
        lines = [*self.details, *(f"failed: {name}: {reason}" for name, reason in self.failed.items())]
        _tell("\n".join([*lines, f"error: {message}", f"hint: {hint}"]))
        if as_json and not _documents:               # of what was done in part there is one already
            result({"error": message, "hint": hint, "exit_code": self.code, "details": list(self.details),
                    "failed": dict(self.failed)}, "", as_json)


@dataclass(frozen=True)
class _Help:
    """What a command prints that was given nothing."""

    text: str
    code: int = 2

    def tell(self, as_json: bool) -> None:
        print(self.text)


def run_app(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line of an application and return its exit code, see errors.py.

    Whoever reads stdout may stop; a stdout that cannot be written is an error.
    """
    _show_warnings()
    _documents.clear()
    found = _called(app, arguments)
    code = found if isinstance(found, int) else found.code
    try:
        if not isinstance(found, int):
            found.tell("--json" in arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
    except OSError as error:
        _leave_stdout()
        if code != 6:                                # else told already
            _Complaint(f"stdout cannot be written ({error.strerror})", "what was made lies where it should",
                       6).tell(as_json=False)
        return 6
    return code


def _called(app: typer.Typer, arguments: Sequence[str]) -> int | _Complaint | _Help:
    """Return the exit code of a command, or what it complains of."""
    try:
        code = app(args=list(arguments), standalone_mode=False)
        return _INTERRUPT if code == _INTERRUPTED else code if isinstance(code, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except _ClickException as error:                 # usage errors, and files that click cannot open
        return _usage(error)
    except StoryanimError as error:
        if os.environ.get("STORYANIM_DEBUG"):
            raise
        failed = error.failed if isinstance(error, PartialError) else {}
        return _Complaint(error.message, error.hint, error.exit_code, error.details, failed)
    except (KeyboardInterrupt, typer.Abort):         # what a Ctrl-C becomes depends on Typer's version
        return _INTERRUPT
    except (SystemExit, OSError) as error:
        return _stream_closed(error)
    except MemoryError:
        return _Complaint("out of memory", "close other programs, or choose --quality draft", 6)


def _stream_closed(error: SystemExit | OSError) -> int | _Complaint:
    """Return what a closed pipe or a full disk comes to; others have an owner that knows more of them."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _Complaint(f"stdout or the disk has no room ({error.strerror})",
                          "free some space, then try again", 6)
    if not isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError):
        raise error
    _leave_stdout()                                  # click turns a closed pipe into an exit
    return 0


def _leave_stdout() -> None:
    """Let stdout lead nowhere, so that Python does not complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(text: str) -> None:
    """Print on stderr; whoever reads it may stop, and the work goes on."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _show_warnings() -> None:
    log = logging.getLogger("storyanim")
    if not any(isinstance(handler, _StderrHandler) for handler in log.handlers):
        log.addHandler(_StderrHandler(logging.INFO))
        log.setLevel(logging.INFO)


def _usage(error: Any) -> _Complaint | _Help:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return _Help(error.format_message())
    command = context.command_path if context else "storyanim"
    return _Complaint(error.format_message(), f"see `{command} --help`", 2)


_INTERRUPT = _Complaint("interrupted", "the same command goes on where it stopped", _INTERRUPTED)
_documents: list[str] = []                           # that this command printed on stdout
