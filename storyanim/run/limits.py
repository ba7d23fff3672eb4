"""What of a storyboard cannot be filmed: a shot that is too long, footage that is nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from storyanim.artifacts import Shot, Storyboard
from storyanim.config import DEFAULT_INDEX, Settings, asset
from storyanim.errors import StoryError
from storyanim.planning.board_problems import Problem, Where, spell
from storyanim.planning.shorten import MAX_DURATION_S
from storyanim.retrieve.choose import is_user_footage, user_footage_file
from storyanim.retrieve.clip_names import unknown_clips
from storyanim.run.request import FilmRequest
from storyanim.run.takes import footage_of_takes

_NO_SHOTS: Mapping[str, Shot] = {}


@dataclass(frozen=True)
class Limits:
    """What a run can film."""

    request: FilmRequest
    folder: Path | None = None                       # of the run: what it found as footage is known, too
    index: Path | None = None                        # of footage; None: the request's

    @cached_property
    def longest_s(self) -> float:
        """Seconds of the longest shot: as long as it can be drawn, or as a plan makes it by itself."""
        settings = self._settings
        for_words = MAX_DURATION_S if settings.plan.words_per_second else 0.0
        return max(settings.generate.max_duration_s, settings.plan.shot_duration_s, for_words)

    def check(self, board: Storyboard, before: Mapping[str, Shot] = _NO_SHOTS) -> None:
        """Raise StoryError for what cannot be filmed of the shots that are not the same in `before`."""
        changed = [shot for shot in board.shots if before.get(shot.id) != shot]
        data = {"shots": [shot.model_dump() for shot in changed]}
        if lines := [f"{changed[where[1]].id}: {spell(where[2:])}: {what}"
                     for where, what in self.problems(data, before) if isinstance(where[1], int)]:
            several = len(lines) > 1
            raise StoryError(f"{len(lines)} things of the storyboard cannot be" if several else lines[0],
                             hint="nothing was changed", details=lines if several else ())

    def problems(self, data: Any, before: Mapping[str, Shot] = _NO_SHOTS) -> list[Problem]:
        """Return what cannot be filmed of a storyboard as it was read, valid or not, each with its place.

        What a shot has in `before`, id → shot, is no problem.
        """
        shots = data.get("shots") if isinstance(data, dict) else None
        found: list[Problem] = []
        names: list[tuple[Where, str]] = []
        for k, shot in enumerate(shots if isinstance(shots, (list, tuple)) else ()):
            if isinstance(shot, dict):
                old = before.get(str(shot.get("id")))
                found += self._too_long(("shots", k), shot, old)
                names += _named_footage(("shots", k), shot, old)
        return [*found, *self._nowhere(names)]

    @cached_property
    def _settings(self) -> Settings:
        return self.request.settings()

    def _too_long(self, where: Where, shot: Mapping[str, Any], old: Shot | None) -> Iterator[Problem]:
        duration = shot.get("duration_s")
        if not isinstance(duration, (int, float)) or (old is not None and old.duration_s == duration):
            return
        if self.longest_s < duration <= 60:          # beyond a minute no profile draws, which the type says
            yield (*where, "duration_s"), (
                f"{duration:g} s is longer than {self.longest_s:g} s, the longest that the profile "
                f"{self._settings.profile} draws (generate.max_duration_s); make two shots of it")

    def _nowhere(self, names: list[tuple[Where, str]]) -> Iterator[Problem]:
        clips = {name for _, name in names if not is_user_footage(name)}
        index = self.index or self._settings.footage_index(self.request.index) or asset(DEFAULT_INDEX)
        unknown = unknown_clips(index, clips) if clips else {}
        if unknown and self.folder is not None:
            unknown = {name: near for name, near in unknown.items() if name not in _found_in(self.folder)}
        for where, name in names:
            if name in unknown:
                near = unknown[name]
                yield where, f"the index has no clip {name!r}" + (f"; did you mean {near}?" if near else "")
            elif is_user_footage(name) and not user_footage_file(name).is_file():
                yield where, f"there is no file {user_footage_file(name)}"


def _named_footage(where: Where, part: Mapping[str, Any], old: Any) -> Iterator[tuple[Where, str]]:
    """Yield the clips and files that a shot or an entity, and those in it, name and `old` does not."""
    had = {getattr(old, "pinned", None), *getattr(old, "banned", ())}
    if isinstance(pinned := part.get("pinned"), str) and pinned not in had:
        yield (*where, "pinned"), pinned
    banned = part.get("banned")
    for k, name in enumerate(banned if isinstance(banned, (list, tuple)) else ()):
        if isinstance(name, str) and name not in had:
            yield (*where, "banned", k), name
    entities, olds = part.get("entities"), getattr(old, "entities", ())
    for k, entity in enumerate(entities if isinstance(entities, (list, tuple)) else ()):
        if isinstance(entity, dict):
            yield from _named_footage((*where, "entities", k), entity, olds[k] if k < len(olds) else None)


def _found_in(folder: Path) -> set[str]:
    """Return the clips that retrieval found for the shots of a run, and those its takes were drawn from."""
    found = footage_of_takes(folder)
    for path in (folder / "shots").glob("*/match*/match.json"):
        try:
            found |= {match["clip_id"] for match in json.loads(path.read_text("utf-8"))["matches"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
