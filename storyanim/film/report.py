"""A page that shows how a film came about; it opens from the disk, without a network."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field

from storyanim.artifacts import (
    Candidates,
    Check,
    Clip,
    Film,
    FrozenModel,
    Reading,
    Shot,
    Storyboard,
    insert_appearance,
)
from storyanim.config import GenerateSettings

MAX_UNFOLDED = 12                                    # shots; those of a longer film are folded


class ReportTake(FrozenModel):
    """One drawing of a shot."""

    number: int
    seed: int
    prompt: str
    reading: Reading
    picture: Path                                    # strip of its frames
    in_film: bool


class ReportShot(FrozenModel):
    """What is known of one shot; pictures are files below the report's folder."""

    shot: Shot
    candidates: Candidates | None = None             # what was found
    figures: tuple[Candidates, ...] = ()             # what was found for each of several figures
    thumbnails: tuple[Path, ...] = ()                # one picture a candidate, in their order
    depth: Path | None = None                        # strip of depth frames
    frames: Path | None = None                       # strip of drawn frames
    clip: Clip | None = None
    seconds: dict[str, float] = Field(default_factory=dict)  # step → how long it took when it was computed
    error: str = ""                                  # why there is no clip
    takes: tuple[ReportTake, ...] = ()               # in the order of drawing
    check: Check | None = None                       # how its drawings were read back


class ReportCharacter(FrozenModel):
    """Who a word of the prompts was bound to."""

    name: str
    token: str                                       # in prompts, before the noun
    noun: str
    source: str  # the folder or file that was given, without its path; "" when it is gone
    method: str  # how it was learned, see personalize/fit.py; "" when it is not yet
    pictures: str                                    # how many; "" when unknown
    shots: tuple[str, ...]                           # ids of those it plays in
    appearance: str = ""                                  # read off its pictures, said behind its noun


class Report(FrozenModel):
    """All that the page tells."""

    storyboard: Storyboard
    shots: tuple[ReportShot, ...]
    cast: tuple[ReportCharacter, ...] = ()
    film: Film | None = None
    captions: str = ""                               # of the film, WebVTT
    poster: Path | None = None                       # of the film, a picture
    sheet: Path | None = None
    settings: dict[str, Any] = Field(default_factory=dict)  # of the run, nested
    versions: dict[str, str] = Field(default_factory=dict)  # package → version
    seconds: dict[str, float] = Field(default_factory=dict)  # of the steps that belong to no shot
    worked_s: float = 0.0                            # of all steps, by the clock
    in_use: bool = False                             # it was being drawn when this was written
    mended: tuple[tuple[str, str], ...] = ()         # when, in UTC, and what was damaged and made again

    def drawn(self, shot: Shot) -> str:
        """Return a shot's prompt with the characters' appearance, as the generator got it."""
        prompt = shot.prompt
        for who in self.cast:
            prompt = insert_appearance(prompt, f"{who.token} {who.noun}", who.appearance)
        return prompt

    def guided(self, shot: Shot) -> bool:
        """Return whether depth guided a shot."""
        drawn = GenerateSettings.model_validate(self.settings.get("generate", {}))
        figures = max(shot.figures, len(shot.characters))
        return drawn.control_guidance_end_of(figures, entities=len(shot.entities) > 1) > 0


def render(report: Report, folder: Path) -> str:
    """Return the page as HTML in `folder`, which loads nothing but files, by relative paths."""
    filters: dict[str, Callable[..., str]] = {
        "link": lambda path: _link(Path(path), folder), "duration": _duration, "inlined": _inlined}
    settings = list(_rows(report.settings))
    script = read_beside("report.js")
    return render_template(
        "report.html", filters, report=report, board=report.storyboard, settings=settings,
        run=folder.name, folded=len(report.shots) > MAX_UNFOLDED, script=script, script_hash=_hash(script))


def render_template(template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """Return a template beside this file, rendered; an undefined value is an error, text is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(read_beside), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(**values)


def read_beside(name: str) -> str:
    """Return the text of a file beside this one."""
    return resources.files("storyanim.film").joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    """Return what a policy of the page calls a script by: sha256 of the text between its tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _inlined(captions: str) -> str:
    """Return WebVTT as a data address: a page from the disk may load no other file of words."""
    return "data:text/vtt;base64," + base64.b64encode(captions.encode()).decode()


def _link(path: Path, folder: Path) -> str:
    """Return the URL of a file as seen from `folder`."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def _rows(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as flat rows, "generate.num_frames" → "16"."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)


def _duration(seconds: float) -> str:
    """1.234 → "1.2 s", 75 → "1 min 15 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
