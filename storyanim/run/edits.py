"""What a person does to a run's shots: functions of a run folder, for the command line and for pages.

Each opens the folder, changes `storyboard.yaml`, keeps the one before in `storyboards/`, and draws nothing;
`make_film(folder)` then draws what changed. All raise UsageError while another process has the folder open,
InputError for a folder that is no run, and StoryError for a storyboard that cannot be read or a shot that it
lacks; nothing is written then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyanim.artifacts import MAX_TAKES, Shot, ShotEntity, Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.errors import StaleEditError, StoryError, UsageError
from storyanim.generate.capabilities import check_style
from storyanim.planning import read_storyboard
from storyanim.retrieve.choose import read_user_footage, with_absolute_path
from storyanim.run import history
from storyanim.run.board_text import changed_text
from storyanim.run.history import FILE, Version
from storyanim.run.limits import Limits
from storyanim.run.request import read_request
from storyanim.run.takes import ListedTake, Take, next_seed, takes_of

# What of a shot a drawing depends on, beside its footage.
DRAWN_FROM = ("prompt", "style", "characters", "figures", "entities", "events", "duration_s", "seed")
Change = Callable[[Shot], Shot]
_SEEN: ContextVar[str | None] = ContextVar("seen", default=None)


@dataclass(frozen=True)
class ListedShot:
    """A shot in a list: what the storyboard says, and what of it is drawn."""

    shot: Shot
    drawn: bool                                      # frames of some take lie there, of this version or not
    footage: str                                     # name of the clip that it last moved as; "": none


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────


def read_board(folder: Path) -> Storyboard:
    """Return a run's storyboard as its file says now. Raises InputError, StoryError."""
    read_request(folder)
    return read_storyboard(folder / FILE)


def find_shot(board: Storyboard, shot_id: str) -> Shot:
    """Return a shot by its id. Raises StoryError."""
    for shot in board.shots:
        if shot.id == shot_id:
            return shot
    raise StoryError(f"the storyboard has no shot {shot_id}",
                     hint=f"it has {', '.join(shot.id for shot in board.shots)}")


def list_shots(folder: Path) -> list[ListedShot]:
    """Return a run's shots in their order; works while the run is being drawn, too."""
    listed, board = [], read_board(folder)
    with RunDir(folder, beside=True) as run:
        for shot in board.shots:
            match = run.done(f"shots/{shot.id}/match")
            found = match.value.match if match else None
            drawn = (folder / "shots" / shot.id / "clip" / "done.json").is_file()
            listed.append(ListedShot(shot, drawn, found.clip_id if found else ""))
    return listed


def list_versions(folder: Path) -> list[Version]:
    """Return the storyboards that a run had, oldest first; `undo` goes back to them. Raises InputError."""
    read_request(folder)
    return history.versions(folder)


# ── one shot ─────────────────────────────────────────────────────────────────────────────────────────────


def redo_shot(folder: Path, shot_id: str, takes: int = 0) -> None:
    """Give a shot the next seed that it was never drawn with; what was drawn is kept as a take.

    Args:
        folder: of the run.
        shot_id: "s03".
        takes: drawings, each with a seed of its own, of which the best is shown; 0: as the settings say.

    Raises UsageError for more than MAX_TAKES.
    """
    if not 0 <= takes <= MAX_TAKES:
        raise UsageError(f"{takes} takes cannot be drawn at once", hint=f"give 1 to {MAX_TAKES}")
    change_shot(folder, shot_id, lambda shot: shot.model_copy(
        update={"seed": next_seed(folder, shot), "takes": takes}), "redo")


def list_takes(folder: Path, shot_id: str) -> list[ListedTake]:
    """Return the takes of a shot that lie in a run, in the order of their drawing."""
    find_shot(read_board(folder), shot_id)
    return takes_of(folder, shot_id)


