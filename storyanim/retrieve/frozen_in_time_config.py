"""A folder of Frozen in Time: its configuration and its tokenizer. Loads no torch.

    config.json         configuration of both towers
    model.safetensors   weights by their published names
    tokenizer*          the tokenizer of its DistilBERT, in transformers' layout
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from storyanim import hub
from storyanim.config import ModelRef, Section
from storyanim.errors import ModelError, UsageError

MODEL_TYPE: Final = "frozen_in_time"                       # model_type of the config.json
CONFIG, WEIGHTS = "config.json", "model.safetensors"


class VideoConfig(Section):
    """What decides the layout of the space-time transformer; by default, ViT-B/16 on 4 frames."""

    image_px: PositiveInt = 224
    patch_px: PositiveInt = 16
    num_frames: PositiveInt = 4  # entries of temporal_embed; shorter clips use the first ones
    width: PositiveInt = 768
    depth: PositiveInt = 12
    num_heads: PositiveInt = 12
    mlp_width: PositiveInt = 3072

    @model_validator(mode="after")
    def _divides(self) -> VideoConfig:
        if self.width % self.num_heads or self.image_px % self.patch_px:
            raise ValueError("width must be a multiple of num_heads, image_px of patch_px")
        return self


class TextConfig(Section):
    """What a DistilBERT's layout depends on, by transformers' names; by default, distilbert-base-uncased."""

    vocab_size: PositiveInt = 30522
    max_position_embeddings: PositiveInt = 512
    dim: PositiveInt = 768
    n_layers: PositiveInt = 6
    n_heads: PositiveInt = 12
    hidden_dim: PositiveInt = 3072

    @model_validator(mode="after")
    def _divides(self) -> TextConfig:
        if self.dim % self.n_heads:
            raise ValueError("dim must be a multiple of n_heads")
        return self


class FrozenInTimeConfig(Section):
    """Both towers and the length of their common embedding: the content of a folder's config.json."""

    model_config = ConfigDict(protected_namespaces=())  # pydantic before 2.10 keeps "model_" for itself

    model_type: Literal["frozen_in_time"] = MODEL_TYPE
    projection_dim: PositiveInt = 256
    video: VideoConfig = Field(default_factory=VideoConfig)
    text: TextConfig = Field(default_factory=TextConfig)


def read_config(ref: ModelRef) -> FrozenInTimeConfig:
    """Return what config.json of a converted folder says. Raises ModelError."""
    with hub.map_model_errors(ref):
        config = json.loads((hub.locate(ref) / CONFIG).read_text("utf-8"))
        if config.get("model_type") != MODEL_TYPE:
            raise ModelError(
                f"the model {ref.repo} is of kind {config.get('model_type')!r}, not {MODEL_TYPE!r}",
                hint="name a folder made by `storyanim convert frozen-in-time` in the profile's [models]")
        return FrozenInTimeConfig.model_validate(config)


def read_tokenizer(ref: ModelRef, config: FrozenInTimeConfig) -> Any:
    """Return the tokenizer in a folder, if it has just the tokens of the text tower. Raises ModelError."""
    from transformers import DistilBertTokenizer

    with hub.map_model_errors(ref):
        tokenizer = DistilBertTokenizer.from_pretrained(hub.locate(ref))
    # a folder without a vocabulary gives one of 5 tokens
    known, read = len(tokenizer), config.text.vocab_size
    if known != read:
        raise ModelError(
            f"the tokenizer of {ref.repo} knows {known} words, its model {read}",
            hint="convert the checkpoint with --tokenizer, the folder of the tokenizer of its training")
    return tokenizer


def check_output_folder(out: Path) -> None:
    """Raise UsageError when `out` is something that a converted model must not replace."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_converted_model(out)):
        raise UsageError(f"{out} exists and is no model made by this command", hint="give a new folder")


def _is_converted_model(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / CONFIG).read_text("utf-8"))["model_type"] == MODEL_TYPE)
    except (OSError, ValueError, KeyError, TypeError):
        return False
