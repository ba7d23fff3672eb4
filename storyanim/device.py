"""Where networks run on this machine, and whether it multiplies quickly in bfloat16."""

from __future__ import annotations

import torch


def choose_device() -> torch.device:
    """CUDA, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def cpu_has_bfloat16() -> bool:
    """Return whether bfloat16 is native here, where it is two to four times as fast as float32.

    oneDNN, which does the convolutions, may be held to less than the processor has (`ONEDNN_MAX_CPU_ISA`): then its
    convolutions in bfloat16 are up to sixty times as slow.
    """
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(probe() for probe in probes if probe is not None) and _onednn_has_bfloat16()


def _onednn_has_bfloat16() -> bool:
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):               # a torch without oneDNN
        return False
