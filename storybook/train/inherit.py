"""What a family of another world begins from: what was kept of an earlier training, else the bundled family,
its text refitted to a tokenizer that knows the new words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from storyanim.config import asset
from storybook.train import networks
from storybook.train.export import save_weights
from storybook.train.request import Request
from storybook.train.retokenize import refit_clip, refit_text_encoder
from storybook.world import WORLDS, captions, sample_spec

KEPT = Path(__file__).parents[1] / "weights/storybook-2"  # a family whose training goes on, see its README.md
VAE, UNET, TEXT, CLIP = "pipeline/vae", "pipeline/unet", "pipeline/text_encoder", "clip"
COPIED = (UNET, "structure", "depth")
TRAINED = (VAE, UNET, TEXT, "structure", "depth", CLIP)
VOCAB_SIZE, MAX_TOKENS = 1600, 64
CAPTIONS, SEED = 20_000, 3_000_000  # of each world


def keep(family: Path, folder: Path) -> None:
    """Copy a family with its clips, index and profile; what `folder` has beside it, a README.md, stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(family.iterdir()):
        if path.is_dir():
            shutil.rmtree(folder / path.name, ignore_errors=True)
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copy2(path, folder / path.name)


def inherit(request: Request) -> CLIPTokenizer:
    """Give `request.out` what it lacks, kept or bundled. Returns the tokenizer of the new family.

    An autoencoder is given only when one was kept: at another size it is trained first.
    """
    out, bundled = request.out, asset("storybook")
    tokens = _tokenizer(out / CLIP)
    for part in TRAINED:
        _copy(KEPT / part, out / part)
    for part in COPIED:
        _copy(bundled / part, out / part)
    old = CLIPTokenizer.from_pretrained(bundled / CLIP)
    for part, kind, refit in ((CLIP, CLIPModel, refit_clip), (TEXT, CLIPTextModel, refit_text_encoder)):
        if not _has(out / part):
            known = kind.from_pretrained(bundled / part, dtype="float32")
            save_weights(refit(known, old, tokens), out / part, kind)
    return tokens


def some_captions(count: int = CAPTIONS) -> Iterator[str]:
    """Yield captions in varied words, `count` of each world, of one to three figures where it has groups."""
    rng = np.random.default_rng(5)
    for world in WORLDS.values():
        most = 2 if world.name == "storybook-1" else 3
        for k in range(count):
            yield captions.caption(sample_spec(SEED + k, num_actors=1 + k % most, world=world), rng, world)


def _has(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _copy(source: Path, folder: Path) -> None:
    """Copy a part that is there to where there is none."""
    if _has(source) and not _has(folder):
        shutil.copytree(source, folder, dirs_exist_ok=True)


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """Return the family's tokenizer; learned when there is none, nor one kept."""
    if not (folder / "tokenizer.json").is_file():
        kept = KEPT / CLIP
        tokens = (
            CLIPTokenizer.from_pretrained(kept)
            if kept.is_dir()
            else networks.tokenizer(some_captions(CAPTIONS), VOCAB_SIZE, MAX_TOKENS)
        )
        folder.mkdir(parents=True, exist_ok=True)
        tokens.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)
