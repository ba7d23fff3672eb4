"""Takes the flicker out of drawn frames: a bilateral filter along time (Tomasi and Manduchi, ICCV 1998).

Small models draw what stands still a little differently in each frame. A pixel becomes the mean of itself in the frames around,
each counted by how alike its surroundings are there: what moves differs by more than flicker does, and stays sharp.
"""

from __future__ import annotations

from storyanim.artifacts import Float32

REACH = 4                                            # frames to either side
PATCH_PX = 5                                         # side of the surroundings that are compared


def steady(video: Float32, deflicker: float) -> Float32:
    """The video without changes that are small against `deflicker`.

    Args:
        video: (T, H, W, 3) in [0, 1].
        deflicker: mean absolute difference of surroundings, as part of the range, at which they count 1 / e; above 0.

    Returns (T, H, W, 3); a change of all of the picture from one frame to the next by several times `deflicker` stays as it is.
    """
    import torch
    import torch.nn.functional as F

    frames = torch.from_numpy(video).permute(0, 3, 1, 2)                     # (T, 3, H, W)
    total, weights = frames.clone(), torch.ones_like(frames[:, :1])          # a frame counts 1 in itself
    side = (PATCH_PX // 2,) * 4
    for gap in range(1, min(REACH, len(frames) - 1) + 1):
        before, after = frames[:-gap], frames[gap:]
        far = (after - before).abs().mean(dim=1, keepdim=True)               # (T - gap, 1, H, W)
        far = F.avg_pool2d(F.pad(far, side, mode="replicate"), PATCH_PX, stride=1)
        alike = torch.exp(-(far / deflicker).square())
        total[gap:] += alike * before
        total[:-gap] += alike * after
        weights[gap:] += alike
        weights[:-gap] += alike
    mixed: Float32 = (total / weights).permute(0, 2, 3, 1).contiguous().numpy()
    return mixed
