"""Where the character stands in a photograph, by the photograph's own depth."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Float32

_ROW_GROUND = 25                                     # percentile of a row: nearness of its ground, the character fills less
_LEAST_STEP = 0.12                                   # in nearness: what stands out less is no figure
_LEAST, _MOST = 0.03, 0.75                           # share of the picture that a character can fill
_MARGIN = 0.05                                       # of the picture's shorter side: ears and hats that the depth overlooks


def foreground(near: Float32) -> Float32:
    """(H, W) in [0, 1], 1 nearest → (H, W) in [0, 1]: how surely a pixel belongs to the figure in front.

    Ground comes nearer towards the lower edge, so a pixel is compared with the ground of its own row. All ones when the
    depth shows no figure: nothing stands out, or nearly everything does.
    """
    out = near - np.percentile(near, _ROW_GROUND, axis=1, keepdims=True)
    step = float(np.percentile(out, 98))
    if step < _LEAST_STEP:
        return np.ones_like(near)
    sure = np.clip((out / step - 0.3) / 0.4, 0, 1).astype(np.float32)
    if not _LEAST <= float((sure > 0.5).mean()) <= _MOST:
        return np.ones_like(near)
    return _grown(sure, max(1, round(_MARGIN * min(near.shape))))


def _grown(mask: Float32, margin_px: int) -> Float32:
    import torch

    side = 2 * margin_px + 1
    return torch.nn.functional.max_pool2d(torch.from_numpy(mask)[None], side, stride=1, padding=margin_px)[0].numpy()
