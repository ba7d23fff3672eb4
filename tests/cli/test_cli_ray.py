"""`run --executor ray`: Ray's workers draw the shots, and the film is that of this process, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from command_line import Cli
from dying_worker import DyingWorker
from family import save_pictures

from storyanim.run import workers

ray: Any = pytest.importorskip("ray")
TALE = "# A bear\n\nA bear runs in the forest. A green frog jumps. The bear sleeps.\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Room for two workers."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    ray.init(num_cpus=2 * torch.get_num_threads(), include_dashboard=False, log_to_driver=False, configure_logging=False,
             _node_ip_address="127.0.0.1", object_store_memory=100 * 2**20)
    yield
    ray.shutdown()
    monkeypatch.undo()


@pytest.fixture
def asked(here: Path, profile: Path, real_index: Path) -> tuple[object, ...]:
    (here / "tale.txt").write_text(TALE)
    return ("run", here / "tale.txt", "--character", save_pictures(here / "bear"), "--profile", profile, "--index", real_index)


def done_by(run: Path) -> dict[str, int]:
    """Step → how often it was done."""
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [event["step"] for event in events if event["event"] == "done"]
    return {step: steps.count(step) for step in steps}


def test_the_film_is_that_of_a_local_run(cluster: None, cli: Cli, asked: tuple[object, ...], here: Path) -> None:
    outcome = cli(*asked, "--executor", "ray", "--out", "there", "--json")
    assert outcome.code == 0, outcome.err
    assert cli(*asked, "--out", "here").code == 0
    assert (here / "there/film.mp4").read_bytes() == (here / "here/film.mp4").read_bytes()
    assert (here / "there/film.srt").read_bytes() == (here / "here/film.srt").read_bytes()
    for number in (1, 2, 3):
        for name in ("frames/frames.safetensors", "clip/clip.mp4"):
            one, other = (here / run / f"shots/s0{number}" / name for run in ("there", "here"))
            assert one.read_bytes() == other.read_bytes()
    there = done_by(here / "there")
    assert there.pop("characters/bear") == 1                   # which the other run then finds learned
    assert there == done_by(here / "here")                     # all of it, and nothing twice
    again = cli("run", "there", "--json")                      # and goes on here
    assert (again.code, again.json["drawn"]) == (0, [])


def test_a_worker_that_is_killed_over_a_shot_loses_nothing(
    cluster: None, cli: Cli, here: Path, profile: Path, real_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "tale.txt").write_text("A bear runs in the forest. A green frog jumps.")
    asked = ("run", "tale.txt", "--profile", profile, "--index", real_index, "--retries", 0)
    assert cli(*asked, "--out", "local").code == 0
    monkeypatch.setattr(workers, "ShotWorker", DyingWorker)
    outcome = cli(*asked, "--executor", "ray", "--out", "there", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["failed"] == {}
    shot, dead = (here / "killed").read_text().split()
    drawn_by = dict(line.split() for line in (here / "drawn").read_text().splitlines())
    assert set(drawn_by) == {"s01", "s02"}
    assert drawn_by[shot] != dead                    # another process drew it
    assert (here / "there/film.mp4").read_bytes() == (here / "local/film.mp4").read_bytes()
    assert {path.name for path in (here / "there").rglob(".*")} == {path.name for path in (here / "local").rglob(".*")}


def test_a_shot_that_fails_there_is_listed(
    cluster: None, cli: Cli, asked: tuple[object, ...], here: Path, profile: Path, videos: Path
) -> None:
    shutil.copytree(videos, here / "videos")
    cli("index", here / "videos", "-o", "own", "--profile", profile)
    hits = cli("search", "own", "a bear", "--profile", profile, "--count", 20, "--json").json
    gone, other = hits[0], next(hit for hit in hits if hit["path"] != hits[0]["path"])
    Path(gone["path"]).unlink()                                # what the second shot is to move as
    assert cli("plan", here / "tale.txt", "-o", "board.yaml").code == 0
    board = yaml.safe_load((here / "board.yaml").read_text())
    for number, shot in enumerate(board["shots"]):
        shot["pinned"] = (gone if number == 1 else other)["clip_id"]
    (here / "board.yaml").write_text(yaml.safe_dump(board))
    there, local = (cli("run", here / "board.yaml", "--profile", profile, "--index", "own", *more, "--json")
                    for more in (("--executor", "ray", "--out", "there"), ("--out", "local")))
    assert (there.code, local.code) == (3, 3)
    assert list(there.json["failed"]) == ["s02"]
    assert there.json["failed"] == local.json["failed"]


def test_an_address_without_ray_is_a_mistake(cli: Cli, asked: tuple[object, ...], here: Path) -> None:
    outcome = cli(*asked, "--ray-address", "auto", "--out", "never")
    assert outcome.code == 2
    assert "--executor ray" in outcome.err
    assert not (here / "never").exists()
