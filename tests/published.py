"""Tiny random repositories under the names of the profile sd15, with the duplicate files of the published ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import tiny
import torch
from family import SETTINGS
from safetensors.torch import load_file, save_file
from tiny_clip import save_tiny_clip
from tiny_dpt import save_hybrid

BASE = "stable-diffusion-v1-5/stable-diffusion-v1-5"
MOTION = "guoyww/animatediff-motion-adapter-v1-5-3"
STRUCTURE = "TencentARC/t2iadapter_depth_sd15v2"
DEPTH = "Intel/dpt-hybrid-midas"
ENCODER = "openai/clip-vit-base-patch32"
MODELS = f"""[models]
pipeline = {{ repo = "{BASE}" }}
motion_adapter = {{ repo = "{MOTION}" }}
structure = {{ repo = "{STRUCTURE}" }}
depth = {{ repo = "{DEPTH}" }}
encoder = {{ repo = "{ENCODER}" }}
"""


def save_repositories(root: Path) -> Path:
    """Five repositories below `root`, and `root`/tiny.toml that names them."""
    work = root / "work"
    tiny.save_stable_diffusion(work)
    for source, repo in (("base", BASE), ("motion", MOTION), ("t2i", STRUCTURE)):
        shutil.copytree(work / source, root / repo)
    save_hybrid(root / DEPTH)
    save_tiny_clip(root / ENCODER)
    _duplicate_weights(root / BASE)
    for repo in (DEPTH, ENCODER, STRUCTURE):         # published as .bin alone
        (file,) = (root / repo).glob("*.safetensors")
        torch.save(load_file(file), file.with_name("pytorch_model.bin" if file.stem == "model" else f"{file.stem}.bin"))
        file.unlink()
    for repo in (BASE, MOTION, STRUCTURE, DEPTH, ENCODER):
        (root / repo / "README.md").write_text("---\nlicense: openrail\n---\n# A model\n")
    (root / "tiny.toml").write_text(MODELS + SETTINGS.replace("num_class_clips = 2", "num_class_clips = 0"))
    return root


def _duplicate_weights(base: Path) -> None:
    for part, stem in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        weights = load_file(base / part / f"{stem}.safetensors")
        half = {name: weight.half() if weight.is_floating_point() else weight for name, weight in weights.items()}
        save_file(half, base / part / f"{stem}.fp16.safetensors", metadata={"format": "pt"})
        torch.save(weights, base / part / f"{stem.removeprefix('model') or 'pytorch_model'}.bin")
    (base / "v1-5-pruned-emaonly.safetensors").write_bytes(b"0" * 1000)
    (base / "safety_checker").mkdir()
    (base / "safety_checker" / "model.safetensors").write_bytes(b"0" * 1000)
    (base / "safety_checker" / "config.json").write_text("{}")
    index = json.loads((base / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (base / "model_index.json").write_text(json.dumps(index))
