"""Models of transformers from their folders, and what the libraries raise over a bad one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storyanim.config import ModelRef
from storyanim.errors import ModelError
from storyanim.hub.snapshot import locate


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

    folder = locate(ref)
    with map_model_errors(ref):
        found = transformers.AutoConfig.from_pretrained(folder).model_type
        if found == "depth_anything" and model_type == "dpt":        # the same task, inputs and outputs
            class_name = "DepthAnythingForDepthEstimation"
            model_type, spare = found, ""
        if found != model_type:
            raise ModelError(f"the model {ref.repo} is of kind {found!r}, not {model_type!r}",
                             hint="check the profile's [models] table")
        model, info = getattr(transformers, class_name).from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True)
        if lacking := sorted(name for name in info["missing_keys"] if not (spare and re.search(spare, name))):
            raise ModelError(
                f"the model {ref.repo} lacks {len(lacking)} weights of {class_name}, such as {lacking[0]}",
                hint="fetch it again, or check the profile's [models] table")
        return model.eval().requires_grad_(False).to("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def map_model_errors(ref: ModelRef) -> Iterator[None]:
    """Map what transformers and safetensors raise while they load `ref` to ModelError, and silence them."""
    from safetensors import SafetensorError

    foreign = (
        OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)
    try:
        with silence_libraries():
            yield
    except Exception as error:
        # tokenizers raises the bare class
        if not isinstance(error, foreign) and type(error) is not Exception:
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the model {ref.repo} cannot be loaded: {reason}",
                         hint="its folder is incomplete or of another kind: fetch it again") from error


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
        yield
    finally:
        for logging, (verbosity, bars) in zip(loggings, before, strict=True):
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
