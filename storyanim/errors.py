"""The tree of errors. Every error has a hint, and every class has the exit code of the command line.

    StoryanimError
    ├── UsageError      2   flags or settings that cannot be
    │   └── StaleEditError        an edit of a storyboard that was changed meanwhile
    ├── PartialError    3   done in part: the failed items are listed, the rest exists
    ├── InputError      4   bad input data
    │   ├── StoryError            the story text or the storyboard
    │   ├── CharacterError        a character's folder or file
    │   ├── MotionError           a motion's file, or footage that shows too little of it
    │   ├── IndexFolderError      an index folder that is broken or does not fit
    │   ├── VideoError            a video that cannot be read
    │   └── ModelError            a model that is missing or does not fit
    ├── ServiceError    5   an outside service failed
    │   └── PlannerError          the language model answered, but never with a storyboard
    └── ResourceError   6   memory, disk or device
        └── FilmError             ffmpeg refused
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


class StoryanimError(Exception):
    """Base of all errors that a user can meet.

    Args:
        message: what is wrong, one line, without a final full stop.
        hint: what to do about it, one line.
        details: what is wrong one by one, a line each, where the message says that it is several things.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    def __reduce__(self) -> tuple[Any, ...]:
        """With all that it carries to another process: what Python does by itself forgets the hint."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[StoryanimError], args: tuple[Any, ...], facts: dict[str, Any]) -> StoryanimError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class UsageError(StoryanimError):
    """Flags or settings that cannot be."""

    exit_code = 2


class StaleEditError(UsageError):
    """The storyboard that a person edits is no longer what they looked at."""


class PartialError(StoryanimError):
    """Done in part: what failed is in `failed`, the rest exists."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str, failed: dict[str, str]) -> None:
        super().__init__(message, hint=hint)
        self.failed = failed


class InputError(StoryanimError):
    """Bad input data."""

    exit_code = 4


class StoryError(InputError):
    """The story text or the storyboard cannot be used."""


class CharacterError(InputError):
    """A character's folder or file cannot be used."""


class MotionError(InputError):
    """A motion's file cannot be used, or there is too little footage to learn it from."""


class IndexFolderError(InputError):
    """An index folder is broken, or was made with another encoder."""


class VideoError(InputError):
    """A video cannot be read."""


class ModelError(InputError):
    """A model is missing, broken, or of another kind than asked for."""


class ServiceError(StoryanimError):
    """An outside service failed."""

    exit_code = 5


class PlannerError(ServiceError):
    """The language model never gave a valid storyboard; its last reply is kept."""

    def __init__(self, message: str, *, hint: str, last_reply: str, attempts: int) -> None:
        super().__init__(message, hint=hint)
        self.last_reply = last_reply
        self.attempts = attempts


class ResourceError(StoryanimError):
    """Memory, disk or device."""

    exit_code = 6


class FilmError(ResourceError):
    """ffmpeg refused; `hint` carries the last line that it printed."""


@contextmanager
def extra_needed(
    extra: str, message: str, otherwise: str = "", error_type: type[StoryanimError] = UsageError
) -> Iterator[None]:
    """Raise an error whose hint names the extra of this package, when an import inside fails.

    Args:
        extra: by its name in pyproject.toml.
        message: what cannot be done.
        otherwise: the other way out, as in "give the table as CSV".
        error_type: of the error.
    """
    try:
        yield
    except ImportError as error:
        hint = f"pip install 'storyanim[{extra}]'" + (f", or {otherwise}" if otherwise else "")
        raise error_type(message, hint=hint) from error
