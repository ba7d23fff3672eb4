"""Where the character stands in a photograph, by its own depth, and whether a crop cuts it off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storyanim.artifacts import Float32, Frames
from storyanim.personalize.images import load_whole
from storyanim.personalize.views import PHOTO_SCALE
from storyanim.stages import DepthEstimator

_GROUND_PERCENTILE = 25                              # of a row: its ground; a character fills less of it
_MIN_STEP = 0.12                                     # of inverse depth: what stands out less is no figure
_SOFT_STEP = 0.3, 0.7                                # of the step: surely ground below, surely figure above
_MIN_AREA, _MAX_AREA = 0.03, 0.75                    # share of the picture that a character can fill
_FEET_HEIGHT = 0.3                                   # of the figure's: at the ground it stands out no more
_MARGIN = 0.05                                       # of the shorter side: ears and hats that depth misses
# Of the figure: one as high as a portrait of 3:4 loses .25, of 9:16 .44.
_MAX_LOST = 0.3
_MIN_CROPPED = 0.05                                  # share of the picture; less is not looked at


def foreground(inverse_depth: Float32) -> Float32:
    """Return (H, W) in [0, 1]: how surely a pixel belongs to the figure in front.

    Ground comes nearer towards the lower edge, so a pixel is compared with the ground of its own row. Of all
    that stands out the figure is the piece that is nearest, its feet included. All ones when the depth shows
    no figure: nothing stands out, or nearly everything does.

    Args:
        inverse_depth: (H, W) in [0, 1], 1 nearest.
    """
    out = inverse_depth - np.percentile(inverse_depth, _GROUND_PERCENTILE, axis=1, keepdims=True)
    step = float(np.percentile(out, 98))
    if step < _MIN_STEP:
        return np.ones_like(inverse_depth)
    low, high = _SOFT_STEP
    sure = np.clip((out / step - low) / (high - low), 0, 1).astype(np.float32)
    if not _MIN_AREA <= float((sure > 0.5).mean()) <= _MAX_AREA:
        return np.ones_like(inverse_depth)
    sure = _reconstructed(sure, int(np.where(sure > 0.5, inverse_depth, -1).argmax()))
    rows = np.flatnonzero((sure > 0.5).any(axis=1))
    feet = round(_FEET_HEIGHT * (rows[-1] + 1 - rows[0]))
    lowered = np.pad(np.where(sure > 0.5, sure, 0), ((feet, 0), (0, 0)))
    standing = np.max([sure, *(lowered[up:up + len(sure)] for up in range(feet + 1))], axis=0)
    return _dilated(standing, _margin_px(inverse_depth))


def surroundings(inverse_depth: Float32) -> Float32:
    """Return (H, W), 1 where surely no part of the figure is; all zeros when there is none.

    Args:
        inverse_depth: (H, W) in [0, 1], 1 nearest.
    """
    return 1 - np.clip(4 * _dilated(foreground(inverse_depth), _margin_px(inverse_depth)), 0, 1)


def cropped_figures(
    images: Sequence[Path], depth: DepthEstimator, size_px: tuple[int, int]
) -> dict[str, str]:
    """Return file name → warning for pictures whose centre crop cuts off much of the figure in front.

    Nothing is said where depth shows no figure. Raises CharacterError, ModelError.

    Args:
        images: photographs.
        depth: estimates the depth of whole pictures; only those of other proportions are looked at.
        size_px: (width, height) of what is drawn, whose proportions the crop has.
    """
    found = {}
    for path in images:
        photo, proportions = load_whole(path, round(PHOTO_SCALE * min(size_px)))
        kept = kept_shares(proportions, size_px)
        if 1 - kept[0] * kept[1] <= _MIN_CROPPED:
            continue
        lost = lost_share(foreground(depth.estimate(Frames(photo[None], 1.0)).inverse_depth[0]), kept)
        if lost > _MAX_LOST:
            found[path.name] = (
                f"its middle, from which is learned, leaves out {100 * lost:.0f} % of the figure: "
                "crop it yourself")
    return found


def lost_share(sure: Float32, kept: tuple[float, float]) -> float:
    """Return the share of the figure outside of the centre crop, in [0, 1]; 0 when all is figure.

    Args:
        sure: (H, W) in [0, 1], how surely a pixel belongs to the figure.
        kept: shares of the width and of the height that the crop has.
    """
    if bool((sure == 1).all()):                      # `foreground` saw no figure
        return 0.0
    height, width = sure.shape
    left, top = round(width * (1 - kept[0]) / 2), round(height * (1 - kept[1]) / 2)
    inside = sure[top:height - top, left:width - left].sum()
    return 1 - float(inside) / float(sure.sum())


def kept_shares(proportions: float, size_px: tuple[int, int]) -> tuple[float, float]:
    """Return the shares of a picture's width and height in its centre crop of the proportions of `size_px`.

    Args:
        proportions: the picture's width over its height.
        size_px: (width, height).
    """
    wide = proportions * size_px[1] / size_px[0]
    return min(1.0, 1 / wide), min(1.0, wide)


def _reconstructed(sure: Float32, seed: int) -> Float32:
    """Return the piece around a pixel, by greyscale reconstruction (Vincent 1993), (H, W).

    Components of one threshold would cut its soft edge, or take in what a soft bridge joins to it.

    Args:
        sure: (H, W) in [0, 1].
        seed: number of the pixel in row order.
    """
    reached = np.zeros_like(sure)
    reached.flat[seed] = sure.flat[seed]
    while True:
        wider = np.minimum(_dilated(reached, 1), sure)
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def _dilated(mask: Float32, margin_px: int) -> Float32:
    import cv2

    side = 2 * margin_px + 1
    return cv2.dilate(mask, np.ones((side, side), np.uint8))


def _margin_px(picture: Float32) -> int:
    return max(1, round(_MARGIN * min(picture.shape)))
