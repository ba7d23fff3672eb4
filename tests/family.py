"""A whole family of tiny random models as a profile, and pictures of a character: all that a real run needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tiny_clip import save_tiny_clip
from tiny_dpt import save_plain

SETTINGS = """
[generate]
width_px = 64
height_px = 64
num_frames = 4
max_duration_s = 0.5
num_inference_steps = 2
dtype = "float32"

[retrieve]
candidates = 3

[personalize]
num_steps = 2
batch_size = 2
lora_rank = 2
num_class_clips = 2
inference_timesteps_only = true

[film]
width_px = 64
height_px = 64
fps = 8
title_s = 0.5
max_hold_s = 0.25
"""


def save_profile(folder: Path) -> Path:
    """`folder`/tiny.toml, whose models lie beside it."""
    import tiny  # it loads diffusers

    models = tiny.save_storybook(folder)
    models["depth"] = {"repo": str(save_plain(folder / "depth"))}
    models["encoder"] = {"repo": str(save_tiny_clip(folder / "clip"))}
    lines = [f'{name} = {{ repo = "{ref["repo"]}" }}' for name, ref in models.items()]
    profile = folder / "tiny.toml"
    profile.write_text("[models]\n" + "\n".join(lines) + "\n" + SETTINGS)
    return profile


def save_pictures(folder: Path, count: int = 3) -> Path:
    """Orange discs on a blue ground, each elsewhere."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:96, :96]
    for number in range(count):
        disc = (rows - 32 - 12 * number) ** 2 + (columns - 64 + 12 * number) ** 2 < 25**2
        rgb = np.where(disc[..., None], (240, 140, 30), (30, 60, 160)).astype(np.uint8)
        Image.fromarray(rgb).save(folder / f"{number}.png")
    return folder
