"""Clips of a motion as they are learned from: figure-centred, at the size and rate of drawn frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from storyanim import video
from storyanim.artifacts import ClipMatch, DepthTrack, Float32, Frames, UInt8
from storyanim.personalize.foreground import foreground
from storyanim.stages import DepthEstimator

# Of the picture's shorter side that a figure's longer one fills, over the whole clip; a smaller one is
# brought nearer.
_MIN_FIGURE, _WANTED_FIGURE = 0.5, 0.7
_MIN_FRAMES_WITH_FIGURE = 0.5                        # share; footage with fewer shows no one figure
_READ_SCALE = 2                                      # times the drawn side: crops stay sharp


@dataclass(frozen=True, eq=False)
class MotionClip:
    """One clip to learn a motion from."""

    match: ClipMatch
    frames: Frames                                   # (T, H, W, 3) as drawn frames are
    depth: DepthTrack                                # (T, H, W)
    caption: str
    figure: float                                    # share of the frames in which depth shows a figure
    score: float = 0.0                               # cosine of what is seen and the motion's words
    flaw: str = ""                                   # why it is not learned from; "": it is

    def with_(self, **changes: object) -> MotionClip:
        """Return it with some fields changed."""
        return replace(self, **changes)              # type: ignore[arg-type]


def read_motion_clip(
    match: ClipMatch, depth: DepthEstimator, size_px: tuple[int, int], num_frames: int, fps: float, *,
    crop: bool,
) -> MotionClip:
    """Return a found clip at the size of drawn frames, about its figure where depth shows one.

    The crop is the same in all frames, so that what moves and what the camera does stay what they are; a clip
    that ends too soon holds its last frame. Raises VideoError, ModelError.

    Args:
        match: what was found.
        depth: estimates where the figure is.
        size_px: (width, height) of drawn frames.
        num_frames: T.
        fps: of drawn frames.
        crop: whether a small figure is brought nearer.
    """
    end_s = max(match.end_s, match.start_s + num_frames / fps)
    read = video.read(match.path, start_s=match.start_s, end_s=end_s, fps=fps, max_frames=num_frames,
                      size_px=_reduced(match, size_px))
    rgb = read.rgb[np.minimum(np.arange(num_frames), len(read.rgb) - 1)]
    inverse_depth = depth.estimate(Frames(rgb, fps)).inverse_depth
    masks = np.stack([foreground(frame) for frame in inverse_depth])                            # (T, H', W')
    seen = np.array([not bool((mask == 1).all()) for mask in masks])
    box = _whole(rgb, size_px)
    if crop and seen.mean() >= _MIN_FRAMES_WITH_FIGURE:
        box = _about_figure(masks[seen].max(axis=0) > 0.5, box, size_px)
    drawn = np.stack([_cut(frame, box, size_px) for frame in rgb])
    near = np.stack([_cut(frame, box, size_px) for frame in inverse_depth]).clip(0, 1)
    return MotionClip(match, Frames(drawn, fps), DepthTrack(near.astype(np.float32), fps), match.caption,
                      float(seen.mean()))


def has_figure(clip: MotionClip) -> bool:
    """Return whether most frames show one figure."""
    return clip.figure >= _MIN_FRAMES_WITH_FIGURE


Rect = tuple[float, float, float, float]             # left, top, right, bottom in pixels


def _reduced(match: ClipMatch, size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the size to read a video at: its proportions, large enough to be cropped."""
    info = video.probe(match.path)
    scale = _READ_SCALE * max(size_px) / min(info.width_px, info.height_px)
    if scale >= 1:
        return info.width_px, info.height_px
    return max(2, round(info.width_px * scale)), max(2, round(info.height_px * scale))


def _whole(rgb: UInt8, size_px: tuple[int, int]) -> Rect:
    """Return the largest centred part of the pictures' proportions."""
    height, width = rgb.shape[1:3]
    scale = min(width / size_px[0], height / size_px[1])
    wide, high = size_px[0] * scale, size_px[1] * scale
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high


def _about_figure(mask: np.ndarray, whole: Rect, size_px: tuple[int, int]) -> Rect:
    """Return the part about the figure, of the drawn proportions; never larger than `whole`.

    Args:
        mask: (H, W), where the figure ever is.
        whole: what is cut out without a figure.
        size_px: (width, height) of drawn frames.
    """
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    high, wide = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    fills = max(wide / size_px[0], high / size_px[1])          # in drawn pictures
    largest = (whole[2] - whole[0]) / size_px[0]
    scale = min(largest, fills / _WANTED_FIGURE) if fills < _MIN_FIGURE * largest else largest
    side_x, side_y = size_px[0] * scale, size_px[1] * scale
    left = np.clip((columns[0] + columns[-1] + 1 - side_x) / 2, 0, width - side_x)
    top = np.clip((rows[0] + rows[-1] + 1 - side_y) / 2, 0, height - side_y)
    return float(left), float(top), float(left + side_x), float(top + side_y)


def _cut(frame: UInt8 | Float32, box: Rect, size_px: tuple[int, int]) -> np.ndarray:
    how = Image.Resampling.LANCZOS if frame.ndim == 3 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(frame).resize(size_px, how, box))
