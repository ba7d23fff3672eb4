"""LoRAs of a U-Net while a motion is learned: the motion's, and one of each clip's looks (DreamRunner 3.2).

MotionDirector's two paths (arXiv 2310.08465): spatial layers take up what one clip looks like and are thrown
away, temporal layers learn what all clips have in common. In a U-Net with motion modules the two are
different layers; DreamRunner's transformer takes every other block for each.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from storyanim.errors import ModelError
from storyanim.personalize.lora import add_lora

_LINEAR = r"(attn[12]\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2))"
TEMPORAL = rf".*motion_modules\.\d+\.transformer_blocks\.\d+\.{_LINEAR}"
SPATIAL = rf".*\battentions\.\d+\.transformer_blocks\.\d+\.{_LINEAR}"
_MOTION = "motion"


@dataclass(frozen=True)
class MotionLoras:
    """The LoRAs on a U-Net; all of their matrices by the keys under which diffusers loads them."""

    unet: Any
    motion: dict[str, nn.Parameter]
    appearances: tuple[dict[str, nn.Parameter], ...]         # one a clip; none without spatial LoRAs

    def activate(self, *, motion: bool, appearance: int | None, train_motion: bool) -> None:
        """Have the U-Net draw with some of them, and train the motion's or the clip's.

        Args:
            motion: whether the motion's acts.
            appearance: the clip whose acts; None: no clip's.
            train_motion: whether the motion's is trained, else the clip's.
        """
        names = [_MOTION] * motion + ([] if appearance is None else [_appearance(appearance)])
        self.unet.set_adapters(names)
        for weight in self.motion.values():
            weight.requires_grad_(motion and train_motion)
        for k, weights in enumerate(self.appearances):
            for weight in weights.values():
                weight.requires_grad_(k == appearance and not train_motion)

    @property
    def tensors(self) -> dict[str, nn.Parameter]:
        """All matrices, by names of their own."""
        found = {f"motion.{key}": weight for key, weight in self.motion.items()}
        for k, weights in enumerate(self.appearances):
            found |= {f"{_appearance(k)}.{key}": weight for key, weight in weights.items()}
        return found


@contextmanager
def motion_loras(
    unet: Any, rank: int, appearance_rank: int, num_clips: int, seed: int
) -> Iterator[MotionLoras]:
    """Put a LoRA of `rank` on the temporal layers, and one a clip on the spatial ones, until the end.

    The second halves are zero, so that they do nothing at first. Raises ModelError when the U-Net has others,
    or no temporal layers.
    """
    if getattr(unet, "peft_config", None):
        raise ModelError("the U-Net has a LoRA already",
                         hint="learn a motion on a pipeline that was freshly loaded")
    try:
        motion = _add(unet, _MOTION, rank, TEMPORAL, seed)
        clips: Sequence[int] = range(num_clips if appearance_rank else 0)
        appearances = tuple(_add(unet, _appearance(k), appearance_rank, SPATIAL, seed + 1 + k) for k in clips)
        yield MotionLoras(unet, motion, appearances)
    finally:
        unet.unload_lora()


def _appearance(number: int) -> str:
    return f"appearance_{number}"


def _add(unet: Any, name: str, rank: int, layers: str, seed: int) -> dict[str, nn.Parameter]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")    # several are meant
        return add_lora(unet, name, rank, layers, seed, ModelError(
            "the U-Net has no layers that a motion can be learned in",
            hint="take a base model with motion modules, such as Stable Diffusion 1.5 with AnimateDiff's"))
