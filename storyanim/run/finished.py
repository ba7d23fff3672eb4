"""Whether a run's film is finished, by its keys alone: nothing is written, no model is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from storyanim import hub
from storyanim.artifacts import Storyboard
from storyanim.config import Settings
from storyanim.engine.lookup import Lookup
from storyanim.engine.run_dir import StepNotDoneError
from storyanim.errors import StoryanimError
from storyanim.run.characters import learn_characters, read_cast
from storyanim.run.components import Components, Token, build_components, is_index_ready
from storyanim.run.models import models_of
from storyanim.run.pipeline import film_storyboard
from storyanim.run.request import FilmRequest
from storyanim.run.storyboard import settle_storyboard, text_to_film, with_seed
from storyanim.stages import no_progress


def needs_no_models(
    folder: Path, request: FilmRequest, settings: Settings, given: Storyboard | None = None
) -> bool:
    """Return whether models are missing on this disk that a run can do without, since all of it is done.

    Args:
        folder: of the run.
        request: what is asked for.
        settings: that it leads to, with each repository bound to the commit that the run had.
        given: a storyboard to film in place of the request's story.
    """
    if all(map(hub.is_on_disk, models_of(settings.models).values())):
        return False
    try:
        run = Lookup(folder)
        if run.done("film") is None or not is_index_ready(settings, request.index):
            return False
        with _silence():                             # all of it is told when the run goes on
            components = build_components(settings, request.index)
            board, tokens = look_up(run, request, components, given, lambda conflicts: None)
            result = film_storyboard(run, board, tokens, components, no_progress)
    except (StepNotDoneError, StoryanimError):
        return False
    return not run.missing and not result.failed


def look_up(
    run: Lookup, request: FilmRequest, components: Components, given: Storyboard | None,
    replan: Callable[[Sequence[str]], None],
) -> tuple[Storyboard, dict[str, Token]]:
    """Return the storyboard that a run would film, and the tokens of its characters, made or not.

    `replan` is told of edits that cannot be kept. Raises StepNotDoneError for a storyboard that is not
    planned, StoryError, CharacterError.
    """
    cast = read_cast(request.characters, text_to_film(request, given), components.settings,
                     components.vocabulary)
    board = settle_storyboard(run, request, given, cast.members, components, replan)
    playing = cast.playing(board)
    cast.surveys.clear()                             # their pictures are looked at when one is learned
    return with_seed(board, request.seed), learn_characters(run, cast, playing, components, no_progress)


@contextmanager
def _silence() -> Iterator[None]:
    log = logging.getLogger("storyanim")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
