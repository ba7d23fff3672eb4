"""Killed at any moment, the same command goes on and ends with the same index; `--kills 60` tries more moments."""

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
from pathlib import Path
from typing import Any

import pytest
from coloured import save_video

from storyanim.retrieve.index import VideoIndex

TESTS = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
# Every place of a build after which something else is on the disk.
MOMENTS = [("set_key", 1), ("_encode_windows", 1), ("keep", 1), ("keep", 3), ("_encode_windows", 6), ("keep", 7), ("_insert", 1), ("_insert", 5),
           ("write_index", 1), ("_exchange", 1), ("replace_index", 1)]


class Builder:
    """Builds in quickly forked processes (builder.py)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("builder.py"))], env=ENVIRONMENT, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._answer() == "ready"

    def build(self, sources: list[Path], out: Path, *, append: bool = False, **strike: Any) -> int:
        """The exit code."""
        assert self.process.stdin is not None
        asked = {"sources": [str(source) for source in sources], "out": str(out), "append": append, **strike}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self._answer().removeprefix("ended "))

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    builder = Builder()
    yield builder
    builder.process.kill()
    builder.process.communicate()


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of short videos."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for i in range(8):
        colour = ("red", "green", "blue")[i % 3]
        save_video(folders[i % 2] / f"{i}.mp4", colour, seconds=0.5 + i / 4, side_px=4 + i)
    return folders


def files_of(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(builder: Builder, footage: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed build leaves."""
    out = tmp_path_factory.mktemp("whole") / "index"
    assert builder.build(footage, out) == 0
    return files_of(out)


@pytest.fixture(params=["anew", "append", "replace"])
def start(request: pytest.FixtureRequest, builder: Builder, footage: list[Path], tmp_path: Path) -> dict[str, Any]:
    """What is built upon: nothing, an index that is added to, one that is replaced."""
    if request.param != "anew":
        assert builder.build(footage[:1], tmp_path / "old") == 0
    return {"old": tmp_path / "old", "append": request.param == "append"}


def begin(start: dict[str, Any], out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    if start["old"].exists():
        shutil.copytree(start["old"], out)


def is_whole_or_as_before(out: Path, start: dict[str, Any], whole: dict[str, bytes]) -> bool:
    """What can be seen after a kill."""
    if not out.exists():
        return not start["old"].exists()
    VideoIndex(out)
    return files_of(out) in (whole, files_of(start["old"]))


def test_killed_at_each_place(builder: Builder, footage: list[Path], start: dict[str, Any], whole: dict[str, bytes],
                              tmp_path: Path) -> None:
    out = tmp_path / "index"
    begin(start, out)
    codes = []
    for at, times in MOMENTS:
        codes.append(builder.build(footage, out, append=start["append"], at=at, times=times))
        assert is_whole_or_as_before(out, start, whole), at
    assert codes.count(-signal.SIGKILL) >= 5         # later moments do not come again when their work is there already
    assert set(codes) <= {0, -signal.SIGKILL}
    assert builder.build(footage, out, append=start["append"]) == 0
    assert files_of(out) == whole
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_killed_at_random_moments(builder: Builder, footage: list[Path], start: dict[str, Any], whole: dict[str, bytes],
                                  tmp_path: Path, pytestconfig: pytest.Config) -> None:
    out, rng = tmp_path / "index", random.Random(0)
    begin(start, out)
    began = time.monotonic()
    assert builder.build(footage, out, append=start["append"]) == 0
    takes_s = time.monotonic() - began
    begin(start, out)
    killed = 0
    while killed < pytestconfig.getoption("--kills"):
        if builder.build(footage, out, append=start["append"], after_s=rng.uniform(0, takes_s)) == 0:
            assert files_of(out) == whole
            begin(start, out)
            continue
        killed += 1
        assert is_whole_or_as_before(out, start, whole)
    assert builder.build(footage, out, append=start["append"]) == 0
    assert files_of(out) == whole


def test_work_that_is_done_is_not_done_again(builder: Builder, footage: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "index"
    assert builder.build(footage, out, at="keep", times=5) == -signal.SIGKILL
    assert builder.build(footage, out, at="_encode_windows", times=4) == 0     # of eight videos three are left: there is no fourth


def test_two_renames_where_one_swap_is_not_to_be_had(builder: Builder, footage: list[Path], whole: dict[str, bytes],
                                                     tmp_path: Path) -> None:
    out = tmp_path / "index"
    assert builder.build(footage[:1], out) == 0
    old = files_of(out)
    work = tmp_path / ".index.build"
    work.mkdir()
    out.rename(work / "old")                         # as a kill between the two leaves it
    (work / "work.sqlite").write_bytes(b"and the disk lost this")
    assert builder.build(footage, out, at="set_key", times=1) == -signal.SIGKILL
    assert files_of(out) == old
    assert builder.build(footage, out) == 0
    assert files_of(out) == whole
