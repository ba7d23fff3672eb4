"""Ranks of windows by several measures to one order: reciprocal rank fusion, near windows and copies last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from storyanim.near_duplicates import demote_near_duplicates

_RRF_K = 60                                          # of reciprocal rank fusion (Cormack et al. 2009)
_PENALTY_RANKS = 5  # that a clip with little motion, a cut or black frames falls in each
NEAR_S = 30.0                                        # between windows of a video that show about the same


def ranks_over_videos(
    scored: Iterable[tuple[int, float]], video_of: Callable[[int], int]
) -> dict[int, int]:
    """Return the rank of each window: 1 + the number of other videos with a window of a higher score.

    Args:
        scored: ids of windows with their scores.
        video_of: window to video.
    """
    ranks: dict[int, int] = {}
    better: set[int] = set()
    ordered = sorted(scored, key=lambda pair: -pair[1])
    for _, group in groupby(ordered, key=lambda pair: pair[1]):
        videos = {i: video_of(i) for i, _ in group}
        ranks |= {i: 1 + len(better) - (video in better) for i, video in videos.items()}
        better |= set(videos.values())
    return ranks


def fused_score(
    cosine_rank: int | None, word_rank: int | None, word_weight: float, *, penalised: bool
) -> float:
    """Return the sum of 1 / (60 + rank) over both, the words' part times `word_weight`."""
    k = _RRF_K + (_PENALTY_RANKS if penalised else 0)
    by_cosine, by_words = (0.0 if rank is None else 1 / (k + rank) for rank in (cosine_rank, word_rank))
    return by_cosine + word_weight * by_words


def are_near(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether less than 30 s lie between two windows of a video, by their rows."""
    return bool(one["start_s"] < other["end_s"] + NEAR_S and other["start_s"] < one["end_s"] + NEAR_S)


def best_of_each(
    ranked: Sequence[int], rows: Mapping[int, Mapping[str, Any]], k: int, near_duplicate_threshold: float
) -> list[int]:
    """Return the first k of ranked windows; last come near-duplicates, and what is near a better one in time.

    Args:
        ranked: ids of windows, best first.
        rows: their rows in the index.
        k: how many.
        near_duplicate_threshold: see near_duplicates.py.
    """
    kept, near = [], []
    of_video: dict[str, list[Mapping[str, Any]]] = {}     # rows of what is kept
    for i in ranked:
        others = of_video.setdefault(rows[i]["path"], [])
        if any(are_near(rows[i], other) for other in others):
            near.append(i)
        else:
            kept.append(i)
            others.append(rows[i])
    hashes = {i: rows[i].get("thumbnail_hash") or b"" for i in kept}
    return [*demote_near_duplicates(kept, hashes, k, near_duplicate_threshold), *near][:k]
