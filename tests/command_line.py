"""What a command line gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from storyanim.console import run_app


@dataclass(frozen=True)
class Outcome:
    """Exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, which must be one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def complaint(self) -> tuple[str, str]:
        """Its error and its hint: one line each, the last ones of stderr."""
        *before, error, hint = self.err.splitlines()
        assert error.startswith("error: ")
        assert hint.startswith("hint: ")
        assert not [line for line in before if line.startswith(("error:", "hint:", "Traceback"))]
        return error.removeprefix("error: "), hint.removeprefix("hint: ")


Cli = Callable[..., Outcome]
RUN = Path("runs/the-colours")                      # of the story that the fixture `story` is


def in_this_process(app: typer.Typer, capsys: pytest.CaptureFixture[str]) -> Cli:
    """An app's command line, called here."""
    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run_app(app, [str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run
