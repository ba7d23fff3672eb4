"""A bilateral filter along time (Tomasi and Manduchi, ICCV 1998) against the flicker of drawn frames.

Small models draw what stands still a little differently in each frame. A pixel becomes the mean of itself in
the frames around, each weighted by how little its patch differs there: what moves differs by more than
flicker does, and stays sharp.
"""

from __future__ import annotations

from storyanim.artifacts import Float32

RADIUS_FRAMES = 4                                    # to either side
PATCH_PX = 5                                         # side of the patches that are compared


def temporal_bilateral_filter(video: Float32, difference: float) -> Float32:
    """Return the video without changes that are small against `difference`.

    Args:
        video: (T, H, W, 3) in [0, 1].
        difference: mean absolute difference of two patches at which the weight is 1 / e; above 0.

    Returns: (T, H, W, 3); a change of the whole picture by several times `difference` stays as it is.
    """
    import torch
    import torch.nn.functional as F

    frames = torch.from_numpy(video).permute(0, 3, 1, 2)                     # (T, 3, H, W)
    total, weights = frames.clone(), torch.ones_like(frames[:, :1])          # a frame weighs 1 in itself
    padding = (PATCH_PX // 2,) * 4
    for gap in range(1, min(RADIUS_FRAMES, len(frames) - 1) + 1):
        before, after = frames[:-gap], frames[gap:]
        apart = (after - before).abs().mean(dim=1, keepdim=True)             # (T - gap, 1, H, W)
        apart = F.avg_pool2d(F.pad(apart, padding, mode="replicate"), PATCH_PX, stride=1)
        weight = torch.exp(-(apart / difference).square())
        total[gap:] += weight * before
        total[:-gap] += weight * after
        weights[gap:] += weight
        weights[:-gap] += weight
    filtered: Float32 = (total / weights).permute(0, 2, 3, 1).contiguous().numpy()
    return filtered
