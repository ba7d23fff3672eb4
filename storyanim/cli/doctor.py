"""`storyanim doctor`."""

from __future__ import annotations

import os
import shutil
from typing import Any

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import StoryanimError


def doctor(profile: flags.Profile = "storybook", json_: flags.AsJson = False) -> None:
    """Tell what this machine has: devices, memory, ffmpeg, fonts, and the models of a profile."""
    from storyanim import hub, video
    from storyanim.config import asset, cache_folder, load_settings
    from storyanim.retrieve.index_format import read_info
    from storyanim.run.components import DEFAULT_INDEX
    from storyanim.run.request import versions

    models = load_settings(profile).models
    import torch  # not before the profile is known to be one

    facts: dict[str, Any] = dict(versions())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    facts["device"] = gpu or f"CPU, {torch.get_num_threads()} threads"
    if hasattr(os, "sysconf"):
        facts["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    facts["free_disk_gb"] = round(shutil.disk_usage(".").free / 1e9, 1)
    facts["ffmpeg"] = video.ffmpeg_exe()
    facts["cache"] = str(cache_folder())
    for name in ("pipeline", "motion_adapter", "structure", "depth", "encoder"):
        ref = getattr(models, name)
        if ref is not None:
            facts[f"model {name}"] = _state(lambda ref=ref: hub.fingerprint(ref)[:72])
    facts["bundled index"] = _state(lambda: f"{read_info(asset(DEFAULT_INDEX)).num_clips} clips")
    console.result(facts, "\n".join(f"{name}: {value}" for name, value in facts.items()), json_)


def _state(look: Any) -> str:
    try:
        return str(look())
    except StoryanimError as error:
        return f"missing: {error.message} ({error.hint})"
