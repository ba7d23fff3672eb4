"""Speakers of Piper's and Kokoro's models, in the process that espeak.py is; a model is loaded once.

Neither has a pitch: a line is spoken slower or faster, then played faster or slower by as much.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_USUAL_PITCH, _USUAL_SPEED = 50, 160                 # of sound.voices.Voice
_PITCH_RANGE = 0.5                                   # octaves, from the usual pitch to the highest


class PiperSpeaker:
    """One of Piper's models (piper-tts)."""

    def __init__(self, model: dict[str, Any]) -> None:
        from piper import PiperVoice

        _fix_seed()
        self._voice = PiperVoice.load(model["path"])
        self._num_speakers = model["speakers"]

    def speak(self, text: str, voice: dict[str, Any], speed: float) -> tuple[NDArray[np.float32], int]:
        """Return samples in [-1, 1] and their rate."""
        from piper import SynthesisConfig

        speaker = voice["variant"] % self._num_speakers if self._num_speakers > 1 else None
        chunks = list(self._voice.synthesize(
            text, SynthesisConfig(speaker_id=speaker, length_scale=1 / speed)))
        if not chunks:
            return np.zeros(1, np.float32), 22050
        return np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate


class KokoroSpeaker:
    """One of the voices of a Kokoro model (kokoro-onnx)."""

    def __init__(self, model: dict[str, Any]) -> None:
        from kokoro_onnx import Kokoro

        _fix_seed()
        self._kokoro = Kokoro(model["path"], model["voices"])
        self._style, self._language = model["style"], model["language"]

    def speak(self, text: str, voice: dict[str, Any], speed: float) -> tuple[NDArray[np.float32], int]:
        """Return samples in [-1, 1] and their rate."""
        phonemes = self._kokoro.tokenizer.phonemize(text, self._language)
        if not phonemes:                             # a sign alone, of which it would raise an error
            return np.zeros(1, np.float32), 24000
        return self._kokoro.create(phonemes, self._style, min(max(speed, 0.5), 2.0), self._language,
                                   is_phonemes=True)


_SPEAKERS: dict[str, type[PiperSpeaker] | type[KokoroSpeaker]] = {
    "piper": PiperSpeaker, "kokoro": KokoroSpeaker}


class NeuralSpeaker:
    """Speaks lines by models, each loaded when it first speaks, at one rate of samples."""

    def __init__(self, models: dict[str, dict[str, Any]], sample_rate: int) -> None:
        self._models, self._sample_rate = models, sample_rate
        self._speakers: dict[tuple[str, str], PiperSpeaker | KokoroSpeaker] = {}

    def speak(self, text: str, voice: dict[str, Any]) -> tuple[bytes, list[tuple[int, float]]]:
        """Return 16 bit samples, and where in `text` and about when, in seconds, each word begins."""
        model = self._models[voice["model"]]
        key = (model["path"], model["style"])
        if key not in self._speakers:
            self._speakers[key] = _SPEAKERS[model["kind"]](model)
        pitch = 2 ** (_PITCH_RANGE * (voice["pitch"] - _USUAL_PITCH) / _USUAL_PITCH)
        speed = voice["speed"] / _USUAL_SPEED / pitch
        samples, rate = self._speakers[key].speak(text, voice, speed)
        samples = _resampled(np.asarray(samples, np.float32), self._sample_rate / (rate * pitch))
        words = _spread(text, len(samples) / self._sample_rate)
        return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), words


def _resampled(samples: NDArray[np.float32], times: float) -> NDArray[np.float32]:
    """Return so many times as many samples; what would fold down is taken off by a short mean."""
    if times < 1:
        width = max(1, round(1 / times))
        samples = np.convolve(samples, np.full(width, 1 / width, np.float32), "same").astype(np.float32)
    places = np.arange(max(1, round(len(samples) * times))) / times
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def _spread(text: str, duration_s: float) -> list[tuple[int, float]]:
    """Return where and when each word begins, by its share of the letters: the models do not tell."""
    return [(word.start(), duration_s * word.start() / len(text)) for word in re.finditer(r"\S+", text)]


def _fix_seed() -> None:
    """Make what models draw at random the same in each process: sessions take the seed as they begin."""
    import onnxruntime

    onnxruntime.set_seed(0)
