"""Folders that are whole or not there, however the machine or the process ends.

A folder is made under a hidden name beside its place, `done.json` is written into it last, everything is
flushed to the disk, and only then is it renamed. Whatever has another name, or another content than
`done.json` says, is no result.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from storyanim.engine.steps import file_key
from storyanim.errors import InputError, ResourceError, UsageError

DONE = "done.json"
_PARTIAL, _OLD = ".partial", ".old"
_SPENT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE}


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Map the errors of a disk that is full or failing to ResourceError; others pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _SPENT:
            raise
        hint = "free some space, then give the same command again"
        raise ResourceError(f"the disk failed at {path} ({error.strerror})", hint=hint) from error


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Map all that a disk may refuse while `path` is written to ResourceError."""
    try:
        with full_disk(path):
            yield
    except OSError as error:
        raise ResourceError(f"{path} cannot be written ({error.strerror})",
                            hint="choose another place for it") from error


def check_writable(path: Path, suffix: str = "") -> None:
    """Raise UsageError for another suffix, ResourceError where `path` cannot be written. Writes nothing."""
    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}", hint=f"name it {path.stem}{suffix}")
    above = next(parent for parent in path.absolute().parents if os.path.exists(parent))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = "closed" if above.is_dir() else "no folder"
        raise ResourceError(f"{path} cannot be written: {above} is {why}", hint="choose another place for it")


def make_dirs(path: Path) -> list[Path]:
    """Make a folder and those above it; return the ones that were not there before, innermost first."""
    new = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]
    path.mkdir(parents=True, exist_ok=True)
    return new


def remove_tree(new: Sequence[Path]) -> None:
    """Remove what `make_dirs` returned: the innermost with all in it, those above when they are empty."""
    for folder in new[:1]:
        shutil.rmtree(folder)
    with suppress(OSError):                          # the first that is not empty ends it
        for folder in new[1:]:
            folder.rmdir()


def partial_path(place: Path) -> Path:
    """Return the hidden name, this process's own, under which `place` is made."""
    return place.with_name(f".{place.name}.{os.getpid()}{_PARTIAL}")


def remove_leftovers(root: Path) -> None:
    """Remove what killed processes left below `root`. To be called by the only user of `root`."""
    for folder, folders, files in os.walk(root):
        for name in [name for name in folders if _is_leftover(name)]:
            shutil.rmtree(Path(folder, name))
            folders.remove(name)
        for name in filter(_is_leftover, files):
            Path(folder, name).unlink()


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or none, flushed to the disk; leave one that has these bytes already alone."""
    with disk_errors(path):
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(path)
        try:
            partial.write_bytes(data)
            _flush(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _flush(path.parent)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write `done.json`: `facts`, and size and sha256 of each file that lies in `folder`."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for name in names:
        _flush(folder / name)
    for inner in (path for path in folder.rglob("*") if path.is_dir()):
        _flush(inner)
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": file_key(folder / name)}
             for name in names}
    (folder / DONE).write_text(json.dumps(facts | {"files": files}, indent=1, sort_keys=True) + "\n", "utf-8")
    _flush(folder / DONE)
    _flush(folder)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return what `done.json` says, if each file that it lists is there with its bytes; else None."""
    facts = read_facts(folder)
    try:
        whole = facts is not None and all(
            _is_whole(folder / name, mark) for name, mark in facts["files"].items())
    except (OSError, InputError, ValueError, KeyError, TypeError, AttributeError):
        return None                                  # not a mark of ours: not done
    return facts if whole else None


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Return what `done.json` says, whatever lies beside it; None when it is not there or none."""
    try:
        facts = json.loads((folder / DONE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def atomic_replace(partial: Path, place: Path) -> None:
    """Give a finished folder its name; what lay there is moved away first and then removed."""
    old = place.with_name(f".{place.name}.{os.getpid()}{_OLD}")
    if os.path.lexists(place):
        place.rename(old)
    partial.rename(place)
    _flush(place.parent)
    if os.path.lexists(old):
        remove_path(old)


def remove_path(path: Path) -> None:
    """Remove a folder or a file, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_whole(path: Path, mark: dict[str, Any]) -> bool:
    return path.stat().st_size == mark["bytes"] and file_key(path) == mark["sha256"]


def _is_leftover(name: str) -> bool:
    return name.startswith(".") and name.endswith((_PARTIAL, _OLD))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
