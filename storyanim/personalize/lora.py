"""The U-Net while a character is learned: its LoRA, its motion modules, its frozen weights (AaS 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from storyanim.errors import ModelError

# Self-attention (attn1) and cross-attention (attn2) of the spatial layers, not of the motion modules.
LAYERS = r".*attentions\.\d+\.transformer_blocks\.\d+\.attn[12]\.to_[qkv]"
_NAME = "learning"


@contextmanager
def lora_adapter(unet: Any, rank: int, seed: int) -> Iterator[dict[str, nn.Parameter]]:
    """Put a LoRA of `rank` on the U-Net (0: none), and take it off at the end.

    Gives its matrices by the keys under which diffusers loads them (`unet.….lora_A.weight`); the second
    halves are zero, so that it does nothing at first. Raises ModelError when the U-Net has others, or has no
    such layers.
    """
    if getattr(unet, "peft_config", None):
        raise ModelError("the U-Net has a LoRA already",
                         hint="learn a character on a pipeline that was freshly loaded")
    if rank == 0:
        yield {}
        return
    try:
        matrices = add_lora(unet, _NAME, rank, LAYERS, seed, ModelError(
            "the U-Net has no spatial attention layers to personalise",
            hint="take a base model with cross-attention, such as Stable Diffusion 1.5"))
        for weight in matrices.values():
            weight.requires_grad_(True)
        yield matrices
    finally:
        unet.unload_lora()


def numpy_arrays(matrices: dict[str, nn.Parameter]) -> dict[str, Any]:
    """Return the matrices as float32 numpy arrays, by name in order."""
    return {key: matrices[key].detach().float().cpu().numpy().copy() for key in sorted(matrices)}


@contextmanager
def single_frame_attention(unet: Any) -> Iterator[None]:
    """Let temporal attention over a single frame return its values.

    A frame alone attends to itself with weight 1: the same numbers to rounding (a processor may add up in
    another order), without two of three projections and a product of matrices for each cell.
    """
    layers = [attention for name, layer in unet.named_modules() if name.endswith("motion_modules")
              for attention in layer.modules() if hasattr(attention, "set_processor")]
    kept = [layer.processor for layer in layers]
    try:
        for layer in layers:
            layer.set_processor(_SingleFrameProcessor(layer.processor))
        yield
    finally:
        for layer, processor in zip(layers, kept, strict=True):
            layer.set_processor(processor)


class _SingleFrameProcessor:
    """Attention (N, T, C) → (N, T, C) over T = 1 frames; over more as the processor that it stands for."""

    def __init__(self, otherwise: Any) -> None:
        self._otherwise = otherwise

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None, **more: Any,
    ) -> Tensor:
        plain = encoder_hidden_states is None and attention_mask is None and hidden_states.ndim == 3
        odd = attn.residual_connection or attn.group_norm or attn.spatial_norm
        if not plain or hidden_states.shape[1] != 1 or odd:
            return self._otherwise(attn, hidden_states, encoder_hidden_states, attention_mask, **more)
        values = attn.to_v(hidden_states)
        for layer in attn.to_out:
            values = layer(values)
        return values / attn.rescale_output_factor


@contextmanager
def gradient_checkpointing(unet: Any) -> Iterator[None]:
    """Let the U-Net keep the inputs of its blocks alone, and compute the rest again in the backward pass."""
    unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        unet.disable_gradient_checkpointing()


@contextmanager
def frozen_weights_in_bfloat16(*modules: nn.Module | None) -> Iterator[None]:
    """Hold the frozen weights of linear layers and convolutions in bfloat16, as autocast casts them.

    The same numbers to bfloat16's rounding, without the casts and in half the memory. At the end all are what
    they were. Each module's first weight stays, since a module says its dtype by it: inputs that are cast to
    that early would have their gradients added up in bfloat16.
    """
    fixed: dict[nn.Parameter, None] = {}
    for module in modules:
        if module is not None:
            first = next(module.parameters())
            products = (layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d))
            weights = (weight for layer in products for weight in layer.parameters(recurse=False))
            fixed |= {weight: None for weight in weights if weight is not first and not weight.requires_grad}
    kept = [(weight, weight.device, weight.data.cpu()) for weight in fixed]       # a GPU holds one copy
    try:
        for weight, _, _ in kept:
            weight.data = weight.data.bfloat16()
        yield
    finally:
        for weight, device, data in kept:
            weight.data = data.to(device)


@contextmanager
def frozen(*modules: nn.Module | None) -> Iterator[None]:
    """Train nothing in the modules, with dropout off; at the end all is as it was."""
    present = [module for module in modules if module is not None]
    wanted = [(weight, weight.requires_grad) for module in present for weight in module.parameters()]
    modes = [(part, part.training) for module in present for part in module.modules()]
    for module in present:
        module.requires_grad_(False).eval()
    try:
        yield
    finally:
        for weight, requires_grad in wanted:
            weight.requires_grad_(requires_grad)
        for part, training in modes:
            part.training = training


def add_lora(
    unet: Any, name: str, rank: int, layers: str, seed: int, missing: ModelError
) -> dict[str, nn.Parameter]:
    """Add a LoRA and return its matrices, float32, by the keys under which diffusers loads them.

    The second halves are zero, so that it does nothing at first.

    Args:
        unet: that gets it.
        name: of the adapter.
        rank: of its matrices.
        layers: a regular expression of the layers' names.
        seed: of the first halves.
        missing: raised when no layer has such a name.
    """
    from peft import LoraConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers), name)
        except ValueError as error:                  # peft's
            raise missing from error
    inside = f".{name}."
    found = {f"unet.{key.replace(inside, '.')}": weight for key, weight in unet.named_parameters()
             if inside in key and "lora_" in key}
    for weight in found.values():
        weight.data = weight.data.float()
    return dict(sorted(found.items()))
