"""`storyanim run --dry-run`: what would be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim import console
from storyanim.cli.fetch import download_lines, duration
from storyanim.errors import PartialError, StoryanimError, UsageError

if TYPE_CHECKING:
    from storyanim.films.forecast import Forecast, Work

_WORK: tuple[tuple[Work, str], ...] = (
    ("kept", "kept:"), ("clip", "drawn already, cut again:"), ("draw", "to draw:"),
    ("find", "to look for footage of, and draw if it is not the same:"))


def run_dry(
    stories: Sequence[Path], out: Path | None, arguments: Mapping[str, Any], watch: bool, as_json: bool
) -> None:
    """Print what the command would do, of one story or of several. Raises as `forecast_film` does."""
    if watch:
        raise UsageError("--dry-run draws nothing to watch", hint="leave out one of the two")
    from storyanim.films.batch import run_folders
    from storyanim.films.forecast import forecast_film, forecast_films

    asked = {name: value for name, value in arguments.items() if name != "confirm"}
    if len(stories) == 1:
        found = forecast_film(stories[0], out, **asked)
        console.result(_facts(found), "\n".join(_lines(found)), as_json)
        return
    films = forecast_films(stories, run_folders(stories, out), **asked)
    facts = [{"story": str(story)} | (_facts(film) if not isinstance(film, StoryanimError) else
                                      {"error": film.message, "hint": film.hint, "exit_code": film.exit_code})
             for story, film in zip(stories, films, strict=True)]
    rows = [(str(story), *_row(film)) for story, film in zip(stories, films, strict=True)]
    made = [film for film in films if not isinstance(film, StoryanimError)]
    total = sum(film.seconds or 0 for film in made)
    downloads = {line: None for film in made for line in download_lines(film.downloads)}
    whole = all(film.seconds is not None and not film.unmeasured for film in made)
    told = f"in all about {duration(total)}" + ("" if whole else ", and what was never measured")
    console.result({"films": facts, "seconds": round(total, 1)}, "\n".join(
        [console.columns(("story", "shots", "to draw", "time", "run"), rows), *downloads, told]), as_json)
    failed = {str(story): film.message for story, film in zip(stories, films, strict=True)
              if isinstance(film, StoryanimError)}
    if failed:
        raise PartialError(f"{len(failed)} of {len(films)} stories could not be filmed",
                           hint="mend what is named above", failed=failed)


def _facts(found: Forecast) -> dict[str, Any]:
    return {
        "run": str(found.folder), "shots": dict(found.shots), "broken": dict(found.broken),
        "steps": list(found.steps), "models": list(found.models),
        "downloads": {plan.ref.repo: plan.num_bytes for plan in found.downloads},
        "conflicts": list(found.conflicts), "workers": found.workers,
        "seconds": None if found.seconds is None else round(found.seconds, 1),
        "unmeasured": list(found.unmeasured),
    }


def _row(film: Forecast | StoryanimError) -> tuple[str, str, str, str]:
    if isinstance(film, StoryanimError):
        return "", "", "", f"error: {film.message}"
    count = len(film.board.shots) if film.board else 0
    to_draw = len(film.shots) - len(film.of("kept")) - len(film.of("clip"))
    return str(count or "?"), str(to_draw), _time(film), str(film.folder)


def _lines(found: Forecast) -> list[str]:
    shots = [f"{what} {', '.join(found.of(work))}" for work, what in _WORK if found.of(work)]
    lines = [f"{found.folder}: {'; '.join(shots)}" if found.board else
             f"{found.folder}: the language model is asked for a plan; what is drawn is known after that"]
    lines += [f"{shot} cannot be made: {why}" for shot, why in found.broken.items()]
    if others := [step for step in found.steps if not step.startswith("shots/")]:
        lines.append(f"steps of the whole film: {', '.join(others)}")
    lines += [f"not kept: {line}" for line in found.conflicts]
    if found.models:
        lines.append(f"models to load: {', '.join(found.models)}")
    lines += download_lines(found.downloads)
    if not found.steps:
        return [*lines, "nothing is to be done"]
    return [*lines, f"time: {_time(found)}{f', {found.workers} shots at once' * (found.workers > 1)}"]


def _time(found: Forecast) -> str:
    if found.seconds is None:
        return "not known, nothing like it was measured on this machine"
    missing = f", and {', '.join(found.unmeasured)}, never measured" if found.unmeasured else ""
    return f"about {duration(found.seconds)}{missing}" if found.steps else "none"
