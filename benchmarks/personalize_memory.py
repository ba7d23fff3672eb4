"""How much memory learning a character takes at the sizes of Stable Diffusion 1.5 with AnimateDiff: computed,
or measured.

    python benchmarks/personalize_memory.py [--clips 2] [--frames 4] [--pixels 512] [--rank 4]
    python benchmarks/personalize_memory.py --measure

Measuring wants a CUDA GPU: the example's character is learned by the profile sd15 on networks of random
weights, and the most that torch had allocated is told. The rest is of computing.

The networks are built without data, as if on a GPU (torch's fake tensors), one step of the U-Net is traced
under the automatic casting with which it is learned, and the bytes are added up of what autograd keeps for
the way back, with fused attention. With checkpointing that is what goes into each block, and all that the
greatest block keeps while it is computed again. Not counted: the allocator's waste, kernels' work space, the
CUDA context, and the VAE and the depth network, which are done before the first step but stay where they are
(0.8 GB). `clips` are the pictures and the regularisation clips of one step.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    MotionAdapter,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from peft import LoraConfig
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
)

from storyanim.artifacts import ClipMatch
from storyanim.config import Settings, asset, load_settings
from storyanim.depth.dpt import DptEstimator
from storyanim.device import choose_device
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.fit import TimeInvLearner
from storyanim.personalize.images import read_character
from storyanim.personalize.lora import LAYERS, frozen_weights_in_bfloat16

GB = 1e9
CHANNELS = (320, 640, 1280, 1280)
WORDS, TEXT_WIDTH, LATENT_CHANNELS, PIXELS_A_CELL = 77, 768, 4, 8


class FusedAttention(torch.autograd.Function):
    """What a fused kernel keeps: queries, keys, values, its result and a number a row; never the matrix."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return (B, heads, N, d) each."""
        result = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, result,
                              query.new_empty(query.shape[:-1], dtype=torch.float32))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Never asked for."""
        raise NotImplementedError


def text_encoder() -> CLIPTextModel:
    """Of Stable Diffusion 1.5."""
    return CLIPTextModel(CLIPTextConfig(
        hidden_size=TEXT_WIDTH, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        vocab_size=49408,
    )).eval().requires_grad_(False)


def networks(rank: int) -> tuple[Any, Any]:
    """Return the U-Net with a LoRA and the text encoder of Stable Diffusion 1.5."""
    with torch.device("cuda"):
        unet = UNetMotionModel(cross_attention_dim=TEXT_WIDTH, motion_max_seq_length=32).requires_grad_(False)
        text = text_encoder()
        # all is there, and fake data cannot be moved
        with patch.object(torch.nn.Module, "to", lambda module, *_, **__: module):
            unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))
    return unet, text


class Kept:
    """Counts what autograd keeps, each storage once and the weights not at all."""

    def __init__(self, weights: set[int]) -> None:
        self._weights, self._sizes, self._alive = weights, dict[int, int](), list[Tensor]()

    def keep(self, tensor: Tensor) -> Tensor:
        """Return counts one."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._weights:
            self._sizes[storage._cdata] = storage.nbytes()
            self._alive.append(tensor)               # so that no address is used twice
        return tensor

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self._sizes.values())

    def watching(self) -> Any:
        """While it is open what is kept is counted."""
        return torch.autograd.graph.saved_tensors_hooks(self.keep, lambda tensor: tensor)


def activations(unet: Any, shape: tuple[int, ...], checkpointed: bool) -> tuple[int, int]:
    """Return bytes that one step's forward pass keeps for the way back.

    With checkpointing also those of the greatest block.
    """
    weights = {weight.untyped_storage()._cdata for weight in unet.parameters()}
    kept, greatest = Kept(weights), [0]
    if checkpointed:
        def twice(block: Any, *inputs: Any) -> Any:
            within = Kept(weights)
            with within.watching():
                outputs = block(*inputs)
            greatest[0] = max(greatest[0], within.bytes)
            for tensor in inputs:
                if isinstance(tensor, Tensor):
                    kept.keep(tensor)
            return outputs

        unet.enable_gradient_checkpointing(twice)
    sample = torch.empty(shape, device="cuda")
    states = torch.empty(shape[0] * shape[2], WORDS, TEXT_WIDTH, device="cuda", requires_grad=True)
    fused = patch("torch.nn.functional.scaled_dot_product_attention", lambda q, k, v, *_,
                  **__: FusedAttention.apply(q, k, v))
    with fused, kept.watching(), casting():
        out = unet(sample, torch.empty(shape[0], device="cuda"), encoder_hidden_states=states).sample
    unet.disable_gradient_checkpointing()
    del out
    return kept.bytes, greatest[0]


@contextmanager
def casting() -> Iterator[None]:
    """Yield `torch.autocast("cuda", torch.bfloat16)`, which is off where no GPU is."""
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    torch.set_autocast_enabled("cuda", True)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)


