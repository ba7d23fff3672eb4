"""A run's folder: each step is done once, and never again while its function and inputs stay the same."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Concatenate, ParamSpec, TypeVar

from storyanim.engine import folders, locks, store
from storyanim.engine.finished_steps import (
    add_to_cache,
    cached,
    facts_for,
    facts_of,
    keep_old,
    kept,
    step_at,
)
from storyanim.engine.steps import Step, content_key, function_name, step_key, unwrap, version_of
from storyanim.errors import StoryanimError, UsageError

P = ParamSpec("P")
T = TypeVar("T")

MARK = ".storyanim"                                  # lies in every run folder, and carries the lock
LOG = "log.jsonl"


class StepNotDoneError(Exception):
    """A step would have to be computed."""


class RunDir:
    """A run folder, open for one process at a time.

    Use it as a context manager. Entering makes the folder or goes on with it, takes the lock, and removes
    what a killed process left half-made. `beside` is for a process that works for the one that has it open:
    it takes no lock but that the next to open the folder waits for its end, and removes nothing; so can a
    run that is read-only be read. A folder that was made here vanishes again when an error comes before its
    first step is done. Raises UsageError for a folder with something else in it or in use, ResourceError for
    one that cannot be written.
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        self.path = Path(os.path.abspath(path))
        _check_name(self.path)
        self._beside = beside
        self._only_done = False
        self._lock: IO[str] | None = None
        self._shared: int | None = None  # of one beside: the descriptor of the folder, with a lock
        self._new: list[Path] = []                   # folders made by entering
        self._log_start = 0                          # bytes of the log when it was opened

    def __enter__(self) -> RunDir:
        with folders.disk_errors(self.path):
            if self._beside:
                self._shared = locks.share(self.path)
                return self
            check_is_run(self.path)
            self._new = folders.make_dirs(self.path)
            self._lock = _locked(self.path / MARK, self.path)
            locks.remove_leftovers(self.path)
            _end_last_line(self.path / LOG)
            self._log_start = (self.path / LOG).stat().st_size if (self.path / LOG).is_file() else 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None
        if error is not None and not self._beside and not any(self.path.rglob(folders.DONE)):
            folders.remove_tree(self._new)

    def step(self, name: str, function: Callable[P, T], *inputs: P.args, **named: P.kwargs) -> Step[T]:
        """Return the result of `function(*inputs)`: found in folder `name`, or computed if its key differs.

        Inputs may be steps (`steps.output_of`), which the function gets as their values. Raises what the
        function raises, ResourceError, and TypeError for named inputs, which have no place in a key.
        """
        return self._step(name, function, _only_positional(inputs, named))

    def step_with_folder(
        self, name: str, function: Callable[Concatenate[Path, P], T], *inputs: P.args, **named: P.kwargs
    ) -> Step[T]:
        """Do the same for a function that writes files: its first argument is the folder to write to.

        Paths into the folder inside the result stay right wherever the run is moved.
        """
        return self._step(name, function, _only_positional(inputs, named), writes=True)

    def shared_step(self, name: str, function: Callable[P, T], *inputs: P.args, **named: P.kwargs) -> Step[T]:
        """Do the same as `step`, looking also into the cache that all runs share, and adding to it."""
        return self._step(name, function, _only_positional(inputs, named), shared=True)

    def kept_step(
        self, name: str, keep: str, function: Callable[P, T], *inputs: P.args, **named: P.kwargs
    ) -> Step[T]:
        """Do the same as `step`, and throw no result away.

        What lies in folder `name` with another key goes to `keep`/KEY beside it when it is replaced, and
        comes back from there, or from a neighbour named alike ("frames-2"), when its key is asked for again.
        """
        place = self._place(name)
        key = step_key(function, _only_positional(inputs, named))
        if facts_for(place, key) is None and (found := kept(place, keep, key)) is not None:
            with folders.disk_errors(self.path):
                keep_old(place, keep)
                folders.remove_path(place)           # damaged, or it were kept
                found.rename(place)
        return self._step(name, function, _only_positional(inputs, named), keep=keep)

    def _step(
        self, name: str, function: Callable[..., T], inputs: Sequence[object], *,
        writes: bool = False, shared: bool = False, keep: str = "",
    ) -> Step[T]:
        place = self._place(name)
        key = step_key(function, inputs)
        lying = facts_of(place)
        facts = lying if lying and lying["key"] == key else None
        damaged = lying is None and place.is_dir()
        if facts is None and shared:
            facts = self._fetch(place, key)
        fresh = facts is None
        if facts is None:
            if self._only_done:
                raise StepNotDoneError(name)
            facts = self._compute(place, key, function, inputs, writes=writes, shared=shared, keep=keep)
        if damaged:
            self.log("mended", step=name)
        return step_at(name, place, facts, fresh)

    @contextmanager
    def only_done(self) -> Iterator[None]:
        """Within it `step` gives what is done, and raises StepNotDoneError where something is to be computed.
        """
        self._only_done = True
        try:
            yield
        finally:
            self._only_done = False

    def done(self, name: str) -> Step[Any] | None:
        """Return the step that lies whole in the folder `name`, whatever its inputs; None without one."""
        place = self._place(name)
        facts = facts_of(place)
        return step_at(name, place, facts, fresh=False) if facts else None

    def key_of(self, name: str) -> str:
        """Return the key of the step in the folder `name`, by its manifest alone; "" without one."""
        return str((folders.read_facts(self._place(name)) or {}).get("key", ""))

    def mended(self) -> tuple[str, ...]:
        """Return the steps and files that were damaged and made again since the folder was opened."""
        with suppress(FileNotFoundError), (self.path / LOG).open("rb") as log:
            log.seek(self._log_start)
            events = filter(None, map(_event, log.read().decode("utf-8", "replace").splitlines()))
            return tuple(dict.fromkeys(event["step"] for event in events if event["event"] == "mended"))
        return ()

    def write(self, name: str, text: str) -> Path:
        """Write a file of the run's own (`run.json`, `report.html`), whole or not at all."""
        return self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Do the same for bytes."""
        path = self._place(name)
        folders.write_file(path, data)
        return path

    def publish(self, source: Path, name: str, fresh: bool = True) -> Path:
        """Copy a step's file to where people look for it (`film.mp4`), whole or not at all.

        Another file in its place is told as damaged, unless the step's is `fresh`.
        """
        path, data = self._place(name), source.read_bytes()
        damaged = not fresh and path.is_file() and path.read_bytes() != data
        folders.write_file(path, data)
        if damaged:
            self.log("mended", step=name)
        return path

    def withdraw(self, name: str) -> None:
        """Remove what was published under a name, if it was."""
        self._place(name).unlink(missing_ok=True)

    def log(self, event: str, **facts: object) -> None:
        """Add a line to log.jsonl: the time, the event, and `facts`."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with folders.disk_errors(self.path), (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": now, "event": event} | facts, ensure_ascii=False) + "\n")

    def events(self) -> list[dict[str, Any]]:
        """Return the lines of log.jsonl, oldest first."""
        path = self.path / LOG
        return list(filter(None, map(
            _event, path.read_text("utf-8", errors="replace").splitlines()))) if path.is_file() else []

    def seconds(self) -> dict[str, float]:
        """Return how long each step took when it was last computed."""
        return {event["step"]: event["seconds"] for event in self.events() if event["event"] == "done"}

    def worked_s(self) -> float:
        """Return how long steps ran by the clock, in all processes that went on with the run.

        Steps that ran at once count once, and what was made anew counts as often as it was made.
        """
        spans = sorted((end - event["seconds"], end) for event in self.events() if event["event"] == "done"
                       for end in (datetime.fromisoformat(event["time"]).timestamp(),))
        worked, until = 0.0, float("-inf")
        for start, end in spans:
            worked += max(0.0, end - max(start, until))
            until = max(until, end)
        return worked

    def _place(self, name: str) -> Path:
        parts = name.split("/")
        if not all(parts) or any(part.startswith(".") for part in parts):
            raise ValueError(f"no name for something in a run folder: {name!r}")
        if self._lock is None and self._shared is None:
            raise RuntimeError("the run folder is not open; use `with RunDir(path) as run`")
        return self.path.joinpath(*parts)

    def _compute(
        self, place: Path, key: str, function: Callable[..., object], inputs: Sequence[object], *,
        writes: bool, shared: bool, keep: str,
    ) -> dict[str, Any]:
        name, start = place.relative_to(self.path).as_posix(), time.monotonic()
        partial = folders.partial_path(place)
        with folders.full_disk(self.path):
            try:
                partial.mkdir(parents=True)
                value = function(*((partial,) if writes else ()), *map(unwrap, inputs))
                kind = store.save(value, partial, partial if shared else self.path)
                facts = {"function": function_name(function), "version": version_of(function), "key": key,
                         "kind": kind, "content": content_key(value)}
                folders.write_manifest(partial, facts)
                if shared:
                    add_to_cache(partial, key)
                if keep:
                    keep_old(place, keep)
                folders.atomic_replace(partial, place)
            except BaseException as error:
                folders.remove_path(partial)
                with suppress(StoryanimError):       # the disk may be full for the log too
                    self.log("failed", step=name, error=f"{type(error).__name__}: {error}")
                raise
        self.log("done", step=name, seconds=round(time.monotonic() - start, 3), key=key)
        return facts

    def _fetch(self, place: Path, key: str) -> dict[str, Any] | None:
        """Copy the step from the shared cache, if that has it whole."""
        there = cached(key)
        if (facts := facts_for(there, key)) is None:
            return None
        partial = folders.partial_path(place)
        with folders.disk_errors(self.path):
            try:
                shutil.copytree(there, partial)
                folders.atomic_replace(partial, place)
            finally:
                folders.remove_path(partial)
        self.log("reused", step=place.relative_to(self.path).as_posix(), key=key)
        return facts


