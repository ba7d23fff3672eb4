"""The stages in order, each from its inputs on disk to weights, sheet and card: what `python -m storybook
train STAGE` calls.

    data → autoencoder → clip → depth → base → structure → motion → text

Every stage starts from the bundled weights where there are some (`scratch` starts anew) and goes on from its
own checkpoint in the work folder when it was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, T2IAdapter, UNet2DConditionModel, UNetMotionModel
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer, DPTForDepthEstimation

from storyanim.depth.scale import scale_clip
from storyanim.errors import ModelError, UsageError
from storybook.train import (
    autoencoder,
    base,
    card,
    clip,
    depth,
    library,
    motion,
    networks,
    sheets,
    structure,
)
from storybook.train import text as wording
from storybook.train.data import SETS, ClipSet, derive, render_set
from storybook.train.export import last_figures, save_pipeline_parts, save_weights
from storybook.train.loop import LoopState, train
from storybook.train.request import Budget, Request, with_budget
from storybook.world import captions, sample_spec
from storybook.world.photos import EXAMPLES


def run_stage(name: str, request: Request) -> dict[str, float]:
    """Do one stage and return its figures.

    Raises UsageError for an unknown one, ModelError for missing inputs.
    """
    if name not in STAGES:
        raise UsageError(f"unknown stage {name!r}", hint=f"known are {', '.join(STAGES)}")
    on_gpu = request.device.type != "cpu"
    budget = (GPU_BUDGETS if on_gpu and name in GPU_BUDGETS else BUDGETS).get(name)
    return STAGES[name](request if budget is None else with_budget(request, budget))


def make_data(request: Request) -> dict[str, float]:
    """Render the sets."""
    started = time.monotonic()
    frames = 0
    for plan in SETS.values():
        folder = render_set(plan, request.work, workers=request.loop.workers, times=request.times,
                            limit=request.scenes)
        frames += len(ClipSet(folder)) * plan.num_frames
    return {"frames": float(frames), "seconds": time.monotonic() - started}


def train_autoencoder(request: Request) -> dict[str, float]:
    """Stage 1; the encoder learns from nothing only, since the later stages learned its latents."""
    vae = networks.load_or_build(request.out / "pipeline/vae", AutoencoderTiny, networks.autoencoder,
                                 scratch=request.scratch)
    known = request.goes_on("pipeline/vae")
    stage = autoencoder.AutoencoderStage(
        vae, request.folders(request.family.stills)[0], batch_size=request.batch_size, decoder_only=known,
        device=request.device
    )
    state = _train(stage, request)
    figures = autoencoder.measure(vae, request.folder(request.family.held), request.device)
    sheets.autoencoder_sheet(vae, request.folder(request.family.held),
                             request.device).save(request.work / "autoencoder/sample.png")
    save_weights(vae, request.out / "pipeline/vae", AutoencoderTiny)
    _card(request, stage, request.out / "pipeline/vae", state, figures,
          note="the decoder alone" if known else "")
    return figures


def train_clip(request: Request) -> dict[str, float]:
    """Stage 2; learns the tokenizer first when there is none."""
    folder = request.out / "clip"
    if request.scratch or not (folder / "tokenizer.json").is_file():
        rng = np.random.default_rng(5)
        tokens = networks.tokenizer(captions.caption(sample_spec(3_000_000 + k), rng) for k in range(20_000))
        folder.mkdir(parents=True, exist_ok=True)
        tokens.save_pretrained(folder)
    tokens = CLIPTokenizer.from_pretrained(folder)
    network = networks.load_or_build(folder, CLIPModel, lambda: networks.clip(tokens),
                                     scratch=request.scratch)
    stage = clip.ClipStage(network, tokens, request.folders(request.family.stills), batch_size=request.batch_size,
                           device=request.device)
    state = _train(stage, request)
    figures = clip.measure(network, tokens, request.folder(request.family.held), request.device)
    save_weights(network, folder, CLIPModel)
    networks.clip_image_processor().save_pretrained(folder)
    _card(request, stage, folder, state, figures)
    return figures


def train_depth(request: Request) -> dict[str, float]:
    """Stage 3."""
    folder = request.out / "depth"
    network = networks.load_or_build(folder, DPTForDepthEstimation, networks.depth_network,
                                     scratch=request.scratch)
    stage = depth.DepthStage(network, request.folders(request.family.stills), batch_size=request.batch_size,
                             device=request.device)
    state = _train(stage, request)
    figures = depth.measure(network, request.folder(request.family.held), request.device)
    sheets.depth_sheet(network, request.folder(request.family.held),
                       request.device).save(request.work / "depth/sample.png")
    save_weights(network, folder, DPTForDepthEstimation)
    networks.depth_processor().save_pretrained(folder)
    _card(request, stage, folder, state, figures)
    return figures


def train_base(request: Request) -> dict[str, float]:
    """Stage 4."""
    _derive_latents(request, *request.family.base)
    tokens = CLIPTokenizer.from_pretrained(request.out / "clip")
    unet, text = load_image_unet(request), load_text_encoder(request, tokens)
    stage = base.BaseStage(
        unet,
        text,
        tokens,
        request.folders(request.family.base),
        batch_size=request.batch_size,
        device=request.device,
        compiled=request.loop.compile,
    )
    state = _train(stage, request)
    video = networks.unet_motion(unet)
    _copy_motion(request, video)
    save_pipeline_parts(request.out / "pipeline", video, text, tokens)
    figures = last_figures(request.work / "base/log.jsonl", ("loss", "high"))
    sheets.image_sheet(unet, text, tokens, _vae(request), request.device, request.family.world).save(request.work / "base/sample.png")
    _card(request, stage, request.out / "pipeline/unet", state, figures)
    return figures


def train_structure(request: Request) -> dict[str, float]:
    """Stage 5."""
    _derive_latents(request, *request.family.clips)
    _derive_depth(request, *request.family.clips)
    tokens = CLIPTokenizer.from_pretrained(request.out / "clip")
    unet, text = load_image_unet(replace(request,
                                         scratch=False)), load_text_encoder(replace(request, scratch=False),
                                                                            tokens)
    adapter = networks.load_or_build(request.out / "structure", T2IAdapter, networks.structure_adapter,
                                     scratch=request.scratch)
    stage = structure.StructureStage(
        adapter, unet, text, tokens, request.folders(request.family.clips), batch_size=request.batch_size,
        device=request.device
    )
    state = _train(stage, request)
    figures = last_figures(request.work / "structure/log.jsonl", ("loss",))
    sheet = sheets.structure_sheet(unet, adapter, text, tokens, _vae(request), request.folder(request.family.clips[0]),
                                   request.device, request.family.world)
    sheet.save(request.work / "structure/sample.png")
    save_weights(adapter, request.out / "structure", T2IAdapter)
    _card(request, stage, request.out / "structure", state, figures)
    return figures


def train_motion(request: Request) -> dict[str, float]:
    """Stage 6."""
    _derive_latents(request, *request.family.clips, *request.family.stills)
    family = request.family
    held_clips = [name for name in family.held_clips if request.folder(name).is_dir()]  # data of before lacks them
    _derive_latents(request, *held_clips, family.held)
    _derive_depth(request, *family.clips, *held_clips)
    tokens = CLIPTokenizer.from_pretrained(request.out / "clip")
    text = load_text_encoder(replace(request, scratch=False), tokens)
    if request.scratch:  # the spatial layers are the image stage's all the same
        unet = networks.unet_motion(load_image_unet(replace(request, scratch=False)))
    else:
        unet = UNetMotionModel.from_pretrained(request.out / "pipeline/unet", torch_dtype=torch.float32)
    adapter = T2IAdapter.from_pretrained(request.out / "structure", torch_dtype=torch.float32)
    stage = motion.MotionStage(
        unet,
        adapter,
        text,
        tokens,
        request.folders(request.family.clips),
        request.folders(request.family.stills),
        batch_size=request.batch_size,
        device=request.device,
    )
    state = _train(stage, request)
    save_pipeline_parts(request.out / "pipeline", unet, text, tokens)
    figures = last_figures(request.work / "motion/log.jsonl",
                           ("loss", "with_structure", "text_only", "single_frames"))
    if held_clips:
        figures |= motion.measure(stage, request.folders(tuple(held_clips)), [request.folder(family.held)])
    _card(request, stage, request.out / "pipeline/unet", state, figures)
    return figures


def train_text(request: Request) -> dict[str, float]:
    """Stage 7; needs no rendered data."""
    folder, tokens = request.out / "pipeline/text_encoder", CLIPTokenizer.from_pretrained(request.out / "clip")
    text = load_text_encoder(replace(request, scratch=False), tokens)
    unet = UNetMotionModel.from_pretrained(request.out / "pipeline/unet", torch_dtype=torch.float32)
    stage = wording.TextStage(text, unet, tokens, batch_size=request.batch_size, device=request.device,
                              world=request.family.world)
    state = _train(stage, request)
    save_weights(text, folder, CLIPTextModel)
    figures = last_figures(request.work / "text/log.jsonl", ("other_wording", "usual_wording"), rows=10)
    _card(request, stage, folder, state, figures)
    return figures


def make_library(request: Request) -> dict[str, float]:
    """Return the bundled clips; `storyanim index` makes their index."""
    return {"clips": float(library.make_clips(request.out / "clips"))}


def make_examples(request: Request) -> dict[str, float]:
    """Return the pictures of the example characters, beside their stories."""
    folder = request.out.parent / "examples"
    return {name: float(library.make_photos(folder / name / name, name)) for name in EXAMPLES}


STAGES: dict[str, Callable[[Request], dict[str, float]]] = {
    "data": make_data,
    "autoencoder": train_autoencoder,
    "clip": train_clip,
    "depth": train_depth,
    "base": train_base,
    "structure": train_structure,
    "motion": train_motion,
    "text": train_text,
    "library": make_library,
    "examples": make_examples,
}
BUDGETS = {
    "autoencoder": Budget(14.0, 1.2e-3, 16),
    "clip": Budget(6.0, 1e-3, 64),
    "depth": Budget(11.0, 8e-4, 16),
    "base": Budget(60.0, 1e-3, 32),
    "structure": Budget(8.0, 1e-3, 40),
    "motion": Budget(40.0, 8e-4, 3),
    "text": Budget(8.0, 5e-4, 64),
}
# On one H100 with 16 cores; the other stages were not tried there and take what they take on two cores.
GPU_BUDGETS = {"autoencoder": Budget(2.5, 1.5e-3, 256), "motion": Budget(7.5, 1.5e-3, 32)}


def load_image_unet(request: Request) -> UNet2DConditionModel:
    """Return the image U-Net: the bundled video U-Net without its motion layers."""
    unet = networks.unet2d()
    folder = request.out / "pipeline/unet"
    if request.goes_on("pipeline/unet"):
        video = UNetMotionModel.from_pretrained(folder, torch_dtype=torch.float32)
        unet.load_state_dict({key: value for key,
                              value in video.state_dict().items() if "motion_modules" not in key})
    return unet


def load_text_encoder(request: Request, tokens: CLIPTokenizer) -> CLIPTextModel:
    """Return the generator's own text encoder, or the retriever's text tower to start from."""
    folder = request.out / "pipeline/text_encoder"
    if request.goes_on("pipeline/text_encoder"):
        return CLIPTextModel.from_pretrained(folder, dtype=torch.float32)
    text = networks.text_encoder(tokens)
    tower = CLIPModel.from_pretrained(request.out / "clip", dtype=torch.float32).text_model
    known = text.state_dict()
    found = {key: value for key, value in tower.state_dict().items() if key in known}
    found |= {f"text_model.{key}": value for key,
              value in tower.state_dict().items() if f"text_model.{key}" in known}
    if len(found) < len(known) - 1:
        raise ModelError("the retriever's text tower does not fit the text encoder",
                         hint="train the stage clip first")
    text.load_state_dict(found, strict=False)
    return text


def _train(stage: Any, request: Request) -> LoopState:
    return train(stage, request.loop, request.work / stage.name, watch=request.watch)


def _card(request: Request, stage: Any, folder: Path, state: LoopState, figures: dict[str, float], *,
          note: str = "") -> None:
    card.write(folder, stage.name, state, figures, batch_size=stage.batch_size, scratch=request.scratch,
               note=note)


def _vae(request: Request) -> AutoencoderTiny:
    vae = AutoencoderTiny.from_pretrained(request.out / "pipeline/vae",
                                          torch_dtype=torch.float32).to(request.device).eval()
    return vae.to(memory_format=torch.channels_last)


def _derive_latents(request: Request, *names: str) -> None:
    vae = _vae(request)

    def compute(shard: Any) -> Any:
        count, frames = shard.rgb.shape[:2]
        latents = autoencoder.encode(vae, shard.rgb.reshape(-1, *shard.rgb.shape[2:]), request.device)
        return latents.reshape(count, frames, *latents.shape[1:])

    for name in names:
        derive(request.folder(name), "latents", compute, workers=_threads(request))


def _derive_depth(request: Request, *names: str) -> None:
    network = DPTForDepthEstimation.from_pretrained(request.out / "depth",
                                                    dtype=torch.float32).to(request.device).eval()

    def compute(shard: Any) -> Any:
        scaled = [scale_clip(depth.estimate(network, np.asarray(clip_), request.device))
                  for clip_ in shard.rgb]
        return np.round(np.stack(scaled) * 255).astype(np.uint8)

    for name in names:
        derive(request.folder(name), "depth", compute, workers=_threads(request))


def _threads(request: Request) -> int:
    """Return a GPU is kept busy by several."""
    return 1 if request.device.type == "cpu" else max(1, request.loop.workers)


def _copy_motion(request: Request, video: UNetMotionModel) -> None:
    """Keep motion layers that were learned before, when the image U-Net is trained on."""
    folder = request.out / "pipeline/unet"
    if request.goes_on("pipeline/unet"):
        old = UNetMotionModel.from_pretrained(folder, torch_dtype=torch.float32).state_dict()
        video.load_state_dict({key: value for key, value in old.items() if "motion_modules" in key},
                              strict=False)
