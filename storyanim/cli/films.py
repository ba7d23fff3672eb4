"""What `storyanim run` prints: of one film, and of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim import console
from storyanim.errors import StoryanimError, UsageError

if TYPE_CHECKING:
    from storyanim.films.batch import BatchFilm
    from storyanim.run.pipeline import FilmResult


def run_batch(
    stories: Sequence[Path], out: Path | None, arguments: Mapping[str, Any], as_json: bool
) -> None:
    """Make the films of several stories, and print a table of them. Raises as `make_films` does."""
    from storyanim.films.batch import make_films, run_folders

    run_folders(stories, out)                        # quickly, before libraries are loaded
    with console.progress("films") as bar:
        result = make_films(stories, out, progress=bar, **arguments)
    rows = [_row(film) for film in result.films]
    made = [_facts(film) for film in result.films]
    console.result({"films": made}, console.columns(("story", "shots", "drawn", "seconds", "film"), rows),
                   as_json)
    result.check_complete()


def run_watch(
    stories: Sequence[Path], out: Path | None, arguments: Mapping[str, Any], as_json: bool
) -> None:
    """Make a film whenever its story is saved, and tell of each in a line. Raises as `watch_film` does."""
    if as_json or len(stories) > 1:
        raise UsageError("--watch is for one story, and goes without --json", hint="leave out the others")
    from storyanim import api
    from storyanim.films.watch import watch_film

    def made(result: FilmResult) -> None:
        drawn = f"drawn: {', '.join(result.redrawn)}" if result.redrawn else "nothing was to be drawn"
        failed = "".join(f"; {shot} failed: {why}" for shot, why in result.failed.items())
        seconds = result.film.value.duration_s
        print(f"{result.path}: {len(result.shots)} shots, {seconds:.1f} s; {drawn}{failed}", flush=True)
        console.say("waiting for the next save; Ctrl-C ends")

    def failed(error: StoryanimError) -> None:
        console.say(f"error: {' '.join(error.message.split())}; waiting for the next save")

    def make(story: Path, **given: Any) -> FilmResult:
        with console.progress("film") as bar:        # one of each film, since it stands still between
            return api.make_film(story, progress=bar, **given)

    watch_film(stories[0], made, failed, out=out, make=make, **arguments)


def _row(film: BatchFilm) -> tuple[str, ...]:
    result = film.result
    if result is None:
        return film.story, "", "", "", "failed"
    failed = f" ({len(result.failed)} shots failed)" if result.failed else ""
    return (film.story, str(len(result.shots)), str(len(result.redrawn)),
            f"{result.film.value.duration_s:.1f}", f"{result.path}{failed}")


def _facts(film: BatchFilm) -> dict[str, Any]:
    if film.result is not None:
        return {"story": film.story} | facts_of(film.result)
    return {"story": film.story, "run": str(film.folder), "error": film.problem,
            "hint": getattr(film.error, "hint", ""), "exit_code": getattr(film.error, "exit_code", 1)}


def facts_of(result: FilmResult) -> dict[str, Any]:
    """Return what `--json` tells of a film."""
    board, shots = result.storyboard, result.storyboard.shots
    without_footage = [made.shot.id for made in result.shots if made.depth is None]
    return {
        "run": str(result.folder), "film": str(result.path), "report": str(result.report),
        "duration_s": round(result.film.value.duration_s, 3), "shots": len(shots),
        "drawn": list(result.redrawn), "without_footage": without_footage, "failed": dict(result.failed),
        "unsupported_words": {
            shot.id: list(shot.unsupported_words) for shot in shots if shot.unsupported_words
        },
        "cast": [role.model_dump(mode="json") | {"num_shots": board.num_drawn(role)} for role in board.cast],
        "faults": {shot: list(check.reading.faults) for shot, check in result.checks.items()
                   if check.reading.faults},
        "seeds": {made.shot.id: made.shot.reseeded(made.check.value.chosen).seed for made in result.shots
                  if made.check.value.chosen},
        "checks": {shot: check.model_dump(mode="json") for shot, check in result.checks.items()},
        "profile": result.profile, "models": dict(result.models), "mended": list(result.mended),
        "changed_settings": {name: list(values) for name, values in result.changed_settings.items()},
        "pictures": {name: survey.findings() for name, survey in result.surveys.items()},
    }


def show(result: FilmResult, as_json: bool) -> None:
    """Print what a film was made of."""
    from storyanim.cli.cast import cast_lines
    from storyanim.run.checked import what_is_wrong

    facts, shots = facts_of(result), result.storyboard.shots
    without_footage = facts["without_footage"]
    lines = [f"{result.path}: {len(result.shots)} shots, {facts['duration_s']:.1f} s",
             f"{result.report}: how it came about"]
    if result.mended:
        lines.append(f"damaged, and made again: {', '.join(result.mended)}")
    if without_footage:
        lines.append(f"no footage fits, drawn from the text alone: {', '.join(without_footage)}")
    lines += [f"{shot}: {what_is_wrong(check.reading)}" for shot, check in result.checks.items()
              if not check.reading.is_right]
    if unsupported_words := sorted({word for shot in shots for word in shot.unsupported_words}):
        lines.append(f"not drawn, the model lacks the words: {', '.join(unsupported_words)}")
    if who := cast_lines(result.storyboard):
        lines.append(who)
    console.result(facts, "\n".join(lines), as_json)
