"""All that is heard in a film, mixed to one track as long as its pictures, at −16 LUFS.

The narration is laid on the film's time here, to the sample; ffmpeg resamples, ducks, levels and encodes.
"""

from __future__ import annotations

import json
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storyanim import video
from storyanim.artifacts import Speech
from storyanim.engine.steps import step_version
from storyanim.film.sound.music import RATE, write_wav
from storyanim.film.timeline import Timeline

LOUDNESS, PEAK = -16.0, -1.5                         # LUFS, dBTP of loudnorm: coding adds up to some .3 dB
_LOUDNESS_RANGE = 11.0                               # LU, loudnorm's
_MAX_BEYOND = 0.5                                    # LU that loudnorm may miss LOUDNESS by
_MAX_RAISE = 6.0                                     # dB: more would flatten what is loud for a moment
# In parts of one size: else the order in which ffmpeg reads its inputs changes the last bits.
_CHUNKS = "asetnsamples=n=4800"
_BITS_A_SECOND = "160k"
_MUSIC, _AMBIENCE = -22.0, -32.0                     # LUFS, where nobody speaks at -16
# The narration is the key that presses the music down.
_DUCK = "sidechaincompress=threshold=0.03:ratio=8:attack=30:release=500:knee=4"


@dataclass(frozen=True)
class Track:
    """A WAV file, and how loud it is to be, in LUFS."""

    path: Path
    loudness: float


@step_version(3)
def mix(folder: Path, timeline: Timeline) -> Path:
    """Write all that the timeline's parts sound like as `folder`/mix.m4a, AAC. Raises FilmError.

    Music and ambience are pressed down where somebody speaks. Ambience alone stays as quiet as it is.
    """
    narration, out = folder / "narration.wav", folder / "mix.m4a"
    spoken = any(piece.speech for piece in timeline.pieces)
    given = [(narration if spoken else None, LOUDNESS), (timeline.music, _MUSIC),
             (timeline.ambience, _AMBIENCE)]
    tracks = [Track(path, loudness) for path, loudness in given if path]
    if spoken:
        _write_narration(narration, timeline)
    inputs = [part for track in tracks for part in ("-i", str(track.path.absolute()))]
    graph = _graph(tracks, spoken, round(timeline.duration_s * RATE))
    quiet = tracks[0].path == timeline.ambience
    level = f"loudnorm=I={LOUDNESS}:TP={PEAK}:LRA={_LOUDNESS_RANGE}"
    measuring = [*inputs, "-filter_complex", f"{graph},{level}:print_format=json[all]", "-map", "[all]"]
    seen = {} if quiet else _measured(measuring)
    if seen:
        level += "".join(f":measured_{name}={value}" for name, value in seen.items())
    end = f"aresample={RATE},asetpts=N/SR/TB,apad,atrim=end_sample={round(timeline.duration_s * RATE)}[all]"

    def encode(level: str) -> None:
        video.run_ffmpeg([*inputs, "-filter_complex", f"{graph},{level},{end}", "-map", "[all]",
                          "-c:a", "aac", "-b:a", _BITS_A_SECOND, "-f", "mp4", str(out.absolute())])

    encode(level if seen else "anull")
    beyond = max(_loudness_of(out) - LOUDNESS, -_MAX_RAISE) if seen else 0.0
    if abs(beyond) > _MAX_BEYOND:                    # as of a word alone, or of one in minutes of music
        # Between two samples of loudnorm, which gives 192,000 a second, is no higher peak.
        encode(f"{level},volume={-beyond:.2f}dB,alimiter=limit={PEAK}dB:attack=5:release=80:level=0:latency=1")
    narration.unlink(missing_ok=True)
    return out


def _graph(tracks: Sequence[Track], spoken: bool, num_samples: int) -> str:
    """Return ffmpeg's filters from the inputs to one open end."""
    parts, ends = [], []
    for number, track in enumerate(tracks):
        alone = ["-i", str(track.path.absolute()), "-af", "loudnorm=print_format=json"]
        seen = _measured(alone) if len(tracks) > 1 or track.loudness == _AMBIENCE else {}
        gain = track.loudness - float(seen["I"]) if seen else 0.0
        ends.append(f"t{number}")
        parts.append(f"[{number}:a]aresample={RATE},aformat=channel_layouts=stereo,apad,"
                     f"atrim=end_sample={num_samples},volume={gain:.2f}dB,{_CHUNKS}[t{number}]")
    if spoken and len(tracks) > 1:
        below = "".join(f"[{end}]" for end in ends[1:])
        parts += ["[t0]asplit[speech][key]", f"{below}amix={len(tracks) - 1}:normalize=0[bed]",
                  f"[bed][key]{_DUCK}[low]"]
        ends = ["speech", "low"]
    every = "".join(f"[{end}]" for end in ends)
    return ";".join([*parts, f"{every}amix={len(ends)}:normalize=0,{_CHUNKS}"])


def _loudness_of(path: Path) -> float:
    """Return what a file sounds like, LUFS. Raises FilmError."""
    arguments = ["-i", str(path.absolute()), "-af", "ebur128=framelog=quiet", "-f", "null", "-"]
    printed = video.run_ffmpeg(arguments, level="info")
    return float(re.findall(r"I:\s+(-?[\d.]+|-inf) LUFS", printed)[-1])


def _measured(arguments: Sequence[str]) -> dict[str, str]:
    """Return what loudnorm measures, by its names for a second pass; {} of silence. Raises FilmError."""
    printed = video.run_ffmpeg([*arguments, "-f", "null", "-"], level="info")
    found = json.loads(re.findall(r"\{[^{}]*\}", printed)[-1])
    seen = {name: found[f"input_{name.lower()}"] for name in ("I", "TP", "LRA", "thresh")}
    return seen if np.isfinite([float(value) for value in seen.values()]).all() else {}


def _write_narration(path: Path, timeline: Timeline) -> None:
    """Write all speeches at their times as one mono WAV file."""
    rate, track = 0, np.zeros(0, np.int16)
    for piece in timeline.pieces:
        if piece.speech is None:
            continue
        rate, samples = _read(piece.speech)
        start = round(piece.start_s * rate)
        if not len(track):
            track = np.zeros(round(timeline.duration_s * rate), np.int16)
        samples = samples[: len(track) - start]
        track[start : start + len(samples)] = samples
    write_wav(path, track[:, None], rate)


def _read(speech: Speech) -> tuple[int, NDArray[np.int16]]:
    with wave.open(str(speech.path), "rb") as file:
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
