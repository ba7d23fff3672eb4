"""The characters' low-rank weights on the U-Net: worn for their shots, taken off for all others (AaS 3.3)."""

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


class CharacterLoras:
    """Switches between characters without loading the base model again."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self._unet = pipeline, pipeline.unet
        self._known: set[str] = set()
        self._base: dict[str, torch.Tensor] = {}     # weights of the base whose place others have taken

    def set_adapters(self, tokens: Sequence[CharacterToken]) -> None:
        """From here on the U-Net draws with the weights of exactly these characters. Raises CharacterError.

        Several LoRAs are worn in equal shares: each was learned alone, and their sum would bend the base as far as it has
        never been bent.
        """
        names = [self._loaded(token) for token in tokens if token.lora]
        if names:
            self._unet.enable_lora()
            self._unet.set_adapters(names, [1 / len(names)] * len(names))
        elif self._known:
            self._unet.disable_lora()
        self._replace(tokens)

    def _replace(self, tokens: Sequence[CharacterToken]) -> None:
        """Puts the base's weights back, then the characters' whole weights in their place."""
        if not self._base and not any(token.weights for token in tokens):
            return
        # A layer that wears a LoRA keeps its own weight one level deeper.
        here = {f"unet.{name.replace('.base_layer.', '.')}": weight for name, weight in self._unet.named_parameters()}
        for key, data in self._base.items():
            here[key].data = data
        self._base = {}
        for token in tokens:
            for key, array in token.weights.items():
                weight = here.get(key)
                if weight is None or weight.shape != array.shape:
                    raise CharacterError(f"the weights of {token.name} do not fit this model: {key} {array.shape}",
                                         hint="personalise the character again with this profile")
                if key in self._base:
                    raise CharacterError(f"{token.name} and another character of the shot both replace {key}",
                                         hint="only characters that were learned as a LoRA can share a shot")
                self._base[key] = weight.data
                weight.data = torch.from_numpy(array).to(weight.data)

    def _loaded(self, token: CharacterToken) -> str:
        name = _name(token.lora)
        if name not in self._known:
            weights = {key: torch.from_numpy(array) for key, array in token.lora.items()}
            self._check(token, weights)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")       # several are meant
                self._unet.load_lora_adapter(weights, prefix="unet", adapter_name=name, _pipeline=self._pipeline)
            self._known.add(name)
        return name

    def _check(self, token: CharacterToken, weights: dict[str, torch.Tensor]) -> None:
        layers = dict(self._unet.named_modules())
        for key, weight in weights.items():
            match = _KEY.fullmatch(key)
            layer = layers.get(match["layer"]) if match else None
            fits = match is not None and layer is not None and (
                weight.shape[1] == layer.in_features if match["half"] == "A" else weight.shape[0] == layer.out_features
            )
            if not fits:
                raise CharacterError(f"the LoRA of {token.name} does not fit this model: {key} {tuple(weight.shape)}",
                                     hint="personalise the character again with this profile")


def _name(lora: dict[str, Float32]) -> str:
    """A name by content: the same weights are loaded once, whoever wears them."""
    digest = hashlib.sha256()
    for key in sorted(lora):
        digest.update(f"{key}\0{lora[key].shape}\0".encode() + lora[key].tobytes())
    return f"character_{digest.hexdigest()[:16]}"
