"""Augmentation: views of a photograph from nearer and farther, mirrored, with captions that say so (AaS 3.3).

The augmentation is Custom Diffusion's (arXiv 2212.04488).

Without them the token learns where in the picture, and how large, the character happened to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storyanim.artifacts import Float32, UInt8

PHOTO_SCALE = 1.5                                    # times a view's size: crops of a photograph stay sharp
_GREY_LEVEL = 128                                        # around a shrunk photograph; the loss leaves it out


@dataclass(frozen=True)
class Kind:
    """How large the character is seen, and the captions of that."""

    scale: tuple[float, float]                       # range of the photograph's side over the view's
    captions: tuple[str, ...]                        # {} is the character


PLAIN = Kind(
    (1.0, 1.15), ("a {}", "the {}", "one {}", "a photo of a {}", "a photo of the {}", "a picture of a {}"))
SHRUNK = Kind((0.5, 0.75), ("a very small {}", "a {} far away", "a photo of a very small {}"))
ENLARGED = Kind((1.2, 1.5), ("a close up of a {}", "a {} close up", "a zoomed in photo of a {}"))
KINDS = (PLAIN, SHRUNK, PLAIN, ENLARGED)             # in turn


@dataclass(frozen=True, eq=False)
class View:
    """One way to look at a photograph."""

    rgb: UInt8                                       # (H, W, 3)
    inverse_depth: Float32                           # (H, W) in [0, 1], 1 nearest
    weight: Float32                                  # (H, W) in [0, 1]: how much it counts; around, 0
    kind: Kind


def make_view(
    photo: UInt8,
    inverse_depth: Float32,
    weight: Float32,
    size_px: tuple[int, int],
    kind: Kind,
    rng: np.random.Generator,
) -> View:
    """Return a view of that kind, its scale and place by `rng`, mirrored half of the time.

    Args:
        photo: (H', W', 3) of the view's proportions, best `PHOTO_SCALE` times as large.
        inverse_depth: (H', W') in [0, 1].
        weight: (H', W') in [0, 1], how much each pixel of the photograph counts.
        size_px: (width, height) of the view.
        kind: how large the character is seen.
        rng: draws scale, place and mirroring.
    """
    scale = float(rng.uniform(*kind.scale))
    across, down = rng.random(2)
    resize = _enlarged if scale >= 1 else _shrunk
    rgb, depth, counts = resize((photo, inverse_depth, weight), size_px, scale, (across, down))
    if rng.random() < 0.5:
        rgb, depth, counts = rgb[:, ::-1], depth[:, ::-1], counts[:, ::-1]
    return View(np.ascontiguousarray(rgb), np.ascontiguousarray(depth), np.ascontiguousarray(counts), kind)


Parts = tuple[UInt8, Float32, Float32]


def _enlarged(parts: Parts, size_px: tuple[int, int], scale: float, place: tuple[float, float]) -> Parts:
    height, width = parts[1].shape
    left, top = place[0] * width * (1 - 1 / scale), place[1] * height * (1 - 1 / scale)
    box = (left, top, left + width / scale, top + height / scale)
    return _resized(parts, size_px, box)


def _shrunk(parts: Parts, size_px: tuple[int, int], scale: float, place: tuple[float, float]) -> Parts:
    height, width = parts[1].shape
    width_px, height_px = size_px
    small = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    left, top = round(place[0] * (width_px - small[0])), round(place[1] * (height_px - small[1]))
    there = np.s_[top:top + small[1], left:left + small[0]]
    rgb = np.full((height_px, width_px, 3), _GREY_LEVEL, np.uint8)
    depth, counts = np.zeros((height_px, width_px), np.float32), np.zeros((height_px, width_px), np.float32)
    rgb[there], depth[there], counts[there] = _resized(parts, small, (0, 0, width, height))
    return rgb, depth, counts


def _resized(parts: Parts, size_px: tuple[int, int], box: tuple[float, ...]) -> Parts:
    from PIL import Image

    rgb = Image.fromarray(parts[0]).resize(size_px, Image.Resampling.LANCZOS, box)
    bilinear = (Image.fromarray(part).resize(size_px, Image.Resampling.BILINEAR, box) for part in parts[1:])
    depth, counts = (np.clip(np.asarray(part, np.float32), 0, 1) for part in bilinear)
    return np.asarray(rgb, np.uint8), depth, counts
