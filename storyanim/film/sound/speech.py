"""Lines of a story to a track of speech, by a process of its own (espeak.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from storyanim.artifacts import FrozenModel, Speech, Word
from storyanim.errors import ResourceError, UsageError
from storyanim.film.sound.voice_models import VoiceModel, check_packages, model_version
from storyanim.film.sound.voices import Line, Voice

LEAD_S, GAP_S = 0.15, 0.18                           # of silence before a shot's words, and between two lines
_HINT = "run again, or without --narrate"
_START_S, _LETTERS_A_SECOND = 60.0, 50.0             # how long it may take; seen: some 4,000 letters a second
_MODEL_LETTERS_A_SECOND = 1.0                        # of a model on a slow machine


class Engine(FrozenModel):
    """What speaks: eSpeak NG, and the models of a person's voices."""

    fingerprint: str
    models: tuple[VoiceModel, ...] = ()


def speak(folder: Path, lines: Sequence[Line], breath_s: float, engine: Engine) -> Speech:
    """Speak lines, one after the other, as `folder`/speech.wav, with a breath at the end.

    `engine` is what `engine_of` gives, which is an input since another may speak otherwise. Raises
    ResourceError.
    """
    path, asked = folder / "speech.wav", {line.voice.model for line in lines}
    told = _speak({"out": str(path), "lead_s": LEAD_S, "gap_s": GAP_S, "tail_s": breath_s,
                   "lines": [line.model_dump(include={"text", "voice"}) for line in lines],
                   "models": {model.name: model.model_dump(mode="json") for model in engine.models
                              if model.name in asked}})
    words = tuple(Word(at=line.at + at, start_s=start_s)
                  for line, spoken in zip(lines, told["lines"], strict=True)
                  for at, start_s in spoken["words"])
    return Speech(path=path, duration_s=told["duration_s"], end_s=told["lines"][-1]["end_s"], words=words)


def check_voices(voices: Iterable[Voice]) -> None:
    """Raise UsageError for a voice of a language that nothing here speaks."""
    known = _languages()
    for language in dict.fromkeys(voice.language for voice in voices if not voice.model):
        if language not in known and not any(tag.startswith(f"{language}-") for tag in known):
            near = [tag for tag in known if tag[:2] == language[:2]]
            raise UsageError(f"there is no voice that speaks {language!r}",
                             hint=f"take one of {', '.join(near or known)}")


def engine_of(voices: Iterable[Voice], models: Sequence[VoiceModel]) -> Engine:
    """Return what voices need to speak. Raises UsageError where it is not installed."""
    asked = {voice.model for voice in voices}
    used = tuple(model for model in models if model.name in asked)
    check_packages(used)
    return Engine(fingerprint="; ".join([engine_version(), *(model_version(model) for model in used)]),
                  models=used)


def engine_version() -> str:
    """Return eSpeak NG's. Raises UsageError where it is not installed."""
    try:
        return f"espeakng-loader {metadata.version('espeakng-loader')}"
    except metadata.PackageNotFoundError as error:
        raise UsageError("narration needs the package espeakng-loader",
                         hint="pip install espeakng-loader, or run without --narrate") from error


@cache
def _languages() -> tuple[str, ...]:
    engine_version()
    return tuple(_speak({})["languages"])


def _speak(order: dict[str, Any]) -> dict[str, Any]:
    letters = sum(len(line["text"]) for line in order.get("lines", ()))
    command = [sys.executable, "-m", "storyanim.film.sound.espeak"]
    try:
        done = subprocess.run(command, input=json.dumps(order).encode(), capture_output=True, check=False,
                              timeout=_START_S + letters / (
                                  _MODEL_LETTERS_A_SECOND if order.get("models") else _LETTERS_A_SECOND))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"the narration's process failed: {error}", hint=_HINT) from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ResourceError(f"the narration's process ended with code {done.returncode}",
                            hint=lines[-1] if lines else _HINT)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
