"""The console script: runs the command line and turns errors into two lines and an exit code."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run `storyanim` and `python -m storyanim`."""
    _open_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)     # as Ctrl-C: nothing is left half-made

    from storyanim.cli import app
    from storyanim.console import run_app

    sys.exit(run_app(app, sys.argv[1:]))


def _open_streams() -> None:
    """Let streams that were closed lead nowhere: a file that is opened would take their number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)           # gets the least number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
