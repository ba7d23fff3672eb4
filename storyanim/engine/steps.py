"""A finished step, and the keys by which it is found again: equal keys mean equal results.

A value's key is the sha256 of a small JSON tree in which every part stands by its own key, so that a step has
the key of its value without loading it. Files are keyed by their bytes, never by their path, components by
`fingerprint`. What cannot change a result (device, batch size, number of workers) is no part of any of these.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
from pydantic import BaseModel

from storyanim.errors import InputError

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
def output_of(step: Step[T] | None) -> T | None: ...
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


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────


def content_key(value: object) -> str:
    """Return the key of an input or a result. Raises TypeError for a value that has no lasting identity."""
    if isinstance(value, Step):
        return value.content
    return _digest(_describe(value))


def step_key(function: Callable[..., Any], inputs: Sequence[object]) -> str:
    """Return the key of calling `function` with `inputs`: of its name, its version, and each input's key."""
    return _digest({
        "function": function_name(function),
        "version": version_of(function),
        "inputs": [content_key(value) for value in inputs],
    })


def function_name(function: Callable[..., Any]) -> str:
    """Return module and qualified name of a function.

    Raises TypeError for functions that carry hidden inputs: methods, closures, lambdas.
    """
    code = getattr(function, "__code__", None)
    hidden = code is None or code.co_freevars or hasattr(function, "__self__")
    if hidden or "<lambda>" in function.__qualname__:
        raise TypeError(f"a step needs a plain function, and all that it uses as inputs: {function!r}")
    return f"{function.__module__}.{function.__qualname__}"


def file_key(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's names and bytes. Raises InputError."""
    try:
        if not path.is_dir():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        files = sorted(part for part in path.rglob("*") if part.is_file())
        return _digest([[part.relative_to(path).as_posix(), file_key(part)] for part in files])
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})",
                         hint="check the path and its permissions") from error


def _describe(value: object) -> object:
    """Return a JSON tree that no value of another kind shares."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else ["fraction", str(value)]
    if isinstance(value, Path):
        return ["folder" if value.is_dir() else "file", file_key(value)]
    if isinstance(value, (list, tuple)):
        return ["list", *[content_key(part) for part in value]]
    if isinstance(value, dict):
        return ["dict", _named(value)]
    if isinstance(value, BaseModel):
        return [type(value).__name__, _named(_fields_that_count(value))]
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        return ["array", array.dtype.str, list(array.shape), hashlib.sha256(array.data).hexdigest()]
    if isinstance(fingerprint := getattr(value, "fingerprint", None), str):
        return ["tool", fingerprint]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)
                  if not field.metadata.get("left_out_when_empty") or getattr(value, field.name)}
        return [type(value).__name__, _named(fields)]
    raise TypeError(f"{type(value).__name__} has no key; give it a `fingerprint`, or hand over its parts")


def _fields_that_count(model: BaseModel) -> dict[str, object]:
    """Return a model's fields without those that only change speed, or the path of a file with a sha256.

    Fields that came later count only where they say something: see `artifacts.LATER`.
    """
    kept: dict[str, object] = {}
    for name, info in type(model).model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        speed_only = extra.get("changes_results") is False
        empty = extra.get("left_out_when_empty") is True and not getattr(model, name)
        if not speed_only and not empty and not (name == "path" and "sha256" in type(model).model_fields):
            kept[name] = getattr(model, name)
    return kept


def _named(parts: dict[Any, object]) -> list[list[str]]:
    if not all(isinstance(name, str) for name in parts):
        raise TypeError("a dict has a key only when its names are strings")
    return [[name, content_key(parts[name])] for name in sorted(parts)]


def _digest(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
