"""Which files of a repository are needed, and what the files of a folder are, by their bytes."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from storyanim.config import cache_folder
from storyanim.errors import ModelError

_CONFIG_PATTERNS = ("*.json", "*.txt", "*.model")
WEIGHTS_SUFFIXES = (".safetensors", ".bin")
_HALF_PRECISION = ("fp16", "bf16")                   # as repositories call such files
_FINGERPRINTED_SUFFIXES = {".json", ".txt", ".safetensors", ".bin", ".model"}
_IGNORED_PATTERNS = ("*.ckpt", "*.msgpack", "*.h5", "*.onnx*", "*non_ema*", "safety_checker/*", "*/.*", ".*",
                     "onnx/*", "flax_*", "tf_*")
_SHARD = re.compile(r"-\d{5}-of-\d{5}\b")
_MIN_REMEMBERED_BYTES = 64 * 2**20                   # of a file whose sha256 is kept between runs


def cache_of(repo: str) -> Path:
    """Return the folder of a repository in the hub's cache (`HF_HOME`): refs/, snapshots/COMMIT/, blobs/."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def gigabytes(num_bytes: float) -> str:
    """Return a size for people: "7.3 GB", "12 MB", "3 kB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.{int(num_bytes < 10 * size)}f} {unit}"
    return f"{num_bytes:.0f} B"


def files_to_download(
    names: Iterable[str], subfolder: str = "", variant: str | None = None, file: str = ""
) -> list[str]:
    """Return which files of a repository to download: settings, and each folder's weights in one format.

    When one `file` is wanted, that is all, with the config.json beside it.
    """
    if file:
        beside = f"{file.rpartition('/')[0]}/config.json".lstrip("/")
        return sorted({file, beside}.intersection(names))
    inside = [n for n in names if n.startswith(f"{subfolder}/" if subfolder else "")]
    kept = [n for n in inside if not _matches(n, _IGNORED_PATTERNS)]
    nested = any(n.endswith("model_index.json") for n in kept)
    weights: list[str] = []
    for folder in {n.rpartition("/")[0] for n in kept}:
        if folder or not nested:                     # above a pipeline's subfolders lie whole checkpoints
            weights += choose_weights([n for n in kept if n.rpartition("/")[0] == folder], variant)[0]
    return sorted([n for n in kept if _matches(n, _CONFIG_PATTERNS)] + weights)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def choose_weights(names: Iterable[str], variant: str | None) -> tuple[list[str], str | None]:
    """Return a folder's weights in one format, and their variant.

    They are of the variant asked for, else of full precision, else of half, where there is nothing else;
    .safetensors if there are any of such.
    """
    names = list(names)
    for wanted in ((variant, None), _HALF_PRECISION):
        for suffix in WEIGHTS_SUFFIXES:
            found = [name for name in names if name.endswith(suffix)]
            for kind in wanted:
                if chosen := [name for name in found if _variant_in(name, kind)]:
                    return chosen, kind
    return [], None


def _variant_in(name: str, variant: str | None) -> bool:
    return f".{variant}" in name if variant else not any(f".{half}" in name for half in _HALF_PRECISION)


def read_table(path: Path) -> dict[str, Any]:
    """Return a JSON file of settings. Raises ValueError, in words for people, when it is none."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"its {path.name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"its {path.name} is damaged: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"its {path.name} is damaged: it is no table")
    return told


def check_shards(folder: Path, chosen: Iterable[str]) -> None:
    """Raise ValueError unless weights in shards have an index, and all that it names are there.

    Args:
        folder: that they lie in.
        chosen: the weights that are read, see `choose_weights`.
    """
    names = list(chosen)
    if not any(map(_SHARD.search, names)):
        return
    suffix = Path(names[0]).suffix
    indexes = sorted(folder.glob(f"*{suffix}.index.*json"))
    if not indexes:
        raise ValueError(f"it holds weights in parts ({names[0]}, ...) without their {suffix}.index.json")
    lacking = {index: shards_in(index) - set(names) for index in indexes}
    index = min(lacking, key=lambda path: len(lacking[path]))        # of the variant that was chosen
    if lacking[index]:
        raise ValueError(f"{len(lacking[index])} of the files that {index.name} names are missing, such as "
                         f"{min(lacking[index])}")


def shards_in(index: Path) -> set[str]:
    """Return the files that an index of weights in parts names. Raises ValueError when it names none."""
    weights = read_table(index).get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise ValueError(f"its {index.name} is damaged: it has no weight_map")
    return set(map(str, weights.values()))


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
