"""Turn a written story into a film in which the reader's own character plays.

The public names are loaded when they are first asked for: `import storyanim` alone loads no torch.
"""

from __future__ import annotations

import os
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

# what an editor and a type checker see; _HOMES is what runs
if TYPE_CHECKING:
    from storyanim.api import (
        CharacterFiles,
        Hit,
        MotionFiles,
        build_index,
        learn_character,
        learn_motion,
        make_film,
        plan,
        search,
    )
    from storyanim.artifacts import (
        Candidates,
        CastMember,
        Character,
        CharacterToken,
        Clip,
        ClipMatch,
        DepthTrack,
        Film,
        Frames,
        Motion,
        Shot,
        Story,
        Storyboard,
    )
    from storyanim.config import Settings, load_settings
    from storyanim.depth.dpt import build_depth_estimator
    from storyanim.engine.run_dir import RunDir
    from storyanim.engine.store import load_character_token, save_character_token
    from storyanim.errors import (
        CharacterError,
        FilmError,
        IndexFolderError,
        InputError,
        ModelError,
        MotionError,
        PartialError,
        PlannerError,
        ResourceError,
        ServiceError,
        StaleEditError,
        StoryanimError,
        StoryError,
        UsageError,
        VideoError,
    )
    from storyanim.films.batch import BatchFilm, BatchResult, make_films
    from storyanim.films.forecast import Forecast, forecast_film
    from storyanim.films.replay import Replay, replay_film
    from storyanim.generate.families import build_generator
    from storyanim.generate.load import load_pipeline
    from storyanim.generate.story_pipeline import StoryVideoPipeline
    from storyanim.personalize.fit import TimeInvLearner
    from storyanim.planning import read_story, read_storyboard
    from storyanim.retrieve.encoders import build_encoder
    from storyanim.retrieve.index import VideoIndex
    from storyanim.retrieve.index_format import IndexInfo
    from storyanim.run.pipeline import FilmResult
    from storyanim.run.shots import DrawnShot

    __version__: str

# OpenMP's threads, by default, spin while they wait for each other: beside another busy program they take its
# time and lose their own, three times as long and more. libgomp and libomp read this when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_ARTIFACTS = ("Candidates", "CastMember", "Character", "CharacterToken", "Clip", "ClipMatch", "DepthTrack",
              "Film",
              "Frames", "Motion", "Shot", "Story", "Storyboard")
_ERRORS = ("CharacterError", "FilmError", "IndexFolderError", "InputError", "ModelError", "MotionError",
           "PartialError",
           "PlannerError",
           "ResourceError", "ServiceError", "StaleEditError", "StoryError", "StoryanimError", "UsageError",
           "VideoError")
_API = ("CharacterFiles", "Hit", "MotionFiles", "build_index", "learn_character", "learn_motion", "make_film",
        "plan", "search")
_HOMES = {
    **dict.fromkeys(_API, "api"),
    **dict.fromkeys(_ARTIFACTS, "artifacts"),
    **dict.fromkeys(_ERRORS, "errors"),
    **dict.fromkeys(("Settings", "load_settings"), "config"),
    **dict.fromkeys(("read_story", "read_storyboard"), "planning"),
    **dict.fromkeys(("load_character_token", "save_character_token"), "engine.store"),
    **dict.fromkeys(("BatchFilm", "BatchResult", "make_films"), "films.batch"),
    **dict.fromkeys(("Forecast", "forecast_film"), "films.forecast"),
    **dict.fromkeys(("Replay", "replay_film"), "films.replay"),
    "IndexInfo": "retrieve.index_format",
    "VideoIndex": "retrieve.index",
    "DrawnShot": "run.shots",
    "FilmResult": "run.pipeline",
    "RunDir": "engine.run_dir",
    "StoryVideoPipeline": "generate.story_pipeline",
    "TimeInvLearner": "personalize.fit",
    "build_depth_estimator": "depth.dpt",
    "build_encoder": "retrieve.encoders",
    "build_generator": "generate.families",
    "load_pipeline": "generate.load",
}

__all__ = [
    "BatchFilm",
    "BatchResult",
    "Candidates",
    "CastMember",
    "Character",
    "CharacterError",
    "CharacterFiles",
    "CharacterToken",
    "Clip",
    "ClipMatch",
    "DepthTrack",
    "DrawnShot",
    "Film",
    "FilmError",
    "FilmResult",
    "Forecast",
    "Frames",
    "Hit",
    "IndexFolderError",
    "IndexInfo",
    "InputError",
    "ModelError",
    "Motion",
    "MotionError",
    "MotionFiles",
    "PartialError",
    "PlannerError",
    "Replay",
    "ResourceError",
    "RunDir",
    "ServiceError",
    "Settings",
    "Shot",
    "StaleEditError",
    "Story",
    "StoryError",
    "StoryVideoPipeline",
    "StoryanimError",
    "Storyboard",
    "TimeInvLearner",
    "UsageError",
    "VideoError",
    "VideoIndex",
    "build_depth_estimator",
    "build_encoder",
    "build_generator",
    "build_index",
    "forecast_film",
    "learn_character",
    "learn_motion",
    "load_character_token",
    "load_pipeline",
    "load_settings",
    "make_film",
    "make_films",
    "plan",
    "read_story",
    "read_storyboard",
    "replay_film",
    "save_character_token",
    "search",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("storyanim")
    if name not in _HOMES:
        raise AttributeError(f"module 'storyanim' has no attribute {name!r}")
    value = getattr(import_module(f"storyanim.{_HOMES[name]}"), name)
    # a function may have the name of a room: `storyanim.planning`
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
