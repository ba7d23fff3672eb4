"""Feed-forward layers in parts: they act on each token alone, and are what a long shot needs the most memory for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from diffusers.models.attention import FeedForward
from torch import Tensor

MAX_TOKENS = 2**16                                   # at once: 16 frames of 64 x 64 cells


@contextmanager
def chunked_feed_forward(unet: torch.nn.Module, max_tokens: int = MAX_TOKENS) -> Iterator[None]:
    """Have a U-Net's feed-forward layers, spatial and temporal, take at most so many tokens at once.

    FreeNoise bounds the frames that attend to each other, and not these layers: they get all frames of a shot.
    """
    layers = [module for module in unet.modules() if isinstance(module, FeedForward)]
    for layer in layers:
        layer.forward = partial(_in_parts, layer.forward, max_tokens)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _in_parts(forward: Any, max_tokens: int, hidden_states: Tensor, *args: Any, **more: Any) -> Tensor:
    """Apply `forward` to rows of (N, L, C), as many as make `max_tokens` tokens."""
    rows = max(1, max_tokens // max(1, hidden_states.shape[1]))
    if len(hidden_states) <= rows:
        return forward(hidden_states, *args, **more)
    output = torch.empty_like(hidden_states)
    for first in range(0, len(hidden_states), rows):
        output[first:first + rows] = forward(hidden_states[first:first + rows], *args, **more)
    return output
