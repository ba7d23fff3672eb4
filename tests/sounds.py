"""What a sound file holds, for tests: its samples, and how loud it is."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np

from storyanim import video


def samples_of(path: Path) -> np.ndarray:
    """Return the samples of a file's sound, the mean of its channels, in [-1, 1]."""
    planar = av.AudioResampler("fltp")
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(container.streams.audio[0]) for part in planar.resample(frame)]
    return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames])


def loudness(path: Path) -> tuple[float, float]:
    """Return integrated loudness in LUFS and true peak in dBFS, as ebur128 measures them."""
    told = video.run_ffmpeg(["-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"], level="info")
    summary = told[told.rindex("Summary:"):]
    return float(re.findall(r"I:\s+(\S+) LUFS", summary)[0]), float(re.findall(r"Peak:\s+(\S+) dBFS", summary)[0])
