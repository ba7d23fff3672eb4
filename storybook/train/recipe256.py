"""The stages of the family of 256 pixels: what `python -m storybook train STAGE --size 256` calls.

    data → autoencoder → decoder
                └→ latents → clip → depth → base → structure → motion → text

Everything lies in a folder of its own; the bundled family, from which every part starts (inherit.py), is not
changed. From `latents` on the stages are those of recipe.py, on sets of another world: the encoder is frozen,
so the decoder can be trained on at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from diffusers import AutoencoderTiny
from transformers import CLIPVisionModel

from storyanim.config import asset
from storyanim.errors import ModelError, UsageError
from storybook import vocabulary
from storybook.train import card, inherit, library, networks, recipe, sheets
from storybook.train.adversarial import DecoderStage
from storybook.train.data import SETS, SHARD, ClipSet, SetPlan, render_set
from storybook.train.deep_autoencoder import SIZE_PX, DeepAutoencoderStage, measure
from storybook.train.deepen import deepen
from storybook.train.export import save_weights
from storybook.train.latents import LatentPlan, render_latents
from storybook.train.loop import LoopState, train
from storybook.train.profile import write_profile
from storybook.train.request import Budget, Family, Request, with_budget
from storybook.world import STORYBOOK_2

# Many scenes of few instants: another scene teaches an autoencoder more than another instant. 2 GB in all.
PLANS = {
    name: replace(plan, num_scenes=num_scenes, num_frames=num_frames, size_px=SIZE_PX, world=STORYBOOK_2.name)
    for name, plan, num_scenes, num_frames in (
        ("stills", SETS["stills"], 2_750, 2),
        ("pairs", SETS["pairs"], 750, 2),
        ("trios", SetPlan("trios", 250, 8_000_000, 2, clip=False, num_actors=3), 250, 2),
        ("held_stills", SETS["held_stills"], 250, 1),
    )
}
TRAINED = ("stills", "pairs", "trios")


def _plan(name: str, num_scenes: int, first_seed: int, num_actors: int, *, clip: bool = False) -> LatentPlan:
    scenes = SetPlan(name, num_scenes, first_seed, 16 if clip else 2, clip, num_actors=num_actors,
                     size_px=SIZE_PX, world=STORYBOOK_2.name)
    return LatentPlan(scenes, shard=25 if clip else SHARD)


HELD_PLANS = (
    _plan("held_stills", 125, 9_000_000, 1),
    _plan("held_pairs", 125, 9_100_000, 2),
    _plan("held_clips", 32, 9_200_000, 1, clip=True),
    _plan("held_duets", 16, 9_300_000, 2, clip=True),
)
# What the denoiser learns from, a third of it groups, since what several figures do apart is learned from them.
LATENT_PLANS = (
    _plan("stills", 5_250, 1_000_000, 1),
    _plan("pairs", 2_000, 6_000_000, 2),
    _plan("trios", 750, 8_000_000, 3),
)
CLIP_PLANS = (_plan("clips", 1_000, 2_000_000, 1, clip=True), _plan("duets", 500, 7_000_000, 2, clip=True))
LARGE = Family(STORYBOOK_2, "latents", TRAINED, ("clips", "duets"), TRAINED)


def run_stage(name: str, request: Request) -> dict[str, float]:
    """Do one stage; return its figures. Raises UsageError (unknown stage), ModelError (missing inputs)."""
    if name not in STAGES:
        raise UsageError(f"no stage {name!r} at {SIZE_PX} pixels", hint=f"there are {', '.join(STAGES)}")
    request = replace(request, family=LARGE) if name in INHERITED else request
    return STAGES[name](with_budget(request, BUDGETS[name]) if name in BUDGETS else request)


def make_data(request: Request) -> dict[str, float]:
    """Render the sets."""
    started = time.monotonic()
    frames = 0
    for plan in PLANS.values():
        folder = render_set(
            plan, request.work, workers=request.loop.workers, times=request.times, limit=request.scenes
        )
        frames += len(ClipSet(folder)) * plan.num_frames
    return {"frames": float(frames), "seconds": time.monotonic() - started}


def make_latents(request: Request) -> dict[str, float]:
    """Render what measures the later stages and what they learn from, as latents of the frozen encoder."""
    started, frames = time.monotonic(), 0
    for plans in (HELD_PLANS, LATENT_PLANS, CLIP_PLANS):
        frames += render_latents(
            plans,
            request.work / LARGE.data,
            _encoder(request),
            workers=request.loop.workers,
            times=request.times,
            limit=request.scenes,
        )
    return {"frames": float(frames), "seconds": time.monotonic() - started}


def make_library(request: Request) -> dict[str, float]:
    """Render the family's clips, and write its vocabulary and profile; `storyanim index` makes the index."""
    count = library.make_clips(request.out / "clips", request.scenes, LARGE.world, SIZE_PX)
    vocabulary.write(request.out / "vocabulary.json", LARGE.world)
    write_profile(request.out, LARGE.world, SIZE_PX)
    return {"clips": float(count)}


