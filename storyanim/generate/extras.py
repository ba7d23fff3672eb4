"""What people bring beside a profile's repositories: checkpoints, LoRAs, embeddings, schedulers, by stock loading.

Everything is loaded as diffusers loads it, and LoRAs are fused into the weights, so that a character's own come
on top. What cannot be used is named for what it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
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
from diffusers.loaders.single_file_utils import (
    convert_animatediff_checkpoint_to_diffusers,
    infer_diffusers_model_type,
)
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from storyanim import hub
from storyanim.config import FileRef, ModelRef, Models
from storyanim.errors import ModelError, UsageError

_KINDS = {                                           # what `infer_diffusers_model_type` calls a checkpoint
    "xl": "an SDXL checkpoint", "v2": "a Stable Diffusion 2 checkpoint", "sd3": "a Stable Diffusion 3 checkpoint",
    "inpainting": "an inpainting checkpoint", "flux": "a FLUX checkpoint", "wan": "a Wan checkpoint",
    "ltx": "an LTX-Video checkpoint", "controlnet": "a ControlNet", "animatediff": "a motion module",
    "playground": "a Playground (SDXL) checkpoint", "stable_cascade": "a Stable Cascade checkpoint",
}
# What the names of layers tell, of the whole file's or of a LoRA's base.
_FAMILIES = {
    r"\b(transformer_)?double_blocks|_double_blocks_|single_transformer_blocks": "FLUX",
    r"joint_blocks|\.attn\.add_[qkv]_proj": "Stable Diffusion 3",
    r"\blora_te2_|text_encoder_2\.|\b(?:lora_)?unet\S*[._]transformer_blocks[._][1-9]": "SDXL",
    r"\bblocks\.\d+\.(self|cross)_attn\.": "Wan",
}
_PARTS = {                                           # of a model, by the names of its weights
    r"\b(adapter\.)?body\.0\.": "a T2I-Adapter",
    r"\bdown_blocks\..* up_blocks\.|\bup_blocks\..* down_blocks\.": "the U-Net of a diffusers folder, alone",
    r"\b(encoder|decoder)\.(conv_in|mid)": "a VAE",
    r"\btext_model\.encoder\.": "a text encoder",
}
_EMBEDDING = "a textual inversion"
COMPONENTS = ("tokenizer", "text_encoder", "vae", "unet", "scheduler")
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
    if (kind := _kind(weights)) is not None:
        raise ModelError(f"{path.name} cannot be the base: this is {kind}", hint=_USE)
    with _named(path):
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
        with _named(path):
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
    with _named(path):
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
        if (kind := name_of(weights)) != _EMBEDDING:
            raise ModelError(f"{path.name} is no textual inversion: it is {kind}",
                             hint="give the embedding of a word, made for Stable Diffusion 1.5")
        if wrong := {value.shape[-1] for value in weights.values() if value.ndim} - {width}:
            raise ModelError(f"{path.name} is of another base: {wrong.pop()} values a token, not {width}",
                             hint="give the embedding of a word, made for Stable Diffusion 1.5")
        with _named(path):
            pipeline.load_textual_inversion(str(path), token=ref.token)
    for number, ref in enumerate(models.loras):
        path = hub.locate_file(ref)
        weights = read_weights(path)
        if not any("lora" in name.lower() for name in weights):
            raise ModelError(f"{path.name} is no LoRA: it is {name_of(weights)}",
                             hint="give a LoRA of Stable Diffusion 1.5 or of AnimateDiff's motion layers")
        if family := _family(weights):
            raise ModelError(f"{path.name} cannot be used: this is a LoRA of {family}", hint=_USE)
        name = f"given_{number}"
        with _named(path):
            pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
            if not any(name in there for there in pipeline.get_list_adapters().values()):
                raise ValueError(f"none of its layers is of this base ({next(iter(weights))}, ...)")
            pipeline.fuse_lora(lora_scale=ref.weight, adapter_names=[name])
            pipeline.unload_lora_weights()
    if models.ip_adapter is not None and models.image_encoder is not None:
        _add_ip_adapter(pipeline, models.ip_adapter, models.image_encoder)


def _add_ip_adapter(pipeline: Any, ref: FileRef, encoder: ModelRef) -> None:
    path = hub.locate_file(ref)
    weights = read_weights(path)
    if not any(name.startswith(("image_proj", "ip_adapter")) for name in weights):
        raise ModelError(f"{path.name} is no IP-Adapter: it is {name_of(weights)}",
                         hint="give one of Stable Diffusion 1.5, as ip-adapter_sd15.safetensors")
    pipeline.register_modules(image_encoder=hub.load_network(CLIPVisionModelWithProjection, encoder))
    with _named(path):
        pipeline.load_ip_adapter(str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=None)
    pipeline.image_encoder.eval().requires_grad_(False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, or of another that torch reads without running code."""
    from safetensors.torch import load_file

    with _named(path):
        hub.check_file(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        inner = dict(_flat(found.get("state_dict", found)))
        return {name: value for name, value in inner.items() if isinstance(value, Tensor)}


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what lies in nested dicts, under names joined by points, as safetensors has them."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def name_of(weights: Mapping[str, Tensor]) -> str:
    """Return what a file of weights is, by their names: "an SDXL checkpoint", "a LoRA"."""
    if kind := _kind(weights):
        return kind
    names = " ".join(weights)
    if "lora" in names.lower():
        family = _family(weights)
        return f"a LoRA of {family}" if family else "a LoRA"
    if "ip_adapter" in names or "image_proj" in names:
        return "an IP-Adapter"
    if "motion_modules" in names:
        return "a motion module"
    if weights.keys() == {"clip_g", "clip_l"}:
        return "a textual inversion of SDXL"
    if len(weights) <= 4:
        return _EMBEDDING if all(value.ndim <= 2 for value in weights.values()) else "too little"
    if "model.diffusion_model." in names:
        return "a checkpoint of Stable Diffusion 1.5"
    if part := _first_match(_PARTS, names):
        return part
    return f"a file of other weights ({next(iter(weights), 'empty')}, ...)"


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


def _kind(weights: Mapping[str, Tensor]) -> str | None:
    try:
        kind = str(infer_diffusers_model_type(weights))
    except Exception:                                # it looks for weights that not each file of a kind has
        kind = ""
    if known := next((words for part, words in _KINDS.items() if kind.startswith(part)), None):
        return known
    family = None if any("lora" in name.lower() for name in weights) else _family(weights)
    return f"a checkpoint of {family}" if family else None


def _family(weights: Mapping[str, Tensor]) -> str | None:
    return _first_match(_FAMILIES, " ".join(weights))


def _first_match(patterns: Mapping[str, str], names: str) -> str | None:
    return next((words for pattern, words in patterns.items() if re.search(pattern, names)), None)


def _motion_config(weights: Mapping[str, Tensor], length: int) -> dict[str, Any]:
    downs = {int(name.split(".")[1]) for name in weights if name.startswith("down_blocks.")}
    widths = [len(weights[f"down_blocks.{i}.motion_modules.0.norm.weight"]) for i in sorted(downs)]
    layers = {name.split(".")[3] for name in weights if name.startswith("down_blocks.0.motion_modules.")}
    return {"block_out_channels": widths, "motion_layers_per_block": len(layers), "motion_max_seq_length": length,
            "use_motion_mid_block": any(name.startswith("mid_block") for name in weights)}


def _named(path: Path) -> AbstractContextManager[None]:
    """Map what the libraries raise over a file to a ModelError that names it."""
    return hub.map_model_errors(path.name, hint="it must be made for the profile's base model")
