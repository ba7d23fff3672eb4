"""The storyboard that a run films: the plan of its story, a person's edit of it, or one that was given."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from storyanim.artifacts import CastMember, Role, Story, Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, step_version
from storyanim.errors import CharacterError
from storyanim.planning import Vocabulary, nouns_of, read_storyboard
from storyanim.planning.casting import recast
from storyanim.run import history
from storyanim.run.board_text import changed_text
from storyanim.run.history import FILE, PARTS
from storyanim.run.limits import Limits
from storyanim.run.merge import Merged, align, merge, merged_cast, without_namesakes
from storyanim.stages import Planner

if TYPE_CHECKING:
    from storyanim.run.components import Components
    from storyanim.run.request import FilmRequest

_LOG = logging.getLogger(__name__)
_GIVEN = "given"                                     # mark of a storyboard that came from a file
# What becomes of a person's edits when the storyboard comes anew: kept, dropped (the old one stays in
# `storyboards/`), or kept when a function that is told the conflicts, a line each, does not raise.
Replan = Literal["keep", "discard"] | Callable[[Sequence[str]], None]


def text_to_film(request: FilmRequest, given: Storyboard | None) -> str:
    """Return the story, or the text of the storyboard in its place; "" for a run that goes on."""
    if request.story is not None:
        return request.story.text
    return "\n".join(shot.text for shot in given.shots) if given else ""


@step_version(2)
def plan_story(story: Story, cast: list[CastMember], planner: Planner) -> Storyboard:
    """Split a story into shots (step "plan", AaS 3.1)."""
    return planner.plan(story, cast)


def settle_storyboard(
    run: RunDir, request: FilmRequest, given: Storyboard | None, cast: Sequence[CastMember],
    components: Components, replan: Replan = "keep",
) -> Storyboard:
    """Return the storyboard to film, and write it to the run folder.

    The first line of the file names the plan that it came from. While the story stays the same, the file
    counts, and a changed `played_by` changes its prompts. A new plan, or another file, is merged with what a
    person changed in the run; what cannot be kept is told. Each storyboard is kept, see history.py.

    Raises StoryError, CharacterError for a character that a given storyboard never names, and what `replan`
    raises.
    """
    history.keep_current(run)
    path, mark = run.path / FILE, history.plan_mark(run.path)
    limits = Limits(request, run.path, getattr(components.index, "folder", None))
    if path.is_file() and not (given is not None and replan == "discard"):
        kept = _base(run, mark)
        as_it_was = {shot.id: shot for shot in kept.shots} if kept else {}
        read_storyboard(path, lambda data: limits.problems(data, as_it_was))     # all that is wrong, at once
    style = request.flags.get("plan", {}).get("style")
    if given is not None:
        limits.check(given)
        _check_named(given, cast)
        return _take_given(run, given if style is None else given.restyled(style), mark, replan)
    if request.story is None:
        board = read_storyboard(path)
        return board if style in (None, board.style) else _restyled(run, board, mark, style)
    base = _base(run, mark)                          # before the step of the new plan takes its place
    step = run.step("plan", plan_story, request.story, list(cast), components.planner)
    return _take_planned(run, step, base, mark, replan, components.vocabulary)


def _take_planned(
    run: RunDir, step: Step[Storyboard], base: Storyboard | None, mark: str, replan: Replan,
    vocabulary: Vocabulary | None,
) -> Storyboard:
    """Return the plan of the story, with what a person changed in the one before, which was `base`."""
    path, new = run.path / FILE, step.content[:16]
    if path.is_file() and new == mark and replan != "discard":
        return _recast(run, step.value, vocabulary)
    mine = read_storyboard(path) if path.is_file() else None
    boards = [board for board in (base, mine) if board is not None]
    planned = align(step.value, boards, history.next_number(run.path, *boards)) if boards else step.value
    if mine is None or replan == "discard":
        return _write(run, planned, planned, new, "plan")
    if base is None:                                 # of a run before bases were kept: all of its is an edit
        ids = {shot.id for shot in mine.shots}
        base = planned.model_copy(update={"shots": tuple(s for s in planned.shots if s.id in ids)})
    mine = mine.model_copy(update={"style": base.style}).restyled(planned.style)
    base = base.restyled(planned.style)              # another style is no conflict with a person's words
    merged = merge(_as_cast(base, mine.cast, vocabulary), mine,
                   _as_cast(planned, merged_cast(base, mine, planned), vocabulary), "the new plan")
    return _write(run, planned, _agreed(merged, replan), new, "plan", path.read_text("utf-8"))


def _take_given(run: RunDir, given: Storyboard, mark: str, replan: Replan) -> Storyboard:
    """Return a storyboard that was given, with what was changed in the run since it was given before."""
    path, base = run.path / FILE, _base(run, mark)
    if not path.is_file() or replan == "discard":
        return _write(run, given, given, _GIVEN, _GIVEN)
    mine = read_storyboard(path)
    if mark == _GIVEN and base == given:
        return mine
    base = base or given
    if mark != _GIVEN:                               # of a story: only what tells the same words is the same
        texts = {shot.id: shot.text.strip() for shot in given.shots}
        base = base.model_copy(update={"shots": tuple(
            shot for shot in base.shots if texts.get(shot.id, shot.text.strip()) == shot.text.strip())})
    mine = without_namesakes(mine, given, base, history.next_number(run.path, mine, given))
    merged = merge(base, mine, given, "the file")
    return _write(run, given, _agreed(merged, replan), _GIVEN, _GIVEN, path.read_text("utf-8"))


def _restyled(run: RunDir, board: Storyboard, mark: str, style: str) -> Storyboard:
    """Write and return the storyboard of a run without a story in another style."""
    styled, base = board.restyled(style), _base(run, mark)
    if base is not None:
        history.write_base(run, mark, base.restyled(style))
    history.write_board(run, changed_text((run.path / FILE).read_text("utf-8"), styled), "style")
    return styled


def _agreed(merged: Merged, replan: Replan) -> Storyboard:
    """Tell what could not be kept, and return the rest. Raises what `replan` raises."""
    if merged.conflicts and callable(replan):
        replan(merged.conflicts)
    elif merged.conflicts:
        _LOG.warning("%s\nthe storyboard before is kept: `storyanim shot undo` goes back to it",
                     "\n".join(merged.conflicts))
    return merged.board


def _base(run: RunDir, mark: str) -> Storyboard | None:
    """Return what the run's storyboard was before a person edited it; None when nothing tells."""
    if (kept := history.read_base(run.path, mark)) is not None or not mark:
        return kept
    step = run.done("plan")                          # of a run before bases were kept
    return step.value if step is not None and step.content[:16] == mark else None


