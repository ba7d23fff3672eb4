"""An index folder: what it holds, and how it is searched.

    index.json          what it is, with the sha256 of every other file; written last
    clips.sqlite        one row a window, and its caption in a full-text table; which rows belong to a video as it was read
    vectors.faiss       the embeddings for search, row i is id i; of a kind that fits their number (factory.py)
    embeddings/         the embeddings, (N, dim) float32 shards in the same order
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from storyanim import hub
from storyanim.artifacts import ClipMatch, FrozenModel
from storyanim.errors import IndexFolderError, ResourceError, UsageError
from storyanim.near_duplicates import demote_near_duplicates, is_near_duplicate
from storyanim.retrieve.filters import Condition, condition_of, parse_filter
from storyanim.retrieve.lancedb_vectors import LanceDBVectors
from storyanim.retrieve.marks import is_marked
from storyanim.retrieve.synonyms import STEMS, Synonyms, quoted
from storyanim.retrieve.vectors import VECTORS, Vectors
from storyanim.stages import TextVideoEncoder

FORMAT = 1
INFO, CLIPS = "index.json", "clips.sqlite"
COLUMNS = ("clip_id", "path", "sha256", "start_s", "end_s", "caption", "motion")
MARKS = ("cut", "black", "bars", "aspect", "fps", "thumbnail_hash")       # of a Span; older indexes lack some or all
SCHEMA = f"""
    CREATE TABLE clips (id INTEGER PRIMARY KEY, clip_id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, sha256 TEXT NOT NULL,
                        start_s REAL NOT NULL, end_s REAL NOT NULL, caption TEXT NOT NULL, motion REAL NOT NULL,
                        cut REAL NOT NULL, black REAL NOT NULL, bars REAL NOT NULL, aspect REAL NOT NULL, fps REAL NOT NULL,
                        thumbnail_hash BLOB NOT NULL, source INTEGER NOT NULL, licence TEXT NOT NULL);
    CREATE TABLE pieces (key TEXT PRIMARY KEY, first INTEGER NOT NULL, num INTEGER NOT NULL) WITHOUT ROWID;
    CREATE VIRTUAL TABLE captions USING fts5(caption, content='clips', content_rowid='id', tokenize='{STEMS}');
