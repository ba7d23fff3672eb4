"""The handle of a finished step, and the version of the function that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Step(Generic[T]):
    """A finished step; as an input of another it stands for its value, which is loaded only if needed."""

    name: str                                        # "shots/s03/depth", also its folder in the run
    key: str                                         # of function and inputs
    content: str                                     # key of the value
    folder: Path                                     # absolute; artifact, preview and done.json lie there
    fresh: bool                                      # computed now, not found
    load: Callable[[Path], T] = field(repr=False, compare=False)

    @cached_property
    def value(self) -> T:
        """What the step gave, read from its folder when it is first asked for."""
        return self.load(self.folder)


@overload
def output_of(step: Step[T]) -> T: ...
@overload
def output_of(step: T) -> T: ...
def output_of(step: Any) -> Any:
    """Return the step itself, typed as its value: as an input of another step, loaded only if that runs."""
    return step


def step_version(number: int) -> Callable[[F], F]:
    """Mark a function whose output changed: with a higher number, what older versions made is made again."""

    def mark(function: F) -> F:
        function.__dict__["step_version"] = number
        return function

    return mark


def version_of(function: Callable[..., Any]) -> int:
    """Return the function's `step_version`, 1 when it has none."""
    return int(getattr(function, "step_version", 1))


def unwrap(value: object) -> object:
    """Return `value` with each Step in it, also inside lists, tuples and dicts, replaced by its value."""
    if isinstance(value, Step):
        return value.value
    if isinstance(value, list):
        return [unwrap(part) for part in value]
    if isinstance(value, tuple):
        return tuple(unwrap(part) for part in value)
    if isinstance(value, dict):
        return {name: unwrap(part) for name, part in value.items()}
    return value
