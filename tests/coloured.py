"""Coloured videos, and an encoder whose space a reader can see: red, green, blue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.retrieve.encoders import evenly_spaced_indices

COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), "blue": (20, 20, 220)}


def save_video(path: Path, colour: str, *, seconds: float = 2.0, still: bool = False, side_px: int = 8) -> Path:
    """Flat colour with a white square of `side_px` that runs to the right, or stays."""
    rgb = np.empty((round(seconds * 8), 48, 64, 3), np.uint8)
    rgb[:] = COLOURS[colour]
    for i in range(len(rgb)):
        left = 0 if still else i * 5 % (64 - side_px)
        rgb[i, 20:20 + side_px, left:left + side_px] = 255
    video.write(Frames(rgb, 8.0), path, width_px=64, height_px=48, fps=8)
    return path


class ColourEncoder:
    """A clip is the mean colour of its frames; a text is the colours that it names."""

    fingerprint = "colours"
    dim = 3
    num_frames = 2

    def __init__(self) -> None:
        self.clips_seen = 0

    def sample_frame_indices(self, length: int) -> list[int]:
        return evenly_spaced_indices(length, self.num_frames)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        named = [[float(word in text.lower()) for word in ("red", "green", "blue")] for text in texts]
        return self._unit(np.array(named).reshape(-1, 3) + 1e-3)

    def encode_clips(self, clips: Sequence[Frames]) -> np.ndarray:
        self.clips_seen += len(clips)
        assert all(len(clip.rgb) == self.num_frames for clip in clips)
        return self._unit(np.array([clip.rgb.mean(axis=(0, 1, 2)) for clip in clips]).reshape(-1, 3) + 1e-3)

    @staticmethod
    def _unit(vectors: np.ndarray) -> np.ndarray:
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
