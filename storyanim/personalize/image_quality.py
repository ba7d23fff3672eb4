"""How usable a picture is: nearly one colour, or blurred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from storyanim.artifacts import UInt8

if TYPE_CHECKING:
    from PIL import Image

SMALL_PX = 96                                        # side of the square in which pictures are compared
SHARP_PX = 256                                       # side of the square in which sharpness is compared
_CELLS = 24                                          # a side: noise is averaged away
_MAX_BLANK_RANGE_LEVELS = 8                          # of 255: noise of a bare wall stays below


def small(picture: Image.Image) -> UInt8:
    """Return an RGB picture squeezed into (SMALL_PX, SMALL_PX, 3)."""
    from PIL import Image

    return np.asarray(picture.resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX), np.uint8)


def is_blank(squeezed: UInt8) -> bool:
    """Return whether 99 % of a picture made by `small` has one colour: a covered lens, a bare wall."""
    cell = SMALL_PX // _CELLS
    cells = squeezed.reshape(_CELLS, cell, _CELLS, cell, 3).mean(axis=(1, 3))
    low, high = np.percentile(cells.reshape(-1, 3), (0.5, 99.5), axis=0)
    return bool((high - low).max() <= _MAX_BLANK_RANGE_LEVELS)


def sharpness(picture: Image.Image) -> float:
    """Return the variance of the Laplacian of the picture's middle: how much fine detail it has."""
    import cv2
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(picture.convert("L"), (SHARP_PX, SHARP_PX), Image.Resampling.LANCZOS)
    return float(cv2.Laplacian(np.asarray(fitted), cv2.CV_32F)[1:-1, 1:-1].var())
