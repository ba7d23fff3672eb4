"""Measure the detector of broken clips: false alarms on rendered clips, and planted faults that it finds.

    python benchmarks/broken_clips.py [--json]

Rendered clips are the bundled ones, whole and cut in two; faults are planted in them, and decoded noise is made
with the bundled autoencoder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import numpy as np
import torch

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.broken_clips import find_faults
from storyanim.config import asset, load_settings
from storyanim.generate.load import load_pipeline

SEEDS = range(8)


def planted(clip: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (fault, clip) of faults made from a good clip."""
    yield "black", np.zeros_like(clip)
    yield "black", rng.integers(0, 8, clip.shape).astype(np.uint8)
    yield "flat", np.full_like(clip, rng.integers(40, 255))
    yield "frozen", np.repeat(clip[:1], len(clip), axis=0)
    yield "noise", rng.integers(0, 256, clip.shape).astype(np.uint8)
    yield "noise", rng.normal(clip, 120).clip(0, 255).astype(np.uint8)


def decoded_noise() -> Iterator[tuple[str, np.ndarray]]:
    """Yield decoded latents that were never denoised, other in each frame and the same."""
    pipeline = load_pipeline(load_settings("storybook").models)
    for seed in SEEDS:
        noise = torch.randn(1, pipeline.unet.config.in_channels, 16, 16, 16, generator=torch.Generator().manual_seed(seed))
        for latents in (noise, 0.5 * noise, noise[:, :, :1].expand_as(noise)):
            with torch.no_grad():
                pixels = pipeline.decode_latents(latents)
            rgb = pipeline.video_processor.postprocess_video(video=pixels, output_type="np")[0]
            yield "noise", np.rint(rgb * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rng, alarms, clips, found = np.random.default_rng(0), {}, 0, {}
    for number, path in enumerate(sorted(asset("storybook/clips").glob("*.mp4"))):
        clip = video.read(path, start_s=0, end_s=2, fps=8, max_frames=16).rgb
        for part in (clip, clip[:8], clip[8:]):
            clips += 1
            if faults := find_faults(Frames(part, 8.0)):
                alarms[f"{path.name} {len(part)}"] = faults
        if number % 8 == 0:
            for fault, broken in planted(clip, rng):
                found.setdefault(fault, []).append(fault in find_faults(Frames(broken, 8.0)))
    for fault, broken in decoded_noise():
        found.setdefault(fault, []).append(fault in find_faults(Frames(broken, 8.0)))
    facts = {"rendered_clips": clips, "false_alarms": len(alarms), "which": alarms,
             "found": {fault: f"{sum(hits)} of {len(hits)}" for fault, hits in found.items()}}
    print(json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