def go_on(name: str) -> Callable[[Request], dict[str, float]]:
    """Return a stage of recipe.py, on weights that begin as the bundled ones."""

    def stage(request: Request) -> dict[str, float]:
        _encoder(request)
        inherit.inherit(request)
        return recipe.STAGES[name](request)

    return stage


def train_autoencoder(request: Request) -> dict[str, float]:
    """Train by reconstruction: both halves, or the decoder alone once a denoiser knows the latents."""
    if not request.scratch and (inherit.KEPT / inherit.VAE).is_dir():
        inherit.inherit(request)
    fixed = request.goes_on("pipeline/unet")
    stage = DeepAutoencoderStage(
        _load_or_deepen(request),
        [request.folder(name) for name in TRAINED],
        batch_size=request.batch_size,
        decoder_only=fixed,
        device=request.device,
    )
    state = train(stage, request.loop, request.work / stage.name, watch=request.watch)
    return _leave(request, stage, state, "the decoder alone" if fixed else "")


def train_decoder(request: Request) -> dict[str, float]:
    """Train the decoder by perceptual and adversarial losses. Raises ModelError without an autoencoder."""
    folder, clip = _encoder(request), request.out / "clip"
    stage = DecoderStage(
        AutoencoderTiny.from_pretrained(folder, torch_dtype="float32"),
        [request.folder(name) for name in TRAINED],
        CLIPVisionModel.from_pretrained(
            clip if clip.is_dir() else asset("storybook") / "clip", dtype="float32"
        ),
        batch_size=request.batch_size,
        device=request.device,
    )
    state = train(stage, request.loop, request.work / stage.name, watch=request.watch)
    return _leave(request, stage, state, "against a discriminator")


INHERITED = ("clip", "depth", "base", "structure", "motion", "text")
STAGES: dict[str, Callable[[Request], dict[str, float]]] = {
    "data": make_data,
    "autoencoder": train_autoencoder,
    "decoder": train_decoder,
    "latents": make_latents,
    **{name: go_on(name) for name in INHERITED},
    "library": make_library,
}
BUDGETS = {
    "autoencoder": Budget(150.0, 1e-3, 12),
    "decoder": Budget(60.0, 3e-4, 8),
    "clip": Budget(30.0, 6e-4, 64),
    "depth": Budget(20.0, 5e-4, 16),
    "base": Budget(600.0, 8e-4, 32),
    "structure": Budget(30.0, 8e-4, 40),
    "motion": Budget(240.0, 8e-4, 3),
    "text": Budget(20.0, 5e-4, 64),
}


def _encoder(request: Request) -> Path:
    """Return the folder of the autoencoder. Raises ModelError where there is none, nor one kept."""
    folder = request.out / "pipeline/vae"
    if not (folder / "config.json").is_file() and (inherit.KEPT / inherit.VAE).is_dir():
        inherit.inherit(request)
    if not (folder / "config.json").is_file():
        raise ModelError(f"there is no autoencoder in {folder}", hint="train the stage autoencoder first")
    return folder


def _load_or_deepen(request: Request) -> AutoencoderTiny:
    """Return the weights in `out`, else the bundled ones with a level more, or random ones (`scratch`)."""
    if request.goes_on("pipeline/vae"):
        return AutoencoderTiny.from_pretrained(request.out / "pipeline/vae", torch_dtype="float32")
    smaller = networks.load_or_build(
        asset("storybook") / "pipeline/vae", AutoencoderTiny, networks.autoencoder, scratch=request.scratch
    )
    return deepen(smaller)


def _leave(request: Request, stage: DeepAutoencoderStage, state: LoopState, note: str) -> dict[str, float]:
    """Measure on held-out frames; leave a sheet, weights and a card. Return the figures."""
    folder, held = request.out / "pipeline/vae", request.folder("held_stills")
    figures = measure(stage.vae, held, request.device)
    sheets.autoencoder_sheet(stage.vae, held, request.device, scale=1).save(
        request.work / stage.name / "sample.png"
    )
    save_weights(stage.vae, folder, AutoencoderTiny)
    note = f"{SIZE_PX} × {SIZE_PX} pixels" + (f", {note}" if note else "")
    card.write(
        folder, stage.name, state, figures, batch_size=stage.batch_size, scratch=request.scratch, note=note
    )
    return figures
