"""Where the character stands in a photograph, by the photograph's own depth."""

from __future__ import annotations

import numpy as np

from storyanim.artifacts import Float32

_ROW_GROUND = 25                                     # percentile of a row's inverse depth: its ground
_LEAST_STEP = 0.12                                   # in inverse depth: what stands out less is no figure
_LEAST, _MOST = 0.03, 0.75                           # share of the picture that a character can fill
_FEET = 0.3                                          # of the figure's height: where it touches the ground it stands out no more
_MARGIN = 0.05                                       # of the picture's shorter side: ears and hats that the depth overlooks


def foreground(inverse_depth: Float32) -> Float32:
    """(H, W) in [0, 1], 1 nearest → (H, W) in [0, 1]: how surely a pixel belongs to the figure in front.

    Ground comes nearer towards the lower edge, so a pixel is compared with the ground of its own row. Of all that stands
    out the figure is the piece that is nearest, its feet included. All ones when the depth shows no figure: nothing stands
    out, or nearly everything does.
    """
    out = inverse_depth - np.percentile(inverse_depth, _ROW_GROUND, axis=1, keepdims=True)
    step = float(np.percentile(out, 98))
    if step < _LEAST_STEP:
        return np.ones_like(inverse_depth)
    sure = np.clip((out / step - 0.3) / 0.4, 0, 1).astype(np.float32)
    if not _LEAST <= float((sure > 0.5).mean()) <= _MOST:
        return np.ones_like(inverse_depth)
    sure = _piece(sure, np.where(sure > 0.5, inverse_depth, -1).argmax())
    rows = np.flatnonzero((sure > 0.5).any(axis=1))
    feet = round(_FEET * (rows[-1] + 1 - rows[0]))
    lowered = np.pad(np.where(sure > 0.5, sure, 0), ((feet, 0), (0, 0)))
    standing = np.max([sure, *(lowered[up:up + len(sure)] for up in range(feet + 1))], axis=0)
    return _grown(standing, max(1, round(_MARGIN * min(inverse_depth.shape))))


def surroundings(inverse_depth: Float32) -> Float32:
    """(H, W) as `foreground` → (H, W), 1 where it is sure that no part of the figure is; all zeros when it shows none."""
    figure = foreground(inverse_depth)
    return 1 - np.clip(4 * _grown(figure, max(1, round(_MARGIN * min(inverse_depth.shape)))), 0, 1)


def _piece(sure: Float32, place: np.intp) -> Float32:
    """The connected piece around a pixel, by its number in row order; nothing else stays."""
    reached = np.zeros_like(sure)
    reached.flat[place] = sure.flat[place]
    while True:
        wider = np.minimum(_grown(reached, 1), sure)
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def _grown(mask: Float32, margin_px: int) -> Float32:
    import torch

    side = 2 * margin_px + 1
    return torch.nn.functional.max_pool2d(torch.from_numpy(mask)[None], side, stride=1, padding=margin_px)[0].numpy()
