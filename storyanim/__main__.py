"""The console script: runs the command line and turns errors into two lines and an exit code."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run `storyanim` and `python -m storyanim`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)     # as Ctrl-C: nothing is left half-made

    from storyanim.cli import app
    from storyanim.console import run_app

    sys.exit(run_app(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
