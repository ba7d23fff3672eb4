"""Deep features of the U-Net kept from one step to the next (DeepCache, arXiv 2312.00858), by our own hooks.

At a kept step only the outermost blocks are computed: they see the new noise, and everything below, which changes
slowly from step to step, is what it was. It is another picture, a little; see docs/results/speed.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor


class StepCache:
    """Computes all blocks of a U-Net at every `interval`-th step, and the outermost ones at the others."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._step, self._call = -1, -1
        self._keep = self._use = False               # at this step; in this call
        self._kept: dict[tuple[int, str], Any] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}

    def begin(self, step: int) -> None:
        """Begin a step; the same one again computes all."""
        self._keep = step % self._interval != 0 and step != self._step
        self._step, self._call = step, -1

    @contextmanager
    def applied(self, unet: Any) -> Iterator[None]:
        """Keep the features of a UNetMotionModel while it is open."""
        inner = {f"down {k}": block for k, block in enumerate(unet.down_blocks) if k}
        inner |= {"mid": unet.mid_block}
        inner |= {f"up {k}": block for k, block in enumerate(unet.up_blocks[:-1])}
        hook = unet.register_forward_pre_hook(self._note_call)
        for name, block in inner.items():
            block.forward = partial(self._forward, name, block.forward)
        try:
            yield
        finally:
            hook.remove()
            for block in inner.values():
                del block.forward
            self._kept.clear()

    def _note_call(self, unet: Any, args: tuple[Tensor, ...]) -> None:
        """Count the calls of a step: the halves of guidance may be two. A batch of another size is computed."""
        self._call += 1
        shape = tuple(args[0].shape)
        self._use = self._keep and self._shapes.get(self._call) == shape
        self._shapes[self._call] = shape

    def _forward(self, name: str, forward: Any, *args: Any, **more: Any) -> Any:
        place = (self._call, name)
        if not self._use:
            self._kept[place] = forward(*args, **more)
        return self._kept[place]
