"""How much memory learning a character takes at the sizes of Stable Diffusion 1.5 with AnimateDiff: computed, not measured.

    python benchmarks/personalize_memory.py [--clips 2] [--frames 4] [--pixels 512] [--rank 4]

The networks are built without data, as if on a GPU (torch's fake tensors), one step of the U-Net is traced under the automatic
casting with which it is learned, and the bytes are added up of what autograd keeps for the way back, with fused attention. With
checkpointing that is what goes into each block, and all that the greatest block keeps while it is computed again. Not counted:
the allocator's waste, kernels' work space, the CUDA context, and the VAE and the depth network, which are done before the first
step. `clips` are the pictures and the regularisation clips of one step.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from diffusers import UNetMotionModel
from peft import LoraConfig
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import CLIPTextConfig, CLIPTextModel

from storyanim.personalize.lora import LAYERS, halved

GB = 1e9
WORDS, TEXT_WIDTH, LATENT_CHANNELS, PIXELS_A_CELL = 77, 768, 4, 8


class FusedAttention(torch.autograd.Function):
    """What a fused kernel keeps: queries, keys, values, its result and a number a row; never the matrix."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, heads, N, d) each."""
        result = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, result, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Never asked for."""
        raise NotImplementedError


def networks(rank: int) -> tuple[Any, Any]:
    """The U-Net with a LoRA and the text encoder of Stable Diffusion 1.5."""
    with torch.device("cuda"):
        unet = UNetMotionModel(cross_attention_dim=TEXT_WIDTH, motion_max_seq_length=32).requires_grad_(False)
        text = CLIPTextModel(CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408,
        )).requires_grad_(False)
        with patch.object(torch.nn.Module, "to", lambda module, *_, **__: module):   # all is there, and fake data cannot be moved
            unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))
    return unet, text


class Kept:
    """Counts what autograd keeps, each storage once and the weights not at all."""

    def __init__(self, weights: set[int]) -> None:
        self._weights, self._sizes, self._alive = weights, dict[int, int](), list[Tensor]()

    def keep(self, tensor: Tensor) -> Tensor:
        """Counts one."""
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
    """Bytes that one step's forward pass keeps for the way back; with checkpointing also those of the greatest block."""
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
    fused = patch("torch.nn.functional.scaled_dot_product_attention", lambda q, k, v, *_, **__: FusedAttention.apply(q, k, v))
    with fused, kept.watching(), casting():
        out = unet(sample, torch.empty(shape[0], device="cuda"), encoder_hidden_states=states).sample
    unet.disable_gradient_checkpointing()
    del out
    return kept.bytes, greatest[0]


@contextmanager
def casting() -> Iterator[None]:
    """`torch.autocast("cuda", torch.bfloat16)`, which is off where no GPU is."""
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    torch.set_autocast_enabled("cuda", True)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)


def size(*modules: Any) -> int:
    """Bytes of their weights."""
    return sum(weight.nbytes for module in modules for weight in module.parameters())


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("clips", 2), ("frames", 4), ("pixels", 512), ("rank", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    cells = given.pixels // PIXELS_A_CELL
    shape = (given.clips, LATENT_CHANNELS, given.frames, cells, cells)
    print("computed, not measured")
    with FakeTensorMode():
        unet, text = networks(given.rank)
        learned = 5 * sum(weight.nbytes for name, weight in unet.named_parameters() if "lora_" in name)
        with halved(unet, text):
            fixed = size(unet, text)
            print(f"weights {fixed / GB:.2f} GB, LoRA with gradients, AdamW and the kept state {learned / GB:.3f} GB")
            for checkpointed in (False, True):
                kept, greatest = activations(unet, shape, checkpointed)
                how = "with gradient_checkpointing" if checkpointed else "without"
                print(f"  {how:28s} activations {kept / GB:6.2f} GB, greatest block {greatest / GB:5.2f} GB, "
                      f"all {(fixed + learned + kept + greatest) / GB:6.2f} GB")


if __name__ == "__main__":
    main()
