"""Search in an index folder: by cosine, by the words of captions, or both, with filters."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import ClipMatch, Float32, Query
from storyanim.errors import IndexFolderError, ResourceError, UsageError
from storyanim.near_duplicates import is_near_duplicate
from storyanim.retrieve.caption_words import CaptionWords, best_ranks
from storyanim.retrieve.faiss_index import VECTORS, FaissVectors
from storyanim.retrieve.filters import Condition, parse_filter, sql_condition
from storyanim.retrieve.index_format import CLIPS, COLUMNS, MAKE_AGAIN, IndexInfo, read_info
from storyanim.retrieve.lancedb_vectors import LanceDBVectors
from storyanim.retrieve.ranking import NEAR_S, are_near, best_of_each, fused_score, ranks_over_videos
from storyanim.retrieve.synonyms import Synonyms, fts5_phrase
from storyanim.retrieve.window_quality import has_cut_or_black
from storyanim.stages import TextVideoEncoder

_RANKING = 2                                         # counted up when the same files are ranked otherwise
_MIN_DEPTH = 100                                     # hits of each kind that are fused
_MAX_WINDOWS_A_VIDEO = 32  # that are ranked of one found by its caption, evenly spaced
_MIN_WORD_SHARE = 0.2  # of a query's words, rare ones count more, with which a caption alone fits


class VideoIndex:
    """An opened index folder; every file was found to be as it was written.

    It stays what it was when it was opened, also when another index takes the folder's name meanwhile.

    Args:
        folder: of `storyanim index`.
        caption_weight: of the ranks by BM25 against the ranks by cosine; 0 leaves captions out.
        min_motion: mean absolute frame difference, in [0, 1], under which a clip ranks lower.
        min_score: cosine under which a clip does not fit, unless its caption has enough of the query's words;
            None: all fit.
        exact: compare all vectors, whatever kind of FAISS index there is.
        search_parameters: go before those that the index names.
        filters: that every hit of a search passes (filters.py); `find` asks for none.
        near_duplicate_threshold: see near_duplicates.py; near-duplicates of a better clip rank last. 0: none
            do.
        lancedb_uri: of a LanceDB with the vectors (lancedb_vectors.py); None: FAISS has them.

    Raises IndexFolderError when a file is missing or changed, when the index does not know what a filter
    asks, or no clip passes; UsageError when its kind has none of the search parameters or a filter is none.
    """

    def __init__(  # noqa: PLR0913  one argument a setting
        self, folder: Path | str, *, caption_weight: float = 1.0, min_motion: float = 0.0,
        min_score: float | None = None, exact: bool = False,
        search_parameters: Mapping[str, int] | None = None, filters: Sequence[str] = (),
        near_duplicate_threshold: float = 0.0, lancedb_uri: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.caption_weight = caption_weight
        self.min_motion = min_motion
        self.min_score = min_score
        self.exact = exact
        self.near_duplicate_threshold = near_duplicate_threshold
        self._last_vector: tuple[Query, TextVideoEncoder, Any] | None = None
        self._search_parameters = dict(search_parameters or {})
        self._filters = [parse_filter(text) for text in filters]
        self.info = read_info(self.folder)
        while (info := self._open()) != self.info:   # while it was opened, another took its place
            self.info = info
        known = self.info.search_parameters
        if unknown := set(self._search_parameters) - set(known):
            raise UsageError(
                f"an index of the kind {self.info.index_factory} is not searched with "
                f"{', '.join(sorted(unknown))}",
                hint=f"it knows {', '.join(known) or 'no such settings: it is exact'}")
        self._faiss_vectors.search_parameters |= self._search_parameters
        self._vectors: FaissVectors | LanceDBVectors = self._faiss_vectors
        if lancedb_uri:
            self._vectors = LanceDBVectors(lancedb_uri, self.info.files[VECTORS])
        self._words = CaptionWords(self._database, self.info.num_clips)
        self._allowed_ids = self._ids_that_pass() if self._filters else None

    def _open(self) -> IndexInfo:
        """Open the files of `info` and check them; return what the folder says of itself afterwards."""
        try:
            # immutable: no journal is looked for, so that a folder without the right to write can be searched
            name = f"{(self.folder / CLIPS).absolute().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(name, uri=True, check_same_thread=False)
            info = self.info
            self._faiss_vectors = FaissVectors(
                self.folder, info.index_factory, info.num_clips, info.dim, dict(info.search_parameters))
            files = self.info.files.items()
            damaged = next(
                (name for name, sha256 in files if hub.file_sha256(self.folder / name) != sha256), "")
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise ResourceError(f"the index {self.folder} has more files than may be open at once",
                                    hint="allow more with `ulimit -n 65536`") from error
            damaged = next((name for name in self.info.files if not (self.folder / name).is_file()), CLIPS)
        info = read_info(self.folder)
        if damaged and info == self.info:
            if not (self.folder / damaged).is_file():
                raise IndexFolderError(f"the index {self.folder} lacks {damaged}", hint=MAKE_AGAIN)
            raise IndexFolderError(f"the index {self.folder} is damaged: {damaged} is not as it was written",
                                   hint=MAKE_AGAIN)
        return info

    @property
    def synonyms(self) -> Synonyms:
        """May be set: a word that no caption has is looked for by its synonyms, too."""
        return self._words.synonyms

    @synonyms.setter
    def synonyms(self, synonyms: Synonyms) -> None:
        self._words.synonyms = synonyms

    @property
    def fingerprint(self) -> str:
        """What can be found in it, and how; where the videos lie stays out."""
        files = "".join(f"{name}\0{sha256}\n" for name, sha256 in sorted(self.info.files.items()))
        parts = [hashlib.sha256(files.encode()).hexdigest(), f"{self.caption_weight:g}",
                 f"{self.min_motion:g}", f"ranking={_RANKING}"]
        parts += [] if self.min_score is None else [f"min_score={self.min_score:g}"]
        parts += [f"{name}={value}" for name, value in sorted(self._search_parameters.items())]
        parts += ["exact"] * self.exact + ["lancedb"] * isinstance(self._vectors, LanceDBVectors)
        parts += [self.synonyms.fingerprint] * bool(self.synonyms.groups) + sorted(map(str, self._filters))
        if self.near_duplicate_threshold:
            parts.append(f"near_duplicate_threshold={self.near_duplicate_threshold:g}")
        return ":".join(parts)

    @cached_property
    def root(self) -> Path:
        """Absolute folder of the videos."""
        return Path(os.path.normpath(self.folder.resolve() / self.info.root))

    def search(self, query: Query, encoder: TextVideoEncoder, k: int) -> list[ClipMatch]:
        """Return the k best clips for a query, best first.

        Ranks by cosine and by BM25 of the captions, both over videos, are fused: a clip's score is the sum of
        1 / (60 + rank), the part of BM25 times `caption_weight`. Last come near-duplicates of a better clip,
        then windows near to it in its video. Raises IndexFolderError when the index was made with another
        encoder.
        """
        vector = self._query_vector(query, encoder)
        depth = min(self.info.num_clips, max(_MIN_DEPTH, 10 * k))
        nearest = self._vectors.search(vector, depth, self._allowed_ids, exact=self.exact)
        word_ranks = self._word_ranks(query, depth)
        rows = self._rows("id", self._windows_to_rank([i for i, _ in nearest], word_ranks, depth))
        videos = dict(zip(rows, self._words.video_of(np.array([*rows])).tolist(), strict=True))
        cosine = dict(zip(rows, self._cosines(rows, vector), strict=True))
        cosine_ranks = ranks_over_videos(cosine.items(), videos.__getitem__)
        score = {i: fused_score(cosine_ranks[i], word_ranks.get(videos[i]), self.caption_weight,
                                penalised=self._is_penalised(row)) for i, row in rows.items()}
        ranked = sorted(rows, key=lambda i: (-score[i], -cosine[i], i))
        best = best_of_each(ranked, rows, k, self.near_duplicate_threshold)
        return [self._match(rows[i], cosine[i], query, rank) for rank, i in enumerate(best, 1)]

    def search_captions(
        self, query: str, required: str, encoder: TextVideoEncoder, k: int
    ) -> list[tuple[ClipMatch, str]]:
        """Return k windows by the BM25 of their captions alone, best first, with what speaks against each.

        Each video gives its window of the highest cosine; only when there are too few it gives more.

        Args:
            query: whose words captions are ranked for.
            required: words of which a caption must have one.
            encoder: that the index was made with.
            k: how many windows at most.

        Raises IndexFolderError when the index was made with another encoder.
        """
        vector = self._query_vector(query, encoder)
        ranks = best_ranks(np.where(self._passing(self._words.score(required).scores) > 0,
                                    self._words.score(query).scores, np.float32(0)), k)
        found: list[tuple[int, ClipMatch, str]] = []
        for rank, video in enumerate(ranks, 1):
            rows = self._rows("id", self._windows_of(video))
            ordered = sorted(zip(rows, self._cosines(rows, vector), strict=True), key=lambda pair: -pair[1])
            for turn, (i, cosine) in enumerate(ordered):
                flaw = ("cut or black" if has_cut_or_black(rows[i]) else
                        "hardly moves" if rows[i]["motion"] < self.min_motion else "")
                found.append((turn, self._match(rows[i], cosine, query, rank), flaw))
        found.sort(key=lambda item: (item[0], item[1].rank))
        return [(match, flaw) for _, match, flaw in found[:k]]

    def find(
        self, clip_id: str, query: Query, encoder: TextVideoEncoder, *, rank: int = 1
    ) -> ClipMatch | None:
        """Return one clip by its id, scored for the query; None when the index has no such clip."""
        vector = self._query_vector(query, encoder)
        rows = list(self._rows("clip_id", [clip_id]).values())
        return self._match(rows[0], self._cosines([rows[0]["id"]], vector)[0], query, rank) if rows else None

    def windows_near(self, clip_id: str, query: Query, encoder: TextVideoEncoder) -> list[ClipMatch]:
        """Return the other windows near to a clip in its video, scored for the query, best first."""
        vector = self._query_vector(query, encoder)
        row = next(iter(self._rows("clip_id", [clip_id]).values()), None)
        if row is None:
            return []
        windows = self._words.windows_of(int(self._words.video_of(np.array([row["id"]]))[0]))
        most = math.ceil(NEAR_S / self.info.window_s)
        ids = [i for i in windows if i != row["id"] and abs(i - row["id"]) <= most]
        rows = {i: other for i, other in self._rows("id", ids).items() if are_near(other, row)}
        cosine = dict(zip(rows, self._cosines(rows, vector), strict=True))
        ranked = sorted(rows, key=lambda i: (self._is_penalised(rows[i]), -cosine[i], i))
        return [self._match(rows[i], cosine[i], query, rank) for rank, i in enumerate(ranked, 1)]

    def explain(self, query: Query, matches: Sequence[ClipMatch]) -> list[str]:
        """Return why each match ranks where it does: the query's words in its caption, and what lowers it."""
        ranks = self._word_ranks(query, min(self.info.num_clips, max(_MIN_DEPTH, 10 * len(matches))))
        phrases = [phrase for term in self._words.terms(query) for phrase in term.phrases]
        return [self._explain(phrases, ranks, match, row) for match in matches
                for row in self._rows("clip_id", [match.clip_id]).values()]

    def near_duplicates_of(self, clip_id: str, among: Sequence[str]) -> set[str]:
        """Return those of some clip ids whose clips are near-duplicates of a clip, or are it."""
        rows = self._rows("clip_id", {clip_id, *among}).values()
        hashes = {row["clip_id"]: row.get("thumbnail_hash") or b"" for row in rows}
        threshold = self.near_duplicate_threshold
        same = is_near_duplicate(
            [hashes.get(name, b"") for name in among], hashes.get(clip_id, b""), threshold)
        return {name for name, is_same in zip(among, same, strict=True)
                if name == clip_id or (is_same and threshold > 0)}

    def _explain(
        self, phrases: Sequence[str], ranks: Mapping[int, int], match: ClipMatch, row: Mapping[str, Any]
    ) -> str:
        video = self._words.video_of(np.array([row["id"]]))[0]
        first = int(self._words.first_windows[video])
        has = "SELECT 1 FROM captions WHERE captions MATCH ? AND rowid = ?"      # FTS5 knows the words' stems
        found = [
            one for one in phrases if self._database.execute(has, (fts5_phrase(one), first)).fetchone()]
        rank = f", place {ranks[video]} by words" if video in ranks else ""
        parts = [f"its caption says {', '.join(found)}{rank}" if found
                 else "no word in its caption: by the picture alone"]
        if row["motion"] < self.min_motion:
            parts.append("hardly moves: lower")
        if has_cut_or_black(row):
            parts.append("cut or black: lower")
        if not match.fits:
            parts.append(f"below {self.min_score:g}: does not fit")
        return "; ".join(parts)

    def _condition(self) -> Condition:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(clips)")}
        condition = sql_condition(self._filters, columns, self.info.sources, self.folder)
        if any(one.name == "licence" for one in self._filters) \
                and not self._database.execute("SELECT 1 FROM clips WHERE licence != '' LIMIT 1").fetchone():
            raise IndexFolderError(
                f"the index {self.folder} knows no licences",
                hint="give them in a column `licence` of captions.tsv, or of the table of videos")
        return condition

    def _ids_that_pass(self) -> np.ndarray:
        sql, values = self._condition()
        found = self._database.execute(f"SELECT id FROM clips WHERE {sql} ORDER BY id", values).fetchall()
        if not found:
            raise IndexFolderError(
                f"no clip of the index {self.folder} passes {', '.join(map(str, self._filters))}",
                hint="ask for less, or leave some of the filters out")
        return np.array(found, np.int64)[:, 0]

    def _query_vector(self, query: Query, encoder: TextVideoEncoder) -> Any:
        if not hub.is_same_model(encoder.fingerprint, self.info.encoder):
            raise IndexFolderError(f"the index {self.folder} was made with another encoder",
                                   hint=f"choose the profile that it was made with, or {MAKE_AGAIN}")
        if self._last_vector is None or self._last_vector[:2] != (query, encoder):
            self._last_vector = query, encoder, encoder.encode_texts([str(query)])[0]
        return self._last_vector[2]                                     # (dim,)

    def _word_ranks(self, query: Query, depth: int) -> dict[int, int]:
        """Return the rank by BM25, 1 the best, of each video whose caption has a word of the query."""
        if self.caption_weight == 0:
            return {}
        return best_ranks(self._passing(self._words.score(query).scores), depth)

    def _passing(self, scores: Float32) -> Float32:
        """Return scores of videos (V,), 0 where no window passes the filters."""
        if self._allowed_ids is None:
            return scores
        passing = np.zeros(len(scores), bool)
        passing[self._words.video_of(self._allowed_ids)] = True
        return np.where(passing, scores, np.float32(0))

    def _windows_of(self, video: int) -> list[int]:
        """Return ids of a video's windows that pass the filters, some of very many, evenly spaced."""
        windows = np.array(self._words.windows_of(video))
        if self._allowed_ids is not None:
            windows = windows[np.isin(windows, self._allowed_ids)]
        if len(windows) > _MAX_WINDOWS_A_VIDEO:
            windows = windows[np.linspace(0, len(windows) - 1, _MAX_WINDOWS_A_VIDEO).astype(int)]
        found: list[int] = windows.tolist()
        return found

    def _windows_to_rank(
        self, nearest: Sequence[int], word_ranks: Mapping[int, int], depth: int
    ) -> set[int]:
        """Return ids of windows: the nearest, and about `depth` of the best videos by words."""
        ids = {i for i in nearest if i >= 0}
        num = 0
        for video in word_ranks:
            windows = self._windows_of(video)
            ids.update(windows)
            num += len(windows)
            if num >= depth:
                break
        return ids

    def _is_penalised(self, row: Mapping[str, Any]) -> bool:
        return row["motion"] < self.min_motion or has_cut_or_black(row)

    def _rows(self, column: str, keys: Iterable[object]) -> dict[int, dict[str, Any]]:
        cursor = self._database.cursor()
        cursor.row_factory = sqlite3.Row
        found = cursor.execute(
            f"SELECT * FROM clips WHERE {column} IN (SELECT value FROM json_each(?))", (json.dumps([*keys]),))
        return {row["id"]: dict(row) for row in found}

    def _cosines(self, ids: Iterable[int], vector: Any) -> list[float]:
        # summed row by row, so that a clip's cosine does not depend on which others are asked for
        found: list[float] = (self._vectors.reconstruct_batch(ids) * vector).sum(axis=1).tolist()
        return found

    def _match(self, row: Mapping[str, Any], score: float, query: Query, rank: int) -> ClipMatch:
        video = self._words.video_of(np.array([row["id"]]))[0]
        share = float(self._words.score(query).share[video]) if self.caption_weight else 0.0
        fits = self.min_score is None or score >= self.min_score or share >= _MIN_WORD_SHARE
        fields = {name: row[name] for name in COLUMNS} | {"path": str(self.root / row["path"])}
        return ClipMatch(**fields, score=score, rank=rank, words=round(share, 4), fits=fits)
