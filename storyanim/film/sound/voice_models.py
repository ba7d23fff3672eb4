"""Voices that a person brings: models of Piper and Kokoro in a folder, found without loading any.

Piper's are `NAME.onnx` beside `NAME.onnx.json`, Kokoro's one `.onnx` beside a `.bin` of many voices.
Their packages are extras: `pip install 'storyanim[piper]'`, GPL-3.0, or `'storyanim[kokoro]'`, MIT.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile, ZipFile

from storyanim.artifacts import FrozenModel
from storyanim.errors import InputError, UsageError

_MODULES = {"piper": ("piper", "piper-tts"), "kokoro": ("kokoro_onnx", "kokoro-onnx")}
# By the first letter of a Kokoro voice's name.
_KOKORO = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br",
           "z": "cmn"}
_GENDERS: dict[str, Literal["male", "female"]] = {"m": "male", "f": "female"}
_LICENCE = re.compile(r"licen[cs]e\W+(.*\w\S*)", re.IGNORECASE)


class VoiceModel(FrozenModel):
    """A voice of a file."""

    name: str                                        # by which it is asked for, in small letters
    kind: Literal["piper", "kokoro"]
    path: Path
    voices: Path | None = None                       # Kokoro's file of all voices
    style: str = ""                                  # its name in that file
    language: str
    gender: Literal["", "male", "female"] = ""
    speakers: int = 1                                # of which Piper's models may have many
    licence: str = ""                                # as a MODEL_CARD or LICENSE beside it says; "": not said


def find_voices(folder: Path) -> tuple[VoiceModel, ...]:
    """Return the voices in a folder and those below it. Raises InputError when there are none."""
    found: list[VoiceModel] = []
    for path in sorted(folder.rglob("*.onnx")):
        try:
            found += _piper(path) if Path(f"{path}.json").is_file() else _kokoro(path)
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise InputError(f"the voice {path} cannot be read: {error}",
                             hint="download it again, with the files that stand beside it") from error
    if not found:
        raise InputError(f"there are no voices in {folder}",
                         hint="a voice of Piper is NAME.onnx with NAME.onnx.json, Kokoro is one .onnx with a "
                              ".bin of voices")
    return tuple(found)


def check_packages(models: Iterable[VoiceModel]) -> None:
    """Raise UsageError for a voice whose package is not installed."""
    for kind in sorted({model.kind for model in models}):
        module, package = _MODULES[kind]
        if find_spec(module) is None:
            raise UsageError(f"voices of {kind.capitalize()} need the package {package}",
                             hint=f"pip install 'storyanim[{kind}]', or take another voice")


def model_version(model: VoiceModel) -> str:
    """Return what speaks by a model: its package and the content of its files."""
    digest = hashlib.sha256()
    for path in filter(None, (model.path, model.voices)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    package = _MODULES[model.kind][1]
    return f"{package} {metadata.version(package)} {digest.hexdigest()[:16]}"


def _piper(path: Path) -> list[VoiceModel]:
    config: dict[str, Any] = json.loads(Path(f"{path}.json").read_text("utf-8"))
    language = str(config["espeak"]["voice"]).lower().replace("_", "-")
    return [VoiceModel(name=path.stem.lower(), kind="piper", path=path, language=language,
                       speakers=int(config["num_speakers"]), licence=_licence(path.parent))]


def _kokoro(path: Path) -> list[VoiceModel]:
    beside = [one for one in sorted(path.parent.iterdir()) if one.suffix in {".bin", ".npz"}]
    if not beside:
        raise ValueError("beside it is neither a .onnx.json, as of Piper, nor a .bin of voices, as of Kokoro")
    with ZipFile(beside[0]) as archive:              # of numpy arrays
        names = sorted(name.removesuffix(".npy") for name in archive.namelist())
    return [VoiceModel(name=name.lower(), kind="kokoro", path=path, voices=beside[0], style=name,
                       language=_KOKORO.get(name[:1], "en-us"), gender=_GENDERS.get(name[1:2], ""),
                       licence=_licence(path.parent)) for name in names]


def _licence(folder: Path) -> str:
    for pattern in ("MODEL_CARD*", "LICEN[CS]E*", "README*"):
        for path in sorted(folder.glob(pattern)):
            text = path.read_text("utf-8", "replace")
            said = _LICENCE.search(text)
            if said or pattern.startswith("LIC"):
                return said[1].strip() if said else text.strip().split("\n")[0]
    return ""
