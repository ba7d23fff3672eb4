"""`python -m storybook train` and `python -m storybook world`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli

from storybook.cli.train import Stage


def test_the_stages_are_those_of_the_recipe() -> None:
    from storybook.train import recipe, recipe256

    assert [stage.value for stage in Stage if stage not in (Stage.decoder, Stage.latents)] == [*recipe.STAGES, "judge", "reader"]
    assert {*recipe256.STAGES} <= {stage.value for stage in Stage}


def test_world_preview_draws_a_sheet(cli: Cli, here: Path) -> None:
    outcome = cli("world", "preview", "-o", "new/world.png", "--count", 1)
    assert (outcome.code, outcome.out) == (0, "new/world.png\n")
    assert (here / "new/world.png").read_bytes().startswith(b"\x89PNG")
    assert cli("world", "preview", "-o", "new/world.png/below.png", "--count", 1).code == 6


def test_the_judge_is_trained_measured_and_gone_on_with(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from storybook.evaluate import judge_data
    from storybook.evaluate.judge import Judge
    from storybook.evaluate.judge_data import JudgeSet

    monkeypatch.setattr(judge_data, "CLIPS", JudgeSet("judge_clips", 2, 5_000_000, 2))
    monkeypatch.setattr(judge_data, "STILLS", JudgeSet("judge_stills", 3, 5_100_000, 1))
    monkeypatch.setattr(judge_data, "PAIRS", JudgeSet("judge_pairs", 2, 5_200_000, 1, num_actors=2))
    monkeypatch.setattr(judge_data, "HELD", JudgeSet("judge_held", 2, 5_500_000, 2))
    asked = ("train", "judge", "--work", "new", "--out", "judge", "--batch-size", 2, "--json", "--steps")
    outcome = cli(*asked, 1)
    assert outcome.code == 0, outcome.err
    assert set(outcome.json) == {"creature", "colour", "accessory", "scene", "action", "all"}
    assert all(0 <= value <= 1 for value in outcome.json.values())
    first, card = Judge(here / "judge").fingerprint, (here / "judge/README.md").read_text()
    assert "1 steps" in card
    assert "on 2 fresh rendered clips of 2 frames" in card
    assert {path.name for path in (here / "new/data").iterdir()} == {"judge_clips", "judge_stills", "judge_pairs", "judge_held"}
    assert cli(*asked, 1).code == 0                  # nothing left to do
    assert Judge(here / "judge").fingerprint == first
    assert cli(*asked, 2).code == 0                  # one step more
    assert Judge(here / "judge").fingerprint != first
    assert "2 steps" in (here / "judge/README.md").read_text()
