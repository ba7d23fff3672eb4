"""A person's edits and a new storyboard brought together: of a new plan, or of a file that was given again.

A merge of three: what the storyboard was before it was edited (`base`), what it is (`mine`), what it would be
(`new`). What only one side changed is taken from that side; where both did, the person's edit in the run
counts, and the conflict is told. Removed shots stay removed, inserted ones stay, a person's order stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from storyanim.artifacts import Role, Shot, Storyboard

# Fields that say one thing together: a prompt that a person wrote goes with who is in it.
_PICTURE = ("prompt", "characters", "figures", "entities", "events", "unsupported_words")
_UNITS = (_PICTURE, *((name,) for name in Shot.model_fields if name not in {*_PICTURE, "id"}))


@dataclass(frozen=True)
class Merged:
    """A storyboard, and what of a person's edits or of the new storyboard it does not have."""

    board: Storyboard
    conflicts: tuple[str, ...]                       # a line each: "s02: ..."


def merge(base: Storyboard, mine: Storyboard, new: Storyboard, source: str) -> Merged:
    """Return `new` with what a person changed from `base` to `mine`.

    Args:
        base: before it was edited.
        mine: edited.
        new: its ids fit those of the others, see `align`.
        source: of `new`, as conflicts name it: "the new plan".
    """
    olds, mines, news = ({shot.id: shot for shot in board.shots} for board in (base, mine, new))
    conflicts: list[str] = []
    kept: dict[str, Shot] = {}
    for shot_id, shot in mines.items():
        old, other = olds.get(shot_id), news.get(shot_id)
        if other is None and old is None:
            kept[shot_id] = shot                     # inserted
        elif other is not None:
            kept[shot_id] = _merged_shot(old or other, shot, other, source, conflicts)
        elif old is not None and (edits := _changed_fields(old, shot)):
            conflicts.append(f"{shot_id}: its words are not in {source}, so it goes, and with it what was "
                             f"changed: {', '.join(edits)}")
    kept |= {shot_id: shot for shot_id, shot in news.items() if shot_id not in mines and shot_id not in olds}
    if not kept:                                     # all that is left was removed before
        kept = dict(news)
    order = _order([[shot.id for shot in board.shots] for board in (base, mine, new)], kept)
    known = {who.name for who in new.characters}
    shots = tuple(_with_known(kept[shot_id], known, conflicts) for shot_id in order)
    fields = {name: _one(getattr(base, name), getattr(mine, name), getattr(new, name))
              for name in ("title", "style")}
    cast = merged_cast(base, mine, new)
    return Merged(new.model_copy(update={**fields, "cast": cast, "shots": shots}), tuple(conflicts))


def align(new: Storyboard, boards: Sequence[Storyboard], first_free: int) -> Storyboard:
    """Return a planned storyboard with ids of shots that tell the same words, and ids never used for others.

    Args:
        new: as planned, its ids counted from s01.
        boards: that it may take ids from, the first before the next.
        first_free: number of the first id that was never used.
    """
    ids: dict[int, str] = {}
    for board in boards:
        left = [k for k in range(len(new.shots)) if k not in ids]
        others = [shot for shot in board.shots if shot.id not in ids.values()]
        words = [shot.text.strip() for shot in others]
        wanted = [new.shots[k].text.strip() for k in left]
        for block in SequenceMatcher(None, words, wanted, autojunk=False).get_matching_blocks():
            ids |= {left[block.b + k]: others[block.a + k].id for k in range(block.size)}
    free = iter(range(first_free, first_free + len(new.shots)))
    names = [ids.get(k) or f"s{next(free):02d}" for k in range(len(new.shots))]
    renamed = {shot.id: name for shot, name in zip(new.shots, names, strict=True)}
    shots = tuple(shot.model_copy(update={"id": name}) for shot, name in zip(new.shots, names, strict=True))
    cast = tuple(role.model_copy(update={"first_shot": renamed.get(role.first_shot, role.first_shot)})
                 for role in new.cast)
    return new.model_copy(update={"shots": shots, "cast": cast})


