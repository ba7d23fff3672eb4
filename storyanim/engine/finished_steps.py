"""Steps that are done: found in their place, kept beside it, or in the cache that all runs share."""

from __future__ import annotations

import shutil
from functools import partial as bind
from pathlib import Path
from typing import Any

from storyanim.config import cache_folder
from storyanim.engine import folders, store
from storyanim.engine.steps import Step


def step_at(name: str, place: Path, facts: dict[str, Any], fresh: bool) -> Step[Any]:
    """Return the step that lies in `place`, as its manifest tells."""
    return Step(name, facts["key"], facts["content"], place, fresh, bind(store.load, facts["kind"]))


def find_step(name: str, place: Path, key: str, *, shared: bool = False, keep: str = "") -> Step[Any] | None:
    """Return a step with this key, wherever it lies whole: in place, shared, or kept beside it."""
    other = kept(place, keep, key) if keep else None
    for folder in (place, *([cached(key)] if shared else []), *([other] if other else [])):
        if (facts := facts_for(folder, key)) is not None:
            return step_at(name, folder, facts, fresh=False)
    return None


def facts_for(place: Path, key: str) -> dict[str, Any] | None:
    """Return the facts of the step in `place`, when it is whole and has this key."""
    facts = facts_of(place)
    return facts if facts and facts["key"] == key else None


def facts_of(place: Path) -> dict[str, Any] | None:
    """Return the facts of the step in `place`, when it is whole."""
    facts = folders.read_manifest(place)
    known = facts and {"key", "content"} <= facts.keys() and facts.get("kind") in store.CODECS
    return facts if known else None


def kept_name(key: str) -> str:
    """Return the name under which the result with a key is kept."""
    return key[:16]


def keep_old(place: Path, keep: str) -> None:
    """Move a whole result from its place to where it is kept."""
    if (facts := facts_of(place)) is not None:
        target = place.parent / keep / kept_name(facts["key"])
        target.parent.mkdir(exist_ok=True)
        folders.remove_path(target)
        place.rename(target)


def kept(place: Path, keep: str, key: str) -> Path | None:
    """Return where a result with this key lies whole beside `place`."""
    stem = place.name.partition("-")[0]
    others = (place.parent / keep / kept_name(key), *sorted(place.parent.glob(f"{stem}*")))
    return next((other for other in others if other != place and facts_for(other, key)), None)


def cached(key: str) -> Path:
    """Return where the cache that all runs share has the step with a key."""
    return cache_folder() / "steps" / key


def add_to_cache(folder: Path, key: str) -> None:
    """Copy a finished folder to the shared cache; failing to costs only time in a later run."""
    place = cached(key)
    partial = folders.partial_path(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, partial)
        folders.atomic_replace(partial, place)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