def choose_take(folder: Path, shot_id: str, number: int) -> Take:
    """Give a shot what one of its takes was drawn from, so that the film shows that drawing; return it.

    It is drawn again only if the settings changed, and its score counts no more. Raises StoryError for a
    number that there is not.
    """
    takes = {listed.take.number: listed.take for listed in list_takes(folder, shot_id)}
    if number not in takes:
        have = f"it has {', '.join(map(str, takes))}" if takes else "none is drawn yet"
        raise StoryError(f"{shot_id} has no take {number}",
                         hint=f"{have}: storyanim shot takes RUN {shot_id}")
    take = takes[number]

    def chosen(shot: Shot) -> Shot:
        fields = {name: getattr(take.shot, name) for name in DRAWN_FROM}
        moved = with_pin(shot, take.footage) if take.footage else shot
        return moved.model_copy(update={**fields, "takes": 1})

    change_shot(folder, shot_id, chosen, f"choose-{number}")
    return take


def set_seed(folder: Path, shot_id: str, seed: int) -> None:
    """Give a shot a seed, an integer in [0, 2⁶³), and no other; the run's own seed is added to it.

    Raises UsageError.
    """
    if not 0 <= seed < 2**63:
        raise UsageError(f"{seed} is no seed", hint="give a number from 0 on")
    change_shot(folder, shot_id, lambda shot: shot.model_copy(update={"seed": seed, "takes": 1}), "seed")


def replace_shot(folder: Path, shot_id: str, prompt: str | None = None, query: str | None = None) -> None:
    """Give a shot another prompt or query; a prompt replaces entities and events, too. Raises UsageError."""
    changes: dict[str, Any] = {name: text for name, text in (("prompt", prompt), ("query", query)) if text}
    if not changes:
        raise UsageError("nothing to replace", hint="give a prompt or a query")
    if prompt:                                       # it says all that is drawn, instead of each figure's
        changes |= {"entities": (), "events": ()}
    set_fields(folder, shot_id, changes, "replace")


def set_style(folder: Path, shot_id: str, style: str) -> None:
    """Draw a shot in a style of its own, as in "watercolour"; "" ends it.

    Raises UsageError for a run whose models draw in no style but their own.
    """
    set_fields(folder, shot_id, {"style": style.strip()}, "style")


def set_fields(folder: Path, shot_id: str, changes: dict[str, Any], made_by: str = "edit") -> None:
    """Give a shot other values of any fields of `Shot` but its id.

    Args:
        folder: of the run.
        shot_id: "s03".
        changes: field → value, of JSON or of Python.
        made_by: what the kept storyboard is named after.

    Raises StoryError for a field that there is not, and for a value that cannot be, and UsageError for a
    style of a run whose models have but their own.
    """
    if changes.get("style"):
        check_style(read_request(folder).settings())
    if changes.keys() & {*DRAWN_FROM}:               # no drawing was chosen for these yet
        changes = {"takes": 0, **changes}

    def changed(shot: Shot) -> Shot:
        try:
            return Shot.model_validate({**shot.model_dump(), **changes, "id": shot.id})
        except ValueError as error:
            first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
            where = ".".join(map(str, first["loc"]))
            raise StoryError(f"{shot.id}: {where}: {first['msg']}",
                             hint="the fields are those of storyboard.yaml") from error

    change_shot(folder, shot_id, changed, made_by)


def pin_clip(folder: Path, shot_id: str, clip: str, figure: int | None = None) -> None:
    """Let a shot, or one of its entities, move as this clip of the index does; a ban of it ends.

    Raises UsageError for an entity that it lacks; they count from 1.
    """
    change_shot(folder, shot_id, lambda shot: with_pin(shot, clip, figure), "pin")


def pin_file(folder: Path, shot_id: str, footage: str, figure: int | None = None) -> None:
    """Let it move as a video of one's own does, FILE[@START-END] in seconds. Raises VideoError too."""
    def pinned(shot: Shot) -> Shot:
        read_user_footage(footage, shot.duration_s)  # what is wrong with it is told now
        return with_pin(shot, with_absolute_path(footage), figure)

    change_shot(folder, shot_id, pinned, "pin")


