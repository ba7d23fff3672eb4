"""The motion layers of a video U-Net, switched off for frames that are single pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def motion_modules_disabled(unet: Any) -> Iterator[None]:
    """Let the motion modules of a video U-Net pass everything on: its frames are single images."""
    layers = [layer for name, module in unet.named_modules() if name.endswith("motion_modules")
              for layer in module]
    for layer in layers:
        layer.forward = _unchanged
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _unchanged(hidden_states: Any, *args: Any, **more: Any) -> Any:
    return hidden_states
