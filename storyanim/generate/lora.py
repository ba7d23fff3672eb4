"""The characters' weights on the U-Net: active for their shots, inactive for all others (AaS 3.3)."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from storyanim.artifacts import CharacterToken, Float32
from storyanim.errors import CharacterError

_KEY = re.compile(r"unet\.(?P<layer>.+)\.lora_(?P<half>[AB])\.weight")
_HINT = "personalise the character again with this profile"


class CharacterLoras:
    """Switches between characters without loading the base model again."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self._unet = pipeline, pipeline.unet
        self._adapters: set[str] = set()             # names of the LoRAs that were loaded

    def set_adapters(self, tokens: Sequence[CharacterToken]) -> None:
        """Have the U-Net draw with the weights of exactly these characters. Raises CharacterError.

        Several LoRAs act in equal shares: each was learned alone, and their sum would bend the base as far as
        it has never been bent.
        """
        names = [self._load_adapter(token) for token in tokens if token.lora]
        if names:
            self._unet.enable_lora()
            self._unet.set_adapters(names, [1 / len(names)] * len(names))
        elif self._adapters:
            self._unet.disable_lora()

    def _load_adapter(self, token: CharacterToken) -> str:
        name = _adapter_name(token.lora)
        if name not in self._adapters:
            weights = {key: torch.from_numpy(array) for key, array in token.lora.items()}
            self._check(token, weights)
            with warnings.catch_warnings():
                # Several adapters are meant.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                self._unet.load_lora_adapter(
                    weights, prefix="unet", adapter_name=name, _pipeline=self._pipeline
                )
            self._adapters.add(name)
        return name

    def _check(self, token: CharacterToken, weights: dict[str, torch.Tensor]) -> None:
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
                raise CharacterError(
                    f"the LoRA of {token.name} does not fit this model: {key} {shape}", hint=_HINT
                )


def _adapter_name(lora: dict[str, Float32]) -> str:
    """Return a name by content, so that equal weights are loaded once."""
    digest = hashlib.sha256()
    for key in sorted(lora):
        digest.update(f"{key}\0{lora[key].shape}\0".encode() + lora[key].tobytes())
    return f"character_{digest.hexdigest()[:16]}"
