"""Where networks run here, with how many threads, and whether the machine is quick in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storyanim.config import ModelRef

if TYPE_CHECKING:
    import torch

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
