"""Arrays to numbers: pure functions, none knows where its arrays come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.stats import binomtest

from storyanim.artifacts import Float32, UInt8
from storybook.evaluate.labels import ATTRIBUTES, Labels, names_of
from storybook.world import World

# frames that are compared, and how far the picture may move between them
_PAN_GAP, _MOST_PAN_PX = 4, 16
# of a figure, where its colour mixes with what is behind
_EDGE_PX = 3
_COLOUR_BIN = 5                                       # of CIELAB
# a tenth of a grey level: under it a ratio to rendered clips says nothing
LEAST_CHANGE = 0.1 / 255


def accuracy(read: Labels, truth: Labels) -> dict[str, float]:
    """Return the share of right readings of each attribute, and under "all" of clips in which all are right.

    Args:
        read: (N, 5) columns as in ATTRIBUTES.
        truth: (N, 5), negative where there is nothing to be right about.

    An attribute that is nowhere known counts as 0. Raises ValueError for arrays of different shapes or
    without clips.
    """
    if read.shape != truth.shape or truth.ndim != 2 or truth.shape[1] != len(ATTRIBUTES) or not len(truth):
        raise ValueError(f"read and truth must both be (N, {len(ATTRIBUTES)}), got {read.shape} and "
                         f"{truth.shape}")
    known = truth >= 0
    right = (read == truth) & known
    shares = {name: float(right[:, k].sum() / max(1, known[:, k].sum())) for k, name in enumerate(ATTRIBUTES)}
    return shares | {"all": float((right | ~known).all(axis=1).mean())}


def accuracy_by_class(read: Labels, truth: Labels, world: World) -> dict[str, dict[str, float]]:
    """Return, under "kinds", "actions" and "scenes", the share of right readings of each value asked for.

    Args:
        read: (N, 5) columns as in ATTRIBUTES.
        truth: likewise.
        world: whose values they are.
    """
    shares: dict[str, dict[str, float]] = {}
    for key, name in (("kinds", "creature"), ("actions", "action"), ("scenes", "scene")):
        column, values = ATTRIBUTES.index(name), names_of(world)[name]
        asked = sorted({int(value) for value in truth[:, column] if value >= 0})
        shares[key] = {
            values[value]: float((read[truth[:, column] == value, column] == value).mean()) for value in asked
        }
    return shares


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    interval = binomtest(right, count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def recall(places: Sequence[int]) -> dict[str, float]:
    """Return share of searches that found what they were for among the first 1, 5 and 10, and the median of
    its places.

    Args: places: (N) of the right clip, 1 the first.
    """
    found = np.asarray(places)
    if not len(found) or found.min() < 1:
        raise ValueError("places must be 1 or more, of one search at least")
    return {f"r{most}": float((found <= most).mean())
            for most in (1, 5, 10)} | {"median_rank": float(np.median(found))}


def frechet(one: Float32, other: Float32) -> float:
    """Return the Fréchet distance of two feature sets, each taken as a Gaussian.

    FID is arXiv 1706.08500, FVD is 1812.01717.

        |m1 - m2|² + tr(C1) + tr(C2) - 2 tr((C1 C2)^½)

    The last trace is the sum of the singular values of A1 A2ᵀ, where the rows of A are the centred features
    over √(n - 1): exact and symmetric also where a set has fewer clips than a feature has numbers, where the
    root of a matrix is not. Few clips still raise the distance, also that of two sets of one kind: compare it
    with a floor of as many clips.

    Args:
        one: (N, D), of 2 clips at least.
        other: (M, D), of 2 clips at least.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or min(len(one), len(other)) < 2:
        raise ValueError(f"features must be (N, D) and (M, D) with 2 rows at least, got {one.shape} and "
                         f"{other.shape}")
    (mean1, rows1), (mean2, rows2) = _centred(one), _centred(other)
    common = np.linalg.svd(_small(rows1) @ _small(rows2).T, compute_uv=False).sum()
    distance = np.square(mean1 - mean2).sum() + np.square(rows1).sum() + np.square(rows2).sum() - 2 * common
    return max(0.0, float(distance))


def change(rgb: UInt8, pixels: NDArray[np.bool_] | None = None) -> float:
    """Return mean absolute difference of consecutive frames, in [0, 1].

    Args:
        rgb: (T, H, W, 3).
        pixels: (H, W) those that count; None: all.

    A single frame changes by 0.
    """
    if len(rgb) < 2:
        return 0.0
    steps = np.abs(np.diff(rgb.astype(np.int16), axis=0))                    # (T - 1, H, W, 3)
    return float((steps if pixels is None else steps[:, pixels]).mean() / 255)


def cielab(rgb: UInt8) -> Float32:
    """Return (N, 3) sRGB → (N, 3) L in [0, 100], a, b.

    The Euclidean distance of two is ΔE (CIE 1976); 2.3 is just noticed.
    """
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB",
                                     "LAB")
    # (N, 3): a, b as signed bytes
    lab = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb[None]), to_lab))[0]
    points = [lab[:, 0] * (100 / 255), lab[:, 1].astype(np.int8), lab[:, 2].astype(np.int8)]
    return np.stack(points, axis=1).astype(np.float32)


