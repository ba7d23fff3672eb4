"""The lab's command line in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli, in_this_process

from storybook.cli.app import app


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return in_this_process(app, capsys)
