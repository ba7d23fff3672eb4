"""The stages of the family at 256 pixels so far: what `python -m storybook train STAGE --size 256` calls.

    data → autoencoder → decoder

Everything lies in a folder of its own; the bundled family, from which the autoencoder starts, is not changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from diffusers import AutoencoderTiny
from transformers import CLIPVisionModel

from storyanim.config import asset
from storyanim.errors import ModelError, UsageError
from storybook.train import card, networks, sheets
from storybook.train.adversarial import DecoderStage
from storybook.train.data import SETS, ClipSet, SetPlan, render_set
from storybook.train.deep_autoencoder import SIZE_PX, DeepAutoencoderStage, measure
from storybook.train.deepen import deepen
from storybook.train.export import save_weights
from storybook.train.loop import LoopState, train
from storybook.train.recipe import Budget, Request, with_budget
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


def run_stage(name: str, request: Request) -> dict[str, float]:
    """Do one stage; return its figures. Raises UsageError (unknown stage), ModelError (missing inputs)."""
    if name not in STAGES:
        raise UsageError(f"no stage {name!r} at {SIZE_PX} pixels", hint=f"there are {', '.join(STAGES)}")
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


def train_autoencoder(request: Request) -> dict[str, float]:
    """Train by reconstruction: both halves, or the decoder alone once a denoiser knows the latents."""
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
    folder = request.out / "pipeline/vae"
    if not (folder / "config.json").is_file():
        raise ModelError(f"there is no autoencoder in {folder}", hint="train the stage autoencoder first")
    clip = request.out / "clip"
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


STAGES: dict[str, Callable[[Request], dict[str, float]]] = {
    "data": make_data,
    "autoencoder": train_autoencoder,
    "decoder": train_decoder,
}
BUDGETS = {"autoencoder": Budget(150.0, 1e-3, 12), "decoder": Budget(60.0, 3e-4, 8)}


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
