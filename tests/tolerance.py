"""How far two computations of one thing may lie apart where their bits need not agree.

Bits agree where the same operations run in the same order, on one machine and as many threads: a shot that is drawn again
from its seed, a run that is resumed, a worker of Ray beside the process itself. Tests of these ask for equal bytes.

They need not agree where shapes, order or kernels differ: a batch and its items one by one, one frame and several, a part
left out and the same part multiplied by one, casting once and at each step, recomputed activations. Addition of floats is
not associative, and oneDNN, MKL and PyTorch choose the kernel, and with it the order of a sum, by shape and by processor
(AVX2, AVX-512, AMX). Tests of these ask for closeness, relative to the largest value: what is small is a difference of sums
of large ones, and errs as they do.
"""

from __future__ import annotations

from typing import Any

FLOAT32 = 1e-5       # 2^-24 is 6e-8; the tiny networks add up hundreds of products a layer, tens of layers: 1e-7 to 1e-6 is seen.
#                      A wrong row, frame or weight shows at 1e-3 and more, which tests that compare two inputs make sure of.
BFLOAT16 = 2e-2      # 2^-8 is 4e-3; 1e-2 is seen between two kernels of attention
SCORE = 1e-5         # cosines of float32 vectors, added up by FAISS, BLAS or numpy
LEVEL = 1            # of 255: a value that lies at the middle between two levels is rounded to either


def assert_close(actual: Any, expected: Any, tolerance: float = FLOAT32) -> None:
    """Arrays or tensors of one shape that differ nowhere by more than `tolerance` times the largest expected value."""
    import torch

    actual, expected = (torch.as_tensor(each).detach().double() for each in (actual, expected))
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * float(expected.abs().max()))


def assert_ranking(found: list[int], scores: Any, allowed: Any, count: int) -> None:
    """The `count` rows of `allowed` with the highest scores, best first; of two equal to rounding either may come first."""
    import numpy as np

    assert len(set(found)) == len(found) == min(count, len(allowed))
    assert set(found) <= set(allowed.tolist())
    best = np.sort(scores[allowed])[::-1][:count]
    assert np.abs(scores[found] - best).max() <= SCORE


def assert_same_picture(actual: Any, expected: Any) -> None:
    """uint8 pictures of one shape that differ nowhere by more than one level."""
    import numpy as np

    assert actual.dtype == expected.dtype == np.uint8
    assert actual.shape == expected.shape
    assert np.abs(actual.astype(int) - expected.astype(int)).max() <= LEVEL
