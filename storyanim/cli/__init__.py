"""The command line: one file a command group; `app` wires them."""

from storyanim.cli.app import app

__all__ = ["app"]
