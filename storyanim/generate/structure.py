"""Structure guidance: the inverse depth of real footage steers the U-Net (AaS 3.2).

A T2I-Adapter does not see the timestep: its features are made once a shot and added inside the U-Net by hooks
that live only as long as one call. A ControlNet sees the noisy latents and runs at every step. Both are one
`StructureGuide`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

import torch
from diffusers import ControlNetModel, T2IAdapter
from torch import Tensor

from storyanim.errors import ModelError


def steps_of(part: float, num_steps: int) -> int:
    """Return how many of `num_steps` the first `part` (in [0, 1]) has: part × num_steps, halves up."""
    return int(part * num_steps + 0.5)


def steps_within(interval: tuple[float, float], timesteps: Tensor, wanted: bool) -> range:
    """Return the indices of the timesteps within a part of the trajectory; none unless wanted."""
    return range(*(steps_of(part, len(timesteps)) for part in interval)) if wanted else range(0)


class StructureGuide(Protocol):
    """Adds structure to one call of a U-Net."""

    def applied(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor
    ) -> AbstractContextManager[dict[str, Any]]:
        """Guide the U-Net while the context is open; give further arguments for its call.

        Args:
            sample: (B, C, T, h, w), scaled for the model; B may be a multiple of the guide's batch.
            timestep: one number, or (B,).
            encoder_hidden_states: (B × T, L, D).
        """
        ...


class AdapterGuide:
    """Features of a T2I-Adapter, added where `UNet2DConditionModel` adds them.

    Inside a down block with cross attention that is after its last layer, before it shrinks the picture;
    after a block without, or inside of it where the feature's size says so (a full adapter's).
    """

    def __init__(self, unet: torch.nn.Module, features: list[Tensor]) -> None:
        """Take features for the down blocks of `unet`, (B × T, C_i, h_i, w_i) each."""
        self._unet = unet
        self._features = {1: features}                            # how often the batch is repeated → features

    @contextmanager
    def applied(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor
    ) -> Iterator[dict[str, Any]]:
        """Add the features by hooks on the down blocks, see `StructureGuide`."""
        frames = sample.shape[0] * (sample.shape[2] if sample.ndim == 5 else 1)
        repeats = frames // self._features[1][0].shape[0]
        if repeats not in self._features:
            self._features[repeats] = [torch.cat([feature] * repeats) for feature in self._features[1]]
        with ExitStack() as hooks:
            size = tuple(sample.shape[-2:])
            for block, feature in zip(self._unet.down_blocks, self._features[repeats], strict=True):
                hooks.callback(_hook(block, feature, size).remove)
                size = _size_after(block, size)
            yield {}


class ControlNetGuide:
    """Residuals of a ControlNet, computed at every step from the noisy latents."""

    def __init__(self, controlnet: ControlNetModel, frames: Tensor, conditioning_scale: float) -> None:
        """Take pictures of structure, (B × T, 3, H, W) in [0, 1]."""
        self._controlnet, self._frames, self._conditioning_scale = controlnet, frames, conditioning_scale

    @contextmanager
    def applied(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor
    ) -> Iterator[dict[str, Any]]:
        """Run the ControlNet, see `StructureGuide`."""
        num_frames = sample.shape[2]
        flat = sample.transpose(1, 2).flatten(0, 1)                                         # (B × T, C, h, w)
        times = timestep.repeat_interleave(num_frames) if timestep.ndim and len(timestep) > 1 else timestep
        down, mid = self._controlnet(
            flat, times, encoder_hidden_states=encoder_hidden_states,
            controlnet_cond=self._frames.repeat(len(flat) // len(self._frames), 1, 1, 1),
            conditioning_scale=self._conditioning_scale, return_dict=False,
        )
        yield {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}


def make_guide(
    structure: torch.nn.Module, unet: torch.nn.Module, inverse_depth: Tensor, conditioning_scale: float = 1.0
) -> StructureGuide:
    """Return the guide of one shot, or of a batch of training clips; differentiable where gradients are on.

    Args:
        structure: a T2IAdapter, which runs here and never again, or a ControlNetModel.
        unet: what is guided.
        inverse_depth: (B, T, H, W) in [0, 1], 1 nearest, as many pixels as the drawn frames have.
        conditioning_scale: of what is added.
    """
    pictures = inverse_depth.to(structure.dtype).flatten(0, 1).unsqueeze(1)                 # (B × T, 1, H, W)
    if isinstance(structure, T2IAdapter):
        features = structure(pictures.expand(-1, structure.config.in_channels, -1, -1))
        return AdapterGuide(unet, [feature * conditioning_scale for feature in features])
    pictures = pictures.expand(-1, structure.config.conditioning_channels, -1, -1)
    return ControlNetGuide(structure, pictures, conditioning_scale)


def _hook(block: torch.nn.Module, feature: Tensor, inside: tuple[int, ...]) -> Any:
    """Register a hook that adds `feature` once in a down block, whose layers have the size `inside`."""
    size = tuple(feature.shape[-2:])
    after = _size_after(block, inside)
    plain = not getattr(block, "has_cross_attention", False)
    if plain and size == after and after != inside:
        return block.register_forward_hook(lambda module, args, output: _add_after_block(output, feature))
    if size == inside:
        layers = getattr(block, "motion_modules", None) or getattr(block, "attentions", None) or block.resnets
        last = layers[-1]
        return last.register_forward_hook(lambda module, args, output: _add_after_layer(output, feature))
    raise ModelError(
        f"the structure branch gives features of {size} where the U-Net has {inside}",
        hint="use a T2I-Adapter that was made for this base model, and a size that both can halve as often",
    )


def _add_after_layer(output: Any, feature: Tensor) -> Any:
    return (output[0] + feature, *output[1:]) if isinstance(output, tuple) else output + feature


def _add_after_block(
    output: tuple[Tensor, tuple[Tensor, ...]], feature: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    # The 2D U-Net adds in place here: the skip connection, which is the same tensor, gets the feature, too.
    guided = output[0] + feature
    return guided, (*output[1][:-1], guided)


def _size_after(block: torch.nn.Module, size: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((side + 1) // 2 for side in size) if block.downsamplers else size
