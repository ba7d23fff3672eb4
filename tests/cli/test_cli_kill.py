"""Killed or interrupted at any moment, the same command goes on and ends with the same film; with a tiny real family."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Outcome
from family import save_pictures

STEPS = ["plan", "characters/bear", "shots/s02/match", "shots/s01/thumbnails", "shots/s01/depth", "shots/s01/frames",
         "shots/s01/clip", "shots/s02/frames", "cards/title", "film"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


class Forker:
    """Starts command lines in quickly forked processes (forker.py)."""

    def __init__(self, folder: Path) -> None:
        self.errors = folder / "errors.txt"
        command = [sys.executable, str(Path(__file__).with_name("forker.py"))]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(command, env=ENVIRONMENT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors)
        self._answer("ready")

    def start(self, **asked: Any) -> int:
        """Gives the process's id."""
        assert self.process.stdin is not None
        self.errors.write_text("")
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self._answer("begun "))

    def code(self, pid: int) -> int:
        """Waits for the process's end."""
        return int(self._answer(f"ended {pid} "))

    def said(self) -> str:
        """What the last process wrote to stderr."""
        return self.errors.read_text()

    def _answer(self, start: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        raise AssertionError(self.said())


@dataclass(frozen=True)
class Command:
    """One `storyanim run` with a character, in a run folder and with a cache of its own."""

    forker: Forker
    arguments: list[str]
    run: Path

    @property
    def asked(self) -> dict[str, Any]:
        return {"arguments": [*self.arguments, str(self.run)], "cache": str(self.run.with_name("cache"))}

    def finish(self) -> dict[str, bytes]:
        """Runs to the end; gives `files`."""
        assert self.forker.code(self.forker.start(**self.asked)) == 0, self.forker.said()
        return self.files

    @property
    def files(self) -> dict[str, bytes]:
        """All files of the run but those that tell its times."""
        return {str(path.relative_to(self.run)): path.read_bytes() for path in sorted(self.run.rglob("*"))
                if path.is_file() and path.name not in {"log.jsonl", "report.html"}}

    def struck(self, step: str, number: int, after_s: float = 0.0) -> int:
        """Runs until the signal comes, `after_s` into the step; the exit code."""
        return self.forker.code(self.forker.start(**self.asked, at=step, signal=number, after_s=after_s))

    @property
    def is_half_made(self) -> bool:
        return bool(list(self.run.rglob(".*.partial")))


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    forker = Forker(tmp_path_factory.mktemp("forker"))
    yield forker
    forker.process.kill()
    forker.process.communicate()


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory, profile: Path, real_index: Path) -> list[str]:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "story.txt").write_text("A bear runs in the forest. A green frog jumps.")
    return ["run", str(folder / "story.txt"), "--character", str(save_pictures(folder / "bear")), "--profile", str(profile),
            "--index", str(real_index), "--out"]


