"""A model on this disk: its commit, whether all of it is there, its fingerprint; the hub is asked if not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from storyanim.config import ASSETS, WEIGHTS_FILES, FileRef, ModelRef, Models
from storyanim.errors import ModelError
from storyanim.hub import client
from storyanim.hub.client import Download, RepoInfo
from storyanim.hub.files import (
    WEIGHTS_SUFFIXES,
    cache_of,
    file_sha256,
    files_to_download,
    fingerprint_folder,
    read_table,
    shards_in,
)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FINGERPRINT = re.compile(r"(?P<before>.*\bhub:)(?P<repo>[^@]*)@(?P<revision>[^:]*)(?P<after>:.*)")
_SHARDS = re.compile(r"\.(safetensors|bin)\.index\.(\w+\.)?json$")
_UNUSED = {"safety_checker", "feature_extractor", "image_encoder"}   # components that we never load
_TOKENIZERS = (("vocab.json", "merges.txt"), ("tokenizer.json",), ("spiece.model",), ("vocab.txt",))


def resolve(ref: ModelRef, pins: Mapping[str, str] | None = None) -> ModelRef:
    """Return the model bound to a commit; a folder is returned as it is.

    Args:
        ref: the model.
        pins: `pin_of` a model → the commit that it was bound to before.

    The hub is asked only for a repository that is neither pinned nor whole on this disk. Raises ServiceError,
    ModelError.
    """
    if ref.folder is not None or _COMMIT.fullmatch(ref.revision):
        return ref
    commit = (pins or {}).get(pin_of(ref)) or (_commit_on_disk(ref) if is_on_disk(ref) else None)
    if commit is None:
        commit = client.describe(ref.repo, ref.revision).commit
        client.note_ref(ref.repo, ref.revision, commit)
    return ref.model_copy(update={"revision": commit})


def pin_of(ref: ModelRef) -> str:
    """Return the name under which a run keeps a model's commit: repository and revision asked for."""
    return f"{ref.repo}@{ref.revision}"


def revision_of(fingerprint: str) -> tuple[str, str] | None:
    """Return (repository, commit) of a fingerprint that holds one of a hub repository at a commit."""
    found = _FINGERPRINT.fullmatch(fingerprint)
    if found is None or not _COMMIT.fullmatch(found["revision"]):
        return None
    return "/".join(found["repo"].split("/")[:2]), found["revision"]


def is_same_model(one: str, other: str) -> bool:
    """Return whether two fingerprints name one model; the commit of a mere branch is not compared."""
    if one == other:
        return True
    a, b = _FINGERPRINT.fullmatch(one), _FINGERPRINT.fullmatch(other)
    if a is None or b is None or any(a[part] != b[part] for part in ("before", "repo", "after")):
        return False
    return not (_COMMIT.fullmatch(a["revision"]) and _COMMIT.fullmatch(b["revision"]))


def locate(ref: ModelRef) -> Path:
    """Return the folder (or the one file) of the model, downloaded first when it is of the hub and not here.

    Raises ModelError when it is missing, ServiceError when it cannot be fetched.
    """
    if ref.folder is not None:
        if not ref.folder.exists():
            what = "file" if ref.folder.suffix in WEIGHTS_FILES else "model folder"
            raise ModelError(f"there is no {what} {ref.folder}", hint=_hint_for_folder(ref))
        return ref.folder
    if (there := _whole_snapshot(ref)) is None:
        bound = resolve(ref)
        client.fetch(plan_downloads({"model": bound}))
        there = cache_of(ref.repo) / "snapshots" / bound.revision
    return there / (ref.file or ref.subfolder)


def locate_file(ref: FileRef) -> Path:
    """Return a file that a person brings, downloaded first.

    Raises ModelError when it is not there, ServiceError.
    """
    path = Path(ref.file).expanduser() if ref.hub is None else locate(ref.hub)
    if not path.is_file():
        raise ModelError(f"there is no file {ref.file}",
                         hint="check the profile's [models] table and the flags")
    return path


def is_on_disk(ref: ModelRef) -> bool:
    """Return whether all that is needed of a model is here; asks nobody."""
    return ref.folder.exists() if ref.folder is not None else _whole_snapshot(ref) is not None


def fingerprint(ref: ModelRef) -> str:
    """Return the sha256 of the model's files, or the commit of a hub repository; downloads nothing."""
    if ref.folder is not None:
        return file_sha256(ref.folder) if ref.folder.is_file() else fingerprint_folder(ref.folder)
    commit = _commit_on_disk(ref) if is_on_disk(ref) else None
    return f"hub:{ref.repo}/{ref.file or ref.subfolder}@{commit or ref.revision}:{ref.variant or ''}"


def base_fingerprint(models: Models) -> str:
    """Return the fingerprint of the base model that characters are learned for, with the single file's."""
    return fingerprint(models.pipeline) if models.base is None else (
        f"{fingerprint(models.pipeline)}+{_file_key(models.base)}")


def fingerprint_motion(models: Models) -> str:
    """Return the fingerprint of what a motion's LoRA sits on: the base model with its motion adapter."""
    adapter = [] if models.motion_adapter is None else [fingerprint(models.motion_adapter)]
    return "+".join([base_fingerprint(models), *adapter])


def extras_key(models: Models) -> dict[str, object]:
    """Return what people brought, for keys of steps; {} when nothing, as before there was any of it."""
    found: dict[str, object] = {}
    for name in ("loras", "embeddings"):
        if refs := getattr(models, name):
            found[name] = [[_file_key(ref), ref.weight, Path(ref.file).stem] for ref in refs]
    if models.vae is not None:
        found["vae"] = fingerprint(models.vae)
    if models.scheduler is not None:
        found["scheduler"] = models.scheduler
    if models.scheduler_settings:
        found["scheduler_settings"] = models.scheduler_settings
    return found


