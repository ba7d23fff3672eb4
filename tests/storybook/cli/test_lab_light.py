"""Help and usage errors of the lab's commands are quick: they load no model library."""

from __future__ import annotations

from pathlib import Path

import pytest
from light import tried

HELPS = [
    ["--help"], ["train", "--help"], ["eval", "--help"], ["eval", "storybook", "--help"], ["eval", "structure", "--help"],
    ["eval", "personalization", "--help"], ["eval", "retrieval", "--help"], ["world", "--help"], ["world", "preview", "--help"],
    ["vocabulary", "--help"],
]
MISTAKES = [
    ["nonsense"], ["eval", "nonsense"], ["eval", "storybook", "--profile", "nonsense"],
    ["eval", "structure", "--quality", "best"], ["eval", "storybook", "--prompts", "1"], ["eval", "structure", "--shots", "0"],
    ["eval", "storybook", "-o", "full"], ["eval", "retrieval", "--clips", "1"], ["eval", "retrieval", "--queries", "600"],
    ["train", "nonsense"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/other.txt").write_text("here already")
    return tmp_path


def test_help_loads_no_model_library(folder: Path) -> None:
    for arguments, (code, lines, loaded) in zip(HELPS, tried("storybook.cli.app", HELPS, folder), strict=True):
        assert (code, lines, loaded) == (0, [], "[]"), arguments


def test_usage_errors_are_two_lines_and_load_no_model_library(folder: Path) -> None:
    for arguments, (code, lines, loaded) in zip(MISTAKES, tried("storybook.cli.app", MISTAKES, folder), strict=True):
        assert (code, loaded) == (2, "[]"), (arguments, lines)
        assert [line.split(":")[0] for line in lines] == ["error", "hint"], (arguments, lines)