def ban_clip(folder: Path, shot_id: str, clip: str, figure: int | None = None) -> None:
    """Never let a shot, or one of its entities, move as this clip does; a pin of it ends."""
    change_shot(folder, shot_id, lambda shot: with_ban(shot, clip, figure), "ban")


def with_pin(shot: Shot, clip: str, figure: int | None = None) -> Shot:
    """Return the shot with a clip pinned for all of it or for one entity. Raises UsageError."""
    def pinned(old: Shot | ShotEntity) -> dict[str, Any]:
        return {"pinned": clip, "banned": tuple(other for other in old.banned if other != clip)}

    return _with_footage(shot, figure, pinned)


def with_ban(shot: Shot, clip: str, figure: int | None = None) -> Shot:
    """Return the shot with a clip banned for all of it or for one entity. Raises UsageError."""
    def banned(old: Shot | ShotEntity) -> dict[str, Any]:
        return {"pinned": None if old.pinned == clip else old.pinned,
                "banned": tuple(sorted({*old.banned, clip}))}

    return _with_footage(shot, figure, banned)


def without_pin(shot: Shot, figure: int | None = None) -> Shot:
    """Return the shot with footage found again for all of it or for one entity. Raises UsageError."""
    return _with_footage(shot, figure, lambda old: {"pinned": None})


def without_ban(shot: Shot, clip: str, figure: int | None = None) -> Shot:
    """Return the shot with a clip allowed again for all of it or for one entity. Raises UsageError."""
    return _with_footage(shot, figure, lambda old: {
        "banned": tuple(other for other in old.banned if other != clip)})


def _with_footage(
    shot: Shot, figure: int | None, change: Callable[[Shot | ShotEntity], dict[str, Any]]
) -> Shot:
    if figure is None:
        return shot.model_copy(update=change(shot))
    if not 1 <= figure <= len(shot.entities):
        raise UsageError(f"{shot.id} has no figure {figure} with footage of its own",
                         hint=f"see its figures with `storyanim shot layout RUN {shot.id}`")
    entities = list(shot.entities)
    entities[figure - 1] = entities[figure - 1].model_copy(update=change(entities[figure - 1]))
    return shot.model_copy(update={"entities": tuple(entities)})


# ── the row of shots ─────────────────────────────────────────────────────────────────────────────────────


def insert_shot(folder: Path, behind: str, prompt: str, query: str | None = None, text: str = "") -> str:
    """Put a new shot behind another and return its id, which no shot of the run ever had.

    Args:
        folder: of the run.
        behind: id of the shot before it.
        prompt: what to draw.
        query: what footage to look for; None: the prompt.
        text: its subtitle.
    """
    with _changed(folder, f"insert-behind-{behind}") as edit:
        place = edit.place_of(behind) + 1
        number = history.next_number(folder, edit.board)
        characters = tuple(who.name for who in edit.board.characters if who.token in prompt)
        seed = int.from_bytes(hashlib.sha256(f"{prompt}\0{text}".encode()).digest()[:6], "big")
        new = Shot(id=f"s{number:02d}", text=text, query=query or prompt, prompt=prompt,
                   characters=characters, seed=seed)
        edit.shots.insert(place, new)
    return new.id


def remove_shot(folder: Path, shot_id: str) -> None:
    """Take a shot out of the film; what was drawn of it stays in the folder."""
    with _changed(folder, f"remove-{shot_id}") as edit:
        place = edit.place_of(shot_id)
        if len(edit.shots) == 1:
            raise StoryError("a film needs at least one shot", hint="insert another shot first")
        del edit.shots[place]


