"""Repositories to a pipeline: the bundled family, and Stable Diffusion 1.5 with AnimateDiff's motion layers.

Both are folders in the diffusers layout and are read by the same lines. A Stable Diffusion repository brings
a 2D U-Net, which is inflated with a motion adapter, and then samples as AnimateDiff was published: DDIM with
linear betas, unclipped (arXiv 2307.04725).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import (
    CogVideoXFunControlPipeline,
    ControlNetModel,
    DDIMScheduler,
    MotionAdapter,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
    WanVACEPipeline,
)

from storyanim import hub
from storyanim.config import ModelRef, Models
from storyanim.errors import ModelError
from storyanim.generate import extras
from storyanim.generate.story_pipeline import StoryVideoPipeline

CLIP_TRANSFORMERS = {"wan_vace": WanVACEPipeline, "cogvideox_fun": CogVideoXFunControlPipeline}
STRUCTURES = {"t2i_adapter": T2IAdapter, "controlnet": ControlNetModel}


def load_pipeline(models: Models) -> StoryVideoPipeline:
    """Return the pipeline of a profile, float32, on the CPU.

    Raises:
        ModelError: a component is missing, broken, of another kind, or does not fit the others.
        ResourceError: memory ran out.
    """
    folder = hub.locate(models.pipeline)
    with hub.silence_libraries():
        return _assemble(folder, models)


def load_clip_transformer(models: Models, dtype: torch.dtype) -> Any:
    """Return the pipeline of a profile of the families wan_vace and cogvideox_fun on the CPU.

    Wan's VAE is float32, as its makers say; CogVideoX's has the dtype of the others, which its pipeline wants.

    Raises:
        ModelError: a component is missing, broken, or of another kind.
        ResourceError: memory ran out.
    """
    folder, cls = hub.locate(models.pipeline), CLIP_TRANSFORMERS[models.family]
    rest = torch.float32 if cls is WanVACEPipeline else dtype
    dtypes = {"transformer": dtype, "text_encoder": dtype, "vae": rest}
    with hub.map_model_errors(f"the pipeline {models.pipeline.repo}"):
        name = hub.read_table(folder / "model_index.json").get("_class_name")
        if name != cls.__name__:
            raise ValueError(f"it is a {name}, not a {cls.__name__}")
        networks = load_components(folder, models.pipeline, dtypes)
        pipeline = cls.from_pretrained(folder, local_files_only=True, **networks)
    _check_control(pipeline, models.pipeline)
    if models.scheduler is not None or models.scheduler_settings:
        pipeline.scheduler = extras.scheduler_of(models.scheduler, models.scheduler_settings, pipeline.scheduler)
    pipeline.set_progress_bar_config(disable=True)
    for network in networks.values():
        network.eval().requires_grad_(False)
    return pipeline


def _check_control(pipeline: Any, ref: ModelRef) -> None:
    """Raise ModelError for a CogVideoX that takes no control video, or several latent frames as one."""
    facts = pipeline.transformer.config
    if isinstance(pipeline, CogVideoXFunControlPipeline) and (
            facts.in_channels != 2 * facts.out_channels or facts.patch_size_t is not None):
        raise ModelError(f"{ref.repo} takes no control video of one frame after the other",
                         hint="name a control model of CogVideoX-Fun, version 1.1")


def _assemble(folder: Path, models: Models) -> StoryVideoPipeline:
    extras.check_pipeline_folder(folder, models.pipeline.repo)
    parts = load_components(folder, models.pipeline, dict.fromkeys(extras.COMPONENTS, torch.float32))
    if models.base is not None:
        parts |= extras.load_base(models.base, folder)
    if models.vae is not None:
        parts["vae"] = extras.load_vae(models.vae, folder)
    inflate = isinstance(parts["unet"], UNet2DConditionModel)
    if inflate:
        parts["unet"] = _with_motion(parts["unet"], models)
        parts["scheduler"] = _animatediff_scheduler(parts["scheduler"])
    if models.scheduler is not None or models.scheduler_settings:
        parts["scheduler"] = extras.scheduler_of(models.scheduler, models.scheduler_settings, parts["scheduler"])
    structure = None if models.structure is None else _load_structure(models.structure, models)
    with hub.map_model_errors(f"the pipeline {models.pipeline.repo}"):
        pipeline = StoryVideoPipeline(**parts, structure=structure)
    check_fit(pipeline, models)
    extras.add_to_pipeline(pipeline, models)
    if inflate:
        pipeline.vae.enable_slicing()                # its pictures are large
    pipeline.set_progress_bar_config(disable=True)   # progress is the command line's
    for part in filter(None, (pipeline.unet, pipeline.text_encoder, pipeline.vae, structure)):
        part.eval().requires_grad_(False)
    return pipeline


def load_components(folder: Path, ref: ModelRef, dtypes: Mapping[str, torch.dtype]) -> dict[str, Any]:
    """Return components of a repository by name, of the classes that its model_index.json names.

    Args:
        folder: of the repository.
        ref: the repository.
        dtypes: component → dtype, if it is a network.
    """
    with hub.map_model_errors(f"model_index.json of {ref.repo}"):
        index = hub.read_table(folder / "model_index.json")
        classes = {name: _class(*index[name]) for name in dtypes}
    return {name: hub.load_network(cls, ref, name, dtype=dtypes[name]) for name, cls in classes.items()}


def check_fit(pipeline: StoryVideoPipeline, models: Models) -> None:
    """Raise ModelError unless each component has the width that the U-Net expects of it."""
    unet, structure = pipeline.unet.config, pipeline.structure
    if unet.addition_embed_type is not None:
        raise ModelError(f"{models.pipeline.repo} wants more than text ({unet.addition_embed_type})",
                         hint="SDXL is not supported; use a model like Stable Diffusion 1.5")
    controlnet = isinstance(structure, ControlNetModel)
    widths = [
        ("text encoder", pipeline.text_encoder.config.hidden_size, unet.cross_attention_dim),
        ("VAE", pipeline.vae.config.latent_channels, unet.in_channels),
    ]
    if structure is not None:
        branch = structure.config["block_out_channels" if controlnet else "channels"]
        widths.append(("structure branch", list(branch), list(unet.block_out_channels)))
    if controlnet:
        widths.append(("ControlNet's text", structure.config.cross_attention_dim, unet.cross_attention_dim))
    for name, has, wanted in widths:
        if has != wanted:
            raise ModelError(
                f"the {name} does not fit {models.pipeline.repo}: its width is {has}, the U-Net's {wanted}",
                hint="use models that were made for one base",
            )


def _load_structure(ref: ModelRef, models: Models) -> T2IAdapter | ControlNetModel:
    return hub.load_network(STRUCTURES[_structure_kind(hub.locate(ref), models)], ref)


def _structure_kind(folder: Path, models: Models) -> str:
    """Return what kind of structure branch a folder says that it holds, else what the profile says."""
    try:
        name = hub.read_table(folder / "config.json").get("_class_name")
    except ValueError:
        return models.structure_kind
    return next((kind for kind, cls in STRUCTURES.items() if cls.__name__ == name), models.structure_kind)


def _with_motion(unet: UNet2DConditionModel, models: Models) -> UNetMotionModel:
    ref = models.motion_adapter
    if ref is None:
        raise ModelError(
            f"{models.pipeline.repo} draws single images: it has no motion layers",
            hint="name a motion_adapter in the profile's [models], such as "
                 "guoyww/animatediff-motion-adapter-v1-5-3",
        )
    path = hub.locate(ref)
    adapter = extras.load_motion_file(path) if path.is_file() else hub.load_network(MotionAdapter, ref)
    with hub.map_model_errors(f"the motion adapter {ref.repo}"):
        return UNetMotionModel.from_unet2d(unet, adapter)


def _animatediff_scheduler(scheduler: Any) -> DDIMScheduler:
    return DDIMScheduler.from_config(
        scheduler.config, beta_schedule="linear", clip_sample=False, steps_offset=1,
        timestep_spacing="linspace",
    )


def _class(library: str, name: str) -> Any:
    if library not in {"diffusers", "transformers"}:
        raise ValueError(f"it names a class of {library}")
    return getattr({"diffusers": diffusers, "transformers": transformers}[library], name)
