"""Whether the middle of a picture, which is all that is learned from, holds the figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storyanim.artifacts import Float32, Frames
from storyanim.personalize.foreground import foreground
from storyanim.personalize.images import load_whole
from storyanim.personalize.views import PHOTO_SCALE
from storyanim.stages import DepthEstimator

_MUCH = 0.2                                          # of the figure: of one as high as a 3:4 portrait, head and feet are 0.25
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
        photo = load_whole(path, round(PHOTO_SCALE * min(size_px)))
        height, width = photo.shape[:2]
        if 1 - _kept((width, height), size_px)[0] * _kept((width, height), size_px)[1] <= _HARDLY_CROPPED:
            continue
        lost = lost_share(foreground(depth.estimate(Frames(photo[None], 1.0)).near[0]), size_px)
        if lost > _MUCH:
            found[path.name] = f"its middle, from which is learned, leaves out {100 * lost:.0f} % of the figure: crop it yourself"
    return found


def lost_share(sure: Float32, size_px: tuple[int, int]) -> float:
    """Share of the figure outside of the middle part of the proportions `size_px`, in [0, 1]; 0 when all is figure.

    Args:
        sure: (H, W) in [0, 1], how surely a pixel belongs to the figure.
        size_px: (width, height).
    """
    if bool((sure == 1).all()):                      # `foreground` saw no figure
        return 0.0
    height, width = sure.shape
    across, down = _kept((width, height), size_px)
    left, top = round(width * (1 - across) / 2), round(height * (1 - down) / 2)
    inside = sure[top:height - top, left:width - left].sum()
    return 1 - float(inside) / float(sure.sum())


def _kept(whole_px: tuple[int, int], size_px: tuple[int, int]) -> tuple[float, float]:
    """Shares of a picture's width and height that a middle part of the proportions `size_px` has."""
    wide = (whole_px[0] / whole_px[1]) / (size_px[0] / size_px[1])
    return min(1.0, 1 / wide), min(1.0, wide)
