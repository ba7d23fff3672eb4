"""All settings of a run, and how they are loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from storyanim.config.base import ASSETS, asset
from storyanim.config.models import Models
from storyanim.config.profiles import merge, read_profile, read_toml
from storyanim.config.sections import (
    CheckSettings,
    DepthSettings,
    FilmSettings,
    GenerateSettings,
    MotionSettings,
    PersonalizeSettings,
    PlanSettings,
    RetrieveSettings,
    SoundSettings,
)
from storyanim.errors import UsageError

Quality = Literal["draft", "normal", "fine"]
_UNKNOWN = "extra_forbidden"
_LISTS, _TABLES = ("tuple_type", "list_type"), ("model_type", "model_attributes_type")     # kinds of error


class _Files(PydanticBaseSettingsSource):
    """The profile's TOML with its quality's table, and `storyanim.toml` in the working folder above it."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        profile, quality = self.current_state["profile"], self.current_state["quality"]
        data, here = read_profile(profile), Path("storyanim.toml")
        tables = data.pop("quality_settings", {})
        if odd := set(tables) - set(get_args(Quality)):
            raise UsageError(f"{profile} has settings of the quality {min(odd)!r}, which there is not",
                             hint=f"known are {', '.join(get_args(Quality))}")
        data = merge(data, tables.get(quality, {}))
        return merge(data, read_toml(here)) if here.is_file() else data


class Settings(BaseSettings):
    """All settings of a run."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="STORYANIM_", env_nested_delimiter="__",
        nested_model_default_partial_update=True
    )

    profile: str = "storybook"
    quality: Quality = "normal"
    description: str = ""
    # JSON file of what the model can draw, see planning/vocabulary.py
    vocabulary: str | None = None
    # (width, height) in pixels that the models draw as well as their own: that of the film's shape is taken
    draw_sizes: tuple[tuple[int, int], ...] = ()
    models: Models
    plan: PlanSettings = PlanSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    depth: DepthSettings = DepthSettings()
    generate: GenerateSettings = GenerateSettings()
    personalize: PersonalizeSettings = PersonalizeSettings()
    motion: MotionSettings = MotionSettings()
    check: CheckSettings = CheckSettings()
    film: FilmSettings = FilmSettings()
    sound: SoundSettings = SoundSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, EnvSettingsSource(settings_cls), _Files(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _drawn_in_the_films_shape(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Choose the size to draw in, unless a person chose one that the profile does not list."""
        generate, film = data.get("generate"), data.get("film")
        if not (data.get("draw_sizes") and isinstance(generate, dict) and isinstance(film, dict)):
            return data
        try:
            sizes = [(int(width_px), int(height_px)) for width_px, height_px in data["draw_sizes"]]
            own = int(generate.get("width_px", 0)), int(generate.get("height_px", 0))
            shape = int(film.get("width_px", 1)) / int(film.get("height_px", 1))
        except (TypeError, ValueError, ZeroDivisionError):
            return data                              # whoever checks the field says what is wrong
        if own not in sizes:
            return data
        width_px, height_px = min(sizes, key=lambda size: abs(math.log(size[0] / size[1] / shape)))
        return data | {"generate": generate | {"width_px": width_px, "height_px": height_px}}

    def footage_index(self, given: str | None) -> Path | None:
        """Return the index that a run names, else the profile's; None: the bundled one."""
        return Path(name) if (name := given or self.retrieve.index) else None

    @property
    def vocabulary_path(self) -> Path | None:
        """The vocabulary's file on this disk."""
        if self.vocabulary is None:
            return None
        if self.vocabulary.startswith(ASSETS):
            return asset(self.vocabulary.removeprefix(ASSETS))
        return Path(self.vocabulary).expanduser()


def load_settings(profile: str = "storybook", quality: Quality = "normal", **flags: Any) -> Settings:
    """Return the settings of a run; `flags` are what was given on the command line (`generate={"seed": 1}`).

    Raises UsageError for unknown profiles, keys and values out of range.
    """
    try:
        return Settings(profile=profile, quality=quality, **flags)
    except ValidationError as error:
        raise UsageError(_told(error), hint="docs/reference/settings.md lists them all") from error


def _told(error: ValidationError) -> str:
    """Return what is wrong with the settings: a name that there is not before one that is missing."""
    found = sorted(error.errors(), key=lambda one: one["type"] != _UNKNOWN)[0]
    where = ".".join(map(str, found["loc"]))
    if found["type"] == _UNKNOWN:
        near = get_close_matches(str(found["loc"][-1]), _names_at(Settings, found["loc"][:-1]), n=1)
        return f"there is no setting {where}" + (f"; did you mean {near[0]}?" if near else "")
    if found["type"] == "missing":
        return f"the setting {where} is missing"
    wanted = str(found["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
    if found["type"] in _LISTS:
        wanted = "it should be a list, as [...]"
    if found["type"] in _TABLES:
        wanted = f"it should be a table, as {{ {_names_at(Settings, found['loc'])[0]} = ... }}"
    return f"setting {where}: {wanted}"


def _names_at(model: Any, where: Sequence[int | str]) -> list[str]:
    """Return the names of the settings in a table."""
    for part in where:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = model.model_fields[part].annotation
        while get_args(model):                       # Optional[FileRef], tuple[FileRef, ...]
            model = get_args(model)[0]
    return list(getattr(model, "model_fields", {}))
