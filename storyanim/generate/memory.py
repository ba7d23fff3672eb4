"""The dtype of the denoiser, and offloading when memory is short.

The ladder: everything on the device (fast); one component at a time (offload); one layer at a time
(sequential). A shot that runs out of memory is drawn again from the same seed one rung lower. Device and
dtype are facts of the machine, not of the film.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import torch

from storyanim.device import cpu_has_bfloat16
from storyanim.errors import ResourceError

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Rung = Literal["fast", "offload", "sequential"]
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

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work, again one rung lower when memory runs out. Raises ResourceError below the last."""
        while True:
            try:
                self._place()
                return work()
            except (RuntimeError, MemoryError) as error:
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
        if self.rung == "fast":
            self._pipeline.to(self._device)
        elif self.rung == "offload":
            self._pipeline.enable_model_cpu_offload(device=self._device)
        else:
            self._pipeline.enable_sequential_cpu_offload(device=self._device)
        self._placed = True

    def _free(self) -> None:
        self._pipeline.remove_all_hooks()
        self._pipeline.to("cpu")
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def cast(pipeline: Any, dtype: torch.dtype) -> None:
    """Cast the U-Net and the structure branch; text encoder and VAE run once a shot and stay float32."""
    for module in (pipeline.unet, pipeline.structure):
        if module is not None:
            torch.nn.Module.to(module, dtype=dtype)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether this error of torch, or Python's own, means that memory ran out."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def _rungs(device: torch.device, memory: str) -> tuple[Rung, ...]:
    if device.type == "cpu" or memory == "fast":
        return ("fast",)
    return ("offload", "sequential") if memory == "offload" else ("fast", "offload", "sequential")
