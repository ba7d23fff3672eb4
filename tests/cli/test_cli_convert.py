"""`storyanim convert`, and a profile that names what it made."""

from __future__ import annotations

from pathlib import Path

import torch
from command_line import Cli
from tiny_frozen import Tiny, published_weights, save_tiny_tokenizer

TINY = Tiny(width=64, num_heads=1, text_width=64, text_heads=1)


def save_checkpoint(path: Path, **others: torch.Tensor) -> Path:
    weights = {f"module.{name}": torch.from_numpy(weight) for name, weight in published_weights(TINY).items()}
    torch.save({"state_dict": weights | others, "epoch": 1}, path)
    return path


def test_convert_index_and_search(cli: Cli, here: Path, profile: Path, videos: Path) -> None:
    checkpoint, words = save_checkpoint(here / "published.pth.tar"), save_tiny_tokenizer(here / "words")
    made = cli("convert", "frozen-in-time", checkpoint, "-o", "frozen", "--tokenizer", words, "--json")
    assert (made.code, made.err) == (0, "")
    assert made.json == {"folder": "frozen", "tokenizer": True, **TINY.config}
    text = profile.read_text()
    (here / "frozen.toml").write_text(text.replace(str(profile.parent / "clip"), str(here / "frozen"))
                                      .replace("[retrieve]", '[retrieve]\nencoder = "frozen_in_time"'))
    made = cli("index", videos, "-o", "index", "--profile", "frozen.toml")
    assert made.code == 0, made.err
    assert cli("index-info", "index", "--json").json["encoder"].startswith("frozen_in_time:")
    found = cli("search", "index", "a red bear", "--profile", "frozen.toml", "--json")
    assert found.code == 0, found.err
    assert len(found.json) == 6
    assert "another encoder" in cli("search", "index", "a red bear", "--profile", profile).complaint[0]


def test_without_a_tokenizer_it_says_so(cli: Cli, here: Path) -> None:
    made = cli("convert", "frozen-in-time", save_checkpoint(here / "published.pth.tar"), "-o", "frozen")
    assert made.code == 0
    assert made.out == "frozen: 4 frames of 16 px, 6 dimensions\n"
    assert "no tokenizer" in made.err


def test_what_does_not_fit(cli: Cli, here: Path) -> None:
    bad = save_checkpoint(here / "bad.pth.tar", **{"module.video_model.head.weight": torch.ones(1)})
    refused = cli("convert", "frozen-in-time", bad, "-o", "frozen")
    assert refused.code == 4
    assert "video_model.head.weight" in refused.complaint[0]
    assert cli("convert", "frozen-in-time", "none.pth.tar", "-o", "frozen").code == 4
    assert cli("convert", "frozen-in-time", bad, "-o", "frozen", "--tokenizer", "none").code == 2
    assert [path.name for path in here.iterdir()] == ["bad.pth.tar"]
