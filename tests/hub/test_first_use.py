"""A first use of the published-weights path on the command line: download, film, then no network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
from command_line import Cli, in_this_process
from published import BASE, ENCODER
from small_hub import SmallHub

from storyanim.cli import app
from storyanim.cli import fetch as fetch_command


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return in_this_process(app, capsys)


@pytest.fixture
def begun(small_hub: SmallHub, cli: Cli, here: Path, videos: Path) -> SmallHub:
    """An index, a story and a film, by a hub."""
    shutil.copy(small_hub.root / "tiny.toml", here)
    (here / "story.txt").write_text("A red bear runs.")
    assert cli("index", videos, "-o", "index", "--profile", "tiny.toml").code == 0
    assert small_hub.files()
    assert {name.split(" ")[0] for name in small_hub.files()} == {ENCODER}
    outcome = cli("run", "story.txt", "--profile", "tiny.toml", "--index", "index", "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["models"]["pipeline"] == f"{BASE}@{small_hub.commit(BASE)}"
    assert "to download: " in outcome.err
    assert BASE in outcome.err
    return small_hub


def test_a_film_offline_and_when_the_branch_has_moved(begun: SmallHub, cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = begun.commit(BASE)
    assert json.loads((here / "index" / "index.json").read_text())["encoder"].startswith(f"clip:hub:{ENCODER}/@{begun.commit(ENCODER)}")
    facts = json.loads((here / "run" / "run.json").read_text())
    assert facts["commits"][f"{BASE}@main"] == facts["settings"]["models"]["pipeline"]["revision"] == commit
    assert commit in (here / "run" / "report.html").read_text()
    begun.asked.clear()

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (here / "other.txt").write_text("A green bear jumps.")
    assert cli("run", "other.txt", "--profile", "tiny.toml", "--index", "index", "-o", "run2").code == 0

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    begun.salt = "moved"
    assert cli("shot", "redo", "run", "s01").code == 0
    outcome = cli("run", "run", "--json")
    assert outcome.code == 0
    assert outcome.json["drawn"] == ["s01"]
    assert outcome.json["models"]["pipeline"] == f"{BASE}@{commit}"
    assert not begun.asked                           # all of it without one call

    assert cli("report", "run").code == 0
    assert commit in (here / "run" / "report.html").read_text()


def test_a_finished_film_needs_no_models(begun: SmallHub, cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(huggingface_hub.constants.HF_HUB_CACHE)
    begun.asked.clear()
    begun.fail = 500
    command = ("run", "story.txt", "--profile", "tiny.toml", "--index", "index", "-o", "run")
    outcome = cli(*command, "--dry-run", "--json")
    assert (outcome.code, outcome.json["steps"]) == (0, [])
    (here / "run" / "film.mp4").unlink()
    for offline in (True, False):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
        outcome = cli(*command, "--json")
        assert (outcome.code, outcome.json["drawn"]) == (0, [])
    assert (here / "run" / "film.mp4").is_file()
    assert not begun.asked
    assert cli(*command, "--seed", "1").code == 5    # that one is to be drawn


def test_no_hub_is_one_line(small_hub: SmallHub, cli: Cli, here: Path, videos: Path) -> None:
    shutil.copy(small_hub.root / "tiny.toml", here)
    (here / "story.txt").write_text("A red bear runs.")
    small_hub.fail = 500
    for command in (("index", videos, "-o", "index"), ("run", "story.txt", "-o", "run"), ("fetch",)):
        outcome = cli(*command, *(("tiny.toml",) if command == ("fetch",) else ("--profile", "tiny.toml")))
        assert outcome.code == 5
        assert "500" in outcome.complaint[0]
    assert not (here / "run").exists()
    assert not (here / "index").exists()


def test_fetch_brings_all_and_then_nothing(small_hub: SmallHub, cli: Cli, here: Path) -> None:
    shutil.copy(small_hub.root / "tiny.toml", here)
    outcome = cli("fetch", "tiny.toml", "--json")
    assert outcome.code == 0
    assert outcome.json["models"]["pipeline"] == {"repo": BASE, "commit": small_hub.commit(BASE), "licence": "apache-2.0",
                                                  "fetched_bytes": outcome.json["models"]["pipeline"]["fetched_bytes"]}
    assert outcome.json["fetched_bytes"] > 100_000
    small_hub.asked.clear()
    again = cli("fetch", "tiny.toml")
    assert (again.code, again.out) == (0, "all models of tiny.toml are on this disk\n")
    assert not small_hub.asked


def test_a_large_download_wants_yes(small_hub: SmallHub, cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(small_hub.root / "tiny.toml", here)
    (here / "story.txt").write_text("A red bear runs.")
    monkeypatch.setattr(fetch_command, "_ASK_BYTES", 1000)
    outcome = cli("run", "story.txt", "--profile", "tiny.toml", "-o", "run")
    assert outcome.code == 2
    assert "--yes" in outcome.complaint[1]
    assert "licence apache-2.0" in outcome.err
    assert not small_hub.files()
    assert not (here / "run").exists()


def test_an_unfinished_download_counts_as_not_there(small_hub: SmallHub, cli: Cli, here: Path) -> None:
    shutil.copy(small_hub.root / "tiny.toml", here)
    assert cli("fetch", "tiny.toml").code == 0
    snapshot = next(Path(huggingface_hub.constants.HF_HUB_CACHE).glob("models--stable*/snapshots/*"))
    (snapshot / "vae" / "config.json").unlink()
    small_hub.asked.clear()
    assert cli("fetch", "tiny.toml").code == 0
    assert "GET" not in " ".join(small_hub.asked) or [name.split(" ")[1] for name in small_hub.files()] == ["vae/config.json"]
    assert (snapshot / "vae" / "config.json").is_file()
