"""The dtype of the denoiser, and offloading when memory is short.

The ladder: everything on the device (fast); the same, with the halves of guidance one after the other, the VAE
in tiles and the text encoder off after its call (halves); one component at a time (offload); one layer at a time
(sequential). A shot that runs out of memory is drawn again from the same seed one rung lower. Device and
dtype are facts of the machine, not of the film.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import torch

from storyanim.device import cpu_has_bfloat16, free_cached_memory, is_out_of_memory
from storyanim.errors import ResourceError

log = logging.getLogger(__name__)
__all__ = ["DTYPES", "MemoryLadder", "cast", "choose_dtype", "is_out_of_memory"]
Result = TypeVar("Result")
Rung = Literal["fast", "halves", "offload", "sequential"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_dtype(asked: str, device: torch.device) -> torch.dtype:
    """Return the dtype of the U-Net and the structure branch: as asked, or for "auto" the device's fastest.

    That is bfloat16 where it is native, else float16 on a GPU, else float32.
    """
    if asked != "auto":
        return DTYPES[asked]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32


class MemoryLadder:
    """A pipeline on its device, as fast as the memory allows."""

    def __init__(
        self, pipeline: Any, device: torch.device, memory: Literal["auto", "fast", "offload"] = "auto"
    ) -> None:
        self._pipeline, self._device = pipeline, device
        self._rungs = _rungs(device, memory)
        self._placed = False

    @property
    def rung(self) -> Rung:
        """The present rung."""
        return self._rungs[0]

    def begin_at(self, rung: Rung) -> None:
        """Leave out the rungs above one, if it is there."""
        if rung in self._rungs:
            self._rungs = self._rungs[self._rungs.index(rung):]

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work, again one rung lower when memory runs out. Raises ResourceError below the last."""
        while True:
            try:
                self._place()
                return work()
            except Exception as error:               # libraries have classes of their own for it
                if not is_out_of_memory(error):
                    raise
                if len(self._rungs) == 1:
                    raise ResourceError(
                        f"not enough memory on {self._device.type} to draw a shot",
                        hint="set a smaller generate.width_px and height_px, or fewer num_frames, "
                             "or close other programs",
                    ) from error
                log.warning("out of memory with memory=%s, trying %s", *self._rungs[:2])
            self._rungs, self._placed = self._rungs[1:], False
            self._free()

    def _place(self) -> None:
        if self._placed:
            return
        save_memory(self._pipeline, self.rung != "fast", off=self.rung == "halves")
        if self.rung in {"fast", "halves"}:
            self._pipeline.to(self._device)
        elif self.rung == "offload":
            self._pipeline.enable_model_cpu_offload(device=self._device)
        else:
            self._pipeline.enable_sequential_cpu_offload(device=self._device)
        self._placed = True

    def _free(self) -> None:
        self._pipeline.remove_all_hooks()
        self._pipeline.to("cpu")
        free_cached_memory()


def cast(pipeline: Any, dtype: torch.dtype) -> None:
    """Cast the U-Net and the structure branch; text encoder and VAE run once a shot and stay float32."""
    for module in (pipeline.unet, pipeline.structure):
        if module is not None:
            torch.nn.Module.to(module, dtype=dtype)


def save_memory(pipeline: Any, on: bool, off: bool) -> None:
    """Have a pipeline compute the halves of guidance one after the other, and decode in tiles, or not.

    Args:
        pipeline: a StoryVideoPipeline.
        on: whether to save.
        off: whether the text encoder leaves the device by itself; where components are offloaded it does.
    """
    pipeline.halves_of_guidance, pipeline.text_encoder_leaves = on, on and off
    if on and hasattr(pipeline.vae, "enable_tiling"):
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()


def _rungs(device: torch.device, memory: str) -> tuple[Rung, ...]:
    if device.type == "cpu" or memory == "fast":
        return ("fast",)
    whole: tuple[Rung, ...] = ("fast", "halves", "offload", "sequential")
    return whole[2:] if memory == "offload" else whole
