"""A folder of Frozen in Time: what it holds, and what it says of itself. Loads no torch.

    config.json         sizes of both towers
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

KIND: Final = "frozen_in_time"                       # model_type of the config.json
CONFIG, WEIGHTS = "config.json", "model.safetensors"


class VideoSizes(Section):
    """All that decides the layout of the space-time transformer; as it stands, ViT-B/16 on 4 frames."""

    image_px: PositiveInt = 224
    patch_px: PositiveInt = 16
    num_frames: PositiveInt = 4                      # entries of temporal_embed; shorter clips use the first ones
    width: PositiveInt = 768
    depth: PositiveInt = 12
    num_heads: PositiveInt = 12
    mlp_width: PositiveInt = 3072

    @model_validator(mode="after")
    def _divides(self) -> VideoSizes:
        if self.width % self.num_heads or self.image_px % self.patch_px:
            raise ValueError("width must be a multiple of num_heads, image_px of patch_px")
        return self


class TextSizes(Section):
    """What a DistilBERT's layout depends on, by transformers' names; as it stands, distilbert-base-uncased."""

    vocab_size: PositiveInt = 30522
    max_position_embeddings: PositiveInt = 512
    dim: PositiveInt = 768
    n_layers: PositiveInt = 6
    n_heads: PositiveInt = 12
    hidden_dim: PositiveInt = 3072

    @model_validator(mode="after")
    def _divides(self) -> TextSizes:
        if self.dim % self.n_heads:
            raise ValueError("dim must be a multiple of n_heads")
        return self


class Sizes(Section):
    """Both towers and the space that they meet in: the content of a repository's config.json."""

    model_config = ConfigDict(protected_namespaces=())                  # pydantic before 2.10 keeps "model_" for itself

    model_type: Literal["frozen_in_time"] = KIND
    projection_dim: PositiveInt = 256
    video: VideoSizes = Field(default_factory=VideoSizes)
    text: TextSizes = Field(default_factory=TextSizes)


def read_sizes(ref: ModelRef) -> Sizes:
    """What config.json of a converted folder says. Raises ModelError."""
    with hub.map_model_errors(ref):
        config = json.loads((hub.locate(ref) / CONFIG).read_text("utf-8"))
        if config.get("model_type") != KIND:
            raise ModelError(f"the model {ref.repo} is of kind {config.get('model_type')!r}, not {KIND!r}",
                             hint="name a folder made by `storyanim convert frozen-in-time` in the profile's [models] table")
        return Sizes.model_validate(config)


def read_tokenizer(ref: ModelRef, sizes: Sizes) -> Any:
    """The tokenizer in a folder, if it has just the words of the text tower. Raises ModelError."""
    from transformers import DistilBertTokenizer

    with hub.map_model_errors(ref):
        tokenizer = DistilBertTokenizer.from_pretrained(hub.locate(ref))
    known, read = len(tokenizer), sizes.text.vocab_size                 # a folder without a vocabulary gives one of 5 words
    if known != read:
        raise ModelError(f"the tokenizer of {ref.repo} knows {known} words, its model {read}",
                         hint="convert the checkpoint with --tokenizer, the folder of the tokenizer that it was trained with")
    return tokenizer


def check_out(out: Path) -> None:
    """Raises UsageError when `out` is something that a converted model must not replace."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_ours(out)):
        raise UsageError(f"{out} exists and is no model made by this command", hint="give a new folder")


def _is_ours(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / CONFIG).read_text("utf-8"))["model_type"] == KIND)
    except (OSError, ValueError, KeyError, TypeError):
        return False
