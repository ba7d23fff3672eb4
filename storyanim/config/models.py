"""Where the models of a profile come from."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from storyanim.config.base import ASSETS, Section, asset
from storyanim.errors import UsageError

WEIGHTS_FILES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")     # so end no repositories


class ModelRef(Section):
    """Where a model comes from: `assets:NAME` in this package, a folder or file, or a hub repository."""

    repo: str
    revision: str = "main"
    subfolder: str = ""
    variant: str | None = None                       # "fp16" where the repository has such files
    file: str = ""                                   # one file of the repository, and nothing else of it

    @cached_property
    def folder(self) -> Path | None:
        """The folder on this disk; None for a hub repository."""
        if self.repo.startswith(ASSETS):
            return asset(self.repo.removeprefix(ASSETS)) / (self.file or self.subfolder)
        path = Path(self.repo).expanduser()
        here = path.exists() or self.repo.startswith((".", "/", "~")) or path.suffix in WEIGHTS_FILES
        return path / (self.file or self.subfolder) if here else None

    @model_validator(mode="before")
    @classmethod
    def _of_one_file(cls, data: Any) -> Any:
        """Take `{ file = ... }` for a file on this disk, as a FileRef does."""
        alone = isinstance(data, dict) and data.get("file") and "repo" not in data
        return {name: value for name, value in data.items() if name != "file"} | {"repo": data["file"]} if (
            alone) else data

    @cached_property
    def weight_bytes(self) -> int:
        """The size of the files in its folder; 0 of a hub repository."""
        files = self.folder.rglob("*") if self.folder else ()
        return sum(path.stat().st_size for path in files if path.is_file())


class FileRef(Section):
    """A file of weights that a person brings: a checkpoint, a LoRA, an embedding, an IP-Adapter."""

    file: str                                        # on this disk, or in `repo`
    weight: float = Field(1.0, allow_inf_nan=False)  # of a LoRA or an IP-Adapter
    repo: str = ""                                   # of the hub; "": the file lies on this disk
    revision: str = "main"

    @property
    def hub(self) -> ModelRef | None:
        """The file as a model of the hub; None of one on this disk."""
        return ModelRef(repo=self.repo, revision=self.revision, file=self.file) if self.repo else None

    @property
    def token(self) -> str:
        """The word by which prompts call it as a textual inversion: its file's name, "<easynegative>"."""
        return f"<{Path(self.file).stem}>"

    @classmethod
    def parse(cls, text: str) -> FileRef:
        """Read `FILE` or `FILE:0.8`. Raises UsageError for a file that is not there."""
        name, colon, weight = text.rpartition(":")
        if colon and not os.path.exists(text) and re.fullmatch(r"-?\d*\.?\d+", weight):
            text, factor = name, float(weight)
        else:
            factor = 1.0
        if not os.path.isfile(text):
            what = f"{text} is a folder" if os.path.isdir(text) else f"there is no file {text!r}"
            raise UsageError(what, hint="give a .safetensors, a LoRA also as FILE:0.8; folders and files of "
                                        "the hub go into a profile's [models]")
        return cls(file=str(Path(text).resolve()), weight=factor)


class Models(Section):
    """The repositories of a profile."""

    # what they are: Stable Diffusion 1.5 with motion layers, Wan-VACE, or a control model of CogVideoX-Fun
    family: Literal["animatediff", "wan_vace", "cogvideox_fun"] = "animatediff"
    pipeline: ModelRef                               # tokenizer, text encoder, VAE, U-Net, scheduler
    # AnimateDiff's; None when the U-Net has its motion layers
    motion_adapter: ModelRef | None = None
    # None: the pipeline has its own, or none
    structure: ModelRef | None = None
    structure_kind: Literal["t2i_adapter", "controlnet"] = "t2i_adapter"
    # word → branch: then `structure = "controlnet"` is enough
    structures: dict[str, ModelRef] = Field(default_factory=dict)
    depth: ModelRef
    encoder: ModelRef
    # of what drawn shots show; None: the encoder tells how well they fit their prompts
    reader: ModelRef | None = None
    # What people bring, by stock loading (generate/extras.py). A single-file checkpoint in place of the
    # pipeline's weights; LoRAs of U-Net, text encoder or motion layers; textual inversions, `<FILENAME>` in
    # prompts; another VAE; a scheduler by its class in diffusers.
    base: FileRef | None = None
    loras: tuple[FileRef, ...] = ()
    embeddings: tuple[FileRef, ...] = ()
    vae: ModelRef | None = None
    scheduler: str | None = None
    # of it, in place of those of the scheduler before
    scheduler_settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    # that draws a character as its pictures show it, with its image encoder (arXiv 2308.06721)
    ip_adapter: FileRef | None = None
    image_encoder: ModelRef | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_structure(cls, data: Any) -> Any:
        """Take a word for the branch that `structures` has under it."""
        word = data.get("structure") if isinstance(data, dict) else None
        if not isinstance(word, str):
            return data
        known = data.get("structures") or {}
        if word not in known:
            raise ValueError(f"no structure is called {word!r}; known are {', '.join(known) or 'none'}")
        return data | {"structure": known[word]}

    @model_validator(mode="after")
    def _fit_each_other(self) -> Models:
        words = [ref.token for ref in self.embeddings]
        if twice := next((word for word in words if words.count(word) > 1), None):
            raise ValueError(f"two of the embeddings are called {twice}: give one of the files another name")
        if self.ip_adapter is not None and self.image_encoder is None:
            raise ValueError("an ip_adapter needs the image_encoder that it was trained with")
        return self
