"""Killed at any moment, the same command goes on to the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from storyanim.engine import folders

NUM_KILLS = 24
COMMAND = [sys.executable, str(Path(__file__).with_name("pipeline_to_kill.py"))]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


def start(run: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, str(run)], env=ENVIRONMENT, stdout=subprocess.PIPE)


def opened(process: subprocess.Popen[bytes]) -> float:
    """Waits until the process has opened its run, so that what follows lands in steps and not in imports."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    return time.monotonic()


def finish(run: Path) -> float:
    """Runs to the end; seconds that all steps took."""
    with start(run) as process:
        begun = opened(process)
        assert process.wait() == 0
        return time.monotonic() - begun


def contents(run: Path) -> dict[str, bytes]:
    """All files of a run but its diary."""
    return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file() and p.name != "log.jsonl"}


def is_half_made(run: Path) -> bool:
    return bool(list(run.rglob(".*.partial")) or list(run.rglob(".*.old")))


def test_sigkill_at_random_moments_changes_no_byte(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole_s = finish(whole)
    rng, kills, half_made, went_on = random.Random(0), 0, 0, 0
    while kills < NUM_KILLS:
        with start(killed) as process:
            opened(process)
            time.sleep(rng.uniform(0, 0.5 * whole_s))
            process.kill()
        if process.returncode == 0:
            assert contents(killed) == contents(whole)
            shutil.rmtree(killed)                    # it was through: begin again
            continue
        kills += 1
        half_made += is_half_made(killed)
        went_on += (killed / "shots/s00/frames/done.json").exists()
    assert half_made > 3                             # else the kills never met a step at work
    assert went_on > 3                               # nor was there anything to go on from
    finish(killed)
    assert contents(killed) == contents(whole)


def test_killed_between_the_two_renames_the_step_is_made_again(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(whole)
    finish(killed)
    clip = killed / "shots/s00/clip"
    clip.rename(clip.with_name(".clip.1.old"))
    shutil.copytree(killed / "shots/s00/depth", folders.partial_path(clip))
    finish(killed)
    assert contents(killed) == contents(whole)
