"""The lab's command line in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli, Outcome

from storyanim.console import run_app
from storybook.cli.app import app


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run_app(app, [str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run
