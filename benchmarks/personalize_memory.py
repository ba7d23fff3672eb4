"""How much memory learning a character takes at the sizes of Stable Diffusion 1.5 with AnimateDiff: computed, not measured.

    python benchmarks/personalize_memory.py [--clips 2] [--frames 4] [--pixels 512] [--rank 4]

The networks are built without data (torch's meta device), one step of the U-Net is traced, and the bytes are added up of what
autograd keeps for the way back, with fused attention as on a GPU. Not counted: the allocator's waste, kernels' work space, the
CUDA context, with checkpointing the one block that is being computed again, and the VAE and the depth network, which are done
before the first step. Learning keeps weights in float32 and multiplies in bfloat16: it lies between the two sets of rows.
`clips` are the pictures and the regularisation clips of one step.
"""

from __future__ import annotations

import argparse
from typing import Any
from unittest.mock import patch

import torch
from diffusers import UNetMotionModel
from peft import LoraConfig
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from storyanim.personalize.lora import LAYERS

GB = 1e9
NUMBERS = {"bfloat16": torch.bfloat16, "float32": torch.float32}
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


def networks(dtype: torch.dtype, rank: int) -> tuple[Any, Any]:
    """The U-Net with a LoRA and the text encoder of Stable Diffusion 1.5, without data."""
    with torch.device("meta"):
        unet = UNetMotionModel(cross_attention_dim=TEXT_WIDTH, motion_max_seq_length=32).to(dtype).requires_grad_(False)
        text = CLIPTextModel(CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408,
        )).requires_grad_(False)
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))
    return unet, text


def activations(unet: Any, shape: tuple[int, ...], dtype: torch.dtype, checkpointed: bool) -> int:
    """Bytes that one step's forward pass keeps for the way back, each storage once."""
    kept: dict[int, int] = {}
    alive: list[Tensor] = []                         # so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
            alive.append(tensor)
        return tensor

    weights = {weight.untyped_storage()._cdata for weight in unet.parameters()}
    if checkpointed:
        def twice(block: Any, *inputs: Any) -> Any:
            for tensor in inputs:
                if isinstance(tensor, Tensor):
                    keep(tensor)
            with torch.no_grad():
                outputs = block(*inputs)
            return outputs.requires_grad_() if isinstance(outputs, Tensor) else tuple(o.requires_grad_() for o in outputs)

        unet.enable_gradient_checkpointing(twice)
    sample = torch.empty(shape, device="meta", dtype=dtype)
    states = torch.empty(shape[0] * shape[2], WORDS, TEXT_WIDTH, device="meta", dtype=dtype, requires_grad=True)
    with patch("torch.nn.functional.scaled_dot_product_attention", lambda q, k, v, *_, **__: FusedAttention.apply(q, k, v)), \
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = unet(sample, torch.empty(shape[0], device="meta"), encoder_hidden_states=states).sample
    unet.disable_gradient_checkpointing()
    del out
    return sum(kept.values())


def size(module: Any) -> int:
    """Bytes of its weights."""
    return sum(weight.nbytes for weight in module.parameters())


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("clips", 2), ("frames", 4), ("pixels", 512), ("rank", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    cells = given.pixels // PIXELS_A_CELL
    shape = (given.clips, LATENT_CHANNELS, given.frames, cells, cells)
    print("computed, not measured")
    for name, dtype in NUMBERS.items():
        unet, text = networks(dtype, given.rank)
        matrices = [weight for part, weight in unet.named_parameters() if "lora_" in part]
        learned = sum(4 * weight.numel() for weight in matrices)             # float32
        fixed = size(unet) + size(text)
        print(f"{name}: weights {fixed / GB:.2f} GB, LoRA with gradients, AdamW and the kept state {5 * learned / GB:.3f} GB")
        for checkpointed in (False, True):
            kept = activations(unet, shape, dtype, checkpointed)
            how = "with gradient_checkpointing" if checkpointed else "without"
            print(f"  {how:28s} activations {kept / GB:6.2f} GB, all {(fixed + 5 * learned + kept) / GB:6.2f} GB")


if __name__ == "__main__":
    main()
