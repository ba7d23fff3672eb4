"""How ranks become one order."""

from __future__ import annotations

import numpy as np

from storyanim.retrieve.caption_words import best_ranks
from storyanim.retrieve.ranking import best_of_each, fused_score, ranks_over_videos


def test_equal_scores_share_a_rank() -> None:
    assert ranks_over_videos([(7, 0.5), (3, 0.9), (5, 0.5), (9, 0.2)], lambda i: i) == {3: 1, 5: 2, 7: 2, 9: 4}


def test_the_windows_of_one_video_take_one_rank() -> None:
    scored = [(10, 0.9), (11, 0.8), (12, 0.7), (20, 0.75), (30, 0.1), (13, 0.05)]
    assert ranks_over_videos(scored, lambda i: i // 10) == {10: 1, 11: 1, 20: 2, 12: 2, 30: 3, 13: 3}


def test_ranks_of_scores_above_nothing() -> None:
    scores = np.array([0, 2, 5, 2, 0, 1], np.float32)
    assert best_ranks(scores, 10) == {2: 1, 1: 2, 3: 2, 5: 4}
    assert best_ranks(scores, 2) == {2: 1, 1: 2}
    assert best_ranks(np.zeros(3, np.float32), 2) == {}


def test_what_is_penalised_falls_five_ranks() -> None:
    assert fused_score(1, 2, 3.0, penalised=True) == fused_score(6, 7, 3.0, penalised=False)
    assert fused_score(1, None, 3.0, penalised=False) == 1 / 61


def test_near_windows_and_copies_come_last() -> None:
    spans = {1: ("a", 0), 2: ("a", 10), 3: ("b", 10), 4: ("a", 100), 5: ("b", 50), 6: ("c", 0)}
    rows = {i: {"path": path, "start_s": start, "end_s": start + 2, "thumbnail_hash": bytes([i % 5]) * 128}
            for i, (path, start) in spans.items()}
    assert best_of_each([1, 2, 3, 4, 5, 6], rows, 6, 0.0) == [1, 3, 4, 5, 6, 2]
    assert best_of_each([1, 2, 3, 4, 5, 6], rows, 6, 0.1) == [1, 3, 4, 5, 6, 2]
    assert best_of_each([1, 2, 3, 4, 5, 6], rows, 2, 0.0) == [1, 3]
    rows[6]["thumbnail_hash"] = rows[1]["thumbnail_hash"] = bytes(range(128))
    assert best_of_each([1, 2, 3, 4, 5, 6], rows, 6, 0.1) == [1, 3, 4, 5, 6, 2]
    assert best_of_each([1, 6, 3], rows, 3, 0.1) == [1, 3, 6]