def _as_cast(board: Storyboard, cast: Sequence[Role], vocabulary: Vocabulary | None) -> Storyboard:
    """Return a planned storyboard with the prompts that it has when others play; its own cast stays."""
    if vocabulary is None:
        return board
    changed = recast(board.model_copy(update={"cast": tuple(cast)}), _parts(board), vocabulary)
    return changed.model_copy(update={"cast": board.cast})


def _recast(run: RunDir, planned: Storyboard, vocabulary: Vocabulary | None) -> Storyboard:
    """Return the storyboard's file, its prompts changed to what a person wrote into its cast.

    `cast.json` keeps who played whom when the prompts were last changed.
    """
    board = read_storyboard(run.path / FILE)
    if vocabulary is None:
        return board
    parts = _parts(planned)
    if (path := run.path / PARTS).is_file():
        parts |= json.loads(path.read_text("utf-8"))
    changed = recast(board, parts, vocabulary)
    if changed != board:
        history.write_board(run, changed_text((run.path / FILE).read_text("utf-8"), changed), "cast",
                            json.dumps(_parts(changed)))
    return changed


def _parts(board: Storyboard) -> dict[str, str]:
    return {role.name: role.played_by for role in board.cast}


def with_seed(board: Storyboard, seed: int) -> Storyboard:
    """Return the storyboard with `seed` added to the seed of each shot."""
    shots = tuple(shot.reseeded(seed) for shot in board.shots)
    return board.model_copy(update={"shots": shots})


def _write(
    run: RunDir, base: Storyboard, board: Storyboard, mark: str, made_by: str, edited: str | None = None
) -> Storyboard:
    """Write a storyboard that came anew, and what it is without a person's edits.

    `edited` is the text of the file that it takes the place of: comments on what stays are kept.
    """
    history.write_base(run, mark, base)              # first: the mark in the file says that it is there
    parts = json.dumps(_parts(board)) if board.cast != base.cast else ""
    text = board.to_yaml() if edited is None else changed_text(edited, board)
    history.write_board(run, history.with_head(text, mark), made_by, parts)
    return board


def _check_named(board: Storyboard, cast: Sequence[CastMember]) -> None:
    """Raise CharacterError, with the story's nouns, for a character in no shot; planners do so themselves."""
    named = {name for shot in board.shots for name in shot.characters}
    if idle := [who for who in cast if who.name not in named]:
        nouns = nouns_of("\n".join(shot.text for shot in board.shots))
        found = f"it tells of {', '.join(nouns)}" if nouns else "it tells of nobody"
        missing = " or ".join(f"{who.name}, a {who.noun}" for who in idle)
        raise CharacterError(f"no shot names {missing}; {found}",
                             hint="say what the story calls it: --character FOLDER=NOUN")
