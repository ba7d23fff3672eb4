"""The local executor: in order, tried again, listed."""

from __future__ import annotations

from collections import Counter

import pytest

from storyanim.engine.local import LocalExecutor
from storyanim.errors import FilmError, InputError, ResourceError, ServiceError, UsageError


class Task:
    """Fails with the given error on an item's first `times` tries."""

    def __init__(self, errors: dict[int, BaseException], times: int = 99) -> None:
        self.errors, self.times = errors, times
        self.calls: list[int] = []

    def __call__(self, item: int) -> None:
        self.calls.append(item)
        if item in self.errors and Counter(self.calls)[item] <= self.times:
            raise self.errors[item]


def test_tasks_run_in_order() -> None:
    task = Task({})
    assert LocalExecutor().run(task, iter(range(4))) == [None] * 4
    assert task.calls == [0, 1, 2, 3]


def test_a_failed_task_is_tried_again() -> None:
    task = Task({1: ServiceError("busy", hint="wait")}, times=1)
    assert LocalExecutor(retries=1).run(task, range(3)) == [None] * 3
    assert task.calls == [0, 1, 1, 2]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_tries_are_counted_and_the_rest_goes_on(retries: int) -> None:
    error = RuntimeError("again")
    task = Task({1: error})
    assert LocalExecutor(retries).run(task, range(3)) == [None, error, None]
    assert task.calls == [0, *[1] * (1 + retries), 2]


@pytest.mark.parametrize("error", [UsageError("u", hint="h"), InputError("i", hint="h")])
def test_bad_input_is_not_tried_again(error: Exception) -> None:
    task = Task({0: error})
    assert LocalExecutor(retries=3).run(task, range(2)) == [error, None]
    assert task.calls == [0, 1]


@pytest.mark.parametrize("error", [ResourceError("disk", hint="h"), FilmError("ffmpeg", hint="h"), MemoryError()])
def test_a_machine_at_its_end_ends_the_whole(error: Exception) -> None:
    task = Task({0: error})
    with pytest.raises(ResourceError):
        LocalExecutor(retries=3).run(task, range(2))
    assert task.calls == [0]


def test_ctrl_c_passes() -> None:
    task = Task({1: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(retries=3).run(task, range(3))
    assert task.calls == [0, 1]
