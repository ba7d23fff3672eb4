"""What each way of saving time in drawing is worth: settings drawn in turn in one run, by the same weights.

    python -m benchmarks.generate [--json] [--family storybook|sd15] [--steps 20] [--frames 16] [--size 128] [--rounds 2]

All in float32. `sd15` is the published width with random weights: times are true, pictures are noise. `storybook` has the bundled weights, so that what a setting changes in the picture is told, too (PSNR of
the frames against those without it, in dB). Times are the processor's own (`time.process_time`) where there is no GPU, so that other
programs' work is not in them. Printed are medians over the rounds of the ratios of two that were drawn in one round:

structure_half_over_always     structure until half of the steps, over at all steps
guidance_interval_over_always  guidance in the first .6 of the steps, over at all
text_once_over_per_step        a character's text of all steps in one call, over one call a step (text encoder alone)
cached_over_uncached           deep features kept at every second step, over computed at all
all_over_stock                 structure, guidance and cache together, over AnimateDiffPipeline without structure
few_steps_over_stock           four steps without guidance, over the same
roofline                       of an unguided call of the U-Net: GFLOP (torch's counter), GFLOP/s that it does, and GFLOP/s of a product
                               of square matrices (2048, same dtype and device) in the same run: what the arithmetic could do at best
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from operator import truediv
from typing import Any

import numpy as np
import torch
from diffusers import AnimateDiffPipeline, AutoencoderKL, DDIMScheduler, T2IAdapter, UNetMotionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from storyanim.config import load_settings
from storyanim.device import choose_device
from storyanim.generate.load import load_pipeline
from storyanim.generate.memory import cast
from storyanim.generate.story_pipeline import StoryVideoPipeline

PROMPT = "a brown bear is walking in the forest"
ALWAYS: dict[str, Any] = {"control_guidance_end": 1.0, "guidance_interval": (0.0, 1.0), "cache_interval": 1}
WAYS: dict[str, dict[str, Any]] = {
    "always": {}, "structure half": {"control_guidance_end": 0.5}, "guidance interval": {"guidance_interval": (0.0, 0.6)},
    "cached": {"cache_interval": 2},
    "all": {"control_guidance_end": 0.5, "guidance_interval": (0.0, 0.6), "cache_interval": 2},
    "few steps": {"num_inference_steps": 4, "guidance_scale": 1.0, "control_guidance_end": 0.5},
}


def random_sd15(tokenizer: Any) -> StoryVideoPipeline:
    """Return a pipeline of the published widths with random weights."""
    torch.manual_seed(0)
    vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
                        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, latent_channels=4)
    text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                                        vocab_size=49408))
    return StoryVideoPipeline(
        vae=vae.eval(), text_encoder=text.eval(), tokenizer=tokenizer, scheduler=DDIMScheduler(clip_sample=False),
        unet=UNetMotionModel(cross_attention_dim=768, motion_max_seq_length=32).eval(),
        structure=T2IAdapter(in_channels=3, channels=[320, 640, 1280, 1280], num_res_blocks=2, downscale_factor=8).eval())


def measure(pipeline: StoryVideoPipeline, steps: int, frames: int, size: int, rounds: int) -> dict[str, Any]:
    """Return the medians in seconds, the ratios, and how the pictures differ in dB."""
    depth = np.broadcast_to(np.linspace(0, 1, size, dtype=np.float32), (frames, size, size)).copy()
    asked = {"num_frames": frames, "height": size, "width": size, "num_inference_steps": steps, "guidance_scale": 3.0}
    stock = AnimateDiffPipeline(**{name: part for name, part in pipeline.components.items() if name != "structure"})
    stock.set_progress_bar_config(disable=True)
    works: dict[str, Callable[[], Any]] = {
        name: (lambda way=way: pipeline(PROMPT, structure_frames=depth, generator=torch.Generator().manual_seed(1),
                                        **{**ALWAYS, **asked, **way}).frames)
        for name, way in WAYS.items()}
    embeds = pipeline.encode_prompts([PROMPT, ""], {}).to(pipeline.unet.dtype)
    works["stock"] = lambda: stock(prompt_embeds=embeds[:1], negative_prompt_embeds=embeds[1:], output_type="latent",
                                   generator=torch.Generator().manual_seed(1), **asked).frames
    works["text once"] = lambda: pipeline.encode_prompts([PROMPT] * steps, {})
    works["text per step"] = lambda: [pipeline.encode_prompts([PROMPT], {}) for _ in range(steps)]
    works["decode"] = lambda: pipeline.decode_latents(
        torch.zeros(1, pipeline.unet.config.in_channels, frames, size // 8, size // 8, device=pipeline.device))
    times, pictures = defaultdict(list), {}
    with torch.no_grad():
        for number in range(rounds + 1):             # the first warms up
            for name, work in works.items():
                start = now()
                pictures[name] = work()
                seconds = now() - start
                if number or not rounds:
                    times[name].append(seconds)
    times["stock"] = [drawn + decoded for drawn, decoded in zip(times["stock"], times["decode"], strict=True)]       # as ours did
    pairs = {"structure_half_over_always": ("structure half", "always"), "guidance_interval_over_always": ("guidance interval", "always"),
             "text_once_over_per_step": ("text once", "text per step"), "cached_over_uncached": ("cached", "always"),
             "all_over_stock": ("all", "stock"), "few_steps_over_stock": ("few steps", "stock")}
    found: dict[str, Any] = {name: round(statistics.median(map(truediv, times[one], times[other])), 3) for name, (one, other) in pairs.items()}
    found["seconds"] = {name: round(statistics.median(values), 3) for name, values in times.items()}
    found["psnr_db"] = {name: round(psnr(pictures[name], pictures["always"]), 1) for name in WAYS if name != "always"}
    return found


def roofline(pipeline: StoryVideoPipeline, frames: int, size: int) -> dict[str, float]:
    """Return what one call of the U-Net computes, how fast, and how fast the machine multiplies matrices, in GFLOP and GFLOP/s."""
    unet = pipeline.unet
    like = {"device": pipeline.device, "dtype": unet.dtype}
    sample = torch.randn(1, unet.config.in_channels, frames, size // 8, size // 8, **like)
    states = pipeline.encode_prompts([PROMPT], {}).to(unet.dtype)
    matrix = torch.randn(2048, 2048, **like)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        pipeline.predict(sample, torch.tensor(500), states)
    gflop = counter.get_total_flops() / 1e9
    with torch.no_grad():
        call, product = (_seconds(work) for work in (lambda: pipeline.predict(sample, torch.tensor(500), states), lambda: matrix @ matrix))
    return {"unet_gflop": round(gflop, 1), "unet_gflop_s": round(gflop / call, 1), "matrices_gflop_s": round(2 * 2048**3 / 1e9 / product, 1)}


def now() -> float:
    """Return seconds: of the clock when a GPU has done what it was given, without one of this process's CPU time."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _seconds(work: Callable[[], Any]) -> float:
    """Return the median of five."""
    found = []
    for _ in range(5):
        start = now()
        work()
        found.append(now() - start)
    return statistics.median(found)


def psnr(one: Any, other: Any) -> float:
    """Return the peak signal to noise ratio of frames in [0, 1], in dB."""
    return float(-10 * np.log10(max(float(((one - other) ** 2).mean()), 1e-10)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--family", choices=["storybook", "sd15"], default="storybook")
    for name, default in (("steps", 20), ("frames", 16), ("size", 128), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    pipeline = load_pipeline(load_settings("storybook").models)
    if asked.family == "sd15":
        pipeline = random_sd15(pipeline.tokenizer)
        pipeline.set_progress_bar_config(disable=True)
    device = choose_device()
    cast(pipeline, torch.float32)                    # the stock pipeline mixes dtypes otherwise
    found = {"family": asked.family, "device": device.type, "dtype": str(pipeline.unet.dtype)} | measure(
        pipeline.to(device), asked.steps, asked.frames, asked.size, asked.rounds)
    found["roofline"] = roofline(pipeline, asked.frames, asked.size)
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
