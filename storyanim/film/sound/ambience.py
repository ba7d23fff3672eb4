"""Quiet sounds of a scene, made of seeded noise: rain, waves, wind, night and fire."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts import FrozenModel
from storyanim.film.sound.music import RATE, loop, write_wav

Signal = NDArray[np.float64]                         # (2, N)

_LOOP_S = 24.0                                       # noise by FFT is periodic: it has no seam
_BLEND_S = 1.2                                       # from one scene's sound to the next
# The first whose words a shot has; a kind's loop has a mean level of its own, as such things do.
_WORDS = {
    "fire": r"fire|campfire|bonfire|hearth|fireplace|flames?",
    "rain": r"rain\w*|drizzle|thunderstorm|storm",
    "waves": r"sea|beach|ocean|shore|waves?|coast|harbou?r|island|boat|ship|sail\w*",
    "night": r"night|midnight|moon\w*|stars?|dark",
    "wind": r"wind\w*|snow\w*|mountains?|hills?|blizzard|winter|desert|cliffs?",
}


class Stretch(FrozenModel):
    """A part of the film's time, in samples, with one sound."""

    kind: str                                        # "": none
    start: int
    end: int


def ambience_of(*texts: str) -> str:
    """Return which sound fits a shot's words, the earlier text first; "" for none."""
    for text in texts:
        for kind, words in _WORDS.items():
            if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE):
                return kind
    return ""


def write_ambience(folder: Path, stretches: Sequence[Stretch], seed: int) -> Path:
    """Write the sounds of a film's scenes, one after the other, as `folder`/ambience.wav."""
    track = np.zeros((stretches[-1].end, 2), np.int16)
    blend = round(_BLEND_S * RATE)
    for kind in sorted({stretch.kind for stretch in stretches} - {""}):
        sound = loop(synthesize(kind, seed), len(track))
        gain = np.zeros(len(track), np.float32)
        for stretch in stretches:
            gain[stretch.start : stretch.end] = stretch.kind == kind
        smooth = np.cumsum(np.pad(gain, (blend // 2, blend - blend // 2), mode="edge"), dtype=np.float64)
        gain = ((smooth[blend:] - smooth[:-blend]) / blend).astype(np.float32)
        track += np.rint(sound * gain[: len(track), None]).astype(np.int16)
    path = folder / "ambience.wav"
    write_wav(path, track)
    return path


def synthesize(kind: str, seed: int) -> NDArray[np.int16]:
    """Return (N, 2) samples of a sound that goes on where it ends."""
    rng = np.random.default_rng([seed, *kind.encode()])
    signal = _SOUNDS[kind](rng)
    level = 0.06 / max(float(np.sqrt((signal**2).mean())), 1e-9)
    return np.clip(np.rint(signal.T * level * 32767), -32767, 32767).astype(np.int16)


def _noise(rng: np.random.Generator, low_hz: float, high_hz: float, slope: float = 0.0) -> Signal:
    """Return noise of a band, by `slope` in powers of the frequency, with a standard deviation of 1."""
    length = round(_LOOP_S * RATE)
    hz = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 1)
    shape = hz**slope / (1 + (low_hz / hz) ** 4) / (1 + (hz / high_hz) ** 4)
    waves = rng.normal(size=(2, len(hz))) + 1j * rng.normal(size=(2, len(hz)))
    signal = np.fft.irfft(waves * shape, length)
    return signal / signal.std()


def _swell(rng: np.random.Generator, per_loop: Sequence[int]) -> Signal:
    """Return a slow curve in [0, 1] of some waves that fit the loop."""
    time = np.linspace(0, 2 * np.pi, round(_LOOP_S * RATE), endpoint=False)
    starts = rng.uniform(0, 2 * np.pi, len(per_loop))
    curve = np.sin(np.outer(per_loop, time) + starts[:, None]).sum(axis=0)
    return (curve - curve.min()) / np.ptp(curve)


def _bursts(
    rng: np.random.Generator, per_second: float, seconds: float, sound: Callable[[int], Any]
) -> Signal:
    """Return short sounds at random times, each somewhere between left and right."""
    signal, length = np.zeros((2, round(_LOOP_S * RATE))), round(seconds * RATE)
    for start in rng.integers(0, signal.shape[1] - length, rng.poisson(per_second * _LOOP_S)):
        left = rng.uniform(0.2, 0.8)
        signal[:, start : start + length] += np.outer((left, 1 - left), sound(length)) * rng.exponential()
    return signal


def _rain(rng: np.random.Generator) -> Signal:
    drops = _bursts(rng, 60, 0.012, lambda n: rng.normal(size=n) * np.exp(-np.arange(n) / (n / 6)))
    return _noise(rng, 900, 9000, -0.3) * (0.8 + 0.2 * _swell(rng, (2, 5))) + 0.8 * drops


def _waves(rng: np.random.Generator) -> Signal:
    swell = _swell(rng, (3, 4)) ** 2
    return _noise(rng, 60, 500, -0.6) * (0.25 + swell) + 0.5 * _noise(rng, 700, 6000, -0.5) * swell**2


def _wind(rng: np.random.Generator) -> Signal:
    low, high = _noise(rng, 90, 320, -0.5), _noise(rng, 350, 800)
    return low * (0.4 + 0.6 * _swell(rng, (2, 3, 7))) + 0.4 * high * _swell(rng, (3, 5, 11)) ** 2


def _night(rng: np.random.Generator) -> Signal:
    def chirp(length: int) -> Any:
        time = np.arange(length) / RATE
        pulses = np.abs(np.sin(np.pi * 28 * time)) * np.sin(np.pi * time / time[-1])
        return np.sin(2 * np.pi * 4300 * time) * pulses

    return _noise(rng, 80, 400, -0.7) * 0.25 + _bursts(rng, 1.3, 0.36, chirp)


def _fire(rng: np.random.Generator) -> Signal:
    crackles = _bursts(rng, 9, 0.02, lambda n: rng.normal(size=n) * np.exp(-np.arange(n) / (n / 9)))
    return _noise(rng, 50, 260, -0.8) * (0.5 + 0.3 * _swell(rng, (5, 9, 14))) + 1.6 * crackles


_SOUNDS: dict[str, Callable[[np.random.Generator], Signal]] = {
    "fire": _fire, "rain": _rain, "waves": _waves, "night": _night, "wind": _wind}
