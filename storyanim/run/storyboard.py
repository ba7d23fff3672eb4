"""The storyboard that a run films: the plan of its story, a person's edit of it, or one that was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from storyanim.artifacts import CastMember, Story, Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import step_version
from storyanim.errors import CharacterError, StoryError
from storyanim.planning import Vocabulary, nouns_of, read_storyboard
from storyanim.planning.keep import keep_ids
from storyanim.stages import Planner

if TYPE_CHECKING:
    from storyanim.run.components import Components
    from storyanim.run.request import FilmRequest

FILE = "storyboard.yaml"
_MARK = "# plan "                                    # first line of a file: which plan it was written from


@step_version(2)
def plan_story(story: Story, cast: list[CastMember], planner: Planner) -> Storyboard:
    """Split a story into shots (step "plan", AaS 3.1)."""
    return planner.plan(story, cast)


def settle_storyboard(
    run: RunDir, request: FilmRequest, given: Storyboard | None, cast: Sequence[CastMember],
    components: Components
) -> Storyboard:
    """Return the storyboard to film, and write it to the run folder.

    The first line of the file names the plan that it came from. While the story stays the same, the file
    counts; a new plan keeps ids, pins and bans of shots whose words did not change, and the old file is kept
    beside as `.before.yaml`.

    Raises StoryError, and CharacterError for a character that a given storyboard never names.
    """
    if given is not None:
        _check_named(given, cast, components.vocabulary)
        return _write(run, given, "given")
    path = run.path / FILE
    if request.story is None:
        return read_storyboard(path)
    step = run.step("plan", plan_story, request.story, list(cast), components.planner)
    mark = step.content[:16]
    if not path.is_file():
        return _write(run, step.value, mark)
    first = path.read_text("utf-8").split("\n", 1)[0]
    if not first.startswith(_MARK) or first.split()[2:3] == [mark]:
        return read_storyboard(path)
    try:
        old = read_storyboard(path)
    except StoryError:
        return _write(run, step.value, mark)
    run.write("storyboard.before.yaml", path.read_text("utf-8"))
    return _write(run, keep_ids(old, step.value), mark)


def edit_storyboard(run: RunDir, change: Callable[[Storyboard], Storyboard]) -> None:
    """Change the run's storyboard file, keeping its first line.

    Raises StoryError and what `change` raises.
    """
    path = run.path / FILE
    board = change(read_storyboard(path))
    first = path.read_text("utf-8").split("\n", 1)[0]
    run.write(FILE, (f"{first}\n" if first.startswith("#") else "") + board.to_yaml())


def with_seed(board: Storyboard, seed: int) -> Storyboard:
    """Return the storyboard with `seed` added to the seed of each shot."""
    shots = tuple(shot.model_copy(update={"seed": (shot.seed + seed) % 2**63}) for shot in board.shots)
    return board.model_copy(update={"shots": shots})


def _write(run: RunDir, board: Storyboard, mark: str) -> Storyboard:
    head = f"{_MARK}{mark} — edit this file, then `storyanim run` this folder\n"
    run.write(FILE, head + board.to_yaml())
    return board


def _check_named(board: Storyboard, cast: Sequence[CastMember], vocabulary: Vocabulary | None) -> None:
    """Raise CharacterError, with the story's nouns, for a character in no shot; planners do so themselves."""
    named = {name for shot in board.shots for name in shot.characters}
    if idle := [who for who in cast if who.name not in named]:
        nouns = nouns_of("\n".join(shot.text for shot in board.shots), vocabulary)
        found = f"it tells of {', '.join(nouns)}" if nouns else "it tells of nobody"
        missing = " or ".join(f"{who.name}, a {who.noun}" for who in idle)
        raise CharacterError(f"no shot names {missing}; {found}",
                             hint="say what the story calls it: --character FOLDER=NOUN")
