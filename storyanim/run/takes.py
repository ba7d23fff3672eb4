"""The takes of a shot: every drawing of it, with what it was drawn from and how it was read back.

    shots/s03/frames, frames-2, ...     what the film is made of, and what was drawn beside it
    shots/s03/takes/KEY/                drawings that others took the place of; found again by their key
    shots/s03/takes/KEY.json            what each of both was: number, seed, prompt, footage, score

Nothing that was drawn is thrown away but by `remove_takes`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from storyanim.artifacts import Frames, FrozenModel, Reading, Shot
from storyanim.engine import folders
from storyanim.engine.finished_steps import kept_name
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step
from storyanim.run.checked import take_name
from storyanim.run.request import read_request

KEEP = "takes"                                       # folder beside a shot's steps


class Take(FrozenModel):
    """One drawing of a shot."""

    number: int                                      # from 1, in the order of drawing; never given twice
    key: str                                         # of the step that drew it
    shot: Shot                                       # as it was drawn, its seed without the run's
    footage: str = ""                                # clip or video that it moves as; "": none
    reading: Reading                                 # how it was read back


@dataclass(frozen=True)
class ListedTake:
    """A take, and where it lies."""

    take: Take
    folder: Path                                     # with its frames, and a strip of them as preview.png
    in_film: bool                                    # the film as it lies there shows it
    num_bytes: int                                   # on the disk

    @property
    def picture(self) -> Path:
        """A strip of its frames, PNG."""
        return self.folder / "preview.png"

    @property
    def is_spare(self) -> bool:
        """Whether the run can do without it: another drawing took its place."""
        return self.folder.parent.name == KEEP


def record_takes(
    run: RunDir, shot: Shot, footage: str, drawings: Sequence[tuple[Step[Frames], Shot]],
    readings: Sequence[Reading],
) -> None:
    """Write what each drawing of a shot was, where that is not written yet.

    Args:
        run: folder of the run, open.
        shot: with the run's seed.
        footage: name of what it moves as; "": nothing.
        drawings: each with the shot as it was drawn.
        readings: of each.
    """
    place = run.path / "shots" / shot.id
    for (step, drawn), reading in zip(drawings, readings, strict=False):
        file = _record_file(place, step.key)
        if not file.is_file():
            number = max((take.number for take in _records(place)), default=0) + 1
            base = drawn.reseeded(-_seed_of(run.path))
            take = Take(number=number, key=step.key, shot=base, footage=footage, reading=reading)
            text = json.dumps(take.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
            run.write(file.relative_to(run.path).as_posix(), text)


def takes_of(folder: Path, shot_id: str) -> list[ListedTake]:
    """Return the takes of a shot that lie in a run, in the order of their drawing."""
    place = folder / "shots" / shot_id
    lying = {facts["key"]: where for where in (*place.glob("frames*"), *(place / KEEP).glob("*"))
             if (facts := _facts(where)) is not None}
    shown = _key_in_film(folder, shot_id)
    return [ListedTake(take, lying[take.key], take.key == shown, _size(lying[take.key]))
            for take in sorted(_records(place), key=lambda take: take.number) if take.key in lying]


def footage_of_takes(folder: Path) -> set[str]:
    """Return the names of all that the drawings of a run moved as."""
    return {take.footage for place in (folder / "shots").glob("s*") for take in _records(place)}


def spare_takes(folder: Path) -> dict[str, list[ListedTake]]:
    """Return, by shot, the drawings that others took the place of; of removed shots all that were kept."""
    read_request(folder)
    ids = sorted(path.name for path in (folder / "shots").glob("s*") if path.is_dir())
    spare = {shot: [listed for listed in takes_of(folder, shot) if listed.is_spare] for shot in ids}
    return {shot: found for shot, found in spare.items() if found}


def remove_takes(folder: Path, takes: Mapping[str, Sequence[ListedTake]]) -> int:
    """Remove the drawings of takes, as `spare_takes` gave them; return how many bytes that freed.

    What they were drawn from stays known, so that no number and no seed comes twice. Those that have come
    into use since are left. Raises UsageError while the run is open.
    """
    freed = 0
    with RunDir(folder):
        for shot, listed in takes.items():
            still = {other.take.key for other in takes_of(folder, shot) if other.is_spare}
            for old in (old for old in listed if old.take.key in still):
                shutil.rmtree(old.folder)
                freed += old.num_bytes
    return freed


def next_seed(folder: Path, shot: Shot) -> int:
    """Return the next seed that a shot was never drawn with."""
    used = {take.shot.seed for take in _records(folder / "shots" / shot.id)}
    following = shot.reseeded()
    while following.seed in used:
        following = following.reseeded()
    return following.seed


def _seed_of(folder: Path) -> int:
    """Return the seed of the run, which is added to those of its shots."""
    return read_request(folder).seed if (folder / "run.json").is_file() else 0


def _records(place: Path) -> Iterator[Take]:
    for path in (place / KEEP).glob("*.json"):
        try:
            yield Take.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):           # of another version; the drawing itself is kept
            continue


def _record_file(place: Path, key: str) -> Path:
    return place / KEEP / f"{kept_name(key)}.json"


def _facts(where: Path) -> dict[str, str] | None:
    facts = folders.read_facts(where)
    return facts if facts and "key" in facts else None


def _key_in_film(folder: Path, shot_id: str) -> str:
    """Return the key of the drawing that the check of a shot chose; "" before there is one."""
    with RunDir(folder, beside=True) as run:
        check = run.done(f"shots/{shot_id}/check")
        name = take_name(f"shots/{shot_id}", "frames", check.value.chosen) if check else ""
    return (_facts(folder / name) or {}).get("key", "") if name else ""


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
