"""Story to film, in order: READ THIS FIRST.

    story --plan--> storyboard --retrieve--> candidates --estimate_depth--> depth --draw--> frames
                                                                   frames --write_clip--> clips --join--> film

Each arrow is a step of the run folder (engine/run_dir.py): done once, and again only when its function or an
input changed. Then read request.py (what is asked), storyboard.py, characters.py and shots.py, in this order;
components.py lists who does the work. "AaS" in docstrings is the paper, He et al., Animate-A-Story, arXiv
2307.06940, by its sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storyanim.artifacts import Clip, Film, Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, output_of
from storyanim.errors import InputError, PartialError
from storyanim.film import sheet
from storyanim.film.cards import end_card, title_card
from storyanim.film.film import join
from storyanim.personalize.images import Survey
from storyanim.planning.script import told
from storyanim.run.characters import learn_characters, read_cast
from storyanim.run.components import Components, Token
from storyanim.run.report import write_report
from storyanim.run.request import FilmRequest, write_request
from storyanim.run.shots import DrawnShot, ShotTask, as_shown, find_footage, make_shot
from storyanim.run.storyboard import settle_storyboard, with_seed
from storyanim.stages import Progress

_STEPS_A_SHOT = 4                                    # of progress: one for its footage, three for drawing it


@dataclass(frozen=True)
class FilmResult:
    """A run's film and what it was made of."""

    folder: Path                                     # of the run
    storyboard: Storyboard
    shots: tuple[DrawnShot, ...]                     # those that were drawn, in order
    film: Step[Film]
    sheet: Step[Path]                                # contact sheet, PNG
    redrawn: tuple[str, ...] = ()                    # ids of shots whose frames were drawn now, not found
    failed: Mapping[str, str] = field(default_factory=dict)          # shot id → why it is not in the film
    surveys: Mapping[str, Survey] = field(default_factory=dict)      # character → what lies in its folder

    @property
    def path(self) -> Path:
        """The film, MP4."""
        return self.folder / "film.mp4"

    @property
    def report(self) -> Path:
        """The page that shows how the film came about, HTML."""
        return self.folder / "report.html"

    def check_complete(self) -> None:
        """Raise PartialError when shots failed."""
        if self.failed:
            raise PartialError(
                f"{len(self.failed)} of {len(self.storyboard.shots)} shots failed, the film was made of the "
                "others",
                hint="mend what is named above and run the same command again", failed=dict(self.failed))


def make_film(
    run: RunDir, request: FilmRequest, components: Components, progress: Progress,
    given: Storyboard | None = None
) -> FilmResult:
    """Make, or go on making, the film that was asked for.

    Args:
        run: folder of the run, open.
        request: what was asked for.
        components: who does the work.
        progress: called with the share done and what is being done.
        given: a storyboard to film in place of the request's story.

    A shot that fails is left out and listed in `FilmResult.failed`; when all do, the first one's error is
    raised. Raises StoryanimError.
    """
    text = request.story.text if request.story else "\n".join(shot.text
                                                              for shot in given.shots) if given else ""
    cast = read_cast(request.characters, text, components.settings, components.vocabulary)
    write_request(run, request, components.settings)
    progress(0.0, "planning")
    board = settle_storyboard(run, request, given, cast.members, components)
    tokens = learn_characters(run, cast, cast.playing(board), components, progress)
    result = film_storyboard(run, with_seed(board, request.seed), tokens, components, progress, cast.surveys)
    write_report(run, components.settings, result.failed)
    progress(1.0, "done")
    return result


