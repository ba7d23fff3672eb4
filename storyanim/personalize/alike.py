"""How pictures of a folder compare: nearly the same, nearly one colour, sharper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from storyanim.artifacts import Float32, UInt8

if TYPE_CHECKING:
    from PIL import Image

SMALL_PX = 96                                        # side of the square in which pictures are compared
_SIDE = 24                                           # of a signature
_CROPS = (0.96, 0.92)                                # share of a side that a slightly cropped copy keeps
_PLACES = (0.0, 0.5, 1.0)                            # of the crop: at one edge, in the middle, at the other edge
_ALIKE = 0.9                                         # correlation: copies have .93 to 1, other photographs of one toy up to .75
_BLANK_LEVELS = 8                                    # of 255: noise and vignetting of a bare wall stay below
SHARP_PX = 256                                       # sharpness is compared at one size: about that of learning


def small(picture: Image.Image) -> UInt8:
    """An RGB picture squeezed into (SMALL_PX, SMALL_PX, 3)."""
    from PIL import Image

    return np.asarray(picture.resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX), np.uint8)


def is_blank(squeezed: UInt8) -> bool:
    """Whether 99 % of a picture made by `small` has one colour: a covered lens, a bare wall, nothing but transparency."""
    cell = SMALL_PX // _SIDE
    cells = squeezed.reshape(_SIDE, cell, _SIDE, cell, 3).mean(axis=(1, 3))                       # noise is averaged away
    low, high = np.percentile(cells.reshape(-1, 3), (0.5, 99.5), axis=0)
    return bool((high - low).max() <= _BLANK_LEVELS)


def copies(squeezed: Sequence[UInt8]) -> dict[int, int]:
    """Place of a picture → place of an earlier one that it nearly equals: resized, encoded again, or cropped by a little.

    Pictures made by `small` are correlated, each whole one with the others' crops, so that neither size nor proportions
    nor a change of brightness matter. Mirrored pictures are not alike.
    """
    from PIL import Image

    if not squeezed:
        return {}
    pictures = [Image.fromarray(picture) for picture in squeezed]
    whole = np.stack([_signature(picture, (0, 0, SMALL_PX, SMALL_PX)) for picture in pictures])   # (N, D)
    likeness = np.stack([(whole @ _crops(picture).T).max(axis=1) for picture in pictures])        # (N, N)
    alike = np.maximum(likeness, likeness.T) >= _ALIKE
    return {number: int(alike[number, :number].argmax()) for number in range(len(squeezed)) if alike[number, :number].any()}


def sharpness(picture: Image.Image) -> float:
    """Variance of the Laplacian of the picture's middle: how much fine detail it has."""
    from PIL import Image, ImageOps

    grey = np.asarray(ImageOps.fit(picture.convert("L"), (SHARP_PX, SHARP_PX), Image.Resampling.LANCZOS), np.float32)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def _crops(picture: Image.Image) -> Float32:
    """Signatures of the picture and of its crops, (49, D)."""
    spans = [(0.0, float(SMALL_PX))]
    spans += [(place * (1 - share) * SMALL_PX, (place * (1 - share) + share) * SMALL_PX) for share in _CROPS for place in _PLACES]
    return np.stack([_signature(picture, (left, top, right, bottom)) for left, right in spans for top, bottom in spans])


def _signature(picture: Image.Image, box: tuple[float, float, float, float]) -> Float32:
    """A part of the picture in few cells, each channel about its mean, of unit length: (D,)."""
    from PIL import Image

    cells = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX, box)
    colours = np.asarray(cells, np.float32)
    flat = (colours - colours.mean(axis=(0, 1))).reshape(-1)
    return flat / max(float(np.linalg.norm(flat)), 1e-6)
