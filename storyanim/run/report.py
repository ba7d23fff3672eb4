"""What `report.html` shows of a run, read from its folder; loads no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storyanim.artifacts import CharacterToken, Check, Film, Shot, Storyboard
from storyanim.config import Settings
from storyanim.engine.run_dir import RunDir, is_open
from storyanim.engine.steps import Step
from storyanim.engine.store import load_character_token
from storyanim.errors import CharacterError
from storyanim.film.report import Report, ReportCharacter, ReportShot, ReportTake, render
from storyanim.film.subtitles import srt_to_vtt
from storyanim.personalize.images import character_name
from storyanim.planning import read_storyboard
from storyanim.run.checked import take_name
from storyanim.run.history import FILE
from storyanim.run.models import bind
from storyanim.run.request import read_pins, read_request, versions
from storyanim.run.storyboard import with_seed
from storyanim.run.takes import takes_of

_TRIES = 5


def report_on(folder: Path) -> Path:
    """Write `report.html` of a run that may be being drawn just now: then of what is there of it.

    Raises InputError, StoryError, and UsageError when it is opened by another process in this moment.
    """
    settings = bind(read_request(folder).settings(), read_pins(folder), only_pinned=True)
    in_use = is_open(folder)
    for left in range(_TRIES, 0, -1):
        try:
            with RunDir(folder, beside=in_use) as run:
                return write_report(run, settings, in_use=in_use)
        except (OSError, ValueError):                # a step took another's place while it was read
            if left == 1 or not in_use:
                raise
    raise AssertionError("unreachable")


def write_report(
    run: RunDir, settings: Settings, failed: Mapping[str, str] | None = None, in_use: bool = False
) -> Path:
    """Write `report.html` from what lies finished in the run folder.

    Args:
        run: folder of the run, open.
        settings: of the run.
        failed: shot id → why it was not drawn.
        in_use: another process is drawing it.

    Raises InputError, StoryError.
    """
    board = with_seed(read_storyboard(run.path / FILE), read_request(run.path).seed)
    seconds, film, srt = run.seconds(), finished_film(run), run.path / "film.srt"
    report = Report(
        storyboard=board, cast=_cast(run, board),
        shots=tuple(report_shot(run, shot, seconds, (failed or {}).get(shot.id, "")) for shot in board.shots),
        film=film.value.model_copy(update={"path": run.path / "film.mp4"}) if film else None,
        captions=srt_to_vtt(srt.read_text("utf-8")) if film and srt.is_file() else "",
        poster=run.path / "poster.jpg" if film and (run.path / "poster.jpg").is_file() else None,
        sheet=run.path / "sheet.png" if run.done("sheet") else None,
        in_use=in_use,
        mended=tuple((event["time"][:19].replace("T", " "), event["step"])
                     for event in run.events() if event["event"] == "mended"),
        settings=settings.model_dump(mode="json"), versions=versions(), worked_s=run.worked_s(),
        seconds={name: value for name, value in seconds.items() if not name.startswith("shots/")})
    return run.write("report.html", render(report, run.path))


def finished_film(run: RunDir) -> Step[Film] | None:
    """Return the film that lies whole in the run folder, if there is one."""
    return run.done("film")


def report_shot(run: RunDir, shot: Shot, seconds: Mapping[str, float], error: str = "") -> ReportShot:
    """Return what lies in the run folder of a shot, whatever its storyboard says by now."""
    place = f"shots/{shot.id}/"
    done = {name: run.done(f"{place}{name}") for name in ("match", "thumbnails", "depth", "check", "clip")}
    check: Check | None = _value(done["check"])
    frames = run.done(take_name(place.rstrip("/"), "frames", check.chosen if check else 0))
    candidates = _value(done["match"])
    if candidates is not None and candidates.match is None:
        done["depth"] = None  # of footage that was found before, and guided nothing now
    thumbnails = done["thumbnails"].folder.glob("candidate-*.png") if done["thumbnails"] else ()
    figures = [run.done(f"{place}match-{number}") for number in range(1, len(shot.entities) + 1)]
    return ReportShot(
        shot=shot, candidates=candidates, figures=tuple(step.value for step in figures if step),
        clip=_value(done["clip"]), error=error, check=check if frames else None, takes=_takes(run, shot),
        thumbnails=tuple(sorted(thumbnails, key=lambda path: int(path.stem.split("-")[1]))),
        depth=_preview(done["depth"]), frames=_preview(frames),
        seconds={name.removeprefix(place): value for name,
                 value in seconds.items() if name.startswith(place)})


def _takes(run: RunDir, shot: Shot) -> tuple[ReportTake, ...]:
    return tuple(ReportTake(number=take.number, seed=take.shot.seed, prompt=take.shot.prompt,
                            reading=take.reading, picture=listed.picture, in_film=listed.in_film)
                 for listed in takes_of(run.path, shot.id)
                 for take in (listed.take,) if listed.picture.is_file())


def _value(step: Step[Any] | None) -> Any:
    return step.value if step else None


def _preview(step: Step[Any] | None) -> Path | None:
    return step.folder / "preview.png" if step else None


def _cast(run: RunDir, board: Storyboard) -> tuple[ReportCharacter, ...]:
    """Return what each pseudo-word of the storyboard was bound to."""
    sources, given = _given_characters(run)
    found = []
    for who in board.characters:
        learned = run.done(f"characters/{who.name}")
        token: CharacterToken | None = learned.value if learned else given.get(who.name)
        facts = token.metadata if token else {}
        found.append(ReportCharacter(
            name=who.name, token=who.token, noun=who.noun, source=sources.get(who.name, ""),
            method=facts.get("method", "by other means") if token else "", pictures=facts.get("pictures", ""),
            appearance=facts.get("appearance", ""),
            shots=tuple(shot.id for shot in board.shots if who.name in shot.characters)))
    return tuple(found)


def _given_characters(run: RunDir) -> tuple[dict[str, str], dict[str, CharacterToken]]:
    """Return name → the folder or file that was given, and name → what its file holds, if it is there."""
    sources, tokens = {}, {}
    for asked in read_request(run.path).characters if (run.path / "run.json").is_file() else ():
        path = Path(asked.path)
        name = character_name(path)
        if not path.is_dir():
            try:
                token = load_character_token(path)
            except CharacterError:
                continue
            name, tokens[token.name] = token.name, token
        sources[name] = f"folder {path.name}" if path.is_dir() else path.name
    return sources, tokens
