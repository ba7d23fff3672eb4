"""The weights of characters and motions on the U-Net: active for their shots, inactive for all others.

A character's LoRA is on spatial layers (AaS 3.3), a motion's on temporal ones (DreamRunner 3.2): what that
paper reaches by giving every other block of its transformer to each.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import torch

from storyanim.artifacts import CharacterToken, Float32, Motion
from storyanim.errors import CharacterError, InputError, MotionError

_KEY = re.compile(r"unet\.(?P<layer>.+)\.lora_(?P<half>[AB])\.weight")
_HINTS: dict[type[InputError], str] = {
    CharacterError: "personalise the character again with this profile",
    MotionError: "learn the motion again with this profile",
}


class UNetLoras:
    """Switches between characters and motions without loading the base model again."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self._unet = pipeline, pipeline.unet
        self._adapters: set[str] = set()             # names of the LoRAs that were loaded

    def set_adapters(
        self, tokens: Sequence[CharacterToken], apart: Collection[str] = (), motions: Sequence[Motion] = ()
    ) -> dict[str, str]:
        """Have the U-Net draw with the weights of exactly these characters and motions.

        Several LoRAs that act on one place do so in equal shares: each was learned alone, and their sum would
        bend the base as far as it has never been bent.

        Args:
            tokens: of the characters.
            apart: names of those with a region of their own, whose weights act there alone, and in full.
            motions: each acts in full.

        Returns: name of a character or motion with weights → name of its LoRA.

        Raises CharacterError, MotionError.
        """
        worn = [(token.name, self._load_adapter("character", token.lora, token.name, CharacterError))
                for token in tokens if token.lora]
        together = sum(name not in apart for name, _ in worn)
        scales = [1.0 if name in apart else 1 / together for name, _ in worn]
        worn += [(motion.name, self._load_adapter("motion", motion.lora, motion.name, MotionError))
                 for motion in motions]
        if worn:
            self._unet.enable_lora()
            self._unet.set_adapters([adapter for _, adapter in worn], [*scales, *[1.0] * len(motions)])
        elif self._adapters:
            self._unet.disable_lora()
        return dict(worn)

    def unload_motions(self) -> None:
        """Take off all LoRAs if one is on temporal layers, before these are made anew, as FreeNoise does."""
        if any(name.startswith("motion") for name in self._adapters):
            self._unet.unload_lora()
            self._adapters.clear()

    def _load_adapter(
        self, kind: str, lora: dict[str, Float32], owner: str, error: type[InputError]
    ) -> str:
        name = _adapter_name(kind, lora)
        if name not in self._adapters:
            weights = {key: torch.from_numpy(array) for key, array in lora.items()}
            self._check(owner, weights, error)
            with warnings.catch_warnings():
                # Several adapters are meant.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                self._unet.load_lora_adapter(
                    weights, prefix="unet", adapter_name=name, _pipeline=self._pipeline
                )
            self._adapters.add(name)
        return name

    def _check(self, owner: str, weights: dict[str, torch.Tensor], error: type[InputError]) -> None:
        layers = dict(self._unet.named_modules())
        for key, weight in weights.items():
            match = _KEY.fullmatch(key)
            layer = layers.get(match["layer"]) if match else None
            fits = match is not None and layer is not None and (
                weight.shape[1] == layer.in_features if match["half"] == "A"
                else weight.shape[0] == layer.out_features
            )
            if not fits:
                shape = tuple(weight.shape)
                raise error(f"the LoRA of {owner} does not fit this model: {key} {shape}", hint=_HINTS[error])


def _adapter_name(kind: str, lora: dict[str, Float32]) -> str:
    """Return a name by content, so that equal weights are loaded once."""
    digest = hashlib.sha256()
    for key in sorted(lora):
        digest.update(f"{key}\0{lora[key].shape}\0".encode() + lora[key].tobytes())
    return f"{kind}_{digest.hexdigest()[:16]}"
