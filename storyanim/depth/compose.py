"""One guide of several clips: each one's figure is cut out of its depth and put into another scene.

DreamRunner (arXiv 2411.16657) retrieves a motion for each entity but guides no structure; Animate-A-Story guides
by one clip. Here each figure brings its own clip's depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts import Box, DepthTrack, Float32, corners_at, middles

Mask = NDArray[np.bool_]

_GROUND_PERCENTILE = 25                              # of a row: its ground; a figure fills less of it
_MIN_STEP = 0.055                                    # of inverse depth: what stands out less is ground
_FIGURE_DEPTH = 0.16                                 # of inverse depth: trees behind it are farther away
_MIN_AREA, _MAX_AREA = 0.02, 0.6                     # share of the picture that a figure fills
_MIN_FRAMES = 0.75                                   # share of the frames that show it
_HALO = 0.1                                          # of the height: about a figure, where depth is blurred
_GROUP_AREA = 1.15                                   # of a lone figure's: what several fill together


@dataclass(frozen=True, eq=False)
class FigureDepth:
    """A figure cut out of a depth track."""

    track: DepthTrack                                # (T, H, W)
    mask: Mask                                       # (T, H, W) where it is
    ground: Float32                                  # (T, H) inverse depth of the rows without it

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of all that it ever covers, in pixels, the last two beyond it."""
        columns, rows = (np.flatnonzero(self.mask.any(axis=axes)) for axes in ((0, 1), (0, 2)))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut_figure(track: DepthTrack) -> FigureDepth | None:
    """Return the figure in the foreground of a clip; None where its depth shows none in most of the frames.

    Ground comes nearer towards the lower edge, so a pixel is compared with its own row. Of all that stands out
    the figure is the piece with the most depth before the ground, without what is much farther than its core.
    """
    depth = track.inverse_depth
    ground = np.percentile(depth, _GROUND_PERCENTILE, axis=2).astype(np.float32)                # (T, H)
    masks = np.stack([_piece(frame, rows) for frame, rows in zip(depth, ground, strict=True)])
    shares = masks.mean(axis=(1, 2))
    seen = (shares >= _MIN_AREA) & (shares <= _MAX_AREA)
    if seen.mean() < _MIN_FRAMES:
        return None
    masks[~seen] = False
    return FigureDepth(track, masks, ground)


def compose_figures(
    scene: DepthTrack, figures: Sequence[FigureDepth], boxes: Sequence[Sequence[Box]]
) -> DepthTrack:
    """Return the depth of a scene with figures of other clips in their boxes, later ones in front.

    A figure keeps its proportions and its place in its box; its feet stand on the scene's ground, whose depth
    it takes on.

    Args:
        scene: (T, H, W); its own figure is taken out.
        figures: of T frames each, from the back to the front.
        boxes: of each figure, at key moments.
    """
    import cv2

    own = cut_figure(scene)
    canvas = scene.inverse_depth.copy()
    ground = np.percentile(canvas, _GROUND_PERCENTILE, axis=2).astype(np.float32) if own is None else own.ground
    if own is not None:
        halo = np.ones((max(3, round(_HALO * canvas.shape[1])),) * 2, np.uint8)
        wide = np.stack([cv2.dilate(mask.astype(np.uint8), halo) for mask in own.mask]) > 0
        canvas = np.where(wide, np.minimum(canvas, ground[:, :, None]), canvas)
    for figure, own_boxes in zip(figures, boxes, strict=True):
        for frame, place in enumerate(corners_at(own_boxes, middles(len(canvas))).tolist()):
            _paste(canvas[frame], ground[frame], figure, frame, place, len(figures))
    return DepthTrack(canvas.clip(0, 1), scene.fps)


def _piece(depth: Float32, ground: Float32) -> Mask:
    """Return where one frame's figure is, (H, W)."""
    import cv2

    out = depth - ground[:, None]
    best = _heaviest(out > _MIN_STEP, out)
    if not best.any():
        return best
    core = np.percentile(depth[best], 75)
    near = (best & (depth > core - _FIGURE_DEPTH)).astype(np.uint8)
    near = cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))    # branches end at a thin bridge
    best = _heaviest(near > 0, out)
    outlines, _ = cv2.findContours(best.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros(best.shape, np.uint8), outlines, -1, 1, cv2.FILLED)   # without holes
    return whole > 0


def _heaviest(mask: Mask, weights: Float32) -> Mask:
    """Return the connected part of a mask that weighs most, (H, W)."""
    import cv2

    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    if count == 1:
        return mask
    sums = np.bincount(parts.ravel(), weights=weights.ravel(), minlength=count)
    found: Mask = parts == 1 + int(sums[1:].argmax())
    return found


def _paste(canvas: Float32, ground: Float32, figure: FigureDepth, frame: int,
           box: tuple[float, float, float, float], count: int) -> None:
    """Put one frame of a figure into a box of a scene, in place."""
    import cv2

    height, width = canvas.shape
    left, _, right, bottom = figure.bounds
    scale = _scale_of(figure, box, (height, width), count)
    foot = min(box[3], bottom / figure.mask.shape[1]) * height
    middle = (box[0] + box[2]) / 2 * width
    affine = np.array([[scale, 0, middle - scale * (left + right) / 2], [0, scale, foot - scale * bottom]])
    nearest = min(bottom, figure.ground.shape[1]) - 1
    step = ground[min(height, max(1, round(foot))) - 1] - figure.ground[frame, nearest]
    seen = cv2.warpAffine(figure.track.inverse_depth[frame], affine, (width, height), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE)
    where = cv2.warpAffine(figure.mask[frame].astype(np.float32), affine, (width, height)) > 0.5
    canvas[where] = (seen + step)[where]


def _scale_of(figure: FigureDepth, box: tuple[float, float, float, float], size: tuple[int, int],
              count: int) -> float:
    """Return pixels of the scene a pixel of the figure: as large as its box lets it, and as a group does."""
    left, top, right, bottom = figure.bounds
    height, width = size
    fits = min((box[2] - box[0]) * width / (right - left), (box[3] - box[1]) * height / (bottom - top))
    alone = height / figure.mask.shape[1]
    return min(fits, alone * (_GROUP_AREA / count) ** 0.5)
