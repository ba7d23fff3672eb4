"""The only file that talks to the model hub: where a model lies on this disk, and what it is.

Downloads take safetensors where a repository has them, else the `.bin` files (which torch reads with
`weights_only`).
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storyanim.config import ASSETS, ModelRef, cache_folder
from storyanim.errors import ModelError

_CONFIG_PATTERNS = ("*.json", "*.txt", "*.model")
_FINGERPRINTED_SUFFIXES = {".json", ".txt", ".safetensors", ".bin", ".model"}
_IGNORED_PATTERNS = ("*.ckpt", "*.msgpack", "*.h5", "*.onnx*", "*non_ema*", "safety_checker/*", "*/.*", ".*",
                     "onnx/*", "flax_*", "tf_*")
_MIN_REMEMBERED_BYTES = 64 * 2**20                   # of a file whose sha256 is kept between runs


def locate(ref: ModelRef) -> Path:
    """Return the folder that holds the model, downloaded first when it is a hub repository not on this disk.

    Raises ModelError when it is missing and cannot be fetched.
    """
    if ref.folder is not None:
        if not ref.folder.is_dir():
            raise ModelError(f"there is no model folder {ref.folder}", hint=_hint_for_folder(ref))
        return ref.folder
    cached = _cached_snapshot(ref)
    return (cached or _download(ref)) / ref.subfolder


def fingerprint(ref: ModelRef) -> str:
    """Return the sha256 of the model's files, or the commit of a hub repository; downloads nothing."""
    if ref.folder is not None:
        return fingerprint_folder(ref.folder)
    cached = _cached_snapshot(ref)
    commit = cached.name if cached else ref.revision
    return f"hub:{ref.repo}/{ref.subfolder}@{commit}:{ref.variant or ''}"


def fingerprint_folder(folder: Path) -> str:
    """Return the sha256 over the relative names and bytes of all weight and settings files below `folder`."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}", hint="check the profile's [models] table")
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _FINGERPRINTED_SUFFIXES):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file; that of a large one is remembered by its path, size and time of change."""
    stat = path.stat()
    if stat.st_size < _MIN_REMEMBERED_BYTES:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    memory = cache_folder() / "sha256" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()}.json"
    mark = [stat.st_size, stat.st_mtime_ns]
    try:
        known = json.loads(memory.read_text("utf-8"))
        if known["mark"] == mark:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass                                         # nothing remembered, or not readable: compute it
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(".partial")
        partial.write_text(json.dumps({"mark": mark, "sha256": sha256}), "utf-8")
        partial.replace(memory)
    except OSError:
        pass                                         # a read-only home only costs the computation
    return sha256


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


def files_to_download(names: Iterable[str], subfolder: str = "", variant: str | None = None) -> list[str]:
    """Return which files of a repository to download: settings, and each folder's weights in one format."""
    inside = [n for n in names if n.startswith(f"{subfolder}/" if subfolder else "")]
    kept = [n for n in inside if not _matches(n, _IGNORED_PATTERNS)]
    nested = any(n.endswith("model_index.json") for n in kept)
    weights: list[str] = []
    for folder in {n.rpartition("/")[0] for n in kept}:
        if folder or not nested:                     # above a pipeline's subfolders lie whole checkpoints
            weights += _weights([n for n in kept if n.rpartition("/")[0] == folder], variant)
    return sorted([n for n in kept if _matches(n, _CONFIG_PATTERNS)] + weights)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _weights(names: Sequence[str], variant: str | None) -> list[str]:
    """Return a folder's weights: of the variant, else of full precision; safetensors if there are any."""
    for suffix in (".safetensors", ".bin"):
        found = [n for n in names if n.endswith(suffix)]
        plain = [n for n in found if ".fp16" not in n and ".bf16" not in n]
        if chosen := [n for n in found if variant and f".{variant}" in n] or plain:
            return chosen
    return []


def _cached_snapshot(ref: ModelRef) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot = Path(snapshot_download(ref.repo, revision=ref.revision, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None
    folder = snapshot / ref.subfolder
    complete = any(folder.rglob("*.safetensors")) or any(folder.rglob("*.bin"))
    return snapshot if complete else None


def _download(ref: ModelRef) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        names = HfApi().list_repo_files(ref.repo, revision=ref.revision)
        files = files_to_download(names, ref.subfolder, ref.variant)
        return Path(snapshot_download(ref.repo, revision=ref.revision, allow_patterns=files))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"the model {ref.repo} (revision {ref.revision}) is not on this disk and could not be "
            f"fetched ({type(error).__name__})", hint=_hint_for_hub(ref)) from error
    except Exception as error:                       # httpx's own, whichever version the hub brings
        if type(error).__module__.split(".")[0] not in {"httpx", "httpcore", "requests", "urllib3"}:
            raise
        raise ModelError(
            f"the model {ref.repo} (revision {ref.revision}) is not on this disk and the hub cannot be "
            "reached",
            hint=_hint_for_hub(ref)) from error


def _hint_for_folder(ref: ModelRef) -> str:
    if ref.repo.startswith(ASSETS):
        return "the package is incomplete: install it again, or train the model with `make models`"
    return "check the profile's [models] table"


def _hint_for_hub(ref: ModelRef) -> str:
    return (f"with a network run `hf download {ref.repo}`, or copy its folder here and name that folder in a "
            "profile of your own; `--profile storybook` needs no download")
