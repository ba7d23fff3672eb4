"""Whole films with the families wan_vace and cogvideox_fun on tiny random repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Cli, in_this_process
from family import save_pictures
from tiny_clip import save_tiny_clip
from tiny_cogvideox import save_cogvideox
from tiny_dpt import save_plain
from tiny_wan import save_wan

from storyanim import video
from storyanim.cli import app

PROFILE = """extends = "wan-vace"
[models]
pipeline = {{ repo = "{wan}" }}
depth = {{ repo = "{depth}" }}
encoder = {{ repo = "{encoder}" }}
[generate]
width_px = 32
height_px = 32
num_frames = 5
max_duration_s = 0.5
num_inference_steps = 2
dtype = "float32"
[quality_settings.normal.generate]
num_inference_steps = 2
[film]
width_px = 64
height_px = 64
fps = 8
title_s = 0.5
"""


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    save_pictures(here / "bear")
    (here / "story.txt").write_text("The bear runs. The bear jumps.")
    (here / "wan.toml").write_text(PROFILE.format(
        wan=save_wan(here / "wan"), depth=save_plain(here / "depth"), encoder=save_tiny_clip(here / "clip")))
    return in_this_process(app, capsys)


def test_a_film_with_a_character_by_its_pictures(cli: Cli, here: Path) -> None:
    asked = ("run", "story.txt", "--profile", "wan.toml", "--character", "bear=bear", "-o", "run", "--retries", "0", "--json")
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert outcome.json["drawn"] == ["s01", "s02"]
    assert video.probe(Path(outcome.json["film"])).duration_s > 1
    assert cli(*asked).json["drawn"] == []
    told = cli("doctor", "--profile", "wan.toml", "--json").json
    assert told["can do learned characters"] == "no"
    assert told["can do pictures of characters"] == "yes"
    assert told["smoke run"].startswith("5 frames of 32x32")


def test_what_it_cannot_do_is_refused_before_any_work(cli: Cli, here: Path) -> None:
    (here / "wan.toml").write_text((here / "wan.toml").read_text() + "[personalize]\nnum_steps = 5\n")
    outcome = cli("run", "story.txt", "--profile", "wan.toml", "-o", "run")
    assert outcome.code == 2
    assert "learns no characters" in outcome.err


def test_a_film_with_cogvideox_fun(cli: Cli, here: Path) -> None:
    """Its profile stands alone; a character is refused before any work."""
    wan = (here / "wan.toml").read_text().split("\n", 1)[1].replace("[models]", '[models]\nfamily = "cogvideox_fun"')
    (here / "cog.toml").write_text(wan.replace(str(here / "wan"), str(save_cogvideox(here / "cog"))).replace(
        "[generate]", "[generate]\nfps = 8.0\nguidance_scale = 6.0") + "[personalize]\nnum_steps = 0\n")
    asked = ("run", "story.txt", "--profile", "cog.toml", "-o", "run", "--retries", "0", "--json")
    refused = cli(*asked, "--character", "bear=bear")
    assert refused.code == 2
    assert "by words alone" in refused.err
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert outcome.json["drawn"] == ["s01", "s02"]
    assert video.probe(Path(outcome.json["film"])).duration_s > 1
    assert cli("doctor", "--profile", "cog.toml", "--json").json["can do pictures of characters"] == "no"