def structure_key(models: Models) -> list[str]:
    """Return kind and fingerprint of the structure branch; [] without one."""
    return [] if models.structure is None else [models.structure_kind, fingerprint(models.structure)]


def ip_adapter_key(models: Models) -> dict[str, object]:
    """Return what a drawing (no learning) depends on beside `extras_key`; {} without an IP-Adapter."""
    if models.ip_adapter is None or models.image_encoder is None:
        return {}
    adapter = models.ip_adapter
    facts = [_file_key(adapter), adapter.weight, fingerprint(models.image_encoder)]
    return {"ip_adapter": [*facts, "by region"]}     # how two characters' pictures are kept apart


def _file_key(ref: FileRef) -> str:
    """Return the sha256 of a file on this disk, or the commit of one of the hub."""
    return file_sha256(locate_file(ref)) if ref.hub is None else fingerprint(ref.hub)


def licence_of(ref: ModelRef) -> str:
    """Return the licence of a repository as far as this disk tells, or ""."""
    commit = None if ref.folder is not None else _commit_on_disk(ref)
    if commit and (info := client.known_info(ref.repo, commit)) and info.licence:
        return info.licence
    folder = ref.folder or cache_of(ref.repo) / "snapshots" / str(commit)
    with suppress(OSError):
        return client.licence_in(folder / "README.md")
    return ""


def plan_downloads(models: Mapping[str, ModelRef]) -> list[Download]:
    """Return what of the models, each bound to a commit, must be fetched. Raises ServiceError, ModelError."""
    names: dict[ModelRef, tuple[str, ...]] = {}
    for name, ref in models.items():
        if not is_on_disk(ref):
            names[ref] = (*names.get(ref, ()), name)
    plans = []
    for ref, users in names.items():
        if ref.folder is not None:
            continue                                 # missing: whoever loads it says so
        info = client.known_info(ref.repo, ref.revision) or client.describe(ref.repo, ref.revision)
        snapshot = cache_of(ref.repo) / "snapshots" / ref.revision
        missing = [name for name in _needed(ref, info) if not info.is_whole(snapshot, name)]
        missing.sort(key=lambda name: (name.endswith(WEIGHTS_SUFFIXES), name))
        plans.append(Download(users, ref, info, tuple(missing)))
    return plans


def _needed(ref: ModelRef, info: RepoInfo) -> list[str]:
    found = files_to_download(info.sizes, ref.subfolder, ref.variant, ref.file)
    if ref.file and ref.file not in found:
        raise ModelError(f"the repository {ref.repo} has no file {ref.file}",
                         hint="check the profile's [models] table")
    if not any(name.endswith(WEIGHTS_SUFFIXES) or name == ref.file for name in found):
        folders = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in info.sizes})
        where = f"{ref.repo}/{ref.subfolder}".rstrip("/")
        raise ModelError(f"the repository {where} holds no weights that can be used "
                         f"(in {ref.repo}: {', '.join(folders[:8]) or 'nothing'})",
                         hint="check repo, subfolder and file in the profile's [models]")
    return found


def _commit_on_disk(ref: ModelRef) -> str | None:
    if _COMMIT.fullmatch(ref.revision):
        return ref.revision
    with suppress(OSError):
        commit = (cache_of(ref.repo) / "refs" / ref.revision).read_text("utf-8").strip()
        return commit if _COMMIT.fullmatch(commit) else None
    return None


def _whole_snapshot(ref: ModelRef) -> Path | None:
    """Return the snapshot's folder when all that is needed lies there: by its list of files, or its looks."""
    commit = _commit_on_disk(ref)
    if commit is None:
        return None
    snapshot = cache_of(ref.repo) / "snapshots" / commit
    if (info := client.known_info(ref.repo, commit)) is not None:
        needed = files_to_download(info.sizes, ref.subfolder, ref.variant, ref.file)
        known = ref.file in needed if ref.file else bool(needed)
        return snapshot if known and all(info.is_whole(snapshot, name) for name in needed) else None
    if ref.file:
        return snapshot if (snapshot / ref.file).is_file() else None
    return snapshot if _looks_whole(snapshot / ref.subfolder) else None


def _looks_whole(folder: Path) -> bool:
    """Return whether a folder has settings and weights, of each component that its model_index.json names."""
    index = folder / "model_index.json"
    if not index.is_file():
        return (folder / "config.json").is_file() and _has_weights(folder)
    try:
        entries = read_table(index).items()
    except ValueError:
        return False
    parts = {name: entry[1] for name, entry in entries
             if isinstance(entry, list) and len(entry) == 2 and entry[1] and name not in _UNUSED}
    return bool(parts) and all(_has_part(folder / name, str(kind)) for name, kind in parts.items())


def _has_part(folder: Path, kind: str) -> bool:
    if "Tokenizer" in kind:
        return any(all((folder / name).is_file() for name in names) for names in _TOKENIZERS)
    if "Scheduler" in kind:
        return (folder / "scheduler_config.json").is_file()
    if "Processor" in kind:
        return (folder / "preprocessor_config.json").is_file()
    return (folder / "config.json").is_file() and _has_weights(folder)


def _has_weights(folder: Path) -> bool:
    names = {path.name for path in folder.glob("*") if path.is_file()}
    shards = [name for name in names if _SHARDS.search(name)]
    for name in shards:
        with suppress(ValueError):
            if shards_in(folder / name) <= names:
                return True
    return not shards and any(name.endswith(WEIGHTS_SUFFIXES) for name in names)


def _hint_for_folder(ref: ModelRef) -> str:
    if ref.repo.startswith(ASSETS):
        return "the package is incomplete: install it again, or train the model with `make models`"
    return "check the profile's [models] table"
