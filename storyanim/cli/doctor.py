"""`storyanim doctor`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import StoryanimError

if TYPE_CHECKING:
    from storyanim.config import FileRef, ModelRef, Models, Settings


def doctor(
    profile: flags.Profile = "auto",
    smoke: Annotated[bool, typer.Option("--smoke/--no-smoke", help="Draw a shot of two steps.")] = True,
    json_: flags.AsJson = False,
) -> None:
    """Tell what this machine has, what of a profile is here and fits it, and draw a shot to try it."""
    from storyanim.config import load_settings
    from storyanim.generate.capabilities import capabilities_of
    from storyanim.run.models import bind, models_of, settle_profile

    profile, why = settle_profile(profile)
    settings = load_settings(profile)
    facts: dict[str, Any] = _machine(settings) | {"profile": profile, "why this profile": why}
    here = True
    for name, ref in models_of(settings.models).items():
        facts[f"model {name}"], there = _model(ref)
        here = here and there
    for name, file in _files_of(settings.models):
        facts[f"model {name}"], there = _file(file)
        here = here and there
    facts["to fetch"] = "nothing" if here else _to_fetch(settings)
    facts |= {f"can do {what}": told for what, told in capabilities_of(settings).told().items()}
    facts["bundled index"] = _state(_bundled_clips)
    facts |= _fits(settings)
    if smoke:
        facts["smoke run"] = _state(lambda: _smoke(bind(settings, {}))) if here else (
            f"not tried: models are missing (`storyanim fetch {profile}`)")
    console.result(facts, "\n".join(f"{name}: {value}" for name, value in facts.items()), json_)


def _machine(settings: Settings) -> dict[str, Any]:
    import torch  # not before the profile is known to be one

    from storyanim import video
    from storyanim.config import cache_folder
    from storyanim.device import choose_device
    from storyanim.generate.memory import choose_dtype
    from storyanim.run.request import versions

    facts: dict[str, Any] = dict(versions())
    device = choose_device()
    facts["device"] = f"CPU, {torch.get_num_threads()} threads"
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(0)
        facts["device"], facts["gpu_memory_gb"] = card.name, round(card.total_memory / 1e9, 1)
    elif device.type == "mps":
        facts["device"] = "Apple GPU (MPS)"
    facts["dtype"] = str(choose_dtype(settings.generate.dtype, device)).removeprefix("torch.")
    if hasattr(os, "sysconf"):
        facts["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    facts["free_disk_gb"] = round(shutil.disk_usage(".").free / 1e9, 1)
    facts["ffmpeg"] = video.ffmpeg_exe()
    facts["cache"] = str(cache_folder())
    return facts


def _model(ref: ModelRef) -> tuple[str, bool]:
    """Return what is known of a model, and whether it is on this disk; asks nobody."""
    from storyanim import hub

    if not hub.is_on_disk(ref):
        where = f"no folder {ref.folder}" if ref.folder is not None else f"{ref.repo} is not on this disk"
        return f"missing: {where}", False
    told = _state(lambda: hub.fingerprint(ref)[:110 if ref.folder is None else 72])
    licence = hub.licence_of(ref)
    return f"{told}, licence {licence}" if licence else told, True


def _files_of(models: Models) -> Iterator[tuple[str, FileRef]]:
    """Yield the files of this disk that a person brings, each with its role and name."""
    for role in ("base", "loras", "embeddings", "ip_adapter"):
        value = getattr(models, role) or ()
        for ref in value if isinstance(value, tuple) else (value,):
            if ref.hub is None:
                yield f"{role} {os.path.basename(ref.file)}", ref


def _file(ref: FileRef) -> tuple[str, bool]:
    """Return what is known of a file that a person brings, and whether it is there."""
    from storyanim import hub

    try:
        return f"{hub.file_sha256(hub.locate_file(ref))}, weight {ref.weight:g}", True
    except StoryanimError as error:
        return f"missing: {error.message}", False


def _to_fetch(settings: Settings) -> Any:
    """Return what would be downloaded, a line a repository, as far as the hub can be asked."""
    from storyanim import hub
    from storyanim.cli.fetch import download_lines
    from storyanim.run.models import bind, models_of

    try:
        missing = hub.plan_downloads(models_of(bind(settings, {}).models))
    except StoryanimError as error:
        return f"unknown: {error.message}"
    lines = [line.removeprefix("to download: ").strip() for line in download_lines(missing)]
    return "; ".join(lines) or "nothing of a hub: name folders that are there in the profile's [models]"


def _fits(settings: Settings) -> dict[str, str]:
    """Return which work fits the device, by what was computed for its profile (docs/guide/gpu.md)."""
    from storyanim.generate.footprint import what_fits

    return {f"fits {work}": text for work, text in what_fits(settings).items()}


def _bundled_clips() -> str:
    from storyanim.config import DEFAULT_INDEX, asset
    from storyanim.retrieve.index_format import read_info

    return f"{read_info(asset(DEFAULT_INDEX)).num_clips} clips"


def _smoke(settings: Settings) -> str:
    """Draw one shot of two steps and say how long it took."""
    from storyanim.artifacts import Shot
    from storyanim.generate.families import build_generator

    few = {"num_inference_steps": 2, "num_frames": min(settings.generate.num_frames, 8)}
    small = settings.generate.model_copy(update=few)
    generator = build_generator(settings.model_copy(update={"generate": small}))
    start = time.monotonic()
    shot = Shot(id="s01", text="", query="a bear", prompt="a bear", characters=(), seed=0,
                duration_s=small.num_frames / small.fps)
    frames = generator.draw(shot, None, ())
    length, height, width = frames.rgb.shape[:3]
    return f"{length} frames of {width}x{height} in two steps, {time.monotonic() - start:.1f} s with loading"


def _state(look: Any) -> str:
    try:
        return str(look())
    except StoryanimError as error:
        return f"missing: {error.message} ({error.hint})"
