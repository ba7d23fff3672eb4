"""The embeddings of an index: FAISS finds the nearest of them, and the shards say what exactly their cosines are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.errors import IndexFolderError
from storyanim.retrieve import factory

ROWS_A_SHARD = 4096
VECTORS, EMBEDDINGS = "vectors.faiss", "embeddings"
_FEW = 50_000                                        # vectors that pass a filter and are all looked at

Scored = list[tuple[int, float]]                     # id and cosine


class Vectors:
    """The vectors of an index folder. Its files stay open, and so what they are, also when others take their names.

    Args:
        folder: the index.
        name: its kind, as FAISS calls it.
        num: of vectors.
        dim: of a vector.
        search: see `factory.search_of`.

    Raises OSError.
    """

    def __init__(self, folder: Path, name: str, num: int, dim: int, search: dict[str, int]) -> None:
        self.folder, self.name, self.num, self.dim, self.search = folder, name, num, dim, search
        self._file = (folder / VECTORS).open("rb")
        # A Flat index has the embeddings in it.
        count = 0 if name == factory.FLAT else -(-num // ROWS_A_SHARD)
        self._files = [(folder / EMBEDDINGS / f"{number:05d}.npy").open("rb") for number in range(count)]
        self._shards: dict[int, Float32] = {}        # those that were looked at, mapped

    def nearest(self, vector: Float32, depth: int, allowed: np.ndarray | None = None, *, exact: bool = False) -> Scored:
        """The ids and cosines of the `depth` nearest, or of about those.

        Args:
            vector: (dim,), of length 1.
            allowed: (n,) int64 ids in order, of which they are to be; None: all.
            exact: all are looked at, whatever kind the index is.
        """
        depth = min(depth, self.num if allowed is None else len(allowed))
        if self.name == factory.FLAT:
            return self._by_faiss(vector, depth, allowed)
        if exact or (allowed is not None and len(allowed) <= _FEW):
            return self._by_looking(vector, depth, allowed)
        ids = [i for i, _ in self._by_faiss(vector, depth, allowed) if i >= 0]
        return list(zip(ids, (self.rows(ids) @ vector).tolist(), strict=True))

    def rows(self, ids: Iterable[int]) -> Float32:
        """(n, dim) vectors as they were embedded."""
        wanted = list(ids)
        if self.name == factory.FLAT:
            found = [self._index.reconstruct(i) for i in wanted]
        else:
            found = [self._shard(i // ROWS_A_SHARD)[i % ROWS_A_SHARD] for i in wanted]
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)

    def _by_faiss(self, vector: Float32, depth: int, allowed: np.ndarray | None) -> Scored:
        import faiss

        index, selector = self._index, None
        if allowed is not None:
            bits = np.zeros(self.num, bool)
            bits[allowed] = True
            selector = faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))   # type: ignore[call-arg, arg-type]
        elif self._on_gpu is not None and factory.fits_gpu(depth, self.search):
            index = self._on_gpu
        # On the GPU FAISS takes a form of its own for IVF alone, whose name and fields are those of the CPU.
        wanted = factory.parameters(self._index, self.search, selector) if self.search or selector else None
        scores, ids = index.search(vector[None], depth, params=wanted)
        return list(zip(ids[0].tolist(), scores[0].tolist(), strict=True))

    def _by_looking(self, vector: Float32, depth: int, allowed: np.ndarray | None) -> Scored:
        best_ids, best = np.zeros(0, np.int64), np.zeros(0, np.float32)
        for number in range(len(self._files)):
            first = number * ROWS_A_SHARD
            shard = self._shard(number)
            here = np.arange(first, first + len(shard), dtype=np.int64)
            if allowed is not None:
                here = allowed[np.searchsorted(allowed, first):np.searchsorted(allowed, first + len(shard))]
                shard = shard[here - first]
            ids, scores = np.concatenate([best_ids, here]), np.concatenate([best, shard @ vector])
            kept = np.lexsort((ids, -scores))[:depth]
            best_ids, best = ids[kept], scores[kept]
        return list(zip(best_ids.tolist(), best.tolist(), strict=True))

    def _shard(self, number: int) -> Float32:
        if number not in self._shards:
            with self._files[number] as file:        # the map keeps it open
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                self._shards[number] = np.asarray(np.memmap(file, dtype, "r", file.tell(), shape))
        return self._shards[number]

    @cached_property
    def _on_gpu(self) -> Any:
        return factory.on_gpu(self._index)

    @cached_property
    def _index(self) -> Any:
        import faiss

        try:
            self._file.seek(0)
            index = faiss.read_index(faiss.PyCallbackIOReader(self._file.read))     # type: ignore[attr-defined]
        except RuntimeError as error:
            raise IndexFolderError(f"{self.folder / VECTORS} cannot be read by FAISS",
                                   hint="make it again with `storyanim index`") from error
        if (index.ntotal, index.d) != (self.num, self.dim):
            raise IndexFolderError(f"{self.folder / VECTORS} holds other vectors than index.json says",
                                   hint="make it again with `storyanim index`")
        return index
