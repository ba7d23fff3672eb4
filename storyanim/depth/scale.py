"""Relative inverse depth of any scale to [0, 1]."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Float32

MIN_RELATIVE_RANGE = 1e-6                            # of a clip's values; below it is rounding of one depth


def scale_clip(inverse_depth: Float32, percentile: float = 0.5) -> Float32:
    """Scale a clip's inverse depth to [0, 1], 1 nearest.

    One scale serves the whole clip: an estimator's output has no unit, so that scaling each frame by itself
    would make the ground pulse whenever something enters or leaves, and the drawn film would pulse with it.

    Args:
        inverse_depth: (T, H, W) float32, larger is nearer, any scale and offset, as MiDaS and DPT give it.
        percentile: in [0, 50): the clip's values below it and above 100 minus it are cut off, so that single
            pixels do not set the scale.

    Returns: (T, H, W) float32 in [0, 1]; 0.5 everywhere when the clip has but one depth. What is not finite
        counts as farthest.
    """
    finite = np.isfinite(inverse_depth)
    if not finite.any():
        return np.full(inverse_depth.shape, 0.5, np.float32)
    values = inverse_depth[finite].astype(np.float64)
    low, high = np.percentile(values, (percentile, 100 - percentile))
    if not high > low:                               # what lies between the percentiles is one value
        low, high = values.min(), values.max()
    if high - low <= MIN_RELATIVE_RANGE * max(1.0, abs(low), abs(high)):
        return np.full(inverse_depth.shape, 0.5, np.float32)
    filled = np.where(finite, inverse_depth, low)
    return np.clip((filled - low) / (high - low), 0.0, 1.0).astype(np.float32)
