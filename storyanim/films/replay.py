"""A run's film made once more from its run.json, and compared with it byte for byte."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from storyanim import api
from storyanim.api import WorkerArguments
from storyanim.engine.folders import DONE, disk_errors
from storyanim.engine.lookup import Lookup
from storyanim.engine.run_dir import MARK
from storyanim.errors import InputError, PartialError, UsageError
from storyanim.run.history import FILE, FOLDER, PARTS
from storyanim.run.models import Confirm
from storyanim.run.pipeline import DRAWN
from storyanim.run.request import RECORD, read_request
from storyanim.run.timing import kind_of
from storyanim.stages import Progress, no_progress

_GIVEN = (RECORD, FILE, PARTS, FOLDER, MARK)         # what a film is made from, of a run's folder
_MADE = ("film.mp4", "film.srt", "film.vtt", "sheet.png")
# Of these a later one differs when an earlier one does.
_ORDER = ("plan", "characters", "audio", "match", "thumbnails", "depth", "frames", "reading", "check", "clip",
          "cards", "timeline", "film", "sheet")


@dataclass(frozen=True)
class Replay:
    """How a film that was made once more compares with the one before."""

    folder: Path                                     # of the run
    changed: tuple[str, ...]                         # files that are not the same, byte for byte
    steps: tuple[str, ...]                           # the first of each shot, and of the film, that differs
    differences: tuple[str, ...]                     # in what it was made from: a line each

    def check_same(self) -> None:
        """Raise PartialError when a file differs."""
        if self.changed:
            raise PartialError(
                f"{' and '.join(self.changed)} came out with other bytes",
                hint="what differs is named above; the same versions, files and settings give the same bytes",
                failed={step: "gave something else" for step in self.steps})


def replay_film(
    folder: str | Path, out: str | Path | None = None, *, confirm: Confirm | None = None,
    progress: Progress = no_progress, **workers: Unpack[WorkerArguments],
) -> Replay:
    """Make a run's film again from its run.json and storyboard, in another folder, and compare.

    Args:
        folder: of the run; nothing in it is changed.
        out: folder for the new run; None: one that is removed afterwards.
        confirm: as of `make_film`.
        progress: as of `make_film`.
        workers: executor, ray_address and workers, as of `make_film`.

    What a language model planned is taken as it was, and a character from the cache, if that has it.
    Raises InputError for a run without a film or whose files are gone, UsageError, what `make_film` raises.
    """
    folder = Path(folder)
    request = read_request(folder)
    record = _record(folder)
    if not (folder / "film" / DONE).is_file() or not (folder / "film.mp4").is_file():
        raise InputError(f"{folder} has no film", hint=f"make it: storyanim run {folder}")
    if gone := [path for path in record.get("inputs", {}) if not Path(path).exists()]:
        raise InputError(f"{len(gone)} of the files that the film was made from are gone",
                         hint="put them back, or run the story without them", details=gone)
    with _new_folder(out) as new:
        _copy(folder, new, with_plan=request.settings().plan.planner != "rules")
        api.make_film(new, confirm=confirm, progress=progress, **workers)
        changed = tuple(name for name in _MADE if _bytes(folder / name) != _bytes(new / name))
        return Replay(folder, changed, tuple(_first_steps(folder, new)),
                      (*_compare(record, _record(new)), *_compare_shots(folder, new)))


@contextmanager
def _new_folder(out: str | Path | None) -> Iterator[Path]:
    if out is None:
        with tempfile.TemporaryDirectory(prefix="storyanim-replay-") as temporary:
            yield Path(temporary) / "run"
        return
    if Path(out).exists():
        raise UsageError(f"{out} is there already", hint="choose another --out for the new run")
    yield Path(out)


def _copy(folder: Path, new: Path, *, with_plan: bool) -> None:
    with disk_errors(new):
        new.mkdir(parents=True)
        (new / MARK).touch()
        for name in (*_GIVEN, *(["plan"] if with_plan else [])):
            source = folder / name
            if source.is_dir():
                shutil.copytree(source, new / name)
            elif source.is_file():
                shutil.copyfile(source, new / name)


def _record(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / RECORD).read_text("utf-8"))
    return found if isinstance(found, dict) else {}


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what two runs' records say differently, but for what they were asked, which is the same."""
    for part, what in (("versions", ""), ("settings", "setting "), ("commits", "commit of "),
                       ("inputs", "file "), ("components", "component ")):
        before, now = (dict(_leaves(facts.get(part) or {})) for facts in (old, new))
        for name in sorted({*before, *now}) if old.get(part) else ():    # an older version wrote less
            if before.get(name) != now.get(name):
                yield f"{what}{name}: was {before.get(name)}, is {now.get(name)}"


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, tree


def _compare_shots(folder: Path, new: Path) -> Iterator[str]:
    """Yield where the storyboards that two films show differ, and which drawing of a shot was chosen."""
    before, now = (_drawn(place) for place in (folder, new))
    for shot in sorted({*before, *now}):
        for field in sorted({*before.get(shot, {}), *now.get(shot, {})}):
            old, other = (board.get(shot, {}).get(field) for board in (before, now))
            if old != other:
                yield f"{shot}.{field}: was {old}, is {other}"
        chosen = [step and step.value.chosen + 1 for place in (folder, new)
                  for step in [Lookup(place).done(f"shots/{shot}/check")]]
        if chosen[0] != chosen[1]:
            yield f"{shot}: drawing {chosen[0]} was the best, now {chosen[1]} is"


def _drawn(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        return {shot["id"]: shot for shot in json.loads((folder / DRAWN).read_text("utf-8"))["shots"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _first_steps(folder: Path, new: Path) -> Iterator[str]:
    """Yield the first step of each shot, and of what belongs to the whole film, that gave something else."""
    names = {path.parent.relative_to(new).as_posix() for path in new.rglob(DONE)}
    names = {name for name in names if kind_of(name) in _ORDER}
    before, now = Lookup(folder), Lookup(new)
    seen: set[str] = set()
    for name in sorted(names, key=lambda name: (_ORDER.index(kind_of(name)), name)):
        old, other = before.done(name), now.done(name)
        place = "/".join(name.split("/")[:2]) if name.startswith("shots/") else ""
        if other and (old is None or old.content != other.content) and place not in seen:
            seen.add(place)
            yield name
