"""Compute how much memory of a GPU a shot of the profile sd15 takes, by fake tensors: no weights, no GPU.

    python benchmarks/memory_table.py [--wan | --cogvideox] [--json]

--wan, --cogvideox: a shot of Wan-VACE 1.3B at 832 x 480, or of CogVideoX-Fun 5B at 720 x 480, in its place (some minutes; tiles are
many calls). Text encoders are not in it: they compute first, alone, and on the CPU where they do not fit.

Networks of the published configurations in bfloat16 (VAE and text encoder float32) are built on a fake CUDA
device; every tensor that an operator makes is counted while it lives. Attention is counted as the fused kernel
that runs on a GPU: its result alone. CUDA's own context (about 0.5 GB) and what the allocator wastes are not in it.
"""

from __future__ import annotations

import argparse
import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXTransformer3DModel,
    ControlNetModel,
    T2IAdapter,
    UNetMotionModel,
    WanVACETransformer3DModel,
)
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import CLIPTextConfig, CLIPTextModel

from storyanim.generate.chunks import chunked_feed_forward
from storyanim.generate.story_pipeline import StoryVideoPipeline

CHANNELS = (320, 640, 1280, 1280)
SIZE_PX = 512
GB = 1e9


class Peak(TorchDispatchMode):
    """Counts the bytes of all CUDA tensors that are made while it is on, and the most that live at once."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()
        self.alive, self.now, self.most = set(known), 0, 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cuda":
                storage = tensor.untyped_storage()
                if storage._cdata not in self.alive:
                    self._add(storage)
        return out

    def _add(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        self.alive.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.now -= size


@contextmanager
def fake_gpu() -> Iterator[None]:
    """Have tensors without memory on a CUDA device, and attention as a fused kernel."""
    attention = torch.nn.functional.scaled_dot_product_attention
    torch.nn.functional.scaled_dot_product_attention = lambda query, *_, **__: torch.empty_like(query)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda"), torch.no_grad():
            yield
    finally:
        torch.nn.functional.scaled_dot_product_attention = attention
        torch.set_default_dtype(torch.float32)


def networks() -> dict[str, Any]:
    """Return the networks of the published configurations, in the dtypes in which shots are drawn."""
    torch.set_default_dtype(torch.bfloat16)
    made: dict[str, Any] = {
        "unet": UNetMotionModel(cross_attention_dim=768, motion_max_seq_length=32),
        "t2i_adapter": T2IAdapter(in_channels=3, channels=list(CHANNELS), num_res_blocks=2, downscale_factor=8),
        "controlnet": ControlNetModel(cross_attention_dim=768),
    }
    torch.set_default_dtype(torch.float32)
    made["vae"] = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, latent_channels=4)
    made["text_encoder"] = CLIPTextModel(CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408))
    for network in made.values():
        network.eval()
    return made


def size_of(network: Any) -> int:
    """Return the bytes of a network's weights."""
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())


