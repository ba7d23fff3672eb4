"""The depth of a learned motion's best clip, in place of a shot's footage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from storyanim.artifacts import DepthTrack, Motion, Shot


def guide_motion(
    shot: Shot, depth: DepthTrack | None, motions: Sequence[Motion], num_frames: int
) -> DepthTrack:
    """Return the depth of the best clip of the motion that a shot names, in place of other footage.

    Of a shot with events only those that name it are guided so, if there is other footage for the rest.
    """
    motion = motions[0]
    track = motion.depth.ping_pong(num_frames)
    if depth is None or not shot.events or motion.is_named_in(shot.prompt):
        return track
    return splice_depth(shot, depth, motion, track)


def splice_depth(shot: Shot, depth: DepthTrack, motion: Motion, track: DepthTrack) -> DepthTrack:
    """Return `depth` with the motion's track, as many frames, in the time of the events that name it."""
    spliced = depth.inverse_depth.copy()
    height, width = spliced.shape[1:]
    for event in shot.events:
        if motion.is_named_in(event.prompt):
            first, last = (round(part * len(spliced)) for part in (event.start, event.end))
            spliced[first:last] = [np.asarray(Image.fromarray(frame).resize((width, height)))
                                   for frame in track.inverse_depth[:last - first]]
    return DepthTrack(spliced.clip(0, 1), depth.fps)
