"""Networks of diffusers and transformers from their folders, and what the libraries raise over a bad one."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storyanim.config import ModelRef
from storyanim.device import map_out_of_memory
from storyanim.errors import ModelError, StoryanimError
from storyanim.hub.files import choose_weights
from storyanim.hub.snapshot import locate

_HINT = "compare the folder with the profile's [models] table; fetch a download that broke off again"
_FILES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")            # of weights without a config.json
# What a file is that the libraries refuse, for what they say.
_REASONS = {
    "Weights only load failed": "it is damaged, or holds more than weights: take a .safetensors of it",
    "deserializing header": "it is damaged, or no .safetensors",
    "ignore_mismatched_sizes": "its weights have other widths",
}
# What a file is in place of weights or settings, by its first bytes.
_SIGNS = {
    b"": "is empty: fetch it again",
    b"GGUF": "is a GGUF file, of quantised weights: take a .safetensors of them",
    b"version https://git-lfs": "is a pointer of Git LFS: `git lfs pull` fetches the file itself",
    b"<!doctype": "is a page of the web: fetch the file itself",
    b"<html": "is a page of the web: fetch the file itself",
}


def check_file(path: Path) -> None:
    """Raise ModelError for a file that stands in the place of weights or settings, named for what it is."""
    with path.open("rb") as file:
        begin = file.read(24)
    for sign, told in _SIGNS.items():
        if begin.lower().startswith(sign.lower()) and (sign or not begin):
            raise ModelError(f"{path.name} {told}", hint=f"it lies in {path.parent}")


def load_transformer(ref: ModelRef, class_name: str, *, model_type: str, spare: str = "") -> Any:
    """Return a model of transformers, float32, frozen, on the GPU when there is one.

    Args:
        ref: the model.
        class_name: of transformers, "CLIPModel".
        model_type: what its config.json must say, "clip".
        spare: pattern of weights that the network has but never uses, so that repositories may lack them.

    Raises ModelError when it is of another kind, incomplete or unreadable.
    """
    import torch
    import transformers

    with map_model_errors(ref):
        found = transformers.AutoConfig.from_pretrained(locate(ref)).model_type
        if found == "depth_anything" and model_type == "dpt":        # the same task, inputs and outputs
            class_name = "DepthAnythingForDepthEstimation"
            model_type, spare = found, ""
        if found != model_type:
            raise ModelError(f"the model {ref.repo} is of kind {found!r}, not {model_type!r}",
                             hint="check the profile's [models] table")
    model = load_network(getattr(transformers, class_name), ref, spare=spare)
    return model.eval().requires_grad_(False).to("cuda" if torch.cuda.is_available() else "cpu")


def load_network(cls: Any, ref: ModelRef, part: str = "", spare: str = "") -> Any:
    """Return a network, tokenizer or scheduler of diffusers or transformers, networks in float32 on the CPU.

    Args:
        cls: its class.
        ref: the model.
        part: of a pipeline, "unet".
        spare: pattern of weights that may be missing.

    Raises ModelError when it is of another class, or lacks one of its weights.
    """
    import torch

    folder = locate(ref) / part
    name = "/".join(filter(None, (ref.repo, ref.subfolder, part)))
    with map_model_errors(f"the {cls.__name__} {name}"):
        if not issubclass(cls, torch.nn.Module):
            return cls.from_pretrained(folder)
        _check_folder(folder, cls)
        chosen, variant = choose_weights((path.name for path in folder.glob("*")), ref.variant)
        if not chosen:
            raise ValueError("it has no weights")
        for file in chosen:
            check_file(folder / file)
        model, info = cls.from_pretrained(
            folder, torch_dtype=torch.float32, variant=variant, output_loading_info=True,
            use_safetensors=chosen[0].endswith(".safetensors"))
        missing = sorted(name for name in info["missing_keys"] if not (spare and re.search(spare, name)))
        if missing:
            raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")
        return model


def _check_folder(folder: Path, cls: Any) -> None:
    """Raise ValueError for a folder that says that it holds something else than a network of a class."""
    if not (folder / "config.json").is_file():
        if (folder / "model_index.json").is_file():
            raise ValueError("it is a whole pipeline; name its part by subfolder = \"...\"")
        files = sorted(path.name for path in folder.glob("*") if path.suffix in _FILES)
        more = f"; name one of its files by file = \"{files[0]}\"" if files else ""
        raise ValueError(f"it has no config.json{more}")
    check_file(folder / "config.json")
    try:
        told = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"its config.json is damaged: {error}") from error
    if not isinstance(told, dict):
        raise ValueError("its config.json is damaged: it is no table")
    kind = told.get("_class_name") or told.get("model_type")
    if cls.__module__.startswith("diffusers.") and kind and kind != cls.__name__:
        raise ValueError(f"it is a {kind}")


@contextmanager
def map_model_errors(name: ModelRef | str, hint: str = _HINT) -> Iterator[None]:
    """Map what the libraries raise while something is loaded to ModelError or ResourceError; silence them.

    Args:
        name: the model, or what the errors call it.
        hint: of the ModelError.
    """
    called = name if isinstance(name, str) else f"the model {name.repo}"
    try:
        with map_out_of_memory(f"load {called}"), silence_libraries():
            yield
    except StoryanimError:
        raise
    except Exception as error:                       # nearly every built-in class, and the libraries' own
        raise ModelError(f"{called} cannot be used: {_reason(error)}", hint=hint) from error


def _reason(error: Exception) -> str:
    """Return the first line of an error, with the one that a colon announces."""
    text = str(error).strip()
    for words, reason in _REASONS.items():
        if words in text:
            return reason
    first, _, rest = text.partition("\n")
    if first.rstrip().endswith(":"):
        first = f"{first} {rest.strip()}"
    return first[:200] or type(error).__name__


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Silence progress bars and remarks of the libraries while models are loaded."""
    names = [f"{library}.utils.logging" for library in ("diffusers", "transformers")]
    loggings = [sys.modules[name] for name in names if name in sys.modules]
    before = [(logging.get_verbosity(), logging.is_progress_bar_enabled()) for logging in loggings]
    for logging in loggings:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logging, (verbosity, bars) in zip(loggings, before, strict=True):
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
