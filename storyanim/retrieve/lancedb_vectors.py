"""The embeddings of an index in a LanceDB table, read from disk or an object store as they are needed.

For an index that outgrows one machine's memory: `export_to_lancedb` makes the table once,
`retrieve.lancedb_uri` says where it lies. Captions and rows stay in the index folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Float32
from storyanim.errors import IndexFolderError, extra_needed
from storyanim.retrieve.faiss_index import EMBEDDINGS, VECTORS, Scored

TABLE = "vectors"
_MADE_OF = b"storyanim.made_of"                      # sha256 of the index's vectors.faiss
_MIN_INDEXED_VECTORS = 50_000                        # from which on the table gets an index of its own
_REFINE_FACTOR = 16                                  # times as many are compared exactly
_ROWS_PER_BATCH = 4096


class LanceDBVectors:
    """What `FaissVectors` does, by LanceDB.

    Args:
        uri: of the database: a folder, or what else `lancedb.connect` takes.
        made_of: sha256 of the index's vectors.faiss.

    Raises UsageError when LanceDB is not installed, IndexFolderError when there is no such table or it is
    that of other vectors.
    """

    def __init__(self, uri: str, made_of: str) -> None:
        database = _connected(uri)
        try:
            self._table: Any = database.open_table(TABLE)
        except Exception as error:                   # LanceDB raises ValueError and errors of its own
            raise IndexFolderError(f"there are no vectors in the LanceDB {uri}",
                                   hint="make them with `storyanim export lancedb INDEX -o URI`") from error
        if (self._table.schema.metadata or {}).get(_MADE_OF) != made_of.encode():
            raise IndexFolderError(f"the LanceDB {uri} holds the vectors of another index",
                                   hint="make it again with `storyanim export lancedb INDEX -o URI`")

    def search(
        self, vector: Float32, k: int, allowed_ids: np.ndarray | None = None, *, exact: bool = False
    ) -> Scored:
        """Return ids and cosines of the k nearest vectors, or of about those; see `FaissVectors.search`."""
        query = self._table.search(vector).distance_type("cosine").limit(k)
        query = query.bypass_vector_index() if exact else query.refine_factor(_REFINE_FACTOR)
        if allowed_ids is not None:
            query = query.where(f"id IN ({', '.join(map(str, allowed_ids.tolist()))})", prefilter=True)
        ids = query.to_arrow()["id"].to_pylist()
        scored = zip(ids, (self.reconstruct_batch(ids) @ vector).tolist(), strict=True)
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))

    def reconstruct_batch(self, ids: Iterable[int]) -> Float32:
        """Return (n, dim) vectors as they were embedded."""
        wanted = list(ids)
        dim = self._table.schema.field("vector").type.list_size
        if not wanted:
            return np.zeros((0, dim), np.float32)
        found = self._table.take_offsets(sorted(set(wanted))).to_arrow()       # row i was written i-th
        vectors = np.stack(found["vector"].to_numpy(zero_copy_only=False)).astype(np.float32)
        place = {i: k for k, i in enumerate(found["id"].to_pylist())}
        return vectors[[place[i] for i in wanted]]


def export_to_lancedb(folder: Path, num: int, dim: int, uri: str) -> None:
    """Copy an index's embeddings into a LanceDB, replacing what it had. Raises UsageError without LanceDB."""
    database = _connected(uri)
    import pyarrow as pa

    made_of = hub.file_sha256(folder / VECTORS)
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("vector", pa.list_(pa.float32(), dim))],
                       metadata={_MADE_OF: made_of.encode()})

    def batches() -> Iterator[Any]:
        first = 0
        for path in sorted((folder / EMBEDDINGS).glob("*.npy")):
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
            for begin in range(0, len(shard), _ROWS_PER_BATCH):
                part = np.ascontiguousarray(shard[begin:begin + _ROWS_PER_BATCH], np.float32)
                ids = pa.array(np.arange(first, first + len(part)))
                vectors = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), dim)
                yield pa.RecordBatch.from_arrays([ids, vectors], schema=schema)
                first += len(part)

    table = database.create_table(TABLE, data=batches(), schema=schema, mode="overwrite")
    if num >= _MIN_INDEXED_VECTORS:
        table.create_index(metric="cosine", vector_column_name="vector")


def _connected(uri: str) -> Any:
    with extra_needed("lance", "LanceDB is not installed", "unset retrieve.lancedb_uri"):
        import lancedb
    return lancedb.connect(uri)
