"""How much memory of a GPU drawing and learning take, as `benchmarks/memory_table.py` computes it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from storyanim.config import GenerateSettings, Settings
from storyanim.device import are_small
from storyanim.generate.clip_transformer import frames_drawn
from storyanim.generate.memory import Rung

# GB of Stable Diffusion 1.5 with AnimateDiff and a T2I-Adapter in bfloat16: weights that lie on the device, and
# activations: always, and for each 16 frames of 512 x 512 (feed-forward layers are done in parts, and what is
# always there is one part). Computed by fake tensors.
_WEIGHTS_GB: dict[Rung, float] = {"fast": 3.60, "halves": 3.11, "offload": 2.78, "sequential": 0.06}
_HALF = (0.56, 0.54)                                 # of guidance at once
_ACTIVATIONS_GB: dict[Rung, tuple[float, float]] = {
    "fast": (0.56, 1.04), "halves": _HALF, "offload": _HALF, "sequential": _HALF}
_UNIT = 16 * 512 * 512
_CONTEXT_GB = 0.5                                    # of CUDA itself
_LEARNING_GB = 8.2                                   # computed: 6.6 + VAE 0.3, what is reserved beyond, and the context
_LONG_S = 8.0


@dataclass(frozen=True)
class _Clips:
    """GB that a family of transformers takes, as `benchmarks/memory_table.py --wan` and `--cogvideox` compute it."""

    transformer: float                               # weights in bfloat16
    vae: float
    layer: float                                     # weights of the largest layer
    a_step: float                                    # activations of four frames at `size_px`, both halves
    pictures: int                                    # of a character that are counted, each as a step
    decoding: float                                  # at `size_px`, whole; frames are decoded one after the other
    tiled: float
    text_encoder: float
    frames_step: int                                 # k × this + 1 frames are drawn
    size_px: tuple[int, int]
    of: str                                          # the model that was counted

    def needs(self, rung: Rung, frames: int, width_px: int, height_px: int) -> float:
        """Return the most of denoising and decoding on a rung, with the weights that lie on the device."""
        larger = width_px * height_px / (self.size_px[0] * self.size_px[1])
        denoising = self.a_step * (1 + math.ceil((frames - 1) / 4) + self.pictures) * larger
        if rung == "fast":
            return self.transformer + self.vae + max(denoising, self.decoding * larger)
        if rung == "halves":
            return self.transformer + self.vae + max(denoising, self.tiled)
        if rung == "offload":
            return max(self.transformer + denoising, self.vae + self.tiled)
        return self.layer + max(denoising, self.tiled)


_CLIPS = {
    "wan_vace": _Clips(4.3, 0.5, 0.03, 0.155, 1, 8.2, 1.8, 11.4, 4, (832, 480), "Wan-VACE 1.3B"),
    "cogvideox_fun": _Clips(11.1, 0.4, 0.08, 0.22, 0, 15.8, 4.0, 9.5, 8, (720, 480), "CogVideoX-Fun 5B"),
}


def needs_gb(rung: Rung, frames: int, width_px: int, height_px: int, family: str = "animatediff") -> float:
    """Return what a shot takes on a rung of the memory ladder, CUDA's context included."""
    if family in _CLIPS:
        return _CONTEXT_GB + _CLIPS[family].needs(rung, frames, width_px, height_px)
    always, each = _ACTIVATIONS_GB[rung]
    return _CONTEXT_GB + _WEIGHTS_GB[rung] + always + each * frames * width_px * height_px / _UNIT


def first_rung(max_gb: float, frames: int, wanted: GenerateSettings, family: str = "animatediff") -> Rung:
    """Return the fastest rung on which a shot stays below so much; the last when none does."""
    rungs = list(_WEIGHTS_GB)
    fits = (rung for rung in rungs
            if needs_gb(rung, frames, wanted.width_px, wanted.height_px, family) <= max_gb)
    return next(fits, rungs[-1])


def what_fits(settings: Settings) -> dict[str, str]:
    """Return for each kind of work whether the device here has the memory, and how."""
    models, wanted = settings.models, settings.generate
    works = {"a shot": wanted.num_frames, "a shot of 8 s": round(_LONG_S * wanted.fps)}
    if are_small(models.pipeline, models.motion_adapter, models.structure):
        return dict.fromkeys([*works, "learning a character"], "yes, also on a CPU: the networks are small")
    available = min(_gpu_gb(), wanted.max_memory_gb or float("inf"))
    if (clips := _CLIPS.get(models.family)) is not None:
        longest = frames_drawn(wanted.frames_of(wanted.max_duration_s), clips.frames_step)
        shortest = frames_drawn(wanted.num_frames, clips.frames_step)
        works = {f"a shot of {frames} frames": frames for frames in (shortest, longest)}
    told = {}
    for work, frames in works.items():
        rung = first_rung(available, frames, wanted, models.family)
        need = needs_gb(rung, frames, wanted.width_px, wanted.height_px, models.family)
        told[work] = f"yes, {rung}: about {need:.1f} GB" if need <= available else (
            f"no: about {need:.1f} GB of a GPU even layer by layer, {_here(available)}")
    if clips is not None:
        return told | _beside_the_clips(clips, available, models.family)
    enough = available >= _LEARNING_GB
    told["learning a character"] = f"{'yes' if enough else 'no'}: about {_LEARNING_GB} GB at 512 x 512"
    return told


def _beside_the_clips(clips: _Clips, available: float, family: str) -> dict[str, str]:
    """Return where the text encoder computes, which comes while the others lie on the device, and the rest."""
    enough = available >= _CONTEXT_GB + clips.transformer + clips.vae + clips.text_encoder
    told = {"the text encoder": f"on the {'GPU' if enough else 'CPU'}: {clips.text_encoder} GB beside {clips.of}"}
    if family == "wan_vace":
        told["learning a character"] = "not needed: its pictures are seen as they are"
    return told


def _here(available: float) -> str:
    return f"{available:.1f} are here" if available else "there is none"


def _gpu_gb() -> float:
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 1e9 if torch.cuda.is_available() else 0.0
