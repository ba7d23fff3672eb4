"""How much memory of a GPU drawing and learning take, as `benchmarks/memory_table.py` computes it."""

from __future__ import annotations

from storyanim.config import GenerateSettings, Settings
from storyanim.device import are_small
from storyanim.generate.memory import Rung

# GB of Stable Diffusion 1.5 with AnimateDiff and a T2I-Adapter in bfloat16: weights that lie on the device, and
# activations: always, and for each 16 frames of 512 x 512 (below "fast" layers are done in parts, and what is
# always there is one part). Computed by fake tensors.
_WEIGHTS_GB: dict[Rung, float] = {"fast": 3.60, "halves": 3.11, "offload": 2.78, "sequential": 0.06}
_IN_PARTS = (0.56, 0.54)
_ACTIVATIONS_GB: dict[Rung, tuple[float, float]] = {
    "fast": (0.0, 2.23), "halves": _IN_PARTS, "offload": _IN_PARTS, "sequential": _IN_PARTS}
_UNIT = 16 * 512 * 512
_CONTEXT_GB = 0.5                                    # of CUDA itself
_LEARNING_GB = 8.2                                   # computed: 6.6 + VAE 0.3, what is reserved beyond, and the context
_LONG_S = 8.0
# Of Wan-VACE 1.3B: transformer in bfloat16 and VAE, activations of 81 frames with one picture, text encoder.
_WAN_WEIGHTS_GB, _WAN_ACTIVATIONS_GB, _WAN_TEXT_ENCODER_GB = 4.8, 3.4, 11.4


def needs_gb(rung: Rung, frames: int, width_px: int, height_px: int) -> float:
    """Return what a shot takes on a rung of the memory ladder, CUDA's context included."""
    always, each = _ACTIVATIONS_GB[rung]
    return _CONTEXT_GB + _WEIGHTS_GB[rung] + always + each * frames * width_px * height_px / _UNIT


def first_rung(max_gb: float, frames: int, wanted: GenerateSettings) -> Rung:
    """Return the fastest rung on which a shot stays below so much; the last when none does."""
    rungs = list(_WEIGHTS_GB)
    fits = (rung for rung in rungs if needs_gb(rung, frames, wanted.width_px, wanted.height_px) <= max_gb)
    return next(fits, rungs[-1])


def what_fits(settings: Settings) -> dict[str, str]:
    """Return for each kind of work whether the device here has the memory, and how."""
    models, wanted = settings.models, settings.generate
    works = {"a shot": wanted.num_frames, "a shot of 8 s": round(_LONG_S * wanted.fps)}
    if are_small(models.pipeline, models.motion_adapter, models.structure):
        return dict.fromkeys([*works, "learning a character"], "yes, also on a CPU: the networks are small")
    if models.family == "wan_vace":
        return _wan_fits(min(_gpu_gb(), wanted.max_memory_gb or float("inf")))
    available = min(_gpu_gb(), wanted.max_memory_gb or float("inf"))
    told = {}
    for work, frames in works.items():
        rung = first_rung(available, frames, wanted)
        need = needs_gb(rung, frames, wanted.width_px, wanted.height_px)
        told[work] = f"yes, {rung}: about {need:.1f} GB" if need <= available else (
            f"no: about {need:.1f} GB of a GPU even layer by layer, {_here(available)}")
    enough = available >= _LEARNING_GB
    told["learning a character"] = f"{'yes' if enough else 'no'}: about {_LEARNING_GB} GB at 512 x 512"
    return told


def _wan_fits(available: float) -> dict[str, str]:
    """Return the same of Wan-VACE 1.3B at 832 x 480; no character is learned."""
    need = _CONTEXT_GB + _WAN_WEIGHTS_GB + _WAN_ACTIVATIONS_GB
    where = "on the GPU" if available >= need + _WAN_TEXT_ENCODER_GB else "on the CPU"
    told = (f"yes: about {need:.1f} GB, the text encoder {where}" if available >= need else
            f"no: about {need:.1f} GB of a GPU, {_here(available)}; slower, layer by layer, it may")
    return {"a shot of 81 frames": told, "learning a character": "not needed: its pictures are seen as they are"}


def _here(available: float) -> str:
    return f"{available:.1f} are here" if available else "there is none"


def _gpu_gb() -> float:
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 1e9 if torch.cuda.is_available() else 0.0
