"""What a film is asked for: the arguments, written once, and what they come to before anything is made."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from storyanim.artifacts import Story, Storyboard
from storyanim.config import Quality, Settings
from storyanim.errors import InputError, UsageError
from storyanim.generate.capabilities import check_settings
from storyanim.planning import STDIN, require_english
from storyanim.retrieve.index_format import read_info
from storyanim.run import models as run_models
from storyanim.run.limits import Limits
from storyanim.run.models import index_pins
from storyanim.run.request import CharacterRequest, FilmRequest, read_pins, read_request, read_source
from storyanim.run.sound import check_sound
from storyanim.run.storyboard import Replan
from storyanim.video import check_ffmpeg

ExecutorName = Literal["local", "ray"]


class PlanArguments(TypedDict, total=False):
    """What decides how a story is split. What is left out or None is not given.

    characters: folders of 3 to 30 pictures, `FOLDER=WHOM`, or files of `learn_character`.
    profile: "auto", "storybook", "sd15", or a TOML file; not given: auto, or what the run folder has.
    planner: who splits the story: rules, offline, or a language model at a server.
    cast: whom the model cannot draw: another plays the part, an error, or left out.
    settings: section → settings, as in {"generate": {"guidance_scale": 3}}.
    """

    characters: Sequence[str | Path]
    profile: str | Path | None
    planner: Literal["rules", "openai"] | None
    cast: Literal["auto", "strict", "none"] | None
    settings: Mapping[str, Mapping[str, Any]] | None


class WorkerArguments(TypedDict, total=False):
    """Where shots are drawn, which no film depends on.

    executor: on this machine ("local"), or by Ray's workers ("ray").
    ray_address: of a Ray cluster; not given: on this machine.
    workers: shots drawn at once, each by a process of its own; 0: as many as cores and memory allow for small
        models on a CPU, else one.
    """

    executor: ExecutorName
    ray_address: str | None
    workers: int


class FilmArguments(PlanArguments, WorkerArguments, total=False):
    """What decides a film beside its story and its folder: also the arguments of a plan and of workers.

    motions: files of `learn_motion`, for the shots that name the motion.
    index: folder of `build_index`; not given: the bundled footage.
    quality: how many denoising steps, and how large.
    seed: another seed, another film.
    replan: what becomes of edits in the run when story, cast, planner or the storyboard that is given
        changed: "keep" what can be kept, "discard", or a function that is told what cannot be kept and may
        raise. Either way `storyanim.run.edits.undo` goes back.
    """

    motions: Sequence[str | Path]
    index: str | Path | None
    quality: Quality | None
    seed: int | None
    replan: Replan


@dataclass(frozen=True)
class FilmAsked:
    """What a call of `make_film` asks for, checked; nothing is written or fetched yet."""

    request: FilmRequest
    board: Storyboard | None                         # when one was given
    folder: Path                                     # of the run
    why: str                                         # the profile was chosen so; "": it was given
    settings: Settings                               # with models as they are named, bound to no commit

    def pins(self) -> dict[str, str]:
        """Return the commits that the run's index and its earlier runs bind models to."""
        index = self.settings.footage_index(self.request.index)
        return index_pins(index, self.settings) | read_pins(self.folder)


def asked_for(
    story: str | Path | Story | Storyboard, out: str | Path | None, asked: FilmArguments
) -> FilmAsked:
    """Read and check what `make_film` is given. Raises StoryanimError, TypeError for another argument."""
    check_names(asked, FilmArguments)
    index, profile = asked.get("index"), asked.get("profile")
    given = {
        "characters": tuple(CharacterRequest.parse(str(who)) for who in asked.get("characters", ())) or None,
        "index": None if index is None else str(Path(index).resolve()),
        "profile": None if profile is None else profile_name(profile),
        "quality": asked.get("quality"), "seed": asked.get("seed"),
        "flags": _flags(asked) or None,
    }
    request, board, folder = _requested(story, given, out)
    request, why = _with_profile(request, folder)
    return FilmAsked(request, board, folder, why, _checked_settings(request))


def check_names(given: Mapping[str, object], known: type) -> None:
    """Raise TypeError for an argument that is none of a TypedDict, as Python does for those of a function."""
    if unknown := sorted(given.keys() - known.__annotations__.keys()):
        raise TypeError(f"{', '.join(unknown)}: no such argument")


def _flags(asked: FilmArguments) -> dict[str, dict[str, Any]]:
    """Return section → settings, with those that have an argument of their own."""
    sections = plan_flags(asked)
    if motions := asked.get("motions"):
        files = [str(Path(file).resolve()) for file in motions]
        sections["motion"] = {**sections.get("motion", {}), "files": files}
    return sections


