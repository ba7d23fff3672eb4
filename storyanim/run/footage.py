"""The footage of a story's shots, each found with regard to the one before."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from storyanim.artifacts import Candidates, FootageQuery, Query, Shot, Speech, Storyboard
from storyanim.config import FilmSettings
from storyanim.engine.run_dir import RunDir, StepNotDoneError
from storyanim.engine.steps import Step, step_version
from storyanim.errors import InputError, StoryError
from storyanim.retrieve.choose import (
    UserFootage,
    choose,
    choose_user_footage,
    is_user_footage,
    read_user_footage,
)
from storyanim.run.components import Components, Token
from storyanim.run.sound import narrate
from storyanim.stages import FootageIndex, Progress, TextVideoEncoder

_LOG = logging.getLogger(__name__)
STEPS_A_SHOT = 4                                     # of progress: one for its footage, three for drawing it


@dataclass(frozen=True)
class ShotTask:
    """A shot with its footage found, ready to be drawn, here or in another process."""

    shot: Shot
    subtitle: str                                    # what is shown of its text
    tokens: tuple[Token, ...]                        # of the characters that play in it
    candidates: Step[Candidates]
    figures: tuple[Step[Candidates], ...] = ()       # of each entity, where each has footage of its own
    speech: Step[Speech] | None = None               # None: nothing is spoken
    overlap_s: float = 0.0                           # at its end, of a crossfade to what follows


def find_tasks(
    run: RunDir, board: Storyboard, texts: Sequence[str], tokens: Mapping[str, Token], components: Components,
    progress: Progress,
) -> Iterator[tuple[Shot, ShotTask | Exception]]:
    """Yield each shot with all by which it is drawn, or with why it cannot be.

    One after the other, since each must not take the footage of the one before. `texts` are as shown. In a
    run that is only looked at a shot whose footage is not found yet has a StepNotDoneError.
    """
    speech = narrate(run, board, texts, components.settings, progress)
    overlaps_s = _overlaps_s(board, components.settings.film)
    previous: tuple[str, ...] = ()
    for number, (shot, text, overlap_s) in enumerate(zip(board.shots, texts, overlaps_s, strict=True)):
        progress(number / (STEPS_A_SHOT * len(board.shots) + 1), f"{shot.id} looking for footage")
        try:
            candidates, previous = find_footage(run, shot, text, previous, components)
            figures = find_figures(run, shot, components)
        except StepNotDoneError as error:
            old = run.done(f"shots/{shot.id}/match")     # what it took is what it is likely to take again
            previous = (old.value.match.clip_id,) if old and old.value.match else previous
            yield shot, error
        except InputError as error:
            yield shot, error
        else:
            cast = tuple(tokens[name] for name in shot.characters)
            yield shot, ShotTask(shot, text, cast, candidates, figures, speech.get(shot.id), overlap_s)


def _overlaps_s(board: Storyboard, settings: FilmSettings) -> list[float]:
    """Return for how long each shot is shown together with what follows, a shot or the last card."""
    ways = [*(shot.transition or settings.transition for shot in board.shots[1:]),
            settings.transition if settings.title_s > 0 else "cut"]
    return [settings.transition_s if way == "crossfade" else 0.0 for way in ways]


def find_footage(
    run: RunDir, shot: Shot, subtitle: str, previous: tuple[str, ...], components: Components,
    place: str = "match",
) -> tuple[Step[Candidates], tuple[str, ...]]:
    """Retrieve a shot's candidates (AaS 3.1), beside a person's own footage where they pinned some.

    Args:
        run: folder of the run, open.
        shot: to find footage for.
        subtitle: what is shown of its text.
        previous: clip ids that the shot before took, so that this one does not.
        components: whose index and encoder are used.
        place: name of the step within the shot's folder.

    Returns the candidates, and the clip ids that the next shot should not take. Raises StoryError,
    VideoError.
    """
    name, k = f"shots/{shot.id}/{place}", components.settings.retrieve.candidates
    query = footage_query(shot, subtitle) if components.story_words else shot.query
    if shot.pinned is None or not is_user_footage(shot.pinned):
        step = run.step(name, retrieve, query, shot.pinned, list(shot.banned), list(previous),
                        components.index, components.encoder, k)
        match = step.value.match
        if match is None:
            _LOG.warning("%s: no footage fits %r: it is drawn from the text alone; pin a clip, or allow less "
                         "with retrieve.min_score", shot.id, shot.query)
        return step, () if match is None else (match.clip_id,)
    own = read_user_footage(shot.pinned, shot.duration_s)
    step = run.step(name, retrieve_beside, query, own, list(shot.banned), list(previous),
                    components.index, components.encoder, k)
    # What the shot would have taken without the pin stays refused to the next, so that a pin changes its own
    # shot only.
    found = [match.clip_id for match in step.value.matches[:-1]]
    return step, tuple(next(([clip] for clip in found if clip not in previous[-1:]), found[:1]))


def find_figures(run: RunDir, shot: Shot, components: Components) -> tuple[Step[Candidates], ...]:
    """Retrieve candidates for each entity of a shot, as for a shot; none where no footage would guide them.

    Raises StoryError, VideoError.
    """
    if len(shot.entities) < 2 or not all(entity.query for entity in shot.entities):
        return ()
    if not components.settings.generate.control_guidance_end_of(shot.figures, entities=True):
        return ()
    found: list[Step[Candidates]] = []
    taken: tuple[str, ...] = ()
    for number, entity in enumerate(shot.entities, 1):
        alone = shot.model_copy(update={"query": entity.query, "pinned": entity.pinned,
                                        "banned": entity.banned})
        step, taken = find_footage(run, alone, "", taken, components, f"match-{number}")
        found.append(step)
    return tuple(found)


def footage_query(shot: Shot, subtitle: str) -> Query:
    """Return a shot's planned query with the story's own words, as its subtitle shows them.

    The bundled footage is captioned in the words that queries are planned in; for other footage the story
    says more than a query that is made for what a model can draw.
    """
    words = " ".join(subtitle.split())
    return FootageQuery(text=words, planned=shot.query) if words else shot.query


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────


@step_version(2)
def retrieve(
    query: Query, pinned: str | None, banned: Sequence[str], previous: Sequence[str], index: FootageIndex,
    encoder: TextVideoEncoder, k: int,
) -> Candidates:
    """Find footage that moves as the query says (AaS 3.1, motion structure retrieval)."""
    return choose(query, index, encoder, k, pinned=pinned, banned=banned, previous=previous)


@step_version(2)
def retrieve_beside(
    query: Query, own: UserFootage, banned: Sequence[str], previous: Sequence[str], index: FootageIndex,
    encoder: TextVideoEncoder, k: int,
) -> Candidates:
    """Find footage, and take a person's own instead."""
    try:
        found = choose(query, index, encoder, k, banned=banned, previous=previous)
    except StoryError:                               # all are banned
        found = None
    return choose_user_footage(own, found, query, encoder)
