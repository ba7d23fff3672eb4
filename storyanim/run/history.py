"""Every storyboard that a run had, numbered in its folder `storyboards/`: nothing that a person did is lost.

A name tells what made it: `0003-redo-s01.yaml`. Beside one lies, as `.cast.json`, who played whom in its
prompts, where that had been changed. Nothing here is ever removed or overwritten; `undo` adds a version, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from storyanim.artifacts import Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.errors import StoryError

FILE = "storyboard.yaml"
PARTS = "cast.json"                                  # role → who played it when prompts were last changed
FOLDER = "storyboards"
PLAN_MARK = "# plan "                                # first line of a file: which plan it was written from
BY_HAND = "edited"
_NAME = re.compile(r"(\d{4,})-([\w-]+)\.yaml")
_UNDONE = re.compile(r"undo-to-(\d+)")
_SHOT_ID = re.compile(r"\bid: ['\"]?s(\d{2,4})\b")


@dataclass(frozen=True)
class Version:
    """One storyboard that a run had."""

    number: int                                      # from 1, in the order of their making
    made_by: str                                     # "plan", "redo-s01", "edited" (by hand), "undo-to-3"
    path: Path

    @property
    def text(self) -> str:
        """The file, with its comments; bytes that are no UTF-8 are replaced."""
        return self.path.read_text("utf-8", errors="replace")


def versions(folder: Path) -> list[Version]:
    """Return the storyboards that a run had, oldest first."""
    found = ((_NAME.fullmatch(path.name), path) for path in (folder / FOLDER).glob("*.yaml"))
    return sorted((Version(int(name[1]), name[2], path) for name, path in found if name),
                  key=lambda version: version.number)


def keep_current(run: RunDir) -> None:
    """Keep the storyboard as it lies in the folder, if it is not the last one kept: a person edited it."""
    path, kept = run.path / FILE, versions(run.path)
    if path.is_file() and not (kept and kept[-1].path.read_bytes() == path.read_bytes()):
        _keep(run, path.read_bytes(), BY_HAND)


def write_board(run: RunDir, text: str, made_by: str, parts: str | None = None) -> None:
    """Write the storyboard's file, and keep it and the one before.

    Args:
        run: folder of the run, open.
        text: of the file, whole.
        made_by: words and hyphens: "redo-s01".
        parts: text of `cast.json`; None: as it is, "": none.
    """
    keep_current(run)
    if parts is not None:
        _write_parts(run, parts)
    _keep(run, text.encode(), made_by)
    run.write(FILE, text)


def undo(run: RunDir, to: int | None = None) -> Version:
    """Go back to the storyboard before the last change, or to number `to`; return which.

    The plan that the file stands for stays the present one, so that the next run does not plan again what
    was undone. Raises StoryError when there is none.
    """
    keep_current(run)
    kept = {version.number: version for version in versions(run.path)}
    number = to if to is not None else _before(kept, max(kept, default=0))
    if number is None or number not in kept:
        have = f"it has 1 to {max(kept)}" if kept else "no command changed it yet"
        what = "no earlier storyboard" if to is None else f"no storyboard {to}"
        raise StoryError(f"{run.path} has {what}", hint=f"{have}; see `storyanim shot undo RUN --list`")
    target = kept[number]
    sidecar = target.path.with_suffix(".cast.json")
    text = with_head(target.text, plan_mark(run.path))
    write_board(run, text, f"undo-to-{number}", sidecar.read_text("utf-8") if sidecar.is_file() else "")
    return target


def plan_mark(folder: Path) -> str:
    """Return which plan the run's storyboard stands for: "1f3a...", "given"; "" if nothing says so."""
    path = folder / FILE
    texts = [path] if path.is_file() else []
    for source in (*texts, *(version.path for version in reversed(versions(folder)))):
        with source.open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
        if first.startswith(PLAN_MARK):
            return first.split()[2]
    return ""


def next_number(folder: Path, *boards: Storyboard) -> int:
    """Return the least number that no shot of the run ever had, removed ones included."""
    used = [int(shot.id[1:]) for board in boards for shot in board.shots]
    used += [int(path.name[1:]) for path in (folder / "shots").glob("s*") if path.name[1:].isdecimal()]
    for path in [*(folder / FOLDER).rglob("*.yaml"), folder / FILE]:
        if path.is_file():
            used += map(int, _SHOT_ID.findall(path.read_text("utf-8", errors="replace")))
    return max(used, default=0) + 1


def write_base(run: RunDir, mark: str, board: Storyboard) -> None:
    """Keep what a storyboard was before a person edited it: their edits are the difference."""
    run.write(f"{FOLDER}/plans/{mark}.yaml", board.to_yaml())


def read_base(folder: Path, mark: str) -> Storyboard | None:
    """Return what `write_base` kept; None when it did not, or its file is damaged."""
    try:
        return Storyboard.from_yaml((folder / FOLDER / "plans" / f"{mark}.yaml").read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):    # pydantic's errors are ValueErrors
        return None


def _before(kept: dict[int, Version], number: int) -> int | None:
    """Return the version before one; an undone one stands for the one that it went back to."""
    while (version := kept.get(number)) is not None and (found := _UNDONE.fullmatch(version.made_by)):
        number = int(found[1])
    earlier = [other for other in kept if other < number]
    return max(earlier, default=None)


def _keep(run: RunDir, data: bytes, made_by: str) -> None:
    number = max((version.number for version in versions(run.path)), default=0) + 1
    name = f"{FOLDER}/{number:04d}-{made_by}"
    if (parts := run.path / PARTS).is_file():
        run.write(f"{name}.cast.json", parts.read_text("utf-8"))
    run.write_bytes(f"{name}.yaml", data)


def _write_parts(run: RunDir, parts: str) -> None:
    if parts:
        run.write(PARTS, parts)
    else:
        (run.path / PARTS).unlink(missing_ok=True)


def with_head(text: str, mark: str) -> str:
    """Return the text of a storyboard's file with the first line that names its plan."""
    first, _, rest = text.partition("\n")
    head = f"{PLAN_MARK}{mark} — edit this file, then `storyanim run` this folder\n" if mark else ""
    return head + (rest if first.startswith(PLAN_MARK) else text)