def plan_flags(asked: PlanArguments) -> dict[str, dict[str, Any]]:
    """Return section → settings of a plan, with those that have an argument of their own."""
    sections = {name: dict(values) for name, values in (asked.get("settings") or {}).items()}
    named = {"planner": asked.get("planner"), "cast": asked.get("cast")}
    if given := {name: value for name, value in named.items() if value is not None}:
        sections["plan"] = sections.get("plan", {}) | given
    return sections


def _checked_settings(request: FilmRequest) -> Settings:
    """Load the settings, and look at ffmpeg, index, music and voices, before anything is written.

    What is wrong leaves no folder.
    """
    loaded = request.settings()
    check_settings(loaded)
    check_ffmpeg()
    check_sound(loaded.sound)
    if index := loaded.footage_index(request.index):
        read_info(index)
    if request.story is not None:
        check_language(request.story, loaded)
    return loaded


def _requested(
    story: str | Path | Story | Storyboard, given: Mapping[str, Any], out: str | Path | None
) -> tuple[FilmRequest, Storyboard | None, Path]:
    """Return the request, the storyboard when one was given, and the run folder; None is not given."""
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(story, (str, Path)):
        path = Path(story)
        if not path.exists() and str(path) != STDIN:
            raise InputError(f"there is no file {path}",
                             hint="give a text file with a story, a storyboard.yaml, or a run folder")
        if path.is_dir():
            if out is not None and Path(out).resolve() != path.resolve():
                raise UsageError("a run goes on in its own folder",
                                 hint="leave out --out, or give the story again")
            had = read_request(path)
            if "flags" in given:                     # those that the run had and are not given again stay
                sections = {*had.flags, *given["flags"]}
                given["flags"] = {name: had.flags.get(name, {}) | dict(given["flags"].get(name, {}))
                                  for name in sections}
            return FilmRequest.model_validate({**had.model_dump(), **given}), None, path
        story = read_source(path, lambda data: _limits(data, given, out).problems(data))
    folder = Path(out) if out is not None else Path("runs") / slug(story.title)
    given = {"profile": run_models.AUTO} | given
    if isinstance(story, Story):
        return FilmRequest(story=story, **given), None, folder
    return FilmRequest(story=None, **given), story, folder


def is_run(source: str | Path) -> bool:
    """Return whether a source is the folder of a run, to go on with."""
    return Path(source).is_dir()


def _limits(data: Any, given: Mapping[str, Any], out: str | Path | None) -> Limits:
    """Return what a run of a storyboard, as it was read, can film."""
    title = data.get("title") if isinstance(data, dict) else ""
    folder = Path(out) if out is not None else Path("runs") / slug(str(title))
    request = FilmRequest(story=None, **({"profile": run_models.AUTO} | dict(given)))
    return Limits(_with_profile(request, folder)[0], folder)


def slug(title: str) -> str:
    """Return a title as the name of a folder: "The Bear & the Lake" → "the-bear-the-lake"."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title).lower().replace("'", "").replace("’", ""))
    return "-".join(words)[:60].rstrip("-") or "story"


def _with_profile(request: FilmRequest, folder: Path) -> tuple[FilmRequest, str]:
    """Return the request with "auto" settled, by what the run folder had or by the machine, and why."""
    if request.profile != run_models.AUTO:
        return request, ""
    if (folder / "run.json").is_file():
        return request.model_copy(update={"profile": read_request(folder).profile}), "as this run began"
    if request.index is not None:
        read_info(Path(request.index))               # a broken one is reported as such
    files = [who.path for who in request.characters if Path(who.path).is_file()]
    name, why = run_models.choose_profile(request.index, files)
    return request.model_copy(update={"profile": name}), why


def chosen_profile(
    profile: str | Path | None, index: str | Path | None = None, character_files: Sequence[str] = ()
) -> str:
    """Return the profile that was given, or the one that fits machine, index and characters."""
    return run_models.settle_profile(run_models.AUTO if profile is None else profile_name(profile),
                                     None if index is None else str(index), character_files)[0]


def profile_name(name: str | Path) -> str:
    """Return a profile's file by its absolute path, so that the run folder finds it again."""
    return str(Path(name).resolve()) if str(name).endswith(".toml") else str(name)


def check_language(story: Story, settings: Settings) -> None:
    """Raise StoryError for a story that the planner of the settings cannot read."""
    if settings.plan.planner == "rules":
        require_english(story)
