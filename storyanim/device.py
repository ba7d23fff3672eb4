"""Where networks run here, with how many threads, and whether the machine is quick in bfloat16."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from storyanim.config import ModelRef
from storyanim.errors import ResourceError

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
Result = TypeVar("Result")
# What torch and the libraries below it say; most of them are plain RuntimeErrors.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "CUDNN_STATUS_ALLOC_FAILED",
                  "CUBLAS_STATUS_ALLOC_FAILED", "HIPBLAS_STATUS_ALLOC_FAILED", "failed to allocate memory",
                  "not enough memory")
_SMALL_BYTES = 512 * 2**20  # of weights; the bundled family has 50 MB, Stable Diffusion 1.5 over 3 GB


def choose_device() -> torch.device:
    """Return CUDA, else Apple's MPS, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def cpu_has_bfloat16() -> bool:
    """Return whether bfloat16 is native here, where it is two to four times as fast as float32.

    oneDNN, which does the convolutions, may be held to less than the processor has (`ONEDNN_MAX_CPU_ISA`):
    then its convolutions in bfloat16 are up to sixty times as slow.
    """
    import torch

    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    probes = (getattr(torch.cpu, name, None) for name in names)
    return any(probe() for probe in probes if probe is not None) and _onednn_has_bfloat16()


def quick_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context of products in bfloat16 where that is quick, else one that changes nothing."""
    import torch

    if device.type == "cpu" and not cpu_has_bfloat16():
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _onednn_has_bfloat16() -> bool:
    import torch

    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):               # a torch without oneDNN
        return False


def are_small(*models: ModelRef | None) -> bool:
    """Return whether models together have few weights; those of a hub repository count as large."""
    sizes = [model.weight_bytes for model in models if model is not None]
    return all(sizes) and sum(sizes) <= _SMALL_BYTES


@contextmanager
def one_thread_if_small(*models: ModelRef | None) -> Iterator[None]:
    """Compute small models on a CPU with one thread, all else with as many as torch chooses.

    Threads that share the work of a small network mostly wait for each other: two draw a shot 1.35 times as
    fast as one, two shots at once with a thread each are done 1.8 times as fast as one after the other (128 x
    128 pixels, two cores). And the number of threads changes the last bits of what is computed; with one, a
    film is the same on any number of cores.
    """
    import torch

    count = torch.get_num_threads()
    if are_small(*models) and choose_device().type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, of torch or Python or what it was raised from, means that memory ran out."""
    import torch

    while error is not None:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        if isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY):
            return True
        error = error.__cause__
    return False


@contextmanager
def map_out_of_memory(work: str, hint: str = "close other programs") -> Iterator[None]:
    """Raise ResourceError when memory runs out inside.

    Args:
        work: what it is not enough for: "learn a motion".
        hint: of the error.
    """
    try:
        yield
    except Exception as error:                       # libraries have classes of their own for it
        if not is_out_of_memory(error) or isinstance(error, ResourceError):
            raise
        raise ResourceError(f"not enough memory to {work}", hint=hint) from error


def free_cached_memory() -> None:
    """Give back what the device's allocator holds of what is gone."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def leave_device(model: Any) -> None:
    """Move a network to the CPU's memory, to make room on the device for the next one; nothing on a CPU."""
    if model is not None and choose_device().type != "cpu":
        model.to("cpu")
        free_cached_memory()


def make_room(component: object) -> None:
    """Let a component that is not needed for now leave the device, if it can."""
    getattr(component, "leave_device", bool)()


def within_memory(compute: Callable[[int], Result], batch_size: int, model: Any, what: str) -> Result:
    """Compute in batches; when memory runs out with half as many at once, at last on the CPU.

    Args:
        compute: called with the batch size, which does not change its result.
        batch_size: to begin with.
        model: the network, which `compute` follows to the device that it is on.
        what: is computed, for the log: "depth".

    Raises ResourceError when a single one is too much for the CPU.
    """
    while True:
        try:
            return compute(batch_size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            on_cpu = next(iter(model.parameters())).device.type == "cpu"
            if batch_size == 1 and on_cpu:
                raise ResourceError(f"not enough memory to compute {what}, even one at a time",
                                    hint="close other programs") from error
        free_cached_memory()
        if batch_size > 1:
            batch_size //= 2
            log.warning("out of memory at %s, trying %d at once", what, batch_size)
        else:
            log.warning("out of memory at %s, going on on the CPU", what)
            model.to("cpu")
