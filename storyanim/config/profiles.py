"""Profiles: TOML files that say which models are used, and how."""

from __future__ import annotations

import os
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from storyanim.errors import UsageError

# settings that are paths
_PATHS = {"repo", "file", "files", "vocabulary", "font", "music", "voices", "lancedb_uri", "index"}
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
PROFILE_NAMES = ("storybook", "sd15", "sd15-lightning", "sd15-lcm", "wan-vace")


def read_profile(name: str) -> dict[str, Any]:
    """Return the TOML of a bundled profile, or of a file, with that of the bundled one that it `extends`.

    Raises UsageError.
    """
    data = _profile_toml(name)
    if (below := data.pop("extends", None)) is None:
        return data
    if below not in PROFILE_NAMES:
        raise UsageError(f"{name} extends {below!r}, which is no bundled profile",
                         hint=f"known are {', '.join(PROFILE_NAMES)}")
    return merge(read_profile(below), data)


def _profile_toml(name: str) -> dict[str, Any]:
    if name in PROFILE_NAMES:
        bundled = resources.files("storyanim.profiles").joinpath(f"{name}.toml")
        return tomllib.loads(bundled.read_text("utf-8"))
    path = Path(name)
    if path.suffix == ".toml":
        data: dict[str, Any] = _beside(read_toml(path), path.parent)
        return data
    given = f"{name}.toml, which is there" if path.with_name(f"{path.name}.toml").is_file() else (
        "a .toml file like theirs")
    raise UsageError(f"unknown profile {name!r}",
                     hint=f"known are {', '.join(PROFILE_NAMES)}, or give {given}")


def _beside(value: Any, folder: Path, name: str = "") -> Any:
    """Return the setting `name`, or a table of them, with paths that lie beside the profile made absolute.

    So a run goes on in another working folder. `~` and environment variables are filled in. What does not lie
    there is a repository's name, a font's, or lies in the working folder. Raises UsageError.
    """
    if isinstance(value, dict):
        of_hub = bool(value.get("repo"))             # then `file` is one of the repository's
        return {key: part if of_hub and key == "file" else _beside(part, folder, key)
                for key, part in value.items()}
    if isinstance(value, list):
        return [_beside(part, folder, name) for part in value]
    if name not in _PATHS or not isinstance(value, str) or not value:
        return value
    path = _filled_in(value)
    return os.path.abspath(folder / path) if os.path.exists(folder / path) else path


def _filled_in(path: str) -> str:
    """Return a path with the home folder for `~`, and the values of `$NAME`, `${NAME}`. Raises UsageError."""
    for found in _VARIABLE.finditer(path):
        if (name := found[1] or found[2]) not in os.environ:
            raise UsageError(
                f"the profile's {path!r} names the environment variable {name}, which is not set",
                hint=f"set it, as in {name}=/folder, or write the folder itself")
    return os.path.expanduser(_VARIABLE.sub(lambda found: os.environ[found[1] or found[2]], path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file. Raises UsageError."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))           # some editors begin files with a mark
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="give a .toml file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        escaped = any(words in str(error) for words in ("hex value", "Unescaped"))
        hint = r"write paths as 'C:\models', or with /" if escaped else "it must be TOML in UTF-8"
        raise UsageError(f"{path} cannot be read: {error}", hint=hint) from error


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return tables joined: where both have a value, the one above wins.

    A model that names its repository, or a file on this disk, keeps nothing of the one below: that one's
    `file` or `revision` are of its own repository.
    """
    merged = dict(below)
    for key, value in above.items():
        joined = isinstance(value, dict) and isinstance(merged.get(key), dict) and not _is_whole(value)
        merged[key] = merge(merged[key], value) if joined else value
    return merged


def _is_whole(table: dict[str, Any]) -> bool:
    return "repo" in table or os.path.isabs(str(table.get("file", "")))
