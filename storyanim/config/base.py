"""The class of all settings, and where the package's own files are."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

DEFAULT_INDEX = "storybook/index"                    # of footage, in the package's assets
ASSETS = "assets:"                                   # prefix of a repo that ships with the package
SPEED: JsonDict = {"changes_results": False}         # marks fields that the keys of steps leave out


class Section(BaseModel):
    """Base of all settings: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def asset(name: str) -> Path:
    """Return the path of something that ships with the package."""
    return Path(str(resources.files("storyanim"))) / "assets" / name


def cache_folder() -> Path:
    """Return where results that several runs share are kept; `STORYANIM_CACHE` moves it."""
    base = os.environ.get("STORYANIM_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache",
                                                             "storyanim")
    return Path(base).expanduser()


def canonical(settings: BaseModel) -> str:
    """Return settings as JSON with sorted keys."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