def coat(rgb: UInt8, mask: NDArray[np.bool_]) -> Float32:
    """Return the colour that most of a figure has, in CIELAB: where its pixels in all frames, without its
    edge, lie closest together.

    Args:
        rgb: (T, H, W, 3) sRGB.
        mask: (T, H, W) where the figure is.

    Returns: (3,), nan where there is no figure.
    """
    inner = np.stack([binary_erosion(frame, iterations=_EDGE_PX) for frame in mask])
    pixels = rgb[inner if inner.any() else mask]
    if not len(pixels):
        return np.full(3, np.nan, np.float32)
    points = cielab(pixels)
    bins = [np.arange(low, high, _COLOUR_BIN) for low, high in ((0, 106), (-128, 130), (-128, 130))]
    counts, edges = np.histogramdd(points, bins)
    peak = np.unravel_index(gaussian_filter(counts, 1.0, mode="constant").argmax(), counts.shape)
    centre = np.array([edges[k][at] + _COLOUR_BIN / 2 for k, at in enumerate(peak)])
    near = points[np.linalg.norm(points - centre, axis=1) <= 2 * _COLOUR_BIN]
    mean: Float32 = (near.mean(axis=0, dtype=np.float64) if len(near) else centre).astype(np.float32)
    return mean


def seam_ratio(clips: Sequence[UInt8], window: int, stride: int) -> float:
    """Return the change from frame to frame at the edges of windows, over the change everywhere else.

    Args:
        clips: (T, H, W, 3) each, drawn in overlapping windows.
        window: frames of a window.
        stride: frames from the start of one window to that of the next.

    Each clip counts alike; 1 is a film without seams, also where all is one window or every frame a seam.
    """
    ratios = []
    for rgb in clips:
        last = max(0, len(rgb) - window)
        starts = {*range(0, last + 1, stride), last}
        edges = {start for start in starts if start} | {start + window for start in starts if start < last}
        steps = [change(rgb[at - 1:at + 1]) for at in range(1, len(rgb))]
        here = [step for at, step in enumerate(steps, start=1) if at in edges]
        inside = [step for at, step in enumerate(steps, start=1) if at not in edges]
        ratios.append(ratio(here, inside) if here and inside else 1.0)
    return float(np.mean(ratios))


def interval(values: Float32, num_draws: int = 2000) -> tuple[float, float]:
    """Return where the mean of (N) values lies with 95 %: percentiles of the means of N values drawn again,
    the same ones each time."""
    rng = np.random.default_rng(0)
    means = np.array([values[rng.integers(len(values), size=len(values))].mean() for _ in range(num_draws)])
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def still_pixels(cover: Float32) -> NDArray[np.bool_]:
    """Return the quarter of the picture where creatures are least often: background in nearly every clip.

    Args:
        cover: (H, W) share of rendered clips in which a creature is ever on the pixel.

    Returns (H, W); more than a quarter where many pixels are equally seldom covered.
    """
    return cover <= np.quantile(cover, 0.25)


def pan(rgb: UInt8) -> float:
    """Return how far the whole picture moves to the right from frame to frame, in widths: below 0 while the
    camera pans right.

    Phase correlation of frames 4 apart, summed over the clip.

    Args:
        rgb: (T, H, W, 3), of 5 frames at least; of fewer it is 0.
    """
    grey = rgb.mean(axis=-1, dtype=np.float32)
    _, height, width = grey.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    waves = np.fft.rfft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * window)
    cross = waves[:-_PAN_GAP].conj() * waves[_PAN_GAP:]
    if not len(cross):
        return 0.0
    likely = np.fft.irfft2((cross / np.maximum(np.abs(cross), 1e-9)).sum(axis=0), s=(height, width))
    rows = likely[[-2, -1, 0, 1, 2]].sum(axis=0)
    most = min(_MOST_PAN_PX, width // 2 - 1)
    moves = np.arange(-most, most + 1)
    return float(moves[rows[moves].argmax()] / _PAN_GAP / width)


def ratio(drawn: Sequence[float], rendered: Sequence[float]) -> float:
    """Return mean of drawn clips over the mean of rendered ones.

    Rendered ones that hardly change count as LEAST_CHANGE.
    """
    return float(np.mean(drawn) / max(float(np.mean(rendered)), LEAST_CHANGE))


def depth_correlation(inverse_depth: Float32, guide: Float32) -> float:
    """Pearson correlation over all pixels of a clip, so that one scale and offset a clip do not count.

    Args:
        inverse_depth: (T, H, W) of the drawn frames.
        guide: (T, H, W) of what was to guide them.

    Returns a number in [-1, 1]; 0 where either is the same everywhere.
    """
    if inverse_depth.shape != guide.shape:
        raise ValueError(f"both must have one shape, got {inverse_depth.shape} and {guide.shape}")
    both = (inverse_depth, guide)
    one, other = (array.astype(np.float64).ravel() - array.mean(dtype=np.float64) for array in both)
    spread = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float(np.clip(one @ other / spread, -1, 1)) if spread > 1e-9 * one.size else 0.0


def _small(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many rows as there are columns at most, of the same covariance.

    Singular values of products stay as they are.
    """
    return np.asarray(np.linalg.qr(rows, mode="r"), np.float64)


def _centred(features: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (D,), and rows (N, D) whose product with themselves is the covariance."""
    exact = features.astype(np.float64)
    mean = exact.mean(axis=0)
    return mean, (exact - mean) / np.sqrt(len(exact) - 1)
