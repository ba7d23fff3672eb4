"""Music of any length as long as the film: cut, or looped from one quiet place to another, and faded."""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storyanim import video
from storyanim.errors import FilmError, InputError

Samples = NDArray[np.int16]                          # (N, 2)

RATE = 48_000                                        # samples a second of all that is mixed
_WINDOW = RATE // 25                                 # in which quiet is measured
_JOIN_S, _FADE_IN_S, _FADE_OUT_S = 1.0, 0.5, 2.5
# No demuxer that follows names in a file, and none that reads anything as sound.
_CONTAINERS = "mp3,wav,w64,flac,ogg,mov,mp4,matroska,webm,aac,aiff,caf,asf,ac3,avi,mpegts"
_START_S = 30.0                                      # that opening a file may take
_HINT = "give a file that a player plays, as WAV, FLAC, MP3, Ogg or M4A"


def check_music(path: Path) -> None:
    """Raise InputError for a file that holds no sound, or that is no file: a pipe has no end."""
    if not path.is_file():
        raise InputError(f"there is no music file {path}", hint=_HINT)
    _decoded(path, RATE // 10)


def fit_music(folder: Path, path: Path, num_samples: int) -> Path:
    """Write a file's sound as `folder`/music.wav, `num_samples` long; no more of it is read than that.

    Raises InputError.
    """
    out = folder / "music.wav"
    write_wav(out, _faded(loop(_decoded(path, num_samples), num_samples)))
    return out


def _decoded(path: Path, num_samples: int) -> Samples:
    """Return a file's first samples, at most so many, in a time that no file can stretch."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "music.raw"
        given = ["-format_whitelist", _CONTAINERS, "-protocol_whitelist", "file", "-i", str(path.absolute())]
        filters = ["-af", f"aresample={RATE},atrim=end_sample={num_samples}"]
        try:
            video.run_ffmpeg([*given, "-map", "0:a:0", *filters, "-ac", "2", "-f", "s16le", str(raw)],
                             timeout_s=_START_S + num_samples / RATE)
        except FilmError as error:
            raise InputError(f"{path} cannot be read as music: {error.hint}", hint=_HINT) from error
        samples = np.fromfile(raw, np.int16).reshape(-1, 2)
    if not len(samples):
        raise InputError(f"{path} holds no sound", hint=_HINT)
    return samples


def loop(given: Samples, num_samples: int) -> Samples:
    """Return so many samples: cut, or gone on with from its quietest place to another, which are blended."""
    if len(given) >= num_samples:
        return given[:num_samples]
    start, end = _quiet_places(given)
    join = min(round(_JOIN_S * RATE), (end - start) // 2)
    rise = np.sin(np.linspace(0, np.pi / 2, join))[:, None]
    parts, length = [given[: end - join]], end - join
    blend = np.rint(given[end - join : end] * rise[::-1] + given[start : start + join] * rise)
    again = np.concatenate([np.clip(blend, -32768, 32767).astype(np.int16), given[start + join : end - join]])
    while length < num_samples:
        parts.append(again)
        length += len(again)
    return np.concatenate(parts)[:num_samples]


def write_wav(path: Path, samples: Samples, rate: int = RATE) -> None:
    """Write (N, channels) samples, so many a second."""
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(np.ascontiguousarray(samples).tobytes())


def _quiet_places(given: Samples) -> tuple[int, int]:
    """Return the quietest places of the first and the last quarter; silence at both ends is left out."""
    if len(given) < 8 * _WINDOW:
        return 0, len(given)
    whole = len(given) // _WINDOW * _WINDOW
    power = (given[:whole].astype(np.float32) ** 2).mean(axis=1).reshape(-1, _WINDOW).mean(axis=1)
    heard = np.flatnonzero(power > 1e-5 * power.max())
    first, last = (int(heard[0]), int(heard[-1]) + 1) if len(heard) > 7 else (0, len(power))
    quarter = (last - first) // 4
    start = first + int(power[first : first + quarter].argmin())
    end = last - quarter + int(power[last - quarter : last].argmin())
    return start * _WINDOW, end * _WINDOW


def _faded(samples: Samples) -> Samples:
    gain = np.ones(len(samples), np.float32)
    fade_in, fade_out = (min(round(seconds * RATE), len(samples) // 2)
                         for seconds in (_FADE_IN_S, _FADE_OUT_S))
    gain[:fade_in] = np.linspace(0, 1, fade_in)
    gain[len(gain) - fade_out :] *= np.linspace(1, 0, fade_out)
    return np.rint(samples * gain[:, None]).astype(np.int16)
