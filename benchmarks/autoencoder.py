"""How near an autoencoder's pictures are to rendered ones, and what decoding takes beside the bundled one.

Run: OMP_NUM_THREADS=2 python benchmarks/autoencoder.py [--vae FOLDER] [--size 256] [--world storybook-2]
[--scenes 100] [--rounds 7]

Prints JSON: PSNR and gradient energy (1: as sharp as rendered) on held-out scenes, whole and on creature
pixels; `enlarged`, what the bundled autoencoder reaches at that size when its pictures are enlarged;
milliseconds of both decoders in turns, bfloat16.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny

from storyanim.config import asset
from storybook.train import subpixel
from storybook.train.data import SETS, render_set
from storybook.train.deep_autoencoder import measure
from storybook.world import STORYBOOK_1, WORLDS

NUM_FRAMES = 16
BUNDLED = asset("storybook") / "pipeline/vae"


class Enlarged:
    """An autoencoder for pictures of another size: halved before, doubled after."""

    def __init__(self, vae: AutoencoderTiny, factor: int) -> None:
        self.vae, self.factor = vae, factor

    def encode(self, pixels: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(latents=self.vae.encode(F.avg_pool2d(pixels, self.factor)).latents)

    def decode(self, latents: torch.Tensor) -> SimpleNamespace:
        pixels = self.vae.decode(latents).sample.float()
        return SimpleNamespace(sample=F.interpolate(pixels, scale_factor=self.factor, mode="bicubic"))


def load(folder: Path) -> AutoencoderTiny:
    """As float32, channels last."""
    return (
        AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32)
        .eval()
        .to(memory_format=torch.channels_last)
    )


def decoder(vae: AutoencoderTiny, size_px: int, *, folded: bool) -> Callable[[], object]:
    """Decode the latents of one shot of that size."""
    shrink = 2 ** (len(vae.config.decoder_block_out_channels) - 1)
    latents = torch.randn(NUM_FRAMES, vae.config.latent_channels, size_px // shrink, size_px // shrink)
    latents = latents.contiguous(memory_format=torch.channels_last)
    decode = (
        subpixel.SubPixelDecoder(vae.decoder).to(memory_format=torch.channels_last) if folded else vae.decoder
    )
    return lambda: decode(latents)


@torch.inference_mode()
def milliseconds(decoders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median time of each, in turns, so that what slows the machine slows them alike."""
    times: dict[str, list[float]] = {name: [] for name in decoders}
    for number in range(rounds + 1):
        for name, run in decoders.items():
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16):
                run()
            if number:  # the first round chooses kernels
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: round(float(np.median(values)), 1) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vae", type=Path, default=BUNDLED)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--world", choices=list(WORLDS), default=STORYBOOK_1.name)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    vae, bundled = load(asked.vae), load(BUNDLED)
    plan = replace(SETS["held_stills"], num_frames=1, size_px=asked.size, world=asked.world)
    with tempfile.TemporaryDirectory() as folder:
        held = render_set(plan, Path(folder), workers=1, limit=asked.scenes)
        figures: dict[str, object] = {"autoencoder": measure(vae, held, torch.device("cpu"), asked.scenes)}
        if asked.size > 128:
            figures["enlarged"] = measure(
                Enlarged(bundled, asked.size // 128), held, torch.device("cpu"), asked.scenes
            )
    decoders = {
        "bundled at 128": decoder(bundled, 128, folded=False),
        "stock": decoder(vae, asked.size, folded=False),
    }
    if subpixel.is_foldable(vae):
        decoders["folded"] = decoder(vae, asked.size, folded=True)
    figures["decode_ms"] = milliseconds(decoders, asked.rounds)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
