"""`storyanim train` and `storyanim world`."""

from __future__ import annotations

from pathlib import Path

from command_line import Cli

from storyanim.cli.train import Stage


def test_the_stages_are_those_of_the_recipe() -> None:
    from storyanim.train.recipe import STAGES

    assert [stage.value for stage in Stage] == list(STAGES)


def test_world_preview_draws_a_sheet(cli: Cli, here: Path) -> None:
    outcome = cli("world", "preview", "-o", "new/world.png", "--count", 1)
    assert (outcome.code, outcome.out) == (0, "new/world.png\n")
    assert (here / "new/world.png").read_bytes().startswith(b"\x89PNG")
    assert cli("world", "preview", "-o", "new/world.png/below.png", "--count", 1).code == 6
