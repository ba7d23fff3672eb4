"""Where a video cuts from one shot to the next: PySceneDetect's adaptive detector, on the looks that windows are made of."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import UInt8

LAG = 2                                              # looks after a cut that the detector has to see before it tells of it
_SHORTEST_SHOT_S = 0.5


class ShotBoundaryDetector:
    """Finds cuts in looks that come in order, a piece at a time. A cut in the last `LAG` looks of all is not found.

    The detector compares each jump of colour and brightness with those around it, so that a quick camera is no cut.
    """

    def __init__(self, fps: float) -> None:
        import cv2
        from scenedetect.detectors import AdaptiveDetector

        cv2.setNumThreads(1)
        self._fps = fps
        self._detector = AdaptiveDetector(min_scene_len=max(1, round(_SHORTEST_SHOT_S * fps)), window_width=LAG)
        self._seen = 0

    def feed(self, rgb: UInt8) -> list[int]:
        """(T, H, W, 3), the next looks → numbers of the looks, counted from the first of all, that begin a shot."""
        from scenedetect import FrameTimecode

        found: list[int] = []
        for picture in rgb:
            at = FrameTimecode(self._seen, self._fps)
            found += [cut.frame_num for cut in self._detector.process_frame(at, np.ascontiguousarray(picture[..., ::-1]))]
            self._seen += 1
        return found
