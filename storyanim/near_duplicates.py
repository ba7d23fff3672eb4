"""Near-duplicates: the same footage or photograph at another size or quality, or slightly cropped.

Both measures compare thumbnails of cell means, of the pixels alone: the cosines of an encoder tell what is
shown, not whether it is the same (two creatures in one scene of the bundled index have .999). They differ in
what they allow:

- footage: `thumbnail_hash` is small enough to be stored for every window of an index, grey, and compared as
it stands,
  since copies of a video differ in size and compression. Distances are relative to contrast.
- photographs: `near_duplicate_images` keeps colours and correlates each picture with crops of the others,
since the
  photographs of a folder are cropped and brightened by hand. It compares all pairs, so it suits tens of
  pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from storyanim.artifacts import Float32, UInt8

if TYPE_CHECKING:
    from PIL import Image

HASH_BYTES = 2 * 8 * 8
_HASH_SIDE = 8
_MIN_CONTRAST_LEVELS = 4.0  # standard deviation, of 255: below it, differences are noise
_IMAGE_SIDE = 24
_CROP_SHARES = (0.96, 0.92)                          # of a side that a slightly cropped copy keeps
_CROP_PLACES = (0.0, 0.5, 1.0)  # of the crop: at one edge, in the middle, at the other edge
_MIN_CORRELATION = 0.9  # copies have .93 to 1, other photographs of one toy up to .75


def thumbnail_hash(rgb: UInt8) -> str:
    """Return a window's hash, 256 hexadecimal digits: its first and third quarter as grey 8 x 8 thumbnails.

    Args:
        rgb: (T, H, W, 3) uint8 frames of any size.
    """
    quarters = rgb[[len(rgb) // 4, 3 * len(rgb) // 4]].mean(axis=3, dtype=np.float32)           # (2, H, W)
    for axis in (1, 2):
        size = quarters.shape[axis]
        if size < _HASH_SIDE:
            quarters, size = np.repeat(quarters, _HASH_SIDE, axis=axis), size * _HASH_SIDE
        edges = np.linspace(0, size, _HASH_SIDE + 1).astype(int)
        shape = [1, 1, 1]
        shape[axis] = _HASH_SIDE
        quarters = np.add.reduceat(quarters, edges[:-1], axis=axis) / np.diff(edges).reshape(shape)
    return quarters.round().astype(np.uint8).tobytes().hex()


def is_near_duplicate(hashes: Sequence[bytes], other: bytes, near_duplicate_threshold: float) -> np.ndarray:
    """Return (N,) bool: which of N thumbnail hashes belong to the same footage as another.

    An empty hash matches none.

    Args:
        hashes: of `HASH_BYTES` bytes each, or empty where an older index has none.
        other: the hash that they are compared with.
        near_duplicate_threshold: largest mean absolute difference, as a share of the lower of both contrasts.
    """
    known = np.array([len(one) == HASH_BYTES == len(other) for one in hashes], bool)
    if not known.any():
        return known
    filled = b"".join(one if there else bytes(HASH_BYTES) for one, there in zip(hashes, known, strict=True))
    levels = np.frombuffer(filled, np.uint8).reshape(len(hashes), HASH_BYTES).astype(np.float32)
    other_levels = np.frombuffer(other, np.uint8).astype(np.float32)
    contrast = np.maximum(np.minimum(levels.std(axis=1), other_levels.std()), _MIN_CONTRAST_LEVELS)
    within: np.ndarray = np.abs(levels - other_levels).mean(axis=1) <= near_duplicate_threshold * contrast
    return known & within


def demote_near_duplicates(
    ids: Sequence[int], hashes: Mapping[int, bytes], k: int, near_duplicate_threshold: float
) -> list[int]:
    """Return the first k of ranked ids, near-duplicates of a better one last; threshold 0: none."""
    if near_duplicate_threshold == 0:
        return list(ids[:k])
    kept: list[int] = []
    demoted: list[int] = []
    for i in ids:
        if len(kept) == k:
            break
        twins = is_near_duplicate([hashes[one] for one in kept], hashes[i], near_duplicate_threshold)
        (demoted if twins.any() else kept).append(i)
    return (kept + demoted)[:k]


def near_duplicate_images(squares: Sequence[UInt8]) -> dict[int, int]:
    """Return index of a picture → index of an earlier one, of which it is a resized or cropped copy.

    Each whole picture is correlated with the others' crops, so that neither size nor proportions nor a change
    of brightness matter. A mirrored picture is no near-duplicate.

    Args:
        squares: (S, S, 3) uint8, pictures squeezed into squares of one size.
    """
    from PIL import Image

    if not squares:
        return {}
    pictures = [Image.fromarray(square) for square in squares]
    whole = np.stack([_signature(picture, (0, 0, *picture.size)) for picture in pictures])        # (N, D)
    correlation = np.stack([(whole @ _crops(picture).T).max(axis=1) for picture in pictures])     # (N, N)
    same = np.maximum(correlation, correlation.T) >= _MIN_CORRELATION
    return {i: int(same[i, :i].argmax()) for i in range(len(squares)) if same[i, :i].any()}


def _crops(picture: Image.Image) -> Float32:
    """Return the signatures of a square picture and of its crops, (49, D)."""
    side = picture.width
    spans = [(0.0, float(side))]
    spans += [(place * (1 - share) * side, (place * (1 - share) + share) * side)
              for share in _CROP_SHARES for place in _CROP_PLACES]
    return np.stack(
        [_signature(picture, (left, top, right, bottom)) for left, right in spans for top, bottom in spans])


def _signature(picture: Image.Image, box: tuple[float, float, float, float]) -> Float32:
    """Return a part of the picture as 24 x 24 cells, each channel about its mean, of unit length: (D,)."""
    from PIL import Image

    cells = np.asarray(picture.resize((_IMAGE_SIDE, _IMAGE_SIDE), Image.Resampling.BOX, box), np.float32)
    centred = (cells - cells.mean(axis=(0, 1))).reshape(-1)
    return centred / max(float(np.linalg.norm(centred)), 1e-6)