def move_shot(folder: Path, shot_id: str, *, behind: str | None = None, before: str | None = None) -> None:
    """Show a shot behind another, or before it. Raises UsageError unless one of the two is given."""
    other = behind if before is None else before
    if other is None or (behind is not None and before is not None):
        raise UsageError("one place is needed", hint="say behind which shot, or before which")
    with _changed(folder, f"move-{shot_id}") as edit:
        edit.place_of(other)
        shot = edit.shots.pop(edit.place_of(shot_id))
        if other != shot_id:
            ids = [left.id for left in edit.shots]
            edit.shots.insert(ids.index(other) + (before is None), shot)
        else:
            raise UsageError(f"{shot_id} cannot stand beside itself", hint="name another shot")


def order_shots(folder: Path, shot_ids: Sequence[str], durations_s: Mapping[str, float]) -> bool:
    """Show these shots in this order, some for other seconds; return whether anything is changed by that.

    Others leave the film, and what was drawn of them stays.
    """
    with _changed(folder, "order") as edit:
        ordered = [find_shot(edit.board, shot_id) for shot_id in shot_ids]
        edit.shots[:] = [shot.model_copy(update={"duration_s": durations_s.get(shot.id, shot.duration_s)})
                         for shot in ordered]
    return tuple(edit.shots) != edit.board.shots


def undo(folder: Path, to: int | None = None) -> Version:
    """Go back to the storyboard before the last change, or to one by its number; return which.

    Raises StoryError when there is none.
    """
    read_request(folder)
    with RunDir(folder) as run:
        _check_seen(folder)
        return history.undo(run, to)


def set_parts(folder: Path, parts: Mapping[str, str]) -> None:
    """Say who plays whom, role → part; the next `make_film` changes the prompts. Raises StoryError."""
    with _changed(folder, "cast") as edit:
        if unknown := set(parts) - {role.name for role in edit.board.cast}:
            raise StoryError(f"the storyboard has no role {min(unknown)}", hint="see its `cast`")
        cast = tuple(role.model_copy(update={"played_by": parts.get(role.name, role.played_by)})
                     for role in edit.board.cast)
        edit.board = edit.board.model_copy(update={"cast": cast})


# ── what was looked at ───────────────────────────────────────────────────────────────────────────────────


def board_hash(folder: Path) -> str:
    """Return what tells one state of a run's storyboard file from another, 32 hexadecimal digits."""
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()[:32]


@contextmanager
def only_if_still(seen: str) -> Iterator[None]:
    """Refuse edits within it of a storyboard that is no longer the one with this hash: StaleEditError."""
    token = _SEEN.set(seen)
    try:
        yield
    finally:
        _SEEN.reset(token)


def _check_seen(folder: Path) -> None:
    """To be called with the folder open, so that nobody changes it in between."""
    if _SEEN.get() not in (None, board_hash(folder)):
        raise StaleEditError("the storyboard was changed meanwhile, by another page or a command",
                             hint="nothing was changed now: look at it as it is, then do it again")


# ── how ──────────────────────────────────────────────────────────────────────────────────────────────────


def change_shot(folder: Path, shot_id: str, change: Change, made_by: str) -> None:
    """Change one shot of a run's storyboard. Raises what `change` raises."""
    with _changed(folder, f"{made_by}-{shot_id}") as edit:
        place = edit.place_of(shot_id)
        edit.shots[place] = change(edit.shots[place])


@dataclass
class _Edit:
    board: Storyboard
    shots: list[Shot]                                # to be changed

    def place_of(self, shot_id: str) -> int:
        find_shot(self.board, shot_id)
        return [shot.id for shot in self.shots].index(shot_id)


@contextmanager
def _changed(folder: Path, made_by: str) -> Iterator[_Edit]:
    """Yield the shots of a run's storyboard; write them when nothing was raised and something changed."""
    read_request(folder)
    with RunDir(folder) as run:
        _check_seen(folder)
        board = read_storyboard(folder / FILE)
        edit = _Edit(board, list(board.shots))
        yield edit
        changed = edit.board.model_copy(update={"shots": tuple(edit.shots)})
        if changed != board:
            Limits(read_request(folder), folder).check(changed, {shot.id: shot for shot in board.shots})
            text = (folder / FILE).read_text("utf-8")
            history.write_board(run, changed_text(text, changed), made_by)
