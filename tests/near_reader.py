"""A WindowReader without a process of its own, for tests that are about something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from storyanim.artifacts import Frames
from storyanim.retrieve.decoder_process import SampleFrameIndices, WindowReader
from storyanim.retrieve.windows import Span, read_windows


class NearReader(WindowReader):
    """Reads windows in this process."""

    def read(self, path: Path, sample_frame_indices: SampleFrameIndices | None = None) -> Iterator[tuple[Span, Frames | None]]:
        for window in read_windows(path, self.window_s, self.limits):
            rgb = np.ascontiguousarray(window.frames.rgb[sample_frame_indices(len(window.frames.rgb)) if sample_frame_indices else []])
            span = Span(**{name: getattr(window, name) for name in Span.__dataclass_fields__})
            yield span, Frames(rgb, window.frames.fps) if sample_frame_indices else None
