"""The command line: one file a command group. Nothing here imports torch until a command has checked its flags."""

from storyanim.cli.app import app, run_app

__all__ = ["app", "run_app"]
