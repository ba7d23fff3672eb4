"""A small clip that looks like a picture that moves."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Frames


def picture(num_frames: int = 4, size_px: int = 64) -> Frames:
    rows, columns = np.mgrid[:size_px, :size_px] / size_px
    waves = [0.5 + 0.4 * np.sin(5 * columns + 0.3 * i) * np.cos(4 * rows) for i in range(num_frames)]
    return Frames((np.stack([np.stack(waves)] * 3, axis=-1) * 255).astype(np.uint8), 8.0)