def _only_positional(inputs: tuple[object, ...], named: Mapping[str, object]) -> tuple[object, ...]:
    if named:
        raise TypeError(f"a step's inputs are given by position, not by name: {', '.join(named)}")
    return inputs


def is_open(path: Path) -> bool:
    """Whether a process has a run folder open just now."""
    try:
        with (path / MARK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:                                  # no folder of a run, or a file system without locks
        return False
    return False


def _check_name(path: Path) -> None:
    """Raise UsageError for a path that ffmpeg's lists and JSON cannot hold."""
    text = str(path)
    if any(char < " " or "\udc80" <= char <= "\udcff" for char in text):
        raise UsageError(f"{text!a} has bytes that are no text, or a line break",
                         hint="choose a folder with another name")


def check_is_run(path: Path) -> None:
    """Raise UsageError for a file, and for a folder that holds something else than a run."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, not a folder", hint="choose another folder with --out")
    is_run = (path / MARK).exists() or (path / "run.json").exists()
    if path.is_dir() and any(path.iterdir()) and not is_run:
        raise UsageError(f"{path} is not empty and not a run folder",
                         hint="nothing was changed; choose another --out")


def _locked(mark: Path, run: Path) -> IO[str]:
    file = mark.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UsageError(f"{run} is in use by another process",
                         hint="wait for it, or choose another --out") from error
    return file


def _end_last_line(log: Path) -> None:
    """End a line that a killed process may have left without its end."""
    if log.is_file() and (text := log.read_bytes()) and not text.endswith(b"\n"):
        with log.open("ab") as file:
            file.write(b"\n")


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None                                  # cut off when the process was killed
    return event if isinstance(event, dict) and "event" in event else None
