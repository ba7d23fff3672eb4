"""What making a film would do and how long it would take, told without doing it: nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Literal, Unpack

from storyanim import api, hub
from storyanim.api import FilmArguments, FilmAsked
from storyanim.artifacts import Story, Storyboard
from storyanim.config import Settings
from storyanim.engine.folders import check_writable
from storyanim.engine.lookup import Lookup
from storyanim.engine.run_dir import StepNotDoneError
from storyanim.errors import InputError, StoryanimError
from storyanim.film.clip import check_drawable
from storyanim.hub import Download
from storyanim.planning import build_planner, load_vocabulary, read_storyboard
from storyanim.planning.forms import told
from storyanim.run.characters import read_cast
from storyanim.run.checked import choose_drawing
from storyanim.run.components import Components, Token, build_components, is_index_ready
from storyanim.run.finished import look_up, needs_no_models
from storyanim.run.footage import ShotTask, find_tasks
from storyanim.run.history import FILE
from storyanim.run.models import bind, models_of
from storyanim.run.pipeline import join_film, tell_changes
from storyanim.run.request import steps_of
from storyanim.run.shots import DrawnShot, make_shot
from storyanim.run.storyboard import plan_story
from storyanim.run.timing import expected_s, kind_of, measured_in, recall, start_of
from storyanim.run.workers import num_workers, shots_at_once
from storyanim.stages import no_progress

# kept: as it lies there. clip: its drawing is kept. draw: it is drawn. find: footage is looked for, and the
# shot is drawn when another is found. A text of its own: why it cannot be made.
Work = Literal["kept", "clip", "draw", "find"]
_TO_DRAW = ("frames", "reading", "clip")
_TO_FIND = ("match", "thumbnails", "depth", *_TO_DRAW)
_TO_JOIN = ("timeline", "film", "sheet")
_ROLES = {"match": ("encoder",), "depth": ("depth",), "reading": ("reader",),
          "characters": ("pipeline",), "frames": ("pipeline", "motion_adapter", "structure")}


@dataclass(frozen=True)
class Forecast:
    """What a run would do."""

    folder: Path                                     # of the run
    board: Storyboard | None                         # None: a language model is asked first
    shots: dict[str, Work] = field(default_factory=dict)         # id → what is to be done
    broken: dict[str, str] = field(default_factory=dict)         # id → why it cannot be made
    steps: tuple[str, ...] = ()                      # that would be done, retries apart
    models: tuple[str, ...] = ()                     # that would be loaded
    downloads: tuple[Download, ...] = ()             # that would be fetched first
    conflicts: tuple[str, ...] = ()                  # edits that cannot be kept
    seconds: float | None = None                     # start included; None: nothing like it was measured
    unmeasured: tuple[str, ...] = ()                 # kinds of steps that `seconds` leaves out
    workers: int = 1                                 # shots at once

    def of(self, work: Work) -> list[str]:
        """Return the shots with which this is to be done."""
        return [shot for shot, what in self.shots.items() if what == work]


def forecast_film(
    story: str | Path | Story | Storyboard, out: str | Path | None = None, *, learned: Collection[str] = (),
    **asked: Unpack[FilmArguments],
) -> Forecast:
    """Tell what `make_film` would do with the same arguments.

    Args:
        story: as of `make_film`.
        out: as of `make_film`.
        learned: steps "characters/NAME" that another film will have done by then.
        asked: as of `make_film`.

    Steps are found by their keys, as in a run; the story is planned in memory when the rules plan it. Where
    models are to be fetched first, all is taken as to be done. Times are those of earlier runs with the same
    models, size and quality on this machine, else of this run; downloads are not in them.

    Raises what `make_film` raises before it draws.
    """
    wanted = api.asked_for(story, out, asked)
    check_writable(wanted.folder / FILE)
    pinned = bind(wanted.settings, wanted.pins(), only_pinned=True)
    downloads: tuple[Download, ...] = ()
    bound = pinned
    if not needs_no_models(wanted.folder, wanted.request, pinned, wanted.board):
        bound = bind(wanted.settings, wanted.pins())
        downloads = tuple(hub.plan_downloads(models_of(bound.models)))
    wanted = replace(wanted, settings=bound)
    tell_changes(wanted.folder, wanted.request, bound)
    if downloads or not is_index_ready(bound, wanted.request.index):
        found = _all_of(wanted, downloads)
    else:
        found = _by_keys(wanted, build_components(bound, wanted.request.index))
    found = replace(found, steps=tuple(step for step in found.steps if step not in learned))
    return _timed(found, bound, num_workers(bound, asked.get("workers", 0)))


def _all_of(asked: FilmAsked, downloads: tuple[Download, ...]) -> Forecast:
    """Return the forecast of a film of which nothing can be looked up."""
    request, settings, vocabulary = asked.request, asked.settings, load_vocabulary(asked.settings)
    board, steps = asked.board, ["plan"]
    if (lying := asked.folder / FILE).is_file() and board is None:
        board = read_storyboard(lying)
    if board is None and request.story is not None and settings.plan.planner == "rules":
        cast = read_cast(request.characters, request.story.text, settings, vocabulary)
        board = build_planner(settings, vocabulary).plan(request.story, cast.members)
        steps += [f"characters/{name}" for name in cast.surveys]
    ids = [shot.id for shot in board.shots] if board else []
    steps += [f"shots/{shot}/{kind}" for shot in ids for kind in _TO_FIND]
    models = tuple(dict.fromkeys(ref.repo for ref in models_of(settings.models).values()))
    return Forecast(asked.folder, board, dict.fromkeys(ids, "draw"), steps=(*steps, *_TO_JOIN), models=models,
                    downloads=downloads)


def _by_keys(asked: FilmAsked, components: Components) -> Forecast:
    """Return the forecast of a film whose steps can be looked up."""
    request, settings = asked.request, components.settings
    conflicts: list[str] = []
    run = Lookup(asked.folder, [choose_drawing, *([plan_story] * (settings.plan.planner == "rules"))])
    try:
        board, tokens = look_up(run, request, components, asked.board, conflicts.extend)
    except StepNotDoneError:
        return Forecast(asked.folder, None, steps=tuple(run.missing))
    walk = _Walk(run, components, tokens)
    walk.film(board)
    return Forecast(
        asked.folder, board, walk.shots, walk.broken, tuple(dict.fromkeys(run.missing)),
        models=_models_for(run.missing, settings), conflicts=tuple(conflicts))


@dataclass
class _Walk:
    """The way of film_storyboard over a run that is only looked at."""

    run: Lookup
    components: Components
    tokens: dict[str, Token]
    shots: dict[str, Work] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    drawn: list[DrawnShot] = field(default_factory=list)

    def film(self, board: Storyboard) -> None:
        """Look at all shots, and at the film when they are whole. Raises StoryError, UsageError."""
        run, settings = self.run, self.components.settings
        texts = told([shot.text for shot in board.shots])
        check_drawable(board.title, texts, settings.film)
        begun = len(run.missing)
        for shot, found in find_tasks(run, board, texts, self.tokens, self.components, no_progress):
            if isinstance(found, InputError):
                self.broken[shot.id] = str(found)
            else:
                self._draw(shot.id, found, begun)
                self.shots[shot.id] = self._work(shot.id, begun)
            begun = len(run.missing)
        if set(self.shots.values()) <= {"kept"}:
            with suppress(StepNotDoneError):
                join_film(run, board.title, self.drawn, self.components)
                return
        run.missing += _TO_JOIN

    def _draw(self, shot: str, task: ShotTask | Exception, begun: int) -> None:
        """Look at the steps of a shot, as far as it is known what it is drawn from."""
        missing = self.run.missing
        try:
            if not isinstance(task, ShotTask):
                name = f"shots/{shot}/match"     # or that of a figure
                missing += [name] if name not in missing else []
                return
            self.drawn.append(make_shot(self.run, task, self.components))
        except StepNotDoneError:
            if not {kind_of(step) for step in missing[begun:]} & {"frames", "reading"}:
                missing.append(f"shots/{shot}/frames")           # its guide or character is not made

    def _work(self, shot: str, begun: int) -> Work:
        """Return what is to be done with a shot, and note the steps that follow from those that miss."""
        kinds = {kind_of(name) for name in self.run.missing[begun:]}
        work: Work = "clip" if kinds else "kept"
        if "match" in kinds:
            work = "find" if self.run.done(f"shots/{shot}/match") else "draw"
        elif kinds & {"frames", "depth"}:
            work = "draw"
        follow = _TO_FIND if "match" in kinds else _TO_DRAW if work == "draw" else ()
        self.run.missing += [f"shots/{shot}/{kind}" for kind in follow if kind not in kinds]
        return work


def _models_for(steps: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """Return the repositories of the models that steps need, each once."""
    roles = dict.fromkeys(role for step in steps for role in _ROLES.get(kind_of(step), ()))
    return tuple(dict.fromkeys(ref.repo for ref in models_of(settings.models, [*roles]).values()))


def _timed(found: Forecast, settings: Settings, workers: int) -> Forecast:
    """Return the forecast with the time that its steps and a start took when they were last measured."""
    measured = _measured(found, settings)
    at_once = shots_at_once(workers, len(found.shots) - len(found.of("kept")))
    kinds = dict.fromkeys(map(kind_of, found.steps))
    unmeasured = tuple(kind for kind in kinds if not measured.get(kind))
    seconds = expected_s(found.steps, measured, found.board, at_once) if found.steps else 0.0
    if found.steps and (starts := measured.get(start_of(found.steps))):
        seconds += median(starts)
    known = not found.steps or len(unmeasured) < len(kinds)
    return replace(found, seconds=seconds if known else None, workers=at_once, unmeasured=unmeasured)


def _measured(found: Forecast, settings: Settings) -> dict[str, list[float]]:
    """Return what steps took when they were last measured, by kind: with these settings, else in the run.

    What the run drew by another number of denoising steps is taken to grow with it.
    """
    own = measured_in(Lookup(found.folder).events(), found.board)
    if (had := steps_of(found.folder)) and "frames" in own:
        own["frames"] = [seconds * settings.generate.num_inference_steps / had for seconds in own["frames"]]
    return own | recall(settings)


def forecast_films(
    stories: Sequence[str | Path], folders: Sequence[Path], **asked: Unpack[FilmArguments]
) -> list[Forecast | StoryanimError]:
    """Tell what `make_films` would do; a story that cannot be filmed has its error."""
    found: list[Forecast | StoryanimError] = []
    learned: set[str] = set()
    for story, folder in zip(stories, folders, strict=True):
        try:
            one = forecast_film(story, folder, learned=learned, **asked)
            learned |= {step for step in one.steps if kind_of(step) == "characters"}
            found.append(one)
        except StoryanimError as error:
            found.append(error)
    return found
