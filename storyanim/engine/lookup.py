"""A run folder that is only looked at: what would be done is noted, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from storyanim.engine.finished_steps import find_step
from storyanim.engine.run_dir import RunDir, StepNotDoneError, check_is_run
from storyanim.engine.steps import Step, content_key, function_name, step_key, unwrap

P = ParamSpec("P")
T = TypeVar("T")


class Lookup(RunDir):
    """Gives what is done, and for the rest steps without a value, asking for which is a StepNotDoneError.

    Raises UsageError for a folder with something else in it.
    """

    def __init__(self, path: Path, compute: Sequence[Callable[..., Any]] = ()) -> None:
        """Take the functions whose steps are quick enough to be computed, and kept in memory alone."""
        super().__init__(path, beside=True)
        check_is_run(self.path)
        self._compute_here = {function_name(function) for function in compute}
        self.missing: list[str] = []  # steps that would be done, as they are asked for

    def __enter__(self) -> Lookup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def kept_step(
        self, name: str, keep: str, function: Callable[P, T], *inputs: P.args, **named: P.kwargs
    ) -> Step[T]:
        """Look for the step, also among results that were kept."""
        return self._step(name, function, inputs, keep=keep)

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Return where the file would be written."""
        return self._place(name)

    def publish(self, source: Path, name: str, fresh: bool = True) -> Path:
        """Return where the file would be copied to."""
        return self._place(name)

    def withdraw(self, name: str) -> None:
        """Leave the file as it is."""

    def log(self, event: str, **facts: object) -> None:
        """Leave the log as it is."""

    def _place(self, name: str) -> Path:
        return self.path.joinpath(*name.split("/"))

    def _step(
        self, name: str, function: Callable[..., T], inputs: Sequence[object], *,
        writes: bool = False, shared: bool = False, keep: str = "",
    ) -> Step[T]:
        key = step_key(function, inputs)
        found: Step[T] | None = find_step(name, self._place(name), key, shared=shared, keep=keep)
        if found is not None:
            return found
        self.missing.append(name)
        if function_name(function) in self._compute_here:
            value = function(*map(unwrap, inputs))
            return Step(name, key, content_key(value), self._place(name), True, lambda _: value)
        return Step(name, key, f"not made {key}", self._place(name), True, _not_done(name))


def _not_done(name: str) -> Callable[[Path], Any]:
    def load(folder: Path) -> Any:
        raise StepNotDoneError(name)

    return load
