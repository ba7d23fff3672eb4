"""Model cards and the pipeline's index, written beside the weights by the stage that made them."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import torch
import transformers

from storybook.train.loop import LoopState

ABOUT = {
    "autoencoder": (
        "Storybook autoencoder (`AutoencoderTiny`)",
        "Pixels to 16 × 16 × 16 latents and back, on rendered storybook frames.",
        "Knows the storybook world only: photographs come back smooth, writing and fine texture are lost.",
    ),
    "decoder": (
        "Storybook decoder, sharpening stage (`AutoencoderTiny`)",
        "The decoder alone, trained on against a patch discriminator and on features of the retriever, with "
        "fixed latents.",
        "Details finer than the latents hold are likely ones, not those of the picture that was encoded.",
    ),
    "clip": (
        "Storybook CLIP (`CLIPModel`)",
        "Finds clips for captions; the mean over a clip's frames stands for the clip.",
        "Knows the words of the storybook captions; other words are spelled out in pieces and mean little to "
        "it.",
    ),
    "depth": (
        "Storybook depth (`DPTForDepthEstimation`)",
        "Nearness of every pixel from one picture.",
        "Learned on rendered pictures with colour jitter; on photographs it gives a rough layout at best.",
    ),
    "base": (
        "Storybook denoiser, image stage (`UNetMotionModel`)",
        "Draws storybook pictures from captions.",
        "One creature a picture; the parts of creatures can mix; small details are soft.",
    ),
    "structure": (
        "Storybook structure encoder (`T2IAdapter`)",
        "Makes depth steer the denoiser; independent of the timestep.",
        "Learned on the depth of the storybook depth network; other depth works as far as it looks alike.",
    ),
    "motion": (
        "Storybook denoiser, motion stage (`UNetMotionModel`)",
        "Draws 16 frames at 8 frames a second.",
        "Without structure the motion is weak; movement comes mainly from the guide.",
    ),
    "text": (
        "Storybook text encoder, wording stage (`CLIPTextModel`)",
        "Reads a prompt for the denoiser, with which it was trained before (its card is in `unet/`); here it "
        "learns that the "
        "same things in another order, and with another form of the verb, mean the same.",
        "Knows the words of the storybook captions; errors are shares of the variance of what the denoiser "
        "reads.",
    ),
}

PICTURES = "scenes rendered by `storybook.world` (seeds in `storybook/train/data.py`); no other pictures"
DATA = {"text": "sentences of `storybook.world.captions.two_wordings` (seeds in `storybook/train/text.py`)"}
ITEM = "  - "  # of a training in a stage's list


def write(
    folder: Path,
    stage: str,
    state: LoopState,
    figures: dict[str, float],
    *,
    batch_size: int,
    scratch: bool = False,
    note: str = "",
) -> None:
    """Write `README.md`: the sections of other stages that trained the same weights stay, and so do earlier
    trainings; one that was interrupted and went on is a single one.

    With `scratch` the weights began anew, and the stage's history with them. `note` says what was special of
    this training.
    """
    title, does, limits = ABOUT[stage]
    path = folder / "README.md"
    sections = path.read_text("utf-8").split("\n## ")[1:] if path.is_file() else []
    own = next((section for section in sections if section.startswith(title)), "")
    gone_on = f"{ITEM}{state.began:,} steps of "  # the same training, when it stopped before
    before = [] if scratch else [line for line in own.splitlines()
                                 if line.startswith(ITEM) and not line.startswith(gone_on)]
    how = f"{_machine()}, {note}" if note else _machine()
    now = f"{state.step:,} steps of {batch_size}, {state.seconds / 60:.1f} minutes of computing on {how}"
    reached = ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in figures.items())
    lines = [
        f"## {title}",
        "",
        does,
        "",
        f"- made by `python -m storybook train {stage}` (part of `make models`), each training on the "
        "weights of the one before:",
        *before,
        f"{ITEM}{now}: {reached}",
        f"- data: {DATA.get(stage, PICTURES)}; held-out combinations are never trained on",
        f"- limits: {limits}",
        "- licence: Apache-2.0, as the project",
        "",
    ]
    kept = ["## " + section.rstrip() + "\n" for section in sections if section is not own]
    path.write_text("\n".join(["# Model card", "", *kept, *lines]), "utf-8")


def write_model_index(folder: Path) -> None:
    """`model_index.json`, by which diffusers' loaders know the classes of the subfolders."""
    index = {
        "_class_name": "StoryVideoPipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNetMotionModel"],
        "vae": ["diffusers", "AutoencoderTiny"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _machine() -> str:
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU cores"
    versions = {
        "torch": torch.__version__.split("+")[0],
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
    return f"{where} ({', '.join(f'{name} {version}' for name, version in versions.items())})"
