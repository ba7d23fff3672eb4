"""The films of many stories by one call: each in a folder of its own, and one that fails stops no other."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from storyanim import api
from storyanim.api import FilmArguments
from storyanim.artifacts import Story
from storyanim.errors import PartialError, StoryanimError, UsageError
from storyanim.hub import Download
from storyanim.run.models import Confirm
from storyanim.run.pipeline import FilmResult
from storyanim.stages import Progress, no_progress

_LOG = logging.getLogger(__name__)
# Words of progress that come when a film's shots are made; what is planned, fetched or learned before counts
# its own share from 0 to 1.
_OF_SHOTS = re.compile(r"s\d+ (?!speaking)|joining|done")


@dataclass(frozen=True)
class BatchFilm:
    """What became of one story."""

    story: str                                       # as it was given
    folder: Path                                     # of its run
    result: FilmResult | None = None                 # None: no film was made
    error: Exception | None = None

    @property
    def problem(self) -> str:
        """Why it is not whole, a line; "" when it is."""
        if self.error is not None:
            return " ".join(str(self.error).split()) or type(self.error).__name__
        failed = self.result.failed if self.result else {}
        return "; ".join(f"{shot}: {why}" for shot, why in failed.items())


@dataclass(frozen=True)
class BatchResult:
    """The films of many stories, in the order in which they were given."""

    films: tuple[BatchFilm, ...]

    def check_complete(self) -> None:
        """Raise PartialError when films or shots failed; the first story's error when there is no film."""
        failed = {film.story: film.problem for film in self.films if film.problem}
        if not failed:
            return
        first = self.films[0].error
        if isinstance(first, StoryanimError) and not any(film.result for film in self.films):
            error = copy(first)
            error.details += tuple(f"failed: {film.story}: {film.problem}" for film in self.films[1:])
            raise error from first
        raise PartialError(f"{len(failed)} of {len(self.films)} films failed, wholly or in part",
                           hint="mend what is named above and run the same command again", failed=failed)


def make_films(
    stories: Sequence[str | Path], out: str | Path | None = None, *, confirm: Confirm | None = None,
    progress: Progress = no_progress, **asked: Unpack[FilmArguments],
) -> BatchResult:
    """Make the film of each story, one after the other; what is done already is not done again.

    Args:
        stories: files of stories or storyboards, or run folders to go on with.
        out: folder of the run folders, which are called as the stories' files are.
        confirm: as of `make_film`; what it refused once it is not asked again.
        progress: called with the share of all films that is done, and what is being done.
        asked: as of `make_film`, the same for all. A character is learned once for all stories that call it
            the same.

    A story that fails is listed. Raises UsageError, before anything is made, for two that would have the same
    folder, and what `make_film` raises for arguments that no story could be filmed with.
    """
    folders = run_folders(stories, out)
    if not all(map(api.is_run, stories)):            # a run has settings of its own
        api.asked_for(Story(title="story", text="A bear runs."), out, asked)
    confirm = None if confirm is None else _Once(confirm)
    films = []
    for number, (story, folder) in enumerate(zip(stories, folders, strict=True)):
        _LOG.info("%s (%d of %d)", story, number + 1, len(stories))
        tell = _Overall(progress, Path(story).stem, number, len(stories))
        try:
            result = api.make_film(story, out=folder, confirm=confirm, progress=tell, **asked)
            films.append(BatchFilm(str(story), folder, result))
        except Exception as error:                   # a night's other films must not wait for this one
            if not isinstance(error, StoryanimError):
                _LOG.exception("%s failed", story)
            films.append(BatchFilm(str(story), folder, error=error))
    progress(1.0, "done")
    return BatchResult(tuple(films))


def run_folders(stories: Iterable[str | Path], out: str | Path | None) -> list[Path]:
    """Return the folder of each story's run. Raises UsageError for two of the same."""
    found: dict[Path, str | Path] = {}
    folders = []
    for story in stories:
        if api.is_run(story):
            folder = Path(story)
        elif out is None:
            raise UsageError("several stories need a folder for their runs", hint="name one: --out DIR")
        else:
            folder = Path(out) / api.slug(Path(story).stem)
        if (other := found.setdefault(folder.absolute(), story)) is not story:
            raise UsageError(f"{other} and {story} would both be made in {folder}",
                             hint="give each once, and files of different names")
        folders.append(folder)
    return folders


@dataclass
class _Overall:
    """The progress of one film as that of all."""

    progress: Progress
    name: str
    number: int                                      # of films before it
    count: int                                       # of all films
    share: float = 0.0                               # of this film

    def __call__(self, done: float, text: str) -> None:
        """Take the film's own progress, which begins anew with each piece of its work."""
        if _OF_SHOTS.match(text):
            self.share = max(self.share, done)
        self.progress((self.number + self.share) / self.count,
                      f"{self.name} ({self.number + 1} of {self.count}): {text}")


@dataclass
class _Once:
    """Asks before a download, until it is refused."""

    confirm: Confirm
    refusal: StoryanimError | None = None

    def __call__(self, downloads: Sequence[Download]) -> None:
        """Raise what the first refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        try:
            self.confirm(downloads)
        except StoryanimError as error:
            self.refusal = error
            raise
