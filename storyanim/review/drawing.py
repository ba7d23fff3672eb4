"""The drawing of a run's film that a review page began: how far it is, and how it ended."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storyanim import api
from storyanim.errors import StoryanimError, UsageError
from storyanim.hub import Download

_LOG = logging.getLogger(__name__)
_DRAWN = re.compile(r"(s\d+) drawn")


class _StoppedError(BaseException):
    """A person stopped it; no step takes this for its own error."""


@dataclass
class Drawing:
    """Draws what changed in a run, in a thread; one at a time."""

    folder: Path
    share: float = 0.0                               # done, in [0, 1]
    text: str = ""                                   # what is being done, or how it ended
    hint: str = ""                                   # what to do about an error
    failed: bool = False
    drawn: list[str] = field(default_factory=list)   # ids of shots, as they are done
    _thread: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def runs(self) -> bool:
        """Whether it is at work."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, unless it is at work already. Raises UsageError."""
        if self.runs:
            raise UsageError("the film is being drawn already", hint="wait for it, or stop it")
        self.share, self.text, self.hint, self.failed, self.drawn = 0.0, "beginning", "", False, []
        self._stop.clear()
        self._thread = threading.Thread(target=self._draw, daemon=True)    # a killed run goes on later
        self._thread.start()

    def stop(self) -> None:
        """End it at the next word of progress; what is drawn stays."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _draw(self) -> None:
        try:
            result = api.make_film(self.folder, confirm=_refuse_downloads, progress=self._tell)
        except StoryanimError as error:
            self._end(error.message, error.hint)
        except _StoppedError:
            self._end("stopped; what was drawn is kept", "")
        except Exception as error:                   # a page must not wait for ever for what broke
            _LOG.exception("drawing failed")
            self._end(f"{type(error).__name__}: {error}", "the terminal of `storyanim review` shows where")
        else:
            told = [f"{shot}: {why}" for shot, why in result.failed.items()]
            self.failed = bool(told)
            self.share, self.text = 1.0, "; ".join(told) or "the film is up to date"

    def _end(self, text: str, hint: str) -> None:
        self.text, self.hint, self.failed = text, hint, True

    def _tell(self, share: float, text: str) -> None:
        if self._stop.is_set():
            raise _StoppedError
        if found := _DRAWN.fullmatch(text):
            self.drawn.append(found[1])
        self.share, self.text = share, text


def _refuse_downloads(downloads: Sequence[Download]) -> None:
    raise UsageError("models of this run are not on this disk any more",
                     hint="`storyanim run` with this folder fetches them")
