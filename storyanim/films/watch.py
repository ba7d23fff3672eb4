"""A film that follows its story: what a saved edit changed is drawn again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Any

from storyanim import api
from storyanim.errors import StoryanimError, StoryError, UsageError
from storyanim.planning import STDIN, read_storyboard
from storyanim.run.history import FILE
from storyanim.run.pipeline import FilmResult
from storyanim.run.request import read_request
from storyanim.run.storyboard import with_seed

_POLL_S = 0.3                                        # a save is taken when the files stay as they are so long


def watch_film(
    story: Path, made: Callable[[FilmResult], None], failed: Callable[[StoryanimError], None], *,
    out: Path | None = None, make: Callable[..., FilmResult] = api.make_film, **arguments: Any,
) -> None:
    """Make a film, and again whenever the story or the run's storyboard was saved, until Ctrl-C.

    Args:
        story: a file of a story or a storyboard, or a run folder.
        made: told of each film.
        failed: told why there is none, when the story is broken just now or drawing failed; it waits on.
        out: as of `make_film`; the run stays in its folder when an edit changes the title.
        make: `make_film`, or what shows its progress.
        arguments: what else `make_film` takes.

    Ctrl-C while it waits returns; while it draws, it passes through. Raises what `make_film` raises the first
    time, but for a story that cannot be read, and UsageError for standard input.
    """
    if str(story) == STDIN:
        raise UsageError("standard input cannot be watched", hint="save the story as a file")
    begun = False
    while True:
        is_run = api.is_run(story)
        out = out or (story if is_run else None)
        files = [*([] if is_run else [story]), *([out / FILE] if out else [])]
        before = _marks(files)
        try:
            result = make(story, out=out, **arguments)
        except StoryanimError as error:
            if not begun and not isinstance(error, StoryError):
                raise
            failed(error)
            seen = {**before, **_marks([file for file in files if file != story])}
        else:
            begun, out = True, result.folder
            made(result)
            seen = {**before, **_filmed(out / FILE, before, result)}
        with suppress(KeyboardInterrupt):
            _wait_for_save(seen)
            continue
        return


def _marks(files: Sequence[Path]) -> dict[Path, str]:
    """Return what lies in each file, "" where none is: editors take a file away to put a new one there."""
    def mark(path: Path) -> str:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return ""

    return {path: mark(path) for path in files}


def _filmed(board: Path, before: dict[Path, str], result: FilmResult) -> dict[Path, str]:
    """Return the mark of the storyboard as the film shows it; "" when it was saved meanwhile."""
    now = _marks([board])
    if now[board] != before.get(board):              # written by the run, a person, or both
        with suppress(StoryanimError):
            if with_seed(read_storyboard(board), read_request(result.folder).seed) == result.storyboard:
                return now
        return {board: ""}
    return now


def _wait_for_save(seen: dict[Path, str]) -> None:
    """Return when a file is another than was seen, all are there, and none changed since the last look."""
    last = seen
    while True:
        sleep(_POLL_S)
        now = _marks([*seen])
        if now == last and now != seen and all(now.values()):
            return
        last = now
