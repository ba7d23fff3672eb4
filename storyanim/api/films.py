"""A story to its film, and to a storyboard."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from storyanim.api.asked import (
    FilmArguments,
    FilmAsked,
    PlanArguments,
    asked_for,
    check_language,
    check_names,
    chosen_profile,
    plan_flags,
)
from storyanim.artifacts import Story, Storyboard
from storyanim.config import Settings, load_settings
from storyanim.engine.run_dir import RunDir
from storyanim.generate.capabilities import check_settings
from storyanim.planning import build_planner, load_vocabulary, read_story
from storyanim.planning.chat_store import last_reply_saved
from storyanim.run import pipeline
from storyanim.run.characters import read_cast
from storyanim.run.components import build_components
from storyanim.run.finished import needs_no_models
from storyanim.run.models import Confirm, bind, ready_settings
from storyanim.run.pipeline import FilmResult
from storyanim.run.request import CharacterRequest
from storyanim.run.timing import remember
from storyanim.stages import Progress, no_progress

_LOG = logging.getLogger(__name__)


def make_film(
    story: str | Path | Story | Storyboard, *, out: str | Path | None = None, confirm: Confirm | None = None,
    progress: Progress = no_progress, **asked: Unpack[FilmArguments],
) -> FilmResult:
    """Make the film of a story, or go on with it: what is done already is not done again.

    Args:
        story: a text, Word, EPUB or PDF file, a storyboard.yaml, a run folder to go on with, "-" for standard
            input, or a Story or Storyboard.
        out: run folder; None: `runs/TITLE`.
        confirm: told what has to be downloaded before the first byte; may raise to refuse it.
        progress: called with the share done and what is being done.
        asked: FilmArguments: characters, motions, index, profile, quality, planner, cast, seed, settings,
            executor, ray_address, workers, replan.

    Shots that fail are left out and listed in `FilmResult.failed`. Raises StoryanimError.
    """
    from storyanim.run.workers import num_workers, shots_at_once, shots_executor

    began_s = time.monotonic()
    wanted = asked_for(story, out, asked)
    request, folder = wanted.request, wanted.folder
    settings = _ready(wanted, confirm, progress)
    with (last_reply_saved(folder.with_name(f"{folder.name}.last_reply.txt")), RunDir(folder) as run,
          shots_executor(run, settings, request.index, asked.get("executor", "local"),
                         asked.get("ray_address"), asked.get("workers", 0)) as shots):
        if wanted.why:
            _LOG.info("profile %s: %s", request.profile, wanted.why)
        logged = len(run.events())
        components = replace(build_components(settings, request.index, progress), executor=shots)
        result = pipeline.make_film(run, request, components, progress, wanted.board,
                                    asked.get("replan", "keep"))
        at_once = shots_at_once(num_workers(settings, asked.get("workers", 0)), len(result.redrawn))
        remember(settings, run.events()[logged:], result.storyboard, time.monotonic() - began_s, at_once)
    return replace(result, folder=folder)


def _ready(asked: FilmAsked, confirm: Confirm | None, progress: Progress) -> Settings:
    """Return the settings with models bound to commits and on this disk, unless nothing is left to do."""
    pins = asked.pins()
    pinned = bind(asked.settings, pins, only_pinned=True)
    if needs_no_models(asked.folder, asked.request, pinned, asked.board):
        return pinned
    return ready_settings(asked.settings, pins, confirm=confirm, progress=progress)


def plan(
    story: str | Path | Story, *, progress: Progress = no_progress, **asked: Unpack[PlanArguments]
) -> Storyboard:
    """Split a story into shots.

    Args:
        story: a text, Word, EPUB or PDF file, "-" for standard input, or a Story.
        progress: called with the share done and what is being done.
        asked: PlanArguments: characters, profile, planner, cast, settings.

    Raises StoryError, CharacterError, ServiceError.
    """
    check_names(asked, PlanArguments)
    characters = [str(who) for who in asked.get("characters", ())]
    files = [who for who in characters if Path(who).is_file()]
    settings = load_settings(chosen_profile(asked.get("profile"), None, files), "normal", **plan_flags(asked))
    check_settings(settings)
    if files:                                        # they must fit the base model, at its commit
        settings = bind(settings, {}, ("pipeline",))
    text = story if isinstance(story, Story) else read_story(Path(story))
    check_language(text, settings)
    vocabulary = load_vocabulary(settings)
    cast = read_cast(list(map(CharacterRequest.parse, characters)), text.text, settings, vocabulary)
    return build_planner(settings, vocabulary, progress).plan(text, cast.members)