def unet_call(unet: Any, batch: int, frames: int) -> Callable[[], Any]:
    """Return a call of the U-Net on latents of 512 x 512 pixels."""
    latents = torch.empty(batch, 4, frames, SIZE_PX // 8, SIZE_PX // 8, dtype=torch.bfloat16)
    states = torch.empty(batch * frames, 77, 768, dtype=torch.bfloat16)
    return lambda: unet(latents, torch.tensor(1), encoder_hidden_states=states, return_dict=False)


def peaks() -> dict[str, float]:
    """Return the activations in GB of each part of a shot, and the weights of each network."""
    with fake_gpu():
        made = networks()

        def peak(work: Callable[[], Any]) -> float:
            known = {tensor.untyped_storage()._cdata for network in made.values()
                     for tensor in (*network.parameters(), *network.buffers())}
            with Peak(known) as counted:
                work()
            return counted.most / GB

        unet, vae = made["unet"], made["vae"]
        facts = {f"weights {name}": size_of(network) / GB for name, network in made.items()}
        facts["largest layer"] = max(
            sum(weight.numel() * weight.element_size() for weight in layer.parameters(recurse=False))
            for layer in unet.modules()) / GB
        with chunked_feed_forward(unet):
            facts["unet 16 frames guided"] = peak(unet_call(unet, 2, 16))
            facts["unet 16 frames half"] = peak(unet_call(unet, 1, 16))
        facts["vae 4 frames"] = peak(lambda: vae.decode(torch.empty(4, 4, SIZE_PX // 8, SIZE_PX // 8)))
        facts["vae 1 frame"] = peak(lambda: vae.decode(torch.empty(1, 4, SIZE_PX // 8, SIZE_PX // 8)))
        vae.enable_tiling()
        vae.tile_sample_min_size, vae.tile_latent_min_size = 256, 32
        facts["vae 1 frame tiled"] = peak(lambda: vae.decode(torch.empty(1, 4, SIZE_PX // 8, SIZE_PX // 8)))
        _free_noise(unet)
        with chunked_feed_forward(unet):
            facts["unet 64 frames guided"] = peak(unet_call(unet, 2, 64))
            facts["unet 64 frames half"] = peak(unet_call(unet, 1, 64))
    return facts


def wan_peaks() -> dict[str, float]:
    """Return the same for the networks of Wan-VACE 1.3B, with one picture of a character."""
    with fake_gpu():
        torch.set_default_dtype(torch.bfloat16)
        transformer = WanVACETransformer3DModel(
            num_attention_heads=12, attention_head_dim=128, ffn_dim=8960, num_layers=30, vace_layers=list(range(0, 30, 2)), vace_in_channels=96)
        torch.set_default_dtype(torch.float32)
        vae = AutoencoderKLWan()

        def call(steps: int) -> Any:
            latents, control = (torch.empty(1, channels, steps + 1, 60, 104, dtype=torch.bfloat16) for channels in (16, 96))
            return transformer(latents, torch.tensor([1]), torch.empty(1, 512, 4096, dtype=torch.bfloat16),
                               control_hidden_states=control, return_dict=False)

        return _clip_peaks(transformer, vae, call, lambda steps: torch.empty(1, 16, steps, 60, 104), (33, 81))


def cogvideox_peaks() -> dict[str, float]:
    """Return the same for the networks of CogVideoX-Fun 5B, both halves of guidance at once as its pipeline has them."""
    with fake_gpu():
        torch.set_default_dtype(torch.bfloat16)
        transformer = CogVideoXTransformer3DModel(
            num_attention_heads=48, in_channels=32, out_channels=16, num_layers=42, use_rotary_positional_embeddings=True)
        vae = AutoencoderKLCogVideoX(
            block_out_channels=(128, 256, 256, 512), down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4, latent_channels=16, layers_per_block=3)

        def call(steps: int) -> Any:
            positions = tuple(torch.empty(steps * 30 * 45, 64, dtype=torch.float32) for _ in range(2))
            return transformer(torch.empty(2, steps, 32, 60, 90), torch.empty(2, 226, 4096), torch.tensor([1, 1]),
                               image_rotary_emb=positions, return_dict=False)

        return _clip_peaks(transformer, vae, call, lambda steps: torch.empty(1, 16, steps, 60, 90), (25, 49))


def _clip_peaks(
    transformer: Any, vae: Any, call: Callable[[int], Any], latents: Callable[[int], Any], lengths: tuple[int, int]
) -> dict[str, float]:
    """Return the parts of clips of so many frames, of which four are one latent step, but for the first."""
    known = {tensor.untyped_storage()._cdata for network in (transformer, vae) for tensor in (*network.parameters(), *network.buffers())}

    def peak(work: Callable[[], Any]) -> float:
        with Peak(known) as counted:
            work()
        return counted.most / GB

    largest = max(sum(size_of(part) for part in module.children() if not [*part.children()]) for module in transformer.modules())
    facts = {"weights transformer": size_of(transformer) / GB, "weights vae": size_of(vae) / GB, "largest layer": largest / GB}
    for tiled in (False, True):
        if tiled:
            vae.enable_tiling()
        for frames in lengths:
            steps = (frames - 1) // 4 + 1
            if not tiled:
                facts[f"transformer {frames} frames"] = peak(lambda: call(steps))                # noqa: B023
            facts[f"vae {frames} frames" + " tiled" * tiled] = peak(lambda: vae.decode(latents(steps)))         # noqa: B023
    return facts


def clip_rungs(facts: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return rung → work → GB of a family of transformers, whose text encoder has left the device."""
    transformer, vae = facts["weights transformer"], facts["weights vae"]
    table: dict[str, dict[str, float]] = {rung: {} for rung in ("fast", "halves", "offload", "sequential")}
    for name in [name for name in facts if name.startswith("transformer ")]:
        work = name.removeprefix("transformer ")
        denoising, decoding, tiled = facts[name], facts[f"vae {work}"], facts[f"vae {work} tiled"]
        table["fast"][work] = transformer + vae + max(denoising, decoding)
        table["halves"][work] = transformer + vae + max(denoising, tiled)
        table["offload"][work] = max(transformer + denoising, vae + tiled)
        table["sequential"][work] = facts["largest layer"] + max(denoising, tiled)
    return table


def _free_noise(unet: Any) -> None:
    """Have the temporal layers take windows of 16 frames, as for a long shot."""
    pipeline = StoryVideoPipeline.__new__(StoryVideoPipeline)
    object.__setattr__(pipeline, "unet", unet)
    pipeline._free_noise_context_length, pipeline._free_noise_context_stride = 16, 4
    pipeline._free_noise_weighting_scheme, pipeline._free_noise_noise_type = "pyramid", "shuffle_context"
    torch.set_default_dtype(torch.bfloat16)
    to = torch.nn.Module.to
    torch.nn.Module.to = lambda module, *_, **__: module        # fake tensors cannot be converted in place
    try:
        for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
            if hasattr(block, "motion_modules"):
                pipeline._enable_free_noise_in_block(block)
    finally:
        torch.nn.Module.to = to


def rungs(facts: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return rung → work → GB: the most of denoising and decoding, with the weights that lie on the device."""
    drawing = facts["weights unet"] + facts["weights t2i_adapter"]
    vae, text = facts["weights vae"], facts["weights text_encoder"]
    table = {}
    for rung, half, decode, resting in (("fast", "guided", "vae 1 frame", vae + text), ("halves", "half", "vae 1 frame tiled", vae),
                                        ("offload", "half", "vae 1 frame tiled", 0.0)):
        table[rung] = {}
        for work, frames in (("a shot of 16 frames", 16), ("a shot of 8 s", 64)):
            denoising = facts[f"unet {frames} frames {half}"] + drawing + resting
            decoding = facts[decode] + (drawing + resting if resting else vae)
            table[rung][work] = max(denoising, decoding)
    # One layer's weights lie on the device at a time (accelerate's hooks): the activations are what is left.
    table["sequential"] = {work: max(facts[f"unet {frames} frames half"], facts["vae 1 frame tiled"]) + facts["largest layer"]
                           for work, frames in (("a shot of 16 frames", 16), ("a shot of 8 s", 64))}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    family = parser.add_mutually_exclusive_group()
    family.add_argument("--wan", action="store_true")
    family.add_argument("--cogvideox", action="store_true")
    asked = parser.parse_args()
    as_json = asked.json
    facts = wan_peaks() if asked.wan else cogvideox_peaks() if asked.cogvideox else peaks()
    table = clip_rungs(facts) if asked.wan or asked.cogvideox else rungs(facts)
    if as_json:
        print(json.dumps({"parts": facts, "rungs": table}))
        return
    for name, value in facts.items():
        print(f"{name:28} {value:6.2f} GB")
    for rung, works in table.items():
        print(f"{rung:10}" + "  ".join(f"{work}: {value:.2f} GB" for work, value in works.items()))


if __name__ == "__main__":
    main()
