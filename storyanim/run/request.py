"""What a run is asked for. `run.json` holds it, so that a run folder can go on by itself."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from storyanim.artifacts import FrozenModel, Story, Storyboard
from storyanim.config import Quality, Settings, load_settings
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import file_key
from storyanim.errors import CharacterError, InputError, StoryanimError
from storyanim.planning import is_storyboard, read_story, read_storyboard
from storyanim.planning.board_problems import Problem
from storyanim.run.models import pins_between

RECORD = "run.json"
_PACKAGES = ("storyanim", "torch", "diffusers", "transformers", "peft", "av", "numpy")


class CharacterRequest(FrozenModel):
    """One `--character`: a folder of pictures or a character file, and whom it plays."""

    path: str                                        # absolute
    # what the story calls whom it plays, "bear" or "Tom"; None: guessed from the folder's name and the story
    noun: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `DIR`, `DIR=WHOM`, `FILE.safetensors` or `FILE.safetensors=WHOM`.

        Raises CharacterError for a path that is not there.
        """
        path, noun = text, ""
        if not os.path.exists(text) and "=" in text:
            path, _, noun = text.rpartition("=")
        if not os.path.exists(path):                 # unlike Path, it does not take "" for the working folder
            raise CharacterError(f"there is no character {path!r}",
                                 hint="give a folder of pictures or a .safetensors file")
        return cls(path=str(Path(path).resolve()), noun=noun or None)


class FilmRequest(FrozenModel):
    """Everything that decides a run's film."""

    version: int = 1
    story: Story | None                              # None: a storyboard was given
    characters: tuple[CharacterRequest, ...] = ()
    index: str | None = None                         # folder of the footage index; None: the bundled one
    profile: str = "storybook"
    quality: Quality = "normal"
    # section → settings that were given by flags
    flags: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seed: int = 0                                    # added to the seed of every shot

    def settings(self) -> Settings:
        """Load the settings. Raises UsageError."""
        return load_settings(self.profile, self.quality, **self.flags)


def read_source(
    path: Path, check: Callable[[Any], Sequence[Problem]] = lambda data: ()
) -> Story | Storyboard:
    """Read a story or a storyboard, told apart by what is in the file.

    Args:
        path: of the file.
        check: a storyboard's data, valid or not → what else is wrong with them.

    Raises StoryError.
    """
    return read_storyboard(path, check) if is_storyboard(path) else read_story(path)


def write_request(
    run: RunDir, request: FilmRequest, settings: Settings, components: Mapping[str, str] | None = None
) -> None:
    """Write `run.json`: the request, what it led to, and all by which a replay tells what differs.

    Args:
        run: folder of the run, open.
        request: what was asked for.
        settings: that it led to.
        components: role → fingerprint of what does the work.
    """
    facts = {"request": request.model_dump(mode="json"), "settings": settings.model_dump(mode="json"),
             "commits": read_pins(run.path) | pins_between(request.settings(), settings),
             "versions": versions(), "inputs": _inputs_of(request, settings),
             "components": dict(components or {})}
    run.write(RECORD, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _inputs_of(request: FilmRequest, settings: Settings) -> dict[str, str]:
    """Return path → sha256 of the files that a person gave: characters, motions, music and font."""
    paths = [*(who.path for who in request.characters), *settings.motion.files, settings.sound.music,
             settings.film.font]
    return {path: file_key(Path(path)) for path in paths
            if path and (os.path.isfile(path) or os.path.isdir(path))}


def read_request(folder: Path) -> FilmRequest:
    """Read the request of an existing run. Raises InputError."""
    try:
        data = json.loads((folder / RECORD).read_text("utf-8"))
        return FilmRequest.model_validate(data["request"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{folder} is no run folder, or its run.json is damaged",
                         hint="give the story again: `storyanim run STORY --out FOLDER`") from error


def changed_settings(
    folder: Path, request: FilmRequest, settings: Settings
) -> dict[str, tuple[Any, Any]]:
    """Return the settings that a run had otherwise and that nobody asks to change: name → was, is.

    They came from the environment, `storyanim.toml`, a profile or a default that is another by now. What only
    changes speed is left out, and so are commits, which a run keeps. {} of a new run.
    """
    try:
        data = json.loads((folder / "run.json").read_text("utf-8"))
        before = dict(_flat(FilmRequest.model_validate(data["request"]).settings()))
        had = data["settings"]
    except (OSError, ValueError, KeyError, TypeError, StoryanimError):
        return {}
    asked = dict(_flat(request.settings()))
    found = {}
    for name, value in _flat(settings):
        was = _at(had, name)
        if was is not _MISSING and was != value and before.get(name) == asked.get(name):
            found[name] = (was, value)
    return found


def dropped(folder: Path, request: FilmRequest) -> tuple[str, ...]:
    """Return what a run was asked for and is not any more, each as it would be given; () of a new run."""
    try:
        had = read_request(folder)
    except InputError:
        return ()
    paths = {who.path for who in request.characters}
    found = [f"--character {who.path}" + (f"={who.noun}" if who.noun else "")
             for who in had.characters if who.path not in paths]
    gone = had.model_dump(exclude_defaults=True).keys() - request.model_dump(exclude_defaults=True).keys()
    found += [f"--{name} {getattr(had, name)}" for name in ("index", "quality", "seed") if name in gone]
    found += [f"{section}.{name} {json.dumps(value)}" for section, values in had.flags.items()
              for name, value in values.items() if name not in request.flags.get(section, {})]
    return tuple(found)


_MISSING = object()


def _flat(section: BaseModel, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings that can change a result by their dotted names, as JSON has them."""
    dumped = section.model_dump(mode="json")
    for name, info in type(section).model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{place}{name}.")
        elif extra.get("changes_results") is not False and name not in ("revision", "loras", "embeddings"):
            yield f"{place}{name}", dumped[name]


def _at(data: Any, name: str) -> Any:
    for part in name.split("."):
        data = data.get(part, _MISSING) if isinstance(data, dict) else _MISSING
    return data


def steps_of(folder: Path) -> int | None:
    """Return by how many denoising steps a run was last drawn; None where there is no such run."""
    try:
        data = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    found = _at(data, "settings.generate.num_inference_steps")
    return found if isinstance(found, int) and found > 0 else None


def read_pins(folder: Path) -> dict[str, str]:
    """Return the commits of a run's models: "repository@revision" → commit; {} of a new run."""
    try:
        found = json.loads((folder / RECORD).read_text("utf-8")).get("commits", {})
        return {str(name): str(commit) for name, commit in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def versions() -> dict[str, str]:
    """Return the version of Python and of each package that can change a picture."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:        # run from a checkout that was never installed
            found[package] = "unknown"
    return found
