"""BM25 of captions: each word of a query counts once, with its synonyms, over videos.

SQLite's own bm25() sums over all that is OR-ed, so that a caption gained by every synonym that it has, and it
counts rows: a long video's words would be common, since each of its windows is a row.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from storyanim.artifacts import Float32, FootageQuery, Query
from storyanim.retrieve.synonyms import Synonyms, Term, fts5_phrase

_PLANNED_WEIGHT = 0.25                               # of words that only a plan has, against the story's own

_FIRST_WINDOWS = "SELECT first FROM videos ORDER BY first"
# of older indexes, which have no such table; the windows of a video are rows that follow each other
_FIRST_WINDOWS_BY_CHANGE = """
    SELECT id FROM (SELECT id, sha256, lag(sha256) OVER (ORDER BY id) AS before FROM clips)
    WHERE sha256 IS NOT before ORDER BY id"""


@dataclass(frozen=True)
class WordScores:
    """What the captions say of a query, a number a video."""

    scores: Float32                                  # (V,) BM25
    # (V,) the part of the query that a caption has, rare words count more, in [0, 1]
    share: Float32


class CaptionWords:
    """The captions of an index.

    Args:
        database: its clips.sqlite.
        num_clips: rows of the table `clips`.
    """

    def __init__(self, database: sqlite3.Connection, num_clips: int) -> None:
        self.synonyms = Synonyms()
        self._database, self._num_clips = database, num_clips
        self._last: tuple[Query, WordScores] | None = None

    @cached_property
    def first_windows(self) -> np.ndarray:
        """(V,) int64, rising: the id of each video's first window."""
        has = self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'videos'").fetchone()
        return _column(self._database.execute(_FIRST_WINDOWS if has else _FIRST_WINDOWS_BY_CHANGE))

    def video_of(self, ids: np.ndarray) -> np.ndarray:
        """Return the number of the video that each window is of, both (n,) int64."""
        return np.searchsorted(self.first_windows, ids, "right") - 1

    def windows_of(self, video: int) -> range:
        """Return the ids of a video's windows."""
        first = self.first_windows
        end = first[video + 1] if video + 1 < len(first) else self._num_clips
        return range(int(first[video]), int(end))

    def terms(self, query: Query) -> list[Term]:
        """Return what is looked for: the query's words, then those of its plan that it lacks."""
        asked = FootageQuery.of(query)
        told = self.synonyms.expand(asked.text, self._occurs)
        planned = self.synonyms.expand(asked.planned, self._occurs)
        return [*told.values(), *(replace(term, weight=_PLANNED_WEIGHT * term.weight)
                                  for stems, term in planned.items() if stems not in told)]

    def score(self, query: Query) -> WordScores:
        """Return how well each video's caption fits a query."""
        if self._last is None or self._last[0] != query:
            self._last = query, self._score(self.terms(query))
        return self._last[1]

    def _score(self, terms: Sequence[Term]) -> WordScores:
        num_videos = len(self.first_windows)
        total, most = np.zeros(num_videos, np.float32), 0.0
        for term in terms:
            videos = np.unique(np.concatenate([self._videos_with(phrase) for phrase in term.phrases]))
            weight = term.weight * _idf(len(videos), num_videos)
            total[videos] += np.float32(weight)
            most += weight
        return WordScores(total, np.minimum(total / np.float32(most or 1.0), np.float32(1)))

    def _occurs(self, phrase: str) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM captions WHERE captions MATCH ? LIMIT 1", (fts5_phrase(phrase),))
        return found.fetchone() is not None

    def _videos_with(self, phrase: str) -> np.ndarray:
        found = self._database.execute(
            "SELECT rowid FROM captions WHERE captions MATCH ?", (fts5_phrase(phrase),))
        return np.unique(self.video_of(_column(found)))


def best_ranks(scores: Float32, most: int) -> dict[int, int]:
    """Return the rank, 1 the highest, of each number's place whose score is above 0, of at most so many.

    Equal scores share a rank; of those at the end the first are kept.
    """
    places = np.flatnonzero(scores > 0)
    if len(places) > most:
        least = np.partition(scores[places], -most)[-most]
        places = places[scores[places] >= least]
    places = places[np.lexsort((places, -scores[places]))][:most]
    ordered = scores[places]
    ranks = np.searchsorted(-ordered, -ordered, "left") + 1
    return dict(zip(places.tolist(), ranks.tolist(), strict=True))


def _idf(num: int, num_videos: int) -> float:
    """Return the weight of a word that so many videos' captions have; as in Lucene it is never below 0."""
    return math.log1p((num_videos - num + 0.5) / (num + 0.5))


def _column(rows: sqlite3.Cursor) -> np.ndarray:
    return np.fromiter((row[0] for row in rows), np.int64)
