"""The names of the clips of an index, looked up without opening the rest of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path

from storyanim.retrieve.index_format import CLIPS

_LIKE = 4                                            # letters that a name shares with a typo of it
_MAX_COMPARED = 2000


def unknown_clips(index: Path, clip_ids: Collection[str]) -> dict[str, str]:
    """Return those of some clip ids that an index lacks, each with the id that is nearest, "" without one.

    An index that cannot be read lacks none: opening it tells what is wrong with it.
    """
    try:
        name = f"{(index / CLIPS).absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(name, uri=True)) as database:
            found = database.execute(
                "SELECT clip_id FROM clips WHERE clip_id IN (SELECT value FROM json_each(?))",
                (json.dumps([*clip_ids]),))
            unknown = {*clip_ids} - {row[0] for row in found}
            return {clip: _nearest(database, clip) for clip in sorted(unknown)}
    except sqlite3.Error:
        return {}


def _nearest(database: sqlite3.Connection, clip_id: str) -> str:
    rows = database.execute(
        "SELECT clip_id FROM clips WHERE substr(clip_id, 1, ?1) = ?2 OR substr(clip_id, ?3) = ?4 "
        "ORDER BY substr(clip_id, 1, ?1) != ?2 LIMIT ?5",
        (_LIKE, clip_id[:_LIKE], -2 * _LIKE, clip_id[-2 * _LIKE:], _MAX_COMPARED))
    near = get_close_matches(clip_id, [row[0] for row in rows], n=1)
    return near[0] if near else ""