def without_namesakes(board: Storyboard, new: Storyboard, base: Storyboard, first_free: int) -> Storyboard:
    """Return a run's storyboard with other ids for shots that have one which `new` has for other words.

    Args:
        board: of the run.
        new: given by a person, whose ids stay.
        base: that the run's came from: a shot that it has, too, may have got another text in `new`.
        first_free: number of the first id that was never used.
    """
    theirs = {shot.id: shot.text.strip() for shot in new.shots}
    olds = {shot.id for shot in base.shots}
    shots, number = [], first_free
    for shot in board.shots:
        taken = theirs.get(shot.id)
        if taken is not None and shot.id not in olds and taken != shot.text.strip():
            shot, number = shot.model_copy(update={"id": f"s{number:02d}"}), number + 1
        shots.append(shot)
    return board.model_copy(update={"shots": tuple(shots)})


def _merged_shot(old: Shot, mine: Shot, new: Shot, source: str, conflicts: list[str]) -> Shot:
    changes: dict[str, Any] = {}
    for unit in _UNITS:
        was, edited, other = (tuple(getattr(shot, name) for name in unit) for shot in (old, mine, new))
        if edited == was:
            continue
        changes |= dict(zip(unit, edited, strict=True))
        if other not in (was, edited):
            conflicts.append(f"{mine.id}: the {unit[0]} of {source} is not taken, since it was changed here")
    return new.model_copy(update=changes)


def _changed_fields(old: Shot, mine: Shot) -> list[str]:
    return [unit[0] for unit in _UNITS
            if any(getattr(old, name) != getattr(mine, name) for name in unit)]


def _order(orders: Sequence[Sequence[str]], kept: Iterable[str]) -> list[str]:
    """Return the kept ids in a person's order if they changed it, else in the new one."""
    base, mine, new = orders
    in_kept = set(kept)
    moved = [i for i in mine if i in base] != [i for i in base if i in mine]
    first, second = (mine, new) if moved else (new, mine)
    ids = [shot_id for shot_id in first if shot_id in in_kept]
    for k, shot_id in enumerate(second):
        if shot_id in in_kept and shot_id not in ids:
            before = next((other for other in reversed(second[:k]) if other in ids), None)
            ids.insert(0 if before is None else ids.index(before) + 1, shot_id)
    return ids


def _with_known(shot: Shot, known: set[str], conflicts: list[str]) -> Shot:
    """Return the shot without characters that the new storyboard lacks."""
    named = [*shot.characters, *(entity.name for entity in shot.entities if entity.name)]
    if missing := sorted(set(named) - known):
        conflicts.append(f"{shot.id}: {', '.join(missing)} plays no more, though its prompt was kept")
        entities = tuple(entity if entity.name in known else entity.model_copy(update={"name": ""})
                         for entity in shot.entities)
        names = tuple(name for name in shot.characters if name in known)
        return shot.model_copy(update={"characters": names, "entities": entities})
    return shot


def merged_cast(base: Storyboard, mine: Storyboard, new: Storyboard) -> tuple[Role, ...]:
    """Return the new cast with what a person wrote into the old one, but no part for who plays no more."""
    olds, mines = ({role.name: role for role in board.cast} for board in (base, mine))
    gone = {who.name for who in mine.characters} - {who.name for who in new.characters}

    def merged(role: Role) -> Role:
        old, edited = olds.get(role.name), mines.get(role.name)
        if old is None or edited is None:
            return role
        changes = {name: _one(getattr(old, name), getattr(edited, name), getattr(role, name))
                   for name in type(role).model_fields if name not in ("name", "first_shot", "num_shots")}
        if changes["played_by"] in gone:
            changes["played_by"] = role.played_by
        return role.model_copy(update=changes)

    return tuple(map(merged, new.cast))


def _one(base: Any, mine: Any, new: Any) -> Any:
    """Return what one side changed; a person's where both did."""
    return new if mine == base else mine
