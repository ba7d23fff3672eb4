"""Turns a written story into a film in which the reader's own character plays.

The public names are loaded when they are first asked for: `import storyanim` alone loads no torch.
"""

from __future__ import annotations

import os
from importlib import import_module, metadata
from typing import Any

# OpenMP's threads, by default, spin while they wait for each other: beside another busy program they take its time and lose
# their own, three times as long and more. libgomp and libomp read this when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_ARTIFACTS = ("Candidates", "CastMember", "Character", "CharacterToken", "Clip", "ClipMatch", "DepthTrack", "Film", "Frames",
              "Shot", "Story", "Storyboard")
_ERRORS = ("CharacterError", "FilmError", "IndexFolderError", "InputError", "ModelError", "PartialError", "PlannerError",
           "ResourceError", "ServiceError", "StoryError", "StoryanimError", "UsageError", "VideoError")
_HOMES = {
    **dict.fromkeys(_ARTIFACTS, "artifacts"),
    **dict.fromkeys(_ERRORS, "errors"),
    **dict.fromkeys(("Settings", "load_settings"), "config"),
    **dict.fromkeys(("FilmRequest", "make_requested_film"), "run.order"),
    **dict.fromkeys(("build_planner", "read_story", "read_storyboard"), "plan"),
    **dict.fromkeys(("load_character_token", "save_character_token"), "engine.store"),
    "CharacterRequest": "run.cast",
    "ClipIndex": "retrieve.index",
    "RunDir": "engine.run_dir",
    "StoryVideoPipeline": "generate.story_pipeline",
    "TimeInvLearner": "personalize.fit",
    "build_depth_estimator": "depth.dpt",
    "build_encoder": "retrieve.encoders",
    "build_generator": "generate.generator",
    "build_index": "retrieve.build",
    "load_pipeline": "generate.load",
    "read_character": "personalize.images",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("storyanim")
    if name not in _HOMES:
        raise AttributeError(f"module 'storyanim' has no attribute {name!r}")
    return getattr(import_module(f"storyanim.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
