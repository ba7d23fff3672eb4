"""Whether the middle of a picture, which is all that is learned from, holds the figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim.artifacts import Float32, Frames
from storyanim.personalize.foreground import foreground
from storyanim.personalize.images import load_whole
from storyanim.personalize.views import PHOTO_SCALE
from storyanim.stages import DepthEstimator

_MUCH = 0.3                                          # of the figure: one as high as a portrait of 3:4 loses 0.25, of 9:16 0.44
_HARDLY_CROPPED = 0.05                               # share of the picture; less is not looked at


def cut_figures(images: Sequence[Path], depth: DepthEstimator, size_px: tuple[int, int]) -> dict[str, str]:
    """File name → warning, for pictures whose middle leaves out much of the figure that stands in front.

    Args:
        depth: for the pictures' own depth, of the whole picture; only those of other proportions are looked at.
        size_px: (width, height) of what is drawn, whose proportions the middle has.

    Where depth shows no figure nothing is said. Raises CharacterError, ModelError.
    """
    found = {}
    for path in images:
        photo, proportions = load_whole(path, round(PHOTO_SCALE * min(size_px)))
        kept = kept_shares(proportions, size_px)
        if 1 - kept[0] * kept[1] <= _HARDLY_CROPPED:
            continue
        lost = lost_share(foreground(depth.estimate(Frames(photo[None], 1.0)).inverse_depth[0]), kept)
        if lost > _MUCH:
            found[path.name] = f"its middle, from which is learned, leaves out {100 * lost:.0f} % of the figure: crop it yourself"
    return found


def lost_share(sure: Float32, kept: tuple[float, float]) -> float:
    """Share of the figure outside of the picture's middle part, in [0, 1]; 0 when all is figure.

    Args:
        sure: (H, W) in [0, 1], how surely a pixel belongs to the figure.
        kept: shares of the width and of the height that the middle part has.
    """
    if bool((sure == 1).all()):                      # `foreground` saw no figure
        return 0.0
    height, width = sure.shape
    left, top = round(width * (1 - kept[0]) / 2), round(height * (1 - kept[1]) / 2)
    inside = sure[top:height - top, left:width - left].sum()
    return 1 - float(inside) / float(sure.sum())


def kept_shares(proportions: float, size_px: tuple[int, int]) -> tuple[float, float]:
    """Shares of a picture's width and height in its middle part of the proportions of `size_px`.

    Args:
        proportions: the picture's width over its height.
        size_px: (width, height).
    """
    wide = proportions * size_px[1] / size_px[0]
    return min(1.0, 1 / wide), min(1.0, wide)
