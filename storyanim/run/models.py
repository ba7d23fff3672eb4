"""The models of a run before it starts: which profile, which commits, and what must be fetched first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from storyanim import hub
from storyanim.config import FileRef, ModelRef, Models, Settings, load_settings
from storyanim.engine.store import load_character_token
from storyanim.errors import StoryanimError
from storyanim.hub import Download
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index_format import read_info
from storyanim.stages import Progress, no_progress

log = logging.getLogger(__name__)
Confirm = Callable[[Sequence[Download]], None]       # told what is fetched; raises to refuse it
AUTO = "auto"
ROLES = ("pipeline", "motion_adapter", "structure", "depth", "encoder", "reader", "vae", "image_encoder",
         "base", "loras", "embeddings", "ip_adapter")
MIN_GPU_BYTES = 7.5e9                                # what a card sold with 8 GB has left


def models_of(models: Models, roles: Sequence[str] = ROLES) -> dict[str, ModelRef]:
    """Return role → model, of those that a profile names; a role of several files has one name a file."""
    found: dict[str, ModelRef] = {}
    for role in roles:
        value = getattr(models, role)
        if isinstance(value, ModelRef):
            found[role] = value
        else:
            found |= {f"{role} {ref.file}": ref.hub for ref in _files(value) if ref.hub is not None}
    return found


def _files(value: FileRef | tuple[FileRef, ...] | None) -> tuple[FileRef, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def ready_settings(
    settings: Settings, pins: Mapping[str, str], roles: Sequence[str] = ROLES, confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> Settings:
    """Return the settings with each repository bound to its commit, and all weights on this disk.

    Args:
        settings: of the run.
        pins: `hub.pin_of` a model → the commit that it is bound to.
        roles: the models that will be needed.
        confirm: told what has to be fetched before the first byte.
        progress: of the downloads.

    Asks nobody when all is on this disk. Raises ServiceError, ModelError, ResourceError, what confirm raises.
    """
    bound = bind(settings, pins, roles)
    downloads = hub.plan_downloads(models_of(bound.models, roles))
    if downloads:
        if confirm is not None:
            confirm(downloads)
        hub.fetch(downloads, lambda done, text: progress(done, f"fetching  {text}"))
    return bound


def bind(
    settings: Settings, pins: Mapping[str, str], roles: Sequence[str] = ROLES, only_pinned: bool = False
) -> Settings:
    """Return the settings with each repository bound to a commit. Raises ServiceError, ModelError."""
    def of(ref: ModelRef) -> ModelRef:
        return ref if only_pinned and hub.pin_of(ref) not in pins else hub.resolve(ref, pins)

    def of_file(ref: FileRef) -> FileRef:
        return ref if ref.hub is None else ref.model_copy(update={"revision": of(ref.hub).revision})

    bound: dict[str, object] = {}
    for role in roles:
        value = getattr(settings.models, role)
        if isinstance(value, ModelRef):
            bound[role] = of(value)
        elif files := _files(value):
            told = tuple(map(of_file, files))
            bound[role] = told if isinstance(value, tuple) else told[0]
    return settings.model_copy(update={"models": settings.models.model_copy(update=bound)})


def pins_between(asked: Settings, bound: Settings) -> dict[str, str]:
    """Return the pins that lead from the settings as asked for to those bound to commits."""
    theirs = models_of(bound.models)
    return {hub.pin_of(ref): theirs[role].revision for role, ref in models_of(asked.models).items()
            if ref.folder is None}


def commits_of(settings: Settings) -> dict[str, str]:
    """Return role → "repository@commit" of the models that come from the hub, for reports."""
    return {role: hub.pin_of(ref) for role, ref in models_of(settings.models).items() if ref.folder is None}


def index_pins(index: Path | None, settings: Settings) -> dict[str, str]:
    """Return the pin of the encoder's commit that an index was made with, so that the index stays valid."""
    ref = settings.models.encoder
    made = hub.revision_of(read_info(index).encoder) if index is not None and ref.folder is None else None
    return {hub.pin_of(ref): made[1]} if made is not None and made[0] == ref.repo else {}


def choose_profile(index: str | None = None, character_files: Sequence[str] = ()) -> tuple[str, str]:
    """Return the profile that `--profile auto` means here, and why.

    That is sd15 where a GPU has the memory and all of its weights are on this disk, unless the index or a
    character was made with storybook.
    """
    sd15 = load_settings("sd15")
    if not all(map(hub.is_on_disk, models_of(sd15.models).values())):
        return "storybook", "the weights of sd15 are not on this disk (`storyanim fetch sd15` brings them)"
    encoder = read_info(Path(index)).encoder if index is not None else None
    if encoder is not None and not hub.is_same_model(encoder, build_encoder(sd15).fingerprint):
        return "storybook", "the index was not made with the encoder of sd15"
    base = hub.fingerprint(sd15.models.pipeline)
    if others := [path for path in character_files if not _is_of_base(path, base)]:
        return "storybook", f"{others[0]} was not learned with sd15"
    return _by_device()


def settle_profile(
    profile: str, index: str | None = None, character_files: Sequence[str] = ()
) -> tuple[str, str]:
    """Return the profile that a name means, and why: another than "auto" is itself, as asked for."""
    return choose_profile(index, character_files) if profile == AUTO else (profile, "as asked for")


def _is_of_base(path: str, base: str) -> bool:
    try:
        return hub.is_same_model(load_character_token(Path(path)).base, base)
    except StoryanimError:
        return True                                  # whoever reads it says what is wrong


def _by_device() -> tuple[str, str]:
    import torch

    if not torch.cuda.is_available():
        return "storybook", "there is no CUDA GPU for sd15"
    device = torch.cuda.get_device_properties(0)
    if device.total_memory < MIN_GPU_BYTES:
        return "storybook", f"the {device.name} has {device.total_memory / 1e9:.1f} GB, sd15 wants 8"
    return "sd15", f"the {device.name} has the memory, and the weights are on this disk"
