"""Networks of diffusers and transformers from their folders, and what the libraries raise over a bad one."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storyanim.config import WEIGHTS_FILES, ModelRef
from storyanim.device import choose_device, map_out_of_memory
from storyanim.errors import ModelError, StoryanimError
from storyanim.hub.files import check_shards, choose_weights, read_table
from storyanim.hub.snapshot import locate

_HINT = "compare the folder with the profile's [models] table; fetch a download that broke off again"
# What a file is that the libraries refuse, for what they say.
_REASONS = {
    "Weights only load failed": "it is damaged, or holds more than weights: take a .safetensors of it",
    "ignore_mismatched_sizes": "its weights have other widths",
    "size mismatch for": "its weights have other widths",
    "have not been correctly renamed": "it has layers that diffusers does not know",
    "infer state dict type": "diffusers cannot tell by its layers what kind of LoRA it is",
    "not found in the base model": "none of its layers is of this base",
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
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np"):              # reads its header, and looks at the length
                pass
        except SafetensorError as error:
            raise ModelError(f"{path.name} is damaged, cut off, or no .safetensors: fetch it again",
                             hint=f"it lies in {path.parent}") from error


def load_transformer(ref: ModelRef, class_name: str, *, model_type: str, spare: str = "") -> Any:
    """Return a model of transformers, float32, frozen, on the GPU when there is one.

    Args:
        ref: the model.
        class_name: of transformers, "CLIPModel".
        model_type: what its config.json must say, "clip".
        spare: pattern of weights that the network has but never uses, so that repositories may lack them.

    Raises ModelError when it is of another kind, incomplete or unreadable.
    """
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
    return model.eval().requires_grad_(False).to(choose_device())


def load_network(cls: Any, ref: ModelRef, part: str = "", spare: str = "", dtype: Any = None) -> Any:
    """Return a network, tokenizer or scheduler of diffusers or transformers, networks on the CPU.

    Args:
        cls: its class.
        ref: the model.
        part: of a pipeline, "unet".
        spare: pattern of weights that may be missing.
        dtype: of a network; None: float32.

    Raises ModelError when it is of another class, or lacks one of its weights.
    """
    import torch

    folder = locate(ref) / part
    name = "/".join(filter(None, (ref.repo, ref.subfolder, part)))
    with map_model_errors(f"the {cls.__name__} {name}"):
        if not issubclass(cls, torch.nn.Module):
            for settings in folder.glob("*_config.json"):
                read_table(settings)
            return cls.from_pretrained(folder)
        _check_folder(folder, cls)
        chosen, variant = _weights_in(folder, ref.variant)
        model, info = cls.from_pretrained(
            folder, torch_dtype=dtype or torch.float32, variant=variant, output_loading_info=True,
            use_safetensors=chosen[0].endswith(".safetensors"))
        _check_complete(model, info["missing_keys"], spare)
        return model


def _weights_in(folder: Path, variant: str | None) -> tuple[list[str], str | None]:
    """Return a folder's weights and their variant, see `choose_weights`; all are there, and look sound.

    Raises ValueError, ModelError.
    """
    chosen, variant = choose_weights((path.name for path in folder.glob("*")), variant)
    if not chosen:
        raise ValueError("it has no weights")
    check_shards(folder, chosen)
    for file in chosen:
        check_file(folder / file)
    return chosen, variant


def _check_complete(model: Any, missing: Iterable[str], spare: str) -> None:
    """Raise ValueError for a network that lacks weights.

    Args:
        model: as it was loaded. Those on no device were never read: diffusers believes an index that names
            weights which its files do not hold.
        missing: of which the library says so itself.
        spare: pattern of weights that may be missing.
    """
    unread = (name for name, weight in model.named_parameters() if weight.is_meta)
    lacking = sorted(name for name in {*missing, *unread} if not (spare and re.search(spare, name)))
    if lacking:
        raise ValueError(f"{len(lacking)} weights are missing, such as {lacking[0]}")


def _check_folder(folder: Path, cls: Any) -> None:
    """Raise ValueError for a folder that says that it holds something else than a network of a class."""
    if not (folder / "config.json").is_file():
        if (folder / "model_index.json").is_file():
            raise ValueError("it is a whole pipeline; name its part by subfolder = \"...\"")
        files = sorted(path.name for path in folder.glob("*") if path.suffix in WEIGHTS_FILES)
        more = f"; name one of its files by file = \"{files[0]}\"" if files else ""
        raise ValueError(f"it has no config.json{more}")
    check_file(folder / "config.json")
    told = read_table(folder / "config.json")
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