def size(*modules: Any) -> int:
    """Return bytes of their weights."""
    return sum(weight.nbytes for module in modules for weight in module.parameters())


def random_pipeline(channels: Sequence[int] = CHANNELS,
                    coder: Sequence[int] = (128, 256, 512, 512)) -> StoryVideoPipeline:
    """Stable Diffusion 1.5 with motion layers and a depth adapter, of random weights, on this machine's
    device."""
    with torch.device(choose_device()):
        unet = UNetMotionModel.from_unet2d(
            UNet2DConditionModel(sample_size=64, cross_attention_dim=TEXT_WIDTH,
                                 block_out_channels=tuple(channels)),
            MotionAdapter(block_out_channels=tuple(channels), motion_max_seq_length=32),
        )
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=tuple(coder), layers_per_block=2, latent_channels=LATENT_CHANNELS,
            sample_size=512,
        )
        branch = T2IAdapter(in_channels=3, channels=list(channels), downscale_factor=8,
                            adapter_type="full_adapter")
        text = text_encoder()
    for part in (unet, vae, branch):
        part.eval().requires_grad_(False)
    vae.enable_slicing()
    # others, as many
    words = CLIPTokenizer.from_pretrained(asset("storybook/pipeline/tokenizer"), model_max_length=WORDS)
    pipeline = StoryVideoPipeline(
        vae=vae, text_encoder=text, tokenizer=words, unet=unet, scheduler=DDIMScheduler(), structure=branch,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def random_depth(settings: Settings) -> DptEstimator:
    """Return the hybrid network of MiDaS 3, of random weights."""
    depth = DptEstimator(settings.models.depth, settings.depth.batch_size, settings.depth.percentile)
    config = DPTConfig(is_hybrid=True, neck_hidden_sizes=[256, 512, 768, 768],
                       backbone_out_indices=[2, 5, 8, 11],
                       readout_type="project")
    with torch.device(choose_device()):
        depth.__dict__["_model"] = DPTForDepthEstimation(config).eval().requires_grad_(False)
    sides = {"height": 384, "width": 384}
    depth.__dict__["_processor"] = DPTImageProcessor(size=sides, keep_aspect_ratio=True,
                                                     ensure_multiple_of=32)
    return depth


def learn(settings: Settings, pipeline: StoryVideoPipeline) -> None:
    """A few steps of the example's character."""
    bear = read_character(asset("examples/bear/bear"), noun="bear", name="bear")
    clips = [ClipMatch(clip_id=f"{path.stem}@0-2", path=str(path), sha256="", start_s=0, end_s=2, score=0.5,
                       rank=number + 1,
                       caption="a bear in the snow")
             for number, path in enumerate(sorted(asset("storybook/clips").glob("*.mp4"))[:4])]
    with patch("storyanim.hub.fingerprint", lambda ref: ref.repo):
        TimeInvLearner(settings, lambda: pipeline, random_depth(settings)).learn(bear, clips)


def measure() -> None:
    """Learn with and without checkpointing, and prints."""
    if not torch.cuda.is_available():
        sys.exit("--measure wants a CUDA GPU")
    pipeline = random_pipeline()
    print(f"measured on {torch.cuda.get_device_name()}, random weights")
    for checkpointed in (True, False):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        flags = {"num_steps": 4, "num_validations": 0, "gradient_checkpointing": checkpointed}
        learn(load_settings("sd15", personalize=flags), pipeline)
        how = "with gradient_checkpointing" if checkpointed else "without"
        most, held = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        print(f"  {how:28s} allocated {most / GB:6.2f} GB, reserved {held / GB:6.2f} GB")


def main() -> None:
    """Compute, or measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("clips", 2), ("frames", 4), ("pixels", 512), ("rank", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    if given.measure:
        measure()
        return
    cells = given.pixels // PIXELS_A_CELL
    shape = (given.clips, LATENT_CHANNELS, given.frames, cells, cells)
    print("computed, not measured")
    with FakeTensorMode():
        unet, text = networks(given.rank)
        learned = 5 * sum(weight.nbytes for name, weight in unet.named_parameters() if "lora_" in name)
        with frozen_weights_in_bfloat16(unet, text):
            fixed = size(unet, text)
            print(f"weights {fixed / GB:.2f} GB, LoRA with gradients, AdamW and the kept state "
                  f"{learned / GB:.3f} GB")
            for checkpointed in (False, True):
                kept, greatest = activations(unet, shape, checkpointed)
                how = "with gradient_checkpointing" if checkpointed else "without"
                print(f"  {how:28s} activations {kept / GB:6.2f} GB, greatest block {greatest / GB:5.2f} GB, "
                      f"all {(fixed + learned + kept + greatest) / GB:6.2f} GB")


if __name__ == "__main__":
    main()
