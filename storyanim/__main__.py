"""The console script: runs the command line and turns errors into two lines and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from importlib.abc import MetaPathFinder


def main() -> None:
    """Run `storyanim` and `python -m storyanim`."""
    _open_streams()
    sys.meta_path.insert(0, _NoTorchForThinc())
    signal.signal(signal.SIGTERM, signal.default_int_handler)     # as Ctrl-C: nothing is left half-made

    from storyanim.cli import app
    from storyanim.console import run_app

    sys.exit(run_app(app, sys.argv[1:]))


class _NoTorchForThinc(MetaPathFinder):
    """Keeps torch from `thinc`, below spaCy, which imports it if it is there: that takes seconds.

    The rules parse by spaCy's networks of numpy alone. Programs that import storyanim are not concerned: they
    may have other pipelines, of torch.
    """

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for torch where `thinc.compat` looks whether it is there."""
        compat = sys.modules.get("thinc.compat")
        if fullname == "torch" and compat is not None and not hasattr(compat, "has_torch"):
            raise ModuleNotFoundError("not for thinc", name=fullname)


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
