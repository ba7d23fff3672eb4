"""Search in an index folder: by cosine, by the words of captions, or both, with filters."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import ClipMatch
from storyanim.errors import IndexFolderError, ResourceError, UsageError
from storyanim.near_duplicates import demote_near_duplicates, is_near_duplicate
from storyanim.retrieve.faiss_index import VECTORS, FaissVectors
from storyanim.retrieve.filters import Condition, parse_filter, sql_condition
from storyanim.retrieve.index_format import CLIPS, COLUMNS, MAKE_AGAIN, IndexInfo, read_info
from storyanim.retrieve.lancedb_vectors import LanceDBVectors
from storyanim.retrieve.synonyms import Synonyms, fts5_phrase
from storyanim.retrieve.window_quality import has_cut_or_black
from storyanim.stages import TextVideoEncoder

_RRF_K = 60                                          # of reciprocal rank fusion (Cormack et al. 2009)
_PENALTY_RANKS = 5  # that a clip with little motion, a cut or black frames falls in each
_MIN_DEPTH = 100                                     # hits of each kind that are fused


class VideoIndex:
    """An opened index folder; every file was found to be as it was written.

    It stays what it was when it was opened, also when another index takes the folder's name meanwhile.

    Args:
        folder: of `storyanim index`.
        caption_weight: of the ranks by BM25 against the ranks by cosine; 0 leaves captions out.
        min_motion: mean absolute frame difference, in [0, 1], under which a clip ranks lower.
        exact: compare all vectors, whatever kind of FAISS index there is.
        search_parameters: go before those that the index names.
        filters: that every hit of a search passes (filters.py); `find` asks for none.
        near_duplicate_threshold: see near_duplicates.py; near-duplicates of a better clip rank last. 0: none
            do.
        lancedb_uri: of a LanceDB with the vectors (lancedb_vectors.py); None: FAISS has them.

    Raises IndexFolderError when a file is missing or changed, when the index does not know what a filter
    asks, or no clip passes; UsageError when its kind has none of the search parameters or a filter is none.
    """

    def __init__(
        self, folder: Path | str, *, caption_weight: float = 1.0, min_motion: float = 0.0,
        exact: bool = False, search_parameters: Mapping[str, int] | None = None, filters: Sequence[str] = (),
        near_duplicate_threshold: float = 0.0, lancedb_uri: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.caption_weight = caption_weight
        self.min_motion = min_motion
        self.exact = exact
        self.near_duplicate_threshold = near_duplicate_threshold
        self.synonyms = Synonyms()  # may be set: a word that no caption has is replaced by its synonyms
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
        self._condition = self._sql_condition()
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
    def fingerprint(self) -> str:
        """What can be found in it, and how; where the videos lie stays out."""
        files = "".join(f"{name}\0{sha256}\n" for name, sha256 in sorted(self.info.files.items()))
        parts = [
            hashlib.sha256(files.encode()).hexdigest(), f"{self.caption_weight:g}", f"{self.min_motion:g}"]
        parts += [f"{name}={value}" for name, value in sorted(self._search_parameters.items())]
        parts += ["exact"] * self.exact + ["lancedb"] * isinstance(self._vectors, LanceDBVectors)
        parts += [self.synonyms.fingerprint] * bool(self.synonyms.groups) + sorted(map(str, self._filters))
        if self.near_duplicate_threshold:
            parts.append(f"near_duplicate_threshold={self.near_duplicate_threshold:g}")
        return ":".join(parts)

    @property
    def root(self) -> Path:
        """Absolute folder of the videos."""
        return Path(os.path.normpath(self.folder.resolve() / self.info.root))

    def search(self, query: str, encoder: TextVideoEncoder, k: int) -> list[ClipMatch]:
        """Return the k best clips for a query, best first.

        Ranks by cosine and by BM25 of the captions are fused: a clip's score is the sum of 1 / (60 + rank),
        the part of BM25 times `caption_weight`. Near-duplicates of a better clip come last. Raises
        IndexFolderError when the index was made with another encoder.
        """
        vector = self._query_vector(query, encoder)
        depth = min(self.info.num_clips, max(_MIN_DEPTH, 10 * k))
        by_cosine = _ranks(self._vectors.search(vector, depth, self._allowed_ids, exact=self.exact))
        by_bm25 = self._bm25_ranks(query, depth)
        rows = self._rows("id", {*by_cosine, *by_bm25})
        score = {i: self._fused_score(by_cosine.get(i), by_bm25.get(i), rows[i]) for i in rows}
        hashes = {i: row.get("thumbnail_hash") or b"" for i, row in rows.items()}
        ranked = sorted(rows, key=lambda i: (-score[i], i))
        best = demote_near_duplicates(ranked, hashes, k, self.near_duplicate_threshold)
        return [self._match(rows[i], vector, rank) for rank, i in enumerate(best, 1)]

    def find(self, clip_id: str, query: str, encoder: TextVideoEncoder, *, rank: int = 1) -> ClipMatch | None:
        """Return one clip by its id, scored for the query; None when the index has no such clip."""
        vector = self._query_vector(query, encoder)
        rows = list(self._rows("clip_id", [clip_id]).values())
        return self._match(rows[0], vector, rank) if rows else None

    def explain(self, query: str, matches: Sequence[ClipMatch]) -> list[str]:
        """Return why each match ranks where it does: the query's words in its caption, and what lowers it."""
        ranks = self._bm25_ranks(query, min(self.info.num_clips, max(_MIN_DEPTH, 10 * len(matches))))
        terms = self.synonyms.expand(query, self._occurs)
        return [self._explain(terms, ranks, row) for match in matches
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

    def _explain(self, terms: Sequence[str], ranks: dict[int, int], row: dict[str, Any]) -> str:
        has = "SELECT 1 FROM captions WHERE captions MATCH ? AND rowid = ?"      # FTS5 knows the words' stems
        found = [
            term for term in terms if self._database.execute(has, (fts5_phrase(term), row["id"])).fetchone()]
        rank = f", place {ranks[row['id']]} by words" if row["id"] in ranks else ""
        parts = [f"its caption says {', '.join(found)}{rank}" if found
                 else "no word in its caption: by the picture alone"]
        if row["motion"] < self.min_motion:
            parts.append("hardly moves: lower")
        if has_cut_or_black(row):
            parts.append("cut or black: lower")
        return "; ".join(parts)

    def _sql_condition(self) -> Condition:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(clips)")}
        condition = sql_condition(self._filters, columns, self.info.sources, self.folder)
        if any(one.name == "licence" for one in self._filters) \
                and not self._database.execute("SELECT 1 FROM clips WHERE licence != '' LIMIT 1").fetchone():
            raise IndexFolderError(
                f"the index {self.folder} knows no licences",
                hint="give them in a column `licence` of captions.tsv, or of the table of videos")
        return condition

    def _ids_that_pass(self) -> np.ndarray:
        sql, values = self._condition
        found = self._database.execute(f"SELECT id FROM clips WHERE {sql} ORDER BY id", values).fetchall()
        if not found:
            raise IndexFolderError(
                f"no clip of the index {self.folder} passes {', '.join(map(str, self._filters))}",
                hint="ask for less, or leave some of the filters out")
        return np.array(found, np.int64)[:, 0]

    def _query_vector(self, query: str, encoder: TextVideoEncoder) -> Any:
        if encoder.fingerprint != self.info.encoder:
            raise IndexFolderError(f"the index {self.folder} was made with another encoder",
                                   hint=f"choose the profile that it was made with, or {MAKE_AGAIN}")
        return encoder.encode_texts([query])[0]                         # (dim,)

    def _fused_score(self, cosine_rank: int | None, bm25_rank: int | None, row: dict[str, Any]) -> float:
        penalised = row["motion"] < self.min_motion or has_cut_or_black(row)
        k = _RRF_K + (_PENALTY_RANKS if penalised else 0)
        by_cosine, by_bm25 = (0.0 if rank is None else 1 / (k + rank) for rank in (cosine_rank, bm25_rank))
        return by_cosine + self.caption_weight * by_bm25

    def _bm25_ranks(self, query: str, depth: int) -> dict[int, int]:
        if self.caption_weight == 0:
            return {}
        terms = " OR ".join(map(fts5_phrase, self.synonyms.expand(query, self._occurs)))
        if not terms:
            return {}
        sql, values = self._condition
        allowed = f"AND rowid IN (SELECT id FROM clips WHERE {sql})" if self._filters else ""
        return _ranks(self._database.execute(
            f"SELECT rowid, -bm25(captions) FROM captions WHERE captions MATCH ? {allowed} "
            "ORDER BY bm25(captions), rowid LIMIT ?", (terms, *values, depth),
        ).fetchall())

    def _occurs(self, phrase: str) -> bool:
        """Return whether some caption has a phrase."""
        found = self._database.execute(
            "SELECT 1 FROM captions WHERE captions MATCH ? LIMIT 1", (fts5_phrase(phrase),))
        return found.fetchone() is not None

    def _rows(self, column: str, keys: Iterable[object]) -> dict[int, dict[str, Any]]:
        wanted = list(keys)
        cursor = self._database.cursor()
        cursor.row_factory = sqlite3.Row
        found = [row for key in wanted for row in cursor.execute(
            f"SELECT * FROM clips WHERE {column} = ?", (key,))]
        return {row["id"]: dict(row) for row in found}

    def _match(self, row: dict[str, Any], vector: Any, rank: int) -> ClipMatch:
        score = float(np.dot(self._vectors.reconstruct_batch([row["id"]])[0], vector))
        fields = {name: row[name] for name in COLUMNS} | {"path": str(self.root / row["path"])}
        return ClipMatch(**fields, score=score, rank=rank)


def _ranks(scored: Iterable[tuple[int, float]]) -> dict[int, int]:
    """Return the rank of each id, 1 for the highest score; equal scores share a rank."""
    ranks: dict[int, int] = {}
    last, rank = None, 0
    for position, (i, score) in enumerate(sorted(scored, key=lambda pair: (-pair[1], pair[0])), 1):
        if score != last:
            last, rank = score, position
        if i >= 0:                                   # FAISS fills up with -1
            ranks[i] = rank
    return ranks
