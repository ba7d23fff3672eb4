"""Videos in a tar: listed without unpacking, and read where they lie.

A video in an archive has the archive's path and its own name below it: `shards/00000.tar/000017.mp4`. Nothing
is ever written under a name that an archive gives.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from storyanim.errors import InputError

SUFFIX = ".tar"
_HEADER_BYTES = 2**20  # of one header with its long names; a claim of gigabytes is refused
_BROKEN = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str                                        # below the archive's path
    start: int                                       # its first byte
    size: int                                        # bytes
    skip_reason: str = ""                            # why it is not read


def list_members(path: Path) -> Iterator[Member]:
    """Yield the files in a tar that is not compressed, in its order; only headers are read.

    Links, devices, names that lead out of the archive and the place where a damaged one ends come with
    `skip_reason`. Raises InputError when `path` is no tar.
    """
    try:
        with _Headers(path) as headers, closing(tarfile.open(fileobj=headers, mode="r:")) as tar:
            yield from _members(tar)
    except _BROKEN as error:
        raise InputError(f"{path} is no tar that can be read: {_reason(error)}",
                         hint="unpack a compressed archive, or pack it again without compression") from error


def find(path: Path) -> AbstractContextManager[str | BinaryIO] | None:
    """Return a context of the file or of the video in an archive that `path` names; None: there is none."""
    if path.is_file():
        return nullcontext(str(path.absolute()))
    archive = next(
        (above for above in path.parents if above.suffix.lower() == SUFFIX and above.is_file()), None)
    if archive is None:
        return None
    name = path.relative_to(archive).as_posix()
    try:
        found = next((member for member in list_members(archive)
                      if member.name == name and not member.skip_reason), None)
    except InputError:
        return None
    return None if found is None else open_part(archive, found.start, found.size)


def open_part(path: Path, start: int, size: int) -> BinaryIO:
    """Return `size` bytes of a file from `start` on, as a file of their own. Raises OSError."""
    return io.BufferedReader(_Part(path, start, size), 2**16)


def _members(tar: tarfile.TarFile) -> Iterator[Member]:
    seen: set[str] = set()
    last = "its begin"
    while True:
        try:
            found = tar.next()
        except _BROKEN as error:
            yield Member("", 0, 0, f"it is damaged after {last}: {_reason(error)}")
            return
        if found is None:
            return
        tar.members.clear()                          # type: ignore[attr-defined]  # they would pile up
        if found.isdir():
            continue
        name = PurePosixPath(found.name).as_posix()
        last = name
        yield Member(_shown(name), found.offset_data, found.size, _skip_reason(found, name in seen))
        seen.add(name)


def _skip_reason(found: tarfile.TarInfo, again: bool) -> str:
    name = PurePosixPath(found.name)
    if name.is_absolute() or ".." in name.parts or {"\\", "\0"} & set(found.name) or not name.parts:
        return "its name leads out of the archive"
    if not found.isreg() or found.issparse():
        return "it is a link or something else than a file"
    return "its name came before in the archive" if again else ""


def _shown(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


class _Headers(io.FileIO):
    """A file of which only small pieces are read: a header may claim any size."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _HEADER_BYTES:
            raise OSError("a header is larger than any should be")
        return super().read(size) or b""


class _Part(io.RawIOBase):
    """A part of a file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(len(buffer), self._size - self._at))) or b""
        buffer[:len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
