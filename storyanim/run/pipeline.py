"""Story to film, in order: READ THIS FIRST.

    story --plan--> storyboard --retrieve--> candidates --estimate_depth--> depth --draw--> frames
                     clips --lay_out--> timeline --assemble--> film      frames --write_clip--> clips

Each arrow is a step of the run folder (engine/run_dir.py): done once, and again only when its function or an
input changed. Then read request.py (what is asked), storyboard.py, characters.py, footage.py and shots.py, in
this order; components.py lists who does the work. "AaS" in docstrings is the paper, He et al.,
Animate-A-Story, arXiv 2307.06940, by its sections.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from storyanim.artifacts import Check, Film, Storyboard
from storyanim.config import FilmSettings, Settings
from storyanim.device import make_room
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, output_of
from storyanim.errors import PartialError
from storyanim.film import sheet
from storyanim.film.cards import end_card, title_card
from storyanim.film.clip import FONT_HINT, check_drawable
from storyanim.film.film import assemble
from storyanim.film.languages import end_words
from storyanim.film.timeline import Piece, Timeline, Transition, lay_out
from storyanim.fonts import drawable
from storyanim.generate.capabilities import check_characters, shots_beyond
from storyanim.personalize.images import Survey
from storyanim.planning.forms import told
from storyanim.run.characters import learn_characters, read_cast
from storyanim.run.checked import keys_of_drawings
from storyanim.run.components import Components, Token
from storyanim.run.footage import STEPS_A_SHOT, ShotTask, find_tasks
from storyanim.run.models import commits_of
from storyanim.run.report import write_report
from storyanim.run.request import FilmRequest, changed_settings, dropped, write_request
from storyanim.run.shots import DrawnShot, as_shown, make_shot
from storyanim.run.sound import ambience_for, film_language, mix_sound
from storyanim.run.storyboard import Replan, settle_storyboard, text_to_film, with_seed
from storyanim.stages import Progress

_LOG = logging.getLogger(__name__)
DRAWN = "drawn.json"                                 # the storyboard that the film shows


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
    profile: str = ""
    checks: Mapping[str, Check] = field(default_factory=dict)        # shot id → how it was read back
    models: Mapping[str, str] = field(default_factory=dict)          # role → "repository@commit"
    # setting → what the run had, and what it is without anybody's asking
    changed_settings: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    mended: tuple[str, ...] = ()                     # steps and files that were damaged and made again

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
    given: Storyboard | None = None, replan: Replan = "keep",
) -> FilmResult:
    """Make, or go on making, the film that was asked for.

    Args:
        run: folder of the run, open.
        request: what was asked for.
        components: who does the work.
        progress: called with the share done and what is being done.
        given: a storyboard to film in place of the request's story.
        replan: what becomes of a person's edits when the storyboard comes anew, see storyboard.py.

    A shot that fails is left out and listed in `FilmResult.failed`; when all do, the first one's error is
    raised. Raises StoryanimError.
    """
    text = text_to_film(request, given)
    check_characters(request.characters, components.settings)
    cast = read_cast(request.characters, text, components.settings, components.vocabulary)
    changed = tell_changes(run.path, request, components.settings)
    write_request(run, request, components.settings, components.fingerprints())
    progress(0.0, "planning")
    board = settle_storyboard(run, request, given, cast.members, components, replan)
    tokens = learn_characters(run, cast, cast.playing(board), components, progress)
    result = film_storyboard(run, with_seed(board, request.seed), tokens, components, progress, cast.surveys)
    write_report(run, components.settings, result.failed)
    progress(1.0, "done")
    return replace(result, changed_settings=changed, mended=run.mended())


def tell_changes(
    folder: Path, request: FilmRequest, settings: Settings
) -> dict[str, tuple[object, object]]:
    """Tell what is not as it was when the run was last drawn, before anything is.

    Returns the settings of which that is so: name → what the run had, and what it is now.
    """
    changed = changed_settings(folder, request, settings)
    for name, (was, now) in changed.items():
        _LOG.warning("setting %s is %s now, this run had %s: it came from the environment, storyanim.toml, "
                     "the profile or another version; what depends on it is made again",
                     name, json.dumps(now), json.dumps(was))
    if gone := dropped(folder, request):
        _LOG.warning("this run had %s, and is not asked for that now: it is no longer so", ", ".join(gone))
    return changed


def film_storyboard(
    run: RunDir, board: Storyboard, tokens: Mapping[str, Token], components: Components, progress: Progress,
    surveys: Mapping[str, Survey] | None = None,
) -> FilmResult:
    """Find footage for all shots, draw them, and join their clips. Raises as `make_film` does."""
    texts = told([shot.text for shot in board.shots])
    if lost := check_drawable(board.title, texts, components.settings.film):
        _LOG.warning("no font on this machine has %s: left out of cards and burned subtitles, or spelled "
                     "otherwise; %s", " ".join(lost), FONT_HINT)
    if beyond := shots_beyond(board, components.settings):
        _LOG.warning("the family %s draws one text a shot: the entities and events of %s are not kept apart",
                     components.settings.models.family, ", ".join(beyond))
    errors: dict[str, Exception] = {}
    tasks: list[ShotTask] = []
    for shot, found in find_tasks(run, board, texts, tokens, components, progress):
        if isinstance(found, ShotTask):
            tasks.append(found)
        else:
            errors[shot.id] = found
    before = {task.shot.id: keys_of_drawings(run, f"shots/{task.shot.id}") for task in tasks}
    make_room(components.encoder)                    # it has found all footage
    drawn = _draw_all(run, tasks, components, progress, errors)
    if not drawn:
        raise next(errors[shot.id] for shot in board.shots if shot.id in errors)
    progress(1 - 1 / (STEPS_A_SHOT * len(board.shots) + 1), "joining")
    film, contact_sheet = join_film(run, board.title, drawn, components)
    made = board.model_copy(update={"shots": tuple(shot.shot for shot in drawn)})
    run.write(DRAWN, made.model_dump_json(indent=1) + "\n")
    mended = run.mended()
    return FilmResult(
        run.path, board, tuple(drawn), film, contact_sheet,
        redrawn=tuple(made.shot.id for made in drawn
                      if made.frames.key not in before[made.shot.id] or made.frames.name in mended),
        failed={shot.id: f"{errors[shot.id]}" or type(errors[shot.id]).__name__ for shot in board.shots
                if shot.id in errors},
        checks={made.shot.id: made.check.value for made in drawn},
        surveys=surveys or {}, profile=components.settings.profile, models=commits_of(components.settings))


def _draw_all(
    run: RunDir, tasks: Sequence[ShotTask], components: Components, progress: Progress,
    errors: dict[str, Exception]
) -> list[DrawnShot]:
    """Draw the shots by the executor, in any order."""
    drawn: dict[str, DrawnShot] = {}
    num_shots = len(tasks) + len(errors)

    def tell(what: str) -> None:
        steps = num_shots + (STEPS_A_SHOT - 1) * len(drawn)
        progress(steps / (STEPS_A_SHOT * num_shots + 1), what)

    def make(task: ShotTask) -> None:
        tell(f"{task.shot.id} drawing")
        drawn[task.shot.id] = make_shot(run, task, components)
        tell(f"{task.shot.id} drawn")                # several at once leave no other word of the next

    for task, error in zip(tasks, components.executor.run(make, tasks), strict=True):
        if error is not None:
            errors[task.shot.id] = error
            drawn.pop(task.shot.id, None)
    return [drawn[task.shot.id] for task in tasks if task.shot.id in drawn]


def _transition(settings: FilmSettings, new_scene: bool) -> Transition:
    if settings.transition == "auto":
        return "fade" if new_scene else "cut"
    return settings.transition


def _laid_out(timeline: Timeline) -> Timeline:
    """Return the timeline: a step that keeps it in the run folder."""
    return timeline


def join_film(
    run: RunDir, title: str, drawn: Sequence[DrawnShot], components: Components
) -> tuple[Step[Film], Step[Path]]:
    """Lay cards and clips out, mix their sound, and write film, subtitles and contact sheet.

    Raises FilmError, ResourceError.
    """
    settings, heard = components.settings.film, components.settings.sound
    language = film_language([made.subtitle for made in drawn], settings)
    scenes = [index == 0 or made.shot.setting != drawn[index - 1].shot.setting
              for index, made in enumerate(drawn)]
    pieces = [Piece(clip=made.clip.value, text=made.subtitle, speech=made.speech and made.speech.value,
                    ambience=ambience_for(made.shot, made.subtitle, heard),
                    transition=made.shot.transition or _transition(settings, new_scene),
                    chapter=(made.shot.setting or made.subtitle or made.shot.id) if new_scene else "")
              for made, new_scene in zip(drawn, scenes, strict=True)]
    if settings.title_s > 0:
        opening = run.step_with_folder("cards/title", title_card, title, settings)
        pieces = [Piece(clip=opening.value, chapter=title), *pieces]
        if closing := drawable(end_words(language), settings.font):
            ending = run.step_with_folder("cards/end", end_card, closing, settings)
            pieces.append(Piece(clip=ending.value, transition=_transition(settings, True)))
    timeline, sound = mix_sound(run, lay_out(title, pieces, language, settings.transition_s), heard)
    run.step("timeline", _laid_out, timeline)        # editors' projects are made from it
    film = run.step_with_folder("film", assemble, timeline, output_of(sound), settings,
                                f"storyanim, profile {components.settings.profile}")
    contact_sheet = run.step_with_folder(
        "sheet", sheet.draw_sheet, title, [as_shown(made.shot, made.subtitle) for made in drawn],
        [output_of(made.frames) for made in drawn])
    run.publish(film.value.path, "film.mp4", film.fresh)
    for name in ("film.srt", "film.vtt", "poster.jpg"):
        if (beside := film.value.path.with_name(name)).is_file():
            run.publish(beside, name)
        else:
            run.withdraw(name)
    run.publish(contact_sheet.value, "sheet.png")
    return film, contact_sheet