"""
_AGAIN = "make it again with `storyanim index`"
_RANK_OFFSET = 60                                    # of reciprocal rank fusion (Cormack et al. 2009)
_STILL_PLACES = 5                                    # a clip that hardly moves, is cut or black falls so many places in each


class IndexInfo(FrozenModel):
    """What `index.json` says."""

    format: int = FORMAT
    encoder: str                                     # fingerprint
    dim: int = Field(gt=0)
    index_factory: str                               # FAISS's string for the kind of vectors.faiss
    requested_index_factory: str | None = None       # what was asked for instead of the rule of factory.py
    search_parameters: dict[str, int] = Field(default_factory=dict)   # what it is searched with, by FAISS's names
    window_s: float
    root: str                                        # folder of the videos; when relative, to the index folder
    num_clips: int = Field(gt=0)
    num_videos: int = Field(gt=0)
    skipped: dict[str, str] = Field(default_factory=dict)      # path → why it could not be read
    duplicates: dict[str, str] = Field(default_factory=dict)   # path → the path of the same bytes that was taken
    sources: tuple[str, ...] = ()                    # what it was made of, told as `root` is; older ones do not say
    captions: str | None = None                      # the table that was given for all of them
    files: dict[str, str]                            # path in the index folder → sha256


class VideoIndex:
    """An opened index folder; every file was found to be as it was written.

    It stays what it was when it was opened, also when another index takes the folder's name meanwhile.

    Args:
        folder: of `storyanim index`.
        caption_weight: of the words' ranks against the vectors' ranks; 0 leaves captions out.
        min_motion: mean absolute frame difference, in [0, 1], under which a clip ranks lower.
        exact: all vectors are compared, whatever kind of FAISS index there is.
        search_parameters: go before what the index says it is searched with.
        filters: what is found passes all of them (filters.py); `find` asks for none.
        near_duplicate_threshold: see near_duplicates.py; near-duplicates of a better clip rank last. 0: none do.
        lancedb_uri: of a LanceDB with the vectors (lance.py); None: FAISS has them.

    Raises IndexFolderError when a file is missing or changed, UsageError when its kind has nothing of `search` or
    a filter is none; IndexFolderError, too, when it does not know what a filter asks, or no clip passes.
    """

    def __init__(self, folder: Path | str, *, caption_weight: float = 1.0, min_motion: float = 0.0, exact: bool = False,
                 search_parameters: Mapping[str, int] | None = None, filters: Sequence[str] = (),
                 near_duplicate_threshold: float = 0.0, lancedb_uri: str | None = None) -> None:
        self.folder = Path(folder)
        self.caption_weight = caption_weight
        self.min_motion = min_motion
        self.exact = exact
        self.near_duplicate_threshold = near_duplicate_threshold
        self.synonyms = Synonyms()                   # may be set: a word that no caption has is looked for by its others
        self._search = dict(search_parameters or {})
        self._filters = [parse_filter(text) for text in filters]
        self.info = read_info(self.folder)
        while (info := self._open()) != self.info:    # while it was opened, another took its place
            self.info = info
        if unknown := set(self._search) - set(self.info.search_parameters):
            raise UsageError(f"an index of the kind {self.info.index_factory} is not searched with {', '.join(sorted(unknown))}",
                             hint=f"it knows {', '.join(self.info.search_parameters) or 'no such settings: it is exact'}")
        self._vectors.search |= self._search
        self._store: Vectors | LanceDBVectors = LanceDBVectors(lancedb_uri, self.info.files[VECTORS]) if lancedb_uri else self._vectors
        self._by_lancedb = lancedb_uri is not None
        self._condition = self._condition_of()
        self._allowed = self._ids_allowed() if self._filters else None

    def _open(self) -> IndexInfo:
        """Opens the files of `info` and checks them; gives what the folder says of itself afterwards."""
        try:
            # immutable: no journal is looked for, so that a folder without the right to write can be searched
            name = f"{(self.folder / CLIPS).absolute().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(name, uri=True, check_same_thread=False)
            info = self.info
            self._vectors = Vectors(self.folder, info.index_factory, info.num_clips, info.dim, dict(info.search_parameters))
            files = self.info.files.items()
            damaged = next((name for name, sha256 in files if hub.file_sha256(self.folder / name) != sha256), "")
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise ResourceError(f"the index {self.folder} has more files than may be open at once",
                                    hint="allow more with `ulimit -n 65536`") from error
            damaged = next((name for name in self.info.files if not (self.folder / name).is_file()), CLIPS)
        info = read_info(self.folder)
        if damaged and info == self.info:
            if not (self.folder / damaged).is_file():
                raise IndexFolderError(f"the index {self.folder} lacks {damaged}", hint=_AGAIN)
            raise IndexFolderError(f"the index {self.folder} is damaged: {damaged} is not as it was written", hint=_AGAIN)
        return info

    @property
    def fingerprint(self) -> str:
        """Of what can be found in it, and how; where the videos lie stays out."""
        files = "".join(f"{name}\0{sha256}\n" for name, sha256 in sorted(self.info.files.items()))
        how = "".join(f":{name}={value}" for name, value in sorted(self._search.items())) + ":exact" * self.exact
        how += ":lancedb" * self._by_lancedb + self.synonyms.fingerprint
        how += "".join(sorted(f":{one}" for one in self._filters))
        if self.near_duplicate_threshold:
            how += f":near_duplicate_threshold={self.near_duplicate_threshold:g}"
        return f"{hashlib.sha256(files.encode()).hexdigest()}:{self.caption_weight:g}:{self.min_motion:g}{how}"

    @property
    def root(self) -> Path:
        """Absolute folder of the videos."""
        return Path(os.path.normpath(self.folder.resolve() / self.info.root))

    def search(self, query: str, encoder: TextVideoEncoder, k: int) -> list[ClipMatch]:
        """The k best clips for a query, best first.

        Ranks by cosine and by BM25 of the captions are joined: a clip's worth is the sum of 1 / (60 + rank), the words'
        part times `caption_weight`. Near-duplicates of a better clip come last. Raises IndexFolderError when the index was made
        with another encoder.
        """
        vector = self._query_vector(query, encoder)
        depth = min(self.info.num_clips, max(100, 10 * k))
        ranks = [_ranks(self._store.nearest(vector, depth, self._allowed, exact=self.exact)), self._word_ranks(query, depth)]
        rows = self._rows("id", {*ranks[0], *ranks[1]})
        worth = {i: self._worth([rank.get(i) for rank in ranks], rows[i]) for i in rows}
        hashes = {i: row.get("thumbnail_hash") or b"" for i, row in rows.items()}
        best = demote_near_duplicates(sorted(rows, key=lambda i: (-worth[i], i)), hashes, k, self.near_duplicate_threshold)
        return [self._match(rows[i], vector, rank) for rank, i in enumerate(best, 1)]

    def find(self, clip_id: str, query: str, encoder: TextVideoEncoder, *, rank: int = 1) -> ClipMatch | None:
        """One clip by its name, scored for the query; None when the index has no such clip."""
        vector = self._query_vector(query, encoder)
        rows = list(self._rows("clip_id", [clip_id]).values())
        return self._match(rows[0], vector, rank) if rows else None

    def reasons(self, query: str, matches: Sequence[ClipMatch]) -> list[str]:
        """Why each match of a search lies where it does: the query's words in its caption, and what makes it rank lower."""
        places = self._word_ranks(query, min(self.info.num_clips, max(100, 10 * len(matches))))
        words = self.synonyms.terms(query, self._is_said)
        return [self._reason(words, places, row) for match in matches for row in self._rows("clip_id", [match.clip_id]).values()]

    def _reason(self, words: Sequence[str], places: dict[int, int], row: dict[str, Any]) -> str:
        has = "SELECT 1 FROM captions WHERE captions MATCH ? AND rowid = ?"      # FTS5 knows the words' stems
        said = [word for word in words if self._database.execute(has, (quoted(word), row["id"])).fetchone()]
        place = f", place {places[row['id']]} by words" if row["id"] in places else ""
        parts = [f"its caption says {', '.join(said)}{place}" if said else "no word in its caption: by the picture alone"]
        if row["motion"] < self.min_motion:
            parts.append("hardly moves: lower")
        if is_marked(row):
            parts.append("cut or black: lower")
        return "; ".join(parts)

    def near_duplicates_of(self, clip_id: str, among: Sequence[str]) -> set[str]:
        """Return those of some clip ids whose clips are near-duplicates of a clip, or are it."""
        rows = self._rows("clip_id", {clip_id, *among}).values()
        hashes = {row["clip_id"]: row.get("thumbnail_hash") or b"" for row in rows}
        threshold = self.near_duplicate_threshold
        same = is_near_duplicate([hashes.get(name, b"") for name in among], hashes.get(clip_id, b""), threshold)
        return {name for name, is_same in zip(among, same, strict=True) if name == clip_id or (is_same and threshold > 0)}

    def _condition_of(self) -> Condition:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(clips)")}
        condition = condition_of(self._filters, columns, self.info.sources, self.folder)
        if any(one.name == "licence" for one in self._filters) \
                and not self._database.execute("SELECT 1 FROM clips WHERE licence != '' LIMIT 1").fetchone():
            raise IndexFolderError(f"the index {self.folder} knows no licences",
                                   hint="tell them in a column `licence` of captions.tsv, or of the table of videos")
        return condition

    def _ids_allowed(self) -> np.ndarray:
        sql, values = self._condition
        ids = np.array(self._database.execute(f"SELECT id FROM clips WHERE {sql} ORDER BY id", values).fetchall(), np.int64)
        if not len(ids):
            raise IndexFolderError(f"no clip of the index {self.folder} passes {', '.join(map(str, self._filters))}",
                                   hint="ask for less, or leave some of the filters out")
        return ids[:, 0]

    def _query_vector(self, query: str, encoder: TextVideoEncoder) -> Any:
        if encoder.fingerprint != self.info.encoder:
            raise IndexFolderError(f"the index {self.folder} was made with another encoder",
                                   hint=f"choose the profile that it was made with, or {_AGAIN}")
        return encoder.encode_texts([query])[0]                         # (dim,)

    def _worth(self, ranks: Sequence[int | None], row: dict[str, Any]) -> float:
        behind = _RANK_OFFSET + (_STILL_PLACES if row["motion"] < self.min_motion or is_marked(row) else 0)
        by_vector, by_words = (0.0 if rank is None else 1 / (behind + rank) for rank in ranks)
        return by_vector + self.caption_weight * by_words

    def _word_ranks(self, query: str, depth: int) -> dict[int, int]:
        if self.caption_weight == 0:
            return {}
        words = " OR ".join(map(quoted, self.synonyms.terms(query, self._is_said)))
        if not words:
            return {}
        sql, values = self._condition
        allowed = f"AND rowid IN (SELECT id FROM clips WHERE {sql})" if self._filters else ""
        found = self._database.execute(
            f"SELECT rowid, -bm25(captions) FROM captions WHERE captions MATCH ? {allowed} "
            "ORDER BY bm25(captions), rowid LIMIT ?",
            (words, *values, depth),
        ).fetchall()
        return _ranks(found)

    def _is_said(self, phrase: str) -> bool:
        return bool(self._database.execute("SELECT 1 FROM captions WHERE captions MATCH ? LIMIT 1", (quoted(phrase),)).fetchone())

    def _rows(self, column: str, keys: Iterable[object]) -> dict[int, dict[str, Any]]:
        wanted = list(keys)
        cursor = self._database.cursor()
        cursor.row_factory = sqlite3.Row
        found = [row for key in wanted for row in cursor.execute(f"SELECT * FROM clips WHERE {column} = ?", (key,))]
        return {row["id"]: dict(row) for row in found}

    def _match(self, row: dict[str, Any], vector: Any, rank: int) -> ClipMatch:
        score = float(np.dot(self._store.rows([row["id"]])[0], vector))
        fields = {name: row[name] for name in COLUMNS} | {"path": str(self.root / row["path"])}
        return ClipMatch(**fields, score=score, rank=rank)


def read_info(folder: Path) -> IndexInfo:
    """What an index folder says of itself. Raises IndexFolderError when it is none, or of another format."""
    path = folder / INFO
    try:
        info = IndexInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise IndexFolderError(f"{folder} is no index folder: {INFO} cannot be read",
                               hint="make one with `storyanim index`") from error
    except ValidationError as error:
        raise IndexFolderError(f"{path} is damaged, or of another version", hint=_AGAIN) from error
    if info.format != FORMAT or CLIPS not in info.files or VECTORS not in info.files:
        raise IndexFolderError(f"the index {folder} has format {info.format}, this program reads {FORMAT}", hint=_AGAIN)
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in info.files):
        raise IndexFolderError(f"{path} names files outside of its folder", hint=_AGAIN)
    return info


def _ranks(scored: Iterable[tuple[int, float]]) -> dict[int, int]:
    """Place of each id, 1 for the highest score; equal scores share a place."""
    ranks: dict[int, int] = {}
    last, place = None, 0
    for position, (i, score) in enumerate(sorted(scored, key=lambda pair: (-pair[1], pair[0])), 1):
        if score != last:
            last, place = score, position
        if i >= 0:                                   # FAISS fills up with -1
            ranks[i] = place
    return ranks