def film_storyboard(
    run: RunDir, board: Storyboard, tokens: Mapping[str, Token], components: Components, progress: Progress,
    surveys: Mapping[str, Survey] | None = None,
) -> FilmResult:
    """Find footage for all shots, draw them, and join their clips. Raises as `make_film` does."""
    errors: dict[str, Exception] = {}
    tasks = _find_all_footage(run, board, tokens, components, progress, errors)
    before = {task.shot.id: run.done(f"shots/{task.shot.id}/frames") for task in tasks}
    drawn = _draw_all(run, tasks, components, progress, errors)
    if not drawn:
        raise next(errors[shot.id] for shot in board.shots if shot.id in errors)
    progress(1 - 1 / (_STEPS_A_SHOT * len(board.shots) + 1), "joining")
    film, contact_sheet = _join_film(run, board.title, drawn, components)
    old_keys = {shot: step.key for shot, step in before.items() if step}
    return FilmResult(
        run.path, board, tuple(drawn), film, contact_sheet,
        redrawn=tuple(made.shot.id for made in drawn if old_keys.get(made.shot.id) != made.frames.key),
        failed={shot.id: f"{errors[shot.id]}" or type(errors[shot.id]).__name__ for shot in board.shots
                if shot.id in errors},
        surveys=surveys or {})


def _find_all_footage(
    run: RunDir, board: Storyboard, tokens: Mapping[str, Token], components: Components, progress: Progress,
    errors: dict[str, Exception],
) -> list[ShotTask]:
    """Find footage shot by shot, since each must not take what the one before took."""
    tasks: list[ShotTask] = []
    previous: tuple[str, ...] = ()
    for number, shot in enumerate(board.shots):
        progress(number / (_STEPS_A_SHOT * len(board.shots) + 1), f"{shot.id} looking for footage")
        try:
            candidates, previous = find_footage(run, shot, previous, components)
        except InputError as error:
            errors[shot.id] = error
            continue
        tasks.append(ShotTask(shot, tuple(tokens[name] for name in shot.characters), candidates))
    return tasks


def _draw_all(
    run: RunDir, tasks: Sequence[ShotTask], components: Components, progress: Progress,
    errors: dict[str, Exception]
) -> list[DrawnShot]:
    """Draw the shots by the executor, in any order."""
    drawn: dict[str, DrawnShot] = {}
    num_shots = len(tasks) + len(errors)

    def tell(what: str) -> None:
        steps = num_shots + (_STEPS_A_SHOT - 1) * len(drawn)
        progress(steps / (_STEPS_A_SHOT * num_shots + 1), what)

    def make(task: ShotTask) -> None:
        tell(f"{task.shot.id} drawing")
        drawn[task.shot.id] = make_shot(run, task, components)
        tell(f"{task.shot.id} drawn")                # several at once leave no other word of the next

    for task, error in zip(tasks, components.executor.run(make, tasks), strict=True):
        if error is not None:
            errors[task.shot.id] = error
            drawn.pop(task.shot.id, None)
    return [drawn[task.shot.id] for task in tasks if task.shot.id in drawn]


def _join_film(
    run: RunDir, title: str, drawn: Sequence[DrawnShot], components: Components
) -> tuple[Step[Film], Step[Path]]:
    """Join cards and clips, and write film, subtitles and contact sheet to the run folder."""
    settings = components.settings.film
    clips: list[Clip] = [output_of(made.clip) for made in drawn]
    texts = [told(made.shot.text) for made in drawn]
    if settings.title_s > 0:
        opening = run.step_with_folder("cards/title", title_card, title, settings)
        ending = run.step_with_folder("cards/end", end_card, "The End", settings)
        clips, texts = [output_of(opening), *clips, output_of(ending)], ["", *texts, ""]
    film = run.step_with_folder("film", join, title, clips, texts, settings)
    contact_sheet = run.step_with_folder(
        "sheet", sheet.draw_sheet, title, [as_shown(made.shot) for made in drawn],
        [output_of(made.frames) for made in drawn])
    run.publish(film.value.path, "film.mp4")
    if (srt := film.value.path.with_suffix(".srt")).is_file():
        run.publish(srt, "film.srt")
    run.publish(contact_sheet.value, "sheet.png")
    return film, contact_sheet
