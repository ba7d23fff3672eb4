"""What people bring beside a profile's repositories: checkpoints, LoRAs, embeddings, schedulers, by stock loading.

Everything is loaded as diffusers loads it, and LoRAs are fused into the weights, so that a character's own come
on top. What cannot be used is named for what it is.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    MotionAdapter,
    SchedulerMixin,
    StableDiffusionPipeline,
)
from diffusers.loaders.single_file_utils import convert_animatediff_checkpoint_to_diffusers
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from storyanim import hub
from storyanim.config import FileRef, ModelRef, Models
from storyanim.errors import ModelError, UsageError
from storyanim.generate.weights_file import (
    TEXTUAL_INVERSION,
    family_of,
    kind_of,
    map_file_errors,
    name_of,
    read_weights,
)

_LYCORIS = re.compile(r"\.(hada|lokr)_w\d|\.oft_|\.on_input")         # LoHa, LoKr, OFT, IA3
_FIRST_HALF = re.compile(r"lora(_linear_layer)?[._](A|down)\b")       # of a layer, by every naming
COMPONENTS = ("tokenizer", "text_encoder", "vae", "unet", "scheduler")
log = logging.getLogger(__name__)
_USE = "storyanim draws with Stable Diffusion 1.5 and AnimateDiff: use a model of that kind"


def load_base(ref: FileRef, folder: Path) -> dict[str, Any]:
    """Return text encoder, VAE and U-Net of a single-file checkpoint in the layout of Stable Diffusion 1.5.

    Args:
        ref: the file.
        folder: the profile's base repository, for the networks' configurations.

    Raises ModelError.
    """
    path = hub.locate_file(ref)
    weights = read_weights(path)
    if not any(name.startswith("model.diffusion_model.") for name in weights):
        raise ModelError(f"{path.name} is no base checkpoint: it is {name_of(weights)}", hint=_USE)
    if (kind := kind_of(weights)) is not None:
        raise ModelError(f"{path.name} cannot be the base: this is {kind}", hint=_USE)
    with map_file_errors(path):
        loaded = StableDiffusionPipeline.from_single_file(
            str(path), config=str(folder), local_files_only=True, safety_checker=None, torch_dtype=torch.float32)
    return {name: getattr(loaded, name) for name in ("text_encoder", "vae", "unet")}


def load_vae(ref: ModelRef, folder: Path) -> AutoencoderKL | AutoencoderTiny:
    """Return another VAE, also a tiny one: of a folder or repository, or of a single file. Raises ModelError.

    Args:
        ref: the VAE.
        folder: the profile's base repository, for the configuration of a single file.
    """
    path = hub.locate(ref)
    if path.is_file():
        with map_file_errors(path):
            hub.check_file(path)
            return AutoencoderKL.from_single_file(
                str(path), config=str(folder), subfolder="vae", local_files_only=True, torch_dtype=torch.float32)
    tiny = AutoencoderTiny.__name__ in _text_of(path / "config.json")
    return hub.load_network(AutoencoderTiny if tiny else AutoencoderKL, ref)


def _text_of(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def load_motion_file(path: Path) -> MotionAdapter:
    """Return motion layers of one file: of the published modules (.ckpt), or of diffusers' names.

    Their widths are read off the weights; a config.json beside the file goes before. Raises ModelError.
    """
    weights = read_weights(path)
    if not any("motion_modules" in name for name in weights):
        raise ModelError(f"{path.name} holds no motion layers: it is {name_of(weights)}",
                         hint="give AnimateDiff's, as v3_sd15_mm.ckpt or animatediff_lightning_4step_diffusers")
    weights = {name.removeprefix("module."): value.float() for name, value in weights.items()}
    length = next((value.shape[1] for name, value in weights.items() if name.endswith(".pe")), 32)
    # the positions are computed, and published modules have other names
    named = convert_animatediff_checkpoint_to_diffusers(
        {name: value for name, value in weights.items() if not name.endswith(".pe")})
    config = path.with_name("config.json")
    with map_file_errors(path):
        adapter = MotionAdapter.from_config(
            hub.read_table(config) if config.is_file() else _motion_config(named, length))
        missing, unknown = adapter.load_state_dict(named, strict=False)
        if odd := [*unknown, *(name for name in missing if not name.endswith(".pe"))]:
            raise ValueError(f"{len(odd)} of its weights are missing or unknown, such as {odd[0]}")
    return adapter


def scheduler_of(name: str | None, changes: Mapping[str, Any], before: Any) -> Any:
    """Return the scheduler of diffusers by its class name, with the settings of the one before, but for changes.

    Args:
        name: of its class; None: the same as before.
        changes: of its settings.
        before: that it stands in for.

    Raises UsageError for a name that diffusers does not have, or a setting that it does not have.
    """
    name = name or type(before).__name__
    cls: Any = getattr(diffusers, name, None)
    if not inspect.isclass(cls) or not issubclass(cls, SchedulerMixin):
        known = sorted({kind.__name__ for kind in before.compatibles})
        raise UsageError(f"diffusers has no scheduler {name!r}", hint=f"as {', '.join(known)}, LCMScheduler")
    hint = "see its page in the documentation of diffusers"
    if odd := set(changes) - set(inspect.signature(cls.__init__).parameters):
        raise UsageError(f"{name} has no setting {min(odd)!r}", hint=hint)
    try:
        make: Any = cls
        make.from_config(before.config, **changes).set_timesteps(4)                # many a setting is read there
        scheduler = make.from_config(before.config, **changes)
        if hasattr(before, "init_noise_sigma") and not hasattr(scheduler, "init_noise_sigma"):
            raise ValueError("the base was not trained for its kind of noise")
    except Exception as error:                       # ValueError, NotImplementedError, TypeError, ...
        raise UsageError(f"{name} cannot be set so: {error}", hint=hint) from error
    return scheduler


def add_to_pipeline(pipeline: Any, models: Models) -> None:
    """Load embeddings, LoRAs and an IP-Adapter into a pipeline, in this order. Raises ModelError."""
    for ref in models.embeddings:
        path = hub.locate_file(ref)
        weights, width = read_weights(path), pipeline.text_encoder.config.hidden_size
        if (kind := name_of(weights)) != TEXTUAL_INVERSION:
            raise ModelError(f"{path.name} is no textual inversion: it is {kind}",
                             hint="give the embedding of a word, made for Stable Diffusion 1.5")
        if wrong := {value.shape[-1] for value in weights.values() if value.ndim} - {width}:
            raise ModelError(f"{path.name} is of another base: {wrong.pop()} values a token, not {width}",
                             hint="give the embedding of a word, made for Stable Diffusion 1.5")
        with map_file_errors(path):
            pipeline.load_textual_inversion(str(path), token=ref.token)
    for number, ref in enumerate(models.loras):
        _add_lora(pipeline, ref, f"given_{number}")
    if models.ip_adapter is not None and models.image_encoder is not None:
        _add_ip_adapter(pipeline, models.ip_adapter, models.image_encoder)


def _add_lora(pipeline: Any, ref: FileRef, name: str) -> None:
    path = hub.locate_file(ref)
    weights = read_weights(path)
    if not any("lora" in key.lower() for key in weights):
        raise ModelError(f"{path.name} is no LoRA: it is {name_of(weights)}",
                         hint="give a LoRA of Stable Diffusion 1.5 or of AnimateDiff's motion layers")
    if any(map(_LYCORIS.search, weights)):
        raise ModelError(f"{path.name} is a LyCORIS of a kind that diffusers does not load (LoHa, LoKr, ...)",
                         hint="take a LoRA, or merge it into a checkpoint and give that as base")
    if family := family_of(weights):
        raise ModelError(f"{path.name} cannot be used: this is a LoRA of {family}", hint=_USE)
    with map_file_errors(path):
        pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
        loaded = sum(name in getattr(module, "lora_A", ()) for network in (pipeline.unet, pipeline.text_encoder)
                     for module in network.modules())
        if not loaded:
            raise ValueError(f"none of its layers is of this base ({next(iter(weights))}, ...)")
        if loaded < (held := sum(map(bool, map(_FIRST_HALF.search, weights)))):
            log.warning("%s: %d of its %d layers are not of this base, and do nothing",
                        path.name, held - loaded, held)
        pipeline.fuse_lora(lora_scale=ref.weight, adapter_names=[name])
        pipeline.unload_lora_weights()


def _add_ip_adapter(pipeline: Any, ref: FileRef, encoder: ModelRef) -> None:
    path = hub.locate_file(ref)
    weights = read_weights(path)
    if not any(name.startswith(("image_proj", "ip_adapter")) for name in weights):
        raise ModelError(f"{path.name} is no IP-Adapter: it is {name_of(weights)}",
                         hint="give one of Stable Diffusion 1.5, as ip-adapter_sd15.safetensors")
    pipeline.register_modules(image_encoder=hub.load_network(CLIPVisionModelWithProjection, encoder))
    with map_file_errors(path):
        pipeline.load_ip_adapter(str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=None)
    pipeline.image_encoder.eval().requires_grad_(False)


def check_pipeline_folder(folder: Path, repo: str) -> None:
    """Raise ModelError for what is no diffusers folder of Stable Diffusion 1.5, named for what it is."""
    if folder.is_file():
        raise ModelError(f"{repo} is one file, and no pipeline",
                         hint="give a checkpoint as --base FILE, or as base in the profile's [models]")
    if not (folder / "model_index.json").is_file():
        raise ModelError(f"{repo} has no model_index.json: it is not the folder of a pipeline", hint=_USE)
    try:
        index = hub.read_table(folder / "model_index.json")
    except ValueError:
        return                                       # whoever loads it says what is wrong
    name = str(index.get("_class_name", "pipeline of another kind"))
    if lacking := [part for part in COMPONENTS if part not in index]:
        raise ModelError(f"{repo} cannot be the base: it is a {name}, without {lacking[0]}", hint=_USE)
    if index.get("text_encoder_2"):
        raise ModelError(f"{repo} cannot be the base: it is a {name}, with two text encoders", hint=_USE)


def _motion_config(weights: Mapping[str, Tensor], length: int) -> dict[str, Any]:
    downs = {int(name.split(".")[1]) for name in weights if name.startswith("down_blocks.")}
    widths = [len(weights[f"down_blocks.{i}.motion_modules.0.norm.weight"]) for i in sorted(downs)]
    layers = {name.split(".")[3] for name in weights if name.startswith("down_blocks.0.motion_modules.")}
    return {"block_out_channels": widths, "motion_layers_per_block": len(layers), "motion_max_seq_length": length,
            "use_motion_mid_block": any(name.startswith("mid_block") for name in weights)}