@pytest.fixture(scope="module")
def undisturbed(forker: Forker, arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(forker, arguments, tmp_path_factory.mktemp("whole") / "run")
    command.finish()
    return command


@pytest.fixture(scope="module")
def whole(undisturbed: Command) -> dict[str, bytes]:
    """What an undisturbed run leaves."""
    return undisturbed.files


@pytest.fixture(scope="module")
def seconds(undisturbed: Command) -> dict[str, float]:
    """How long each of its steps took."""
    events = [json.loads(line) for line in (undisturbed.run / "log.jsonl").read_text().splitlines()]
    return {event["step"]: event["seconds"] for event in events if event["event"] == "done"}


@pytest.fixture
def command(forker: Forker, arguments: list[str], tmp_path: Path) -> Command:
    return Command(forker, arguments, tmp_path / "run")


def test_killed_at_a_random_moment_of_each_step(
    command: Command, whole: dict[str, bytes], seconds: dict[str, float]
) -> None:
    rng, half_made = random.Random(0), 0
    for step in STEPS:
        assert command.struck(step, signal.SIGKILL, rng.uniform(0, 0.5 * seconds[step])) == -signal.SIGKILL, step
        half_made += command.is_half_made
    assert half_made > len(STEPS) / 2                # else the kills came too late
    assert command.finish() == whole


def test_the_program_itself_killed_while_it_draws(command: Command, whole: dict[str, bytes]) -> None:
    started = [sys.executable, "-m", "storyanim", *command.asked["arguments"]]
    environment = ENVIRONMENT | {"STORYANIM_CACHE": command.asked["cache"]}
    with subprocess.Popen(started, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(command.run.glob("shots/s01/.frames.*.partial")):
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (command.run / "shots/s01/depth/done.json").exists()
    assert not (command.run / "film.mp4").exists()
    assert command.finish() == whole


def test_ctrl_c_at_work_ends_with_130_and_a_run_to_go_on_with(command: Command, whole: dict[str, bytes]) -> None:
    for step in ("plan", "characters/bear", "shots/s01/depth", "shots/s01/frames", "shots/s02/clip"):
        assert command.struck(step, signal.SIGINT, 0.005) == 130, (step, command.forker.said())
        assert Outcome(130, "", command.forker.said()).complaint[0] == "interrupted"
        assert not command.is_half_made
    assert command.finish() == whole


@dataclass(frozen=True)
class Batch(Command):
    """The same of two stories, in a folder of their runs; a frog's second shot is the second story's alone."""

    @property
    def asked(self) -> dict[str, Any]:
        first = Path(self.arguments[1])
        second = first.with_name("frogs.txt")
        second.write_text("A green frog jumps. A frog runs in the forest.")
        first.with_name("bears.txt").write_text("A bear runs in the forest.")
        stories = [str(first.with_name("bears.txt")), str(second)]
        return super().asked | {"arguments": ["run", *stories, *self.arguments[4:], str(self.run)]}


def test_a_batch_killed_in_its_films(forker: Forker, arguments: list[str], tmp_path: Path) -> None:
    whole = Batch(forker, arguments, tmp_path / "whole" / "films").finish()
    batch = Batch(forker, arguments, tmp_path / "killed" / "films")
    for step in ("shots/s01/frames", "shots/s02/frames", "shots/s02/clip"):
        assert batch.struck(step, signal.SIGKILL) == -signal.SIGKILL, step
    assert (batch.run / "bears/film.mp4").is_file()
    assert not (batch.run / "frogs/film.mp4").exists()
    assert batch.finish() == whole


def test_a_replay_killed_leaves_the_run_and_a_run_to_go_on_with(undisturbed: Command, whole: dict[str, bytes], tmp_path: Path) -> None:
    again = tmp_path / "again"
    asked = {"arguments": ["replay", str(undisturbed.run), "--out", str(again)], "cache": undisturbed.asked["cache"]}
    forker = undisturbed.forker
    for step, after_s in (("shots/s01/frames", 0.01), ("film", 0.0)):
        killed = forker.start(**asked, at=step, signal=signal.SIGKILL, after_s=after_s)
        assert forker.code(killed) == -signal.SIGKILL
        assert undisturbed.files == whole
        assert forker.code(forker.start(**asked)) == 2
        assert str(again) in forker.said()
        assert forker.code(forker.start(**asked | {"arguments": ["run", str(again)]})) == 0, forker.said()
        assert {name: data for name, data in Command(forker, [], again).files.items() if name != "run.json"} == {
            name: data for name, data in whole.items() if name != "run.json"}
        shutil.rmtree(again)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder to be closed, which is opened again afterwards."""
    folder = tmp_path / "closed"
    folder.mkdir()
    yield folder
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o755)


def closed(folder: Path) -> dict[str, bytes]:
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["run", "run again", "run in it", "batch", "replay", "replay of it", "dry run of it"])
def test_a_folder_that_is_read_only(
    undisturbed: Command, arguments: list[str], read_only: Path, tmp_path: Path, kind: str
) -> None:
    run = read_only / "run"
    shutil.copytree(undisturbed.run, run)
    before = closed(read_only)
    story, rest = arguments[1], arguments[4:-1]
    commands = {"run": ["run", story, *rest, "--out", str(read_only / "new")], "run again": ["run", str(run), "--seed", "5"],
                "run in it": ["run", str(run)],
                "batch": ["run", story, str(run), *rest, "--out", str(read_only)],
                "replay": ["replay", str(undisturbed.run), "--out", str(read_only / "new")],
                "replay of it": ["replay", str(run)], "dry run of it": ["run", str(run), "--dry-run"]}
    forker = undisturbed.forker
    code = forker.code(forker.start(arguments=commands[kind], cache=str(tmp_path / "cache"), plain_user=True))
    assert code == (0 if kind == "replay of it" else 6), forker.said()
    if code:
        assert "cannot be written" in Outcome(code, "", forker.said()).complaint[0]
    assert {str(path): path.read_bytes() for path in read_only.rglob("*") if path.is_file()} == before
