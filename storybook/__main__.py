"""`python -m storybook`: the commands of the lab."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from storyanim.console import run_app
    from storybook.cli.app import app

    sys.exit(run_app(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
