"""The embeddings of an index: which kind of FAISS index they get, how it is built and searched.

    clips                 index_factory                   bytes per vector of dim d      searched with
    fewer than 50 000     Flat                            4 d                            nothing: it is exact
    fewer than 200 000    HNSW32                          4 d + about 270                efSearch
    fewer than 1 million  IVFx,SQ8                        d + 8                          nprobe
    from there on         IVFx,PQyx4fsr,Refine(SQ8)       d + y / 2 + 8                  nprobe, k_factor

x is the power of two nearest to 4 sqrt(clips), as far as there are 39 clips for each; y is the largest
divisor of d that is no more than d / 2. `retrieve.index_factory` overrides the rule. docs/results/search.md
has the measurements behind the numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.errors import IndexFolderError, UsageError

VECTORS, EMBEDDINGS = "vectors.faiss", "embeddings"
ROWS_PER_SHARD = 4096
FLAT = "Flat"
_BY_SIZE = ((50_000, FLAT), (200_000, "HNSW32"), (1_000_000, "IVFx,SQ8"))  # fewer clips than → index_factory
_LARGEST = "IVFx,PQyx4fsr,Refine(SQ8)"
_MAX_POINTS_PER_CENTROID = 64                        # of training, as FAISS calls it
_MIN_POINTS_PER_CENTROID = 39                        # FAISS warns below
_MIN_TRAINING_VECTORS = 16384                        # for ranges and sub-quantizers
_KMEANS_ITERATIONS = 10
_EF_SEARCH = 512
_LISTS_PER_PROBE = 12                                # a search visits one list of so many
_K_FACTOR = 8                                        # Refine compares so many times the asked number exactly
_MIN_GPU_VECTORS = 200_000  # for fewer the start of CUDA takes longer than all searches
_MAX_GPU_K = 2048                                    # hits and lists that FAISS serves on a GPU
_MAX_BRUTE_FORCE_VECTORS = 50_000                    # that pass a filter and are all compared

Shards = Callable[[], Iterator[Float32]]             # each (n, dim), in order
Scored = list[tuple[int, float]]                     # id and cosine


def choose_index_factory(num: int, dim: int, requested: str | None = None) -> str:
    """Return the FAISS string for `num` vectors: by the rule, or `requested` with its x and y filled in."""
    name = requested or next((kind for most, kind in _BY_SIZE if num < most), _LARGEST)
    lists = 2 ** round(math.log2(4 * math.sqrt(num)))
    while lists > 1 and lists * _MIN_POINTS_PER_CENTROID > num:
        lists //= 2
    parts = next(y for y in range(max(1, dim // 2), 0, -1) if dim % y == 0)
    return name.replace("IVFx", f"IVF{lists}").replace("PQyx4", f"PQ{parts}x4")


def default_search_parameters(index_factory: str) -> dict[str, int]:
    """Return what an index of that kind is searched with, by the names of FAISS."""
    found = {}
    if lists := re.search(r"IVF(\d+)", index_factory):
        found["nprobe"] = max(1, int(lists[1]) // _LISTS_PER_PROBE)
    if "HNSW" in index_factory:
        found["efSearch"] = _EF_SEARCH
    if "Refine" in index_factory or "RFlat" in index_factory:
        found["k_factor"] = _K_FACTOR
    return found


def create_index(index_factory: str, dim: int) -> Any:
    """Return an empty FAISS index, by inner product. Raises UsageError when FAISS has no such kind."""
    import faiss

    try:
        return faiss.index_factory(dim, index_factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UsageError(
            f"FAISS makes no index of the kind {index_factory!r} for vectors of {dim} numbers",
            hint="leave it out, or take Flat, HNSW32, 'IVFx,SQ8' or 'IVFx,PQyx4fsr,Refine(SQ8)'") from error


def build_faiss_index(index_factory: str, dim: int, num: int, shards: Shards) -> Any:
    """Return the FAISS index of all vectors, built by one CPU thread: the same vectors give the same bytes.

    Raises UsageError when there are too few vectors for the kind.
    """
    import faiss

    index = create_index(index_factory, dim)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        if not index.is_trained:
            lists = int((re.search(r"IVF(\d+)", index_factory) or [0, 0])[1])
            if lists:
                clustering = faiss.extract_index_ivf(index).cp
                clustering.niter, clustering.min_points_per_centroid = _KMEANS_ITERATIONS, 1
                clustering.max_points_per_centroid = _MAX_POINTS_PER_CENTROID
            index.train(
                _evenly_spaced(shards, num, max(_MIN_TRAINING_VECTORS, lists * _MAX_POINTS_PER_CENTROID)))
        for shard in shards():
            index.add(shard)
    except RuntimeError as error:
        raise UsageError(f"{num} clips are too few for an index of the kind {index_factory!r}",
                         hint="leave the kind out: it is chosen by size") from error
    finally:
        faiss.omp_set_num_threads(threads)
    return index


class FaissVectors:
    """The vectors of an index folder.

    Its files stay open, and so what they are, also when others take their names.

    Args:
        folder: the index.
        index_factory: its kind, as FAISS calls it.
        num: of vectors.
        dim: of a vector.
        search_parameters: see `default_search_parameters`.

    Raises OSError.
    """

    def __init__(
        self, folder: Path, index_factory: str, num: int, dim: int, search_parameters: dict[str, int]
    ) -> None:
        self.folder, self.index_factory, self.num, self.dim = folder, index_factory, num, dim
        self.search_parameters = search_parameters
        self._file = (folder / VECTORS).open("rb")
        # A Flat index has the embeddings in it.
        count = 0 if index_factory == FLAT else -(-num // ROWS_PER_SHARD)
        self._files = [(folder / EMBEDDINGS / f"{number:05d}.npy").open("rb") for number in range(count)]
        self._mapped_shards: dict[int, Float32] = {}

    def search(
        self, vector: Float32, k: int, allowed_ids: np.ndarray | None = None, *, exact: bool = False
    ) -> Scored:
        """Return ids and cosines of the k nearest vectors, or of about those.

        Args:
            vector: (dim,), of length 1.
            k: how many; fewer are returned where there are fewer.
            allowed_ids: (n,) int64, rising, of which they are to be; None: all.
            exact: compare all vectors, whatever kind the index is.
        """
        k = min(k, self.num if allowed_ids is None else len(allowed_ids))
        if self.index_factory == FLAT:
            return self._search_faiss(vector, k, allowed_ids)
        if exact or (allowed_ids is not None and len(allowed_ids) <= _MAX_BRUTE_FORCE_VECTORS):
            return self._search_brute_force(vector, k, allowed_ids)
        ids = [i for i, _ in self._search_faiss(vector, k, allowed_ids) if i >= 0]
        return list(zip(ids, (self.reconstruct_batch(ids) @ vector).tolist(), strict=True))

    def reconstruct_batch(self, ids: Iterable[int]) -> Float32:
        """Return (n, dim) vectors as they were embedded."""
        if self.index_factory == FLAT:
            vectors: Float32 = self._index.reconstruct_batch(np.fromiter(ids, np.int64))
            return vectors
        found = [self._shard(i // ROWS_PER_SHARD)[i % ROWS_PER_SHARD] for i in ids]
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)

    def _search_faiss(self, vector: Float32, k: int, allowed_ids: np.ndarray | None) -> Scored:
        import faiss

        index, selector = self._index, None
        if allowed_ids is not None:
            bits = np.zeros(self.num, bool)
            bits[allowed_ids] = True
            packed = np.packbits(bits, bitorder="little")
            selector = faiss.IDSelectorBitmap(packed)                   # type: ignore[call-arg, arg-type]
        elif self._gpu_index is not None and max(k, self.search_parameters.get("nprobe", 1)) <= _MAX_GPU_K:
            index = self._gpu_index
        # On the GPU FAISS takes parameters of its own for IVF alone, whose name and fields are those of the
        # CPU.
        wanted = self.search_parameters or selector
        parameters = _faiss_parameters(self._index, self.search_parameters, selector) if wanted else None
        scores, ids = index.search(vector[None], k, params=parameters)
        return list(zip(ids[0].tolist(), scores[0].tolist(), strict=True))

    def _search_brute_force(self, vector: Float32, k: int, allowed_ids: np.ndarray | None) -> Scored:
        best_ids, best = np.zeros(0, np.int64), np.zeros(0, np.float32)
        for number in range(len(self._files)):
            first = number * ROWS_PER_SHARD
            shard = self._shard(number)
            here = np.arange(first, first + len(shard), dtype=np.int64)
            if allowed_ids is not None:
                begin, end = np.searchsorted(allowed_ids, (first, first + len(shard)))
                here = allowed_ids[begin:end]
                shard = shard[here - first]
            ids, scores = np.concatenate([best_ids, here]), np.concatenate([best, shard @ vector])
            kept = np.lexsort((ids, -scores))[:k]
            best_ids, best = ids[kept], scores[kept]
        return list(zip(best_ids.tolist(), best.tolist(), strict=True))

    def _shard(self, number: int) -> Float32:
        if number not in self._mapped_shards:
            with self._files[number] as file:        # the map keeps it open
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                self._mapped_shards[number] = np.asarray(np.memmap(file, dtype, "r", file.tell(), shape))
        return self._mapped_shards[number]

    @cached_property
    def _gpu_index(self) -> Any:
        return copy_to_gpu(self._index)

    @cached_property
    def _index(self) -> Any:
        import faiss

        try:
            self._file.seek(0)
            reader = faiss.PyCallbackIOReader(self._file.read)          # type: ignore[attr-defined]
            index = faiss.read_index(reader)
        except RuntimeError as error:
            raise IndexFolderError(f"{self.folder / VECTORS} cannot be read by FAISS",
                                   hint="make it again with `storyanim index`") from error
        if (index.ntotal, index.d) != (self.num, self.dim):
            raise IndexFolderError(f"{self.folder / VECTORS} holds other vectors than index.json says",
                                   hint="make it again with `storyanim index`")
        return index


def copy_to_gpu(index: Any) -> Any:
    """Return the index on the first GPU; None where there is none, or the size or kind does not suit one."""
    import faiss

    kinds = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer)
    count = getattr(faiss, "get_num_gpus", int)      # faiss-cpu has no such function
    if not count() or index.ntotal < _MIN_GPU_VECTORS or not isinstance(faiss.downcast_index(index), kinds):
        return None
    try:
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    except RuntimeError:                             # its memory is taken
        return None


def _faiss_parameters(index: Any, search_parameters: dict[str, int], selector: Any = None) -> Any:
    """Return FAISS's object of the search parameters and the ids allowed, for an index of any kind."""
    import faiss

    make: Any = faiss                                # its types lack what its Python layer adds
    index = faiss.downcast_index(index)
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexPreTransform):
        inner = _faiss_parameters(index.index, search_parameters, selector)
        return make.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexRefine):
        base = _faiss_parameters(index.base_index, search_parameters, selector)
        return make.IndexRefineSearchParameters(k_factor=float(search_parameters.get("k_factor", 1)),
                                                base_index_params=base)
    if isinstance(index, faiss.IndexIVF):
        return make.SearchParametersIVF(nprobe=search_parameters.get("nprobe", 1), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        return make.SearchParametersHNSW(efSearch=search_parameters.get("efSearch", 16), **chosen)
    return faiss.SearchParameters(**chosen)


def _evenly_spaced(shards: Shards, num: int, most: int) -> Float32:
    """Return at most so many of all vectors."""
    wanted = np.arange(min(num, most), dtype=np.int64) * num // min(num, most)
    parts, first = [], 0
    for shard in shards():
        here = wanted[(wanted >= first) & (wanted < first + len(shard))] - first
        parts.append(np.asarray(shard[here]))
        first += len(shard)
    return np.concatenate(parts)
