"""Workers in processes of this machine: what they make, what fails, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from doubler import CRASH, FAIL, HANG, LAMBDA, OUR_ERROR, STUBBORN, Start, done, shards_of

from storyanim.engine import processes
from storyanim.engine.dispatch import WorkerDiedError
from storyanim.engine.processes import ProcessShardExecutor
from storyanim.engine.shard_executors import LocalShardExecutor
from storyanim.errors import ModelError, ResourceError


def pids(folder: Path, kind: str = "started") -> list[int]:
    return [int(path.name.removeprefix(f"{kind}-")) for path in folder.glob(f"{kind}-*")]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(is_so: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def spans(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Shard → when a worker was at work on it."""
    found: dict[str, list[tuple[float, float]]] = {}
    begun, ended = ([line.rsplit(" ", 1) for line in (folder / name).read_text().splitlines()]
                    for name in ("begun", "ended"))
    for shard in {name for name, _ in begun}:
        starts, ends = ([float(at) for name, at in lines if name == shard] for lines in (begun, ended))
        found[shard] = list(zip(starts, ends, strict=True))
    return found


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_workers_makes_the_same(tmp_path: Path, count: int) -> None:
    told: list[int] = []
    found = ProcessShardExecutor(count).map(Start(tmp_path), shards_of(8, told))
    first = next(found)
    assert len(told) <= count + 1                    # no more are asked for than there is room for
    assert done(iter([first, *found])) == {number: 2 * number for number in range(16)}
    assert 1 <= len(pids(tmp_path)) <= count
    assert sorted(pids(tmp_path)) == sorted(pids(tmp_path, "closed"))
    assert os.getpid() not in pids(tmp_path)
    assert not any(map(is_running, pids(tmp_path)))


def test_no_more_are_started_than_there_are_shards(tmp_path: Path) -> None:
    assert done(ProcessShardExecutor(5).map(Start(tmp_path), shards_of(1))) == {0: 0, 1: 2}
    assert len(pids(tmp_path)) == 1


def test_nothing_is_started_for_nothing(tmp_path: Path) -> None:
    assert done(ProcessShardExecutor(2).map(Start(tmp_path), iter([]))) == {}
    assert pids(tmp_path) == []


def test_what_fails_is_tried_again_alone_then_listed(tmp_path: Path) -> None:
    made = done(ProcessShardExecutor(2).map(Start(tmp_path), iter([[1, FAIL, 3], [4, CRASH], [5], [6]])))
    assert isinstance(made.pop(CRASH), WorkerDiedError)
    failure = made.pop(FAIL)
    assert "two below" in str(failure)
    assert "doubler.py" in "".join(failure.__notes__)          # where it was raised
    assert made == {1: 2, 3: 6, 4: 8, 5: 10, 6: 12}
    given = (tmp_path / "given").read_text().splitlines()
    assert set(given) == {"[1, -2, 3]", "[1]", "[-2]", "[3]", "[4, -1]", "[4]", "[-1]", "[5]", "[6]"}
    assert len(given) == 9


def test_what_killed_its_worker_is_tried_while_no_other_works(tmp_path: Path) -> None:
    done(ProcessShardExecutor(3).map(Start(tmp_path), iter([[1], [CRASH], [2], [3], [4], [5]])))
    at_work = spans(tmp_path)
    begin, end = at_work[f"[{CRASH}]"][-1]
    others = [span for shard, times in at_work.items() if shard != f"[{CRASH}]" for span in times]
    assert len(others) == 5
    assert all(until < begin or since > end for since, until in others)


def test_our_own_errors_end_the_whole(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model") as caught:
        done(ProcessShardExecutor(2).map(Start(tmp_path), iter([[1], [OUR_ERROR], [5], [HANG]])))
    assert caught.value.hint == "find one"
    assert not any(map(is_running, pids(tmp_path)))


@pytest.mark.parametrize("error", [ModelError("no such model", hint="find one"), RuntimeError("a mistake")])
def test_a_worker_that_cannot_start_ends_the_whole(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        done(ProcessShardExecutor(2).map(Start(tmp_path, error), shards_of(4)))


def test_what_cannot_be_imported_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot be started"):
        done(ProcessShardExecutor(2, ["no_such_module"]).map(Start(tmp_path), shards_of(4)))


def test_what_cannot_be_sent_is_an_error(tmp_path: Path) -> None:
    made = done(ProcessShardExecutor(1, retries=0).map(Start(tmp_path), iter([[LAMBDA], [1]])))
    assert "lambda" in str(made.pop(LAMBDA))
    assert made == {1: 2}


def test_ended_early_all_tidy_up_and_end(tmp_path: Path) -> None:
    with closing(ProcessShardExecutor(2).map(Start(tmp_path), iter([[1], [HANG], [HANG]]))) as found:
        next(found)
        wait_for(lambda: pids(tmp_path, "child"))
    assert (tmp_path / "tidied").exists()
    wait_for(lambda: not any(map(is_running, pids(tmp_path) + pids(tmp_path, "child"))))


def test_who_does_not_end_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE_S", 0.3)
    with closing(ProcessShardExecutor(2).map(Start(tmp_path), iter([[1], [STUBBORN]]))) as found:
        next(found)
        wait_for(lambda: pids(tmp_path, "child"))
    wait_for(lambda: not any(map(is_running, pids(tmp_path) + pids(tmp_path, "child"))))
    assert not (tmp_path / "tidied").exists()


def test_workers_end_with_the_process_they_work_for(tmp_path: Path) -> None:
    code = ("import sys; from pathlib import Path; from doubler import HANG, Start; "
            "from storyanim.engine.processes import ProcessShardExecutor; "
            "list(ProcessShardExecutor(2).map(Start(Path(sys.argv[1])), iter([[HANG], [HANG]])))")
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) as process:
        wait_for(lambda: len(pids(tmp_path, "child")) == 2)
        assert all(map(is_running, pids(tmp_path) + pids(tmp_path, "child")))
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(is_running, pids(tmp_path) + pids(tmp_path, "child"))), 5.0)


def test_prepared_and_never_asked(tmp_path: Path) -> None:
    shards = ProcessShardExecutor(2, ["json"])
    shards.prepare()
    template = shards._template
    assert template is not None
    shards.close()
    assert template._process.returncode is not None


def test_the_same_is_done_here(tmp_path: Path) -> None:
    assert done(LocalShardExecutor().map(Start(tmp_path), shards_of(8))) == {number: 2 * number for number in range(16)}
