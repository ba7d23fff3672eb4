"""`run --workers`: several processes draw the shots, and the film is that of one, byte for byte."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Cli
from family import save_pictures

from storyanim.cli import app
from storyanim.console import run_app

TALE = "# A bear\n\nA bear runs in the forest. A green frog jumps. The bear sleeps. A fox waves.\n"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, profile: Path, real_index: Path) -> list[str]:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "tale.txt").write_text(TALE)
    return ["run", str(folder / "tale.txt"), "--character", str(save_pictures(folder / "bear")),
            "--profile", str(profile), "--index", str(real_index), "--out"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In which the character lies learned, after the first run."""
    return {"STORYANIM_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def whole(asked: list[str], cache: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process leaves."""
    run = tmp_path_factory.mktemp("whole") / "run"
    finish(asked, run, cache)
    return files_of(run)


def finish(asked: list[str], run: Path, cache: dict[str, str]) -> None:
    """Make the film, or go on with it, in this process alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORYANIM_CACHE", cache["STORYANIM_CACHE"])
        assert run_app(app, [*asked, str(run), "--workers", "1"]) == 0


def files_of(run: Path) -> dict[str, bytes]:
    """All but those that tell times."""
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*"))
            if path.is_file() and path.name not in {"log.jsonl", "report.html"}}


def done_by(run: Path) -> dict[str, int]:
    """Step → how often it was done."""
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [event["step"] for event in events if event["event"] == "done"]
    return {step: steps.count(step) for step in steps}


def drawing(run: Path) -> set[int]:
    """Ids of the processes that draw at this moment."""
    names = [path.name for path in run.glob("shots/*/.frames.*.partial")]
    return {int(match[1]) for name in names if (match := re.fullmatch(r"\.frames\.(\d+)\.partial", name))}


def run_by_two(
    arguments: list[str], run: Path, environment: dict[str, str], strike: Callable[[subprocess.Popen[str], int], None]
) -> tuple[int, str, set[int]]:
    """Strikes as soon as a worker draws; the exit code, stderr, and the ids of the workers that were seen.

    Ctrl-C counts also where the tests run in the background, whose processes ignore it.
    """
    command = [sys.executable, "-m", "storyanim", *arguments, str(run), "--workers", "2"]
    with subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        while not (seen := drawing(run)) and process.poll() is None:
            time.sleep(0.001)
        for pid in seen:
            strike(process, pid)
            break
        _, errors = process.communicate()
    return process.returncode, errors, seen


def test_the_film_is_that_of_one_process(
    cli: Cli, asked: list[str], cache: dict[str, str], whole: dict[str, bytes], here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORYANIM_CACHE", cache["STORYANIM_CACHE"])
    outcome = cli(*asked, "run", "--workers", 2)
    assert outcome.code == 0, outcome.err
    assert files_of(here / "run") == whole
    assert set(done_by(here / "run").values()) == {1}          # nothing was done twice
    shares = [int(share) for share in re.findall(r"^film: +(\d+) %", outcome.err, re.MULTILINE)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    again = cli("run", "run", "--workers", 2, "--json")        # starts no process: all is done
    assert (again.code, again.json["drawn"]) == (0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_all_end_and_nothing_is_half_made(
    asked: list[str], cache: dict[str, str], whole: dict[str, bytes], tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    environment = ENVIRONMENT | cache
    code, errors, seen = run_by_two(asked, run, environment, lambda process, _: process.send_signal(number))
    assert code == 130, errors
    assert errors.splitlines()[-2:] == ["error: interrupted", "hint: the same command goes on where it stopped"]
    assert not list(run.rglob(".*.partial"))
    assert not [pid for pid in seen if Path(f"/proc/{pid}").exists()]
    assert not (run / "film.mp4").exists()
    finish(asked, run, cache)
    assert files_of(run) == whole


def test_a_shot_whose_worker_is_killed_is_drawn_again(
    asked: list[str], cache: dict[str, str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, errors, seen = run_by_two(asked, run, ENVIRONMENT | cache, lambda _, pid: os.kill(pid, signal.SIGKILL))
    assert seen
    assert code == 0, errors
    assert not list(run.rglob(".*.partial"))
    assert files_of(run) == whole


def test_killed_itself_it_leaves_no_worker_and_the_next_goes_on(
    asked: list[str], cache: dict[str, str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, seen = run_by_two(asked, run, ENVIRONMENT | cache, lambda process, _: process.kill())
    assert code == -signal.SIGKILL
    finish(asked, run, cache)
    assert files_of(run) == whole
    assert not [pid for pid in seen if Path(f"/proc/{pid}").exists()]
