"""Which kind of FAISS index so many vectors get, how it is made and searched. The rule; `retrieve.index_factory` overrides it:

    clips                 kind                            per vector of dim d         searched with
    fewer than 50 000     Flat                            4 d bytes                   nothing: it is exact
    fewer than 200 000    HNSW32                          4 d + about 270 bytes       efSearch
    fewer than 1 million  IVFx,SQ8                        d + 8 bytes                 nprobe
    from there on         IVFx,PQyx4fsr,Refine(SQ8)       d + y / 2 + 8 bytes         nprobe, k_factor

x is the power of two nearest to 4 sqrt(clips), as far as there are 39 clips for each; y is the largest divisor of d that is no
more than d / 2. What was taken stands in `index.json`. docs/results/search.md has the measurements behind the numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from storyanim.artifacts import Float32
from storyanim.errors import UsageError

RULE = ((50_000, "Flat"), (200_000, "HNSW32"), (1_000_000, "IVFx,SQ8"))          # fewer clips than → kind
LARGEST = "IVFx,PQyx4fsr,Refine(SQ8)"
FLAT = "Flat"
_TRAINED_A_LIST = 64                                 # vectors, of which the centre of a list is learned
_FEWEST_A_LIST = 39                                  # FAISS warns below
_TRAINED_AT_LEAST = 16384                            # vectors, for what else is learned (ranges, sub-quantizers)
_ROUNDS = 10                                         # of k-means
_EF_SEARCH = 512
_LISTS_A_PROBE = 12                                  # a search looks into one of so many lists
_K_FACTOR = 8                                        # times the asked number are looked at again by Refine
_GPU_FROM = 200_000                                  # vectors; for fewer the start of CUDA takes longer than all searches
_GPU_MOST = 2048                                     # hits and lists that FAISS serves on a GPU

Shards = Callable[[], Iterator[Float32]]             # each (n, dim), in order


def factory_of(num: int, dim: int, wanted: str | None = None) -> str:
    """FAISS's name of the kind for `num` vectors of `dim` numbers: by the rule, or `wanted` with its x and y filled in."""
    name = wanted or next((kind for most, kind in RULE if num < most), LARGEST)
    lists = 2 ** round(math.log2(4 * math.sqrt(num)))
    while lists > 1 and lists * _FEWEST_A_LIST > num:
        lists //= 2
    parts = next(y for y in range(max(1, dim // 2), 0, -1) if dim % y == 0)
    return name.replace("IVFx", f"IVF{lists}").replace("PQyx4", f"PQ{parts}x4")


def empty(name: str, dim: int) -> Any:
    """A FAISS index of that kind, by inner product. Raises UsageError when FAISS knows no such kind, or not for `dim`."""
    import faiss

    try:
        return faiss.index_factory(dim, name, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UsageError(f"FAISS makes no index of the kind {name!r} for vectors of {dim} numbers",
                         hint="leave it out, or take Flat, HNSW32, 'IVFx,SQ8' or 'IVFx,PQyx4fsr,Refine(SQ8)'") from error


def made(name: str, dim: int, num: int, shards: Shards) -> Any:
    """The FAISS index of all vectors. On one thread of the CPU, so that the same vectors give the same bytes.

    Raises UsageError when there are too few vectors for the kind.
    """
    import faiss

    index = empty(name, dim)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        if not index.is_trained:
            lists = int((re.search(r"IVF(\d+)", name) or [0, 0])[1])
            if lists:
                learning = faiss.extract_index_ivf(index).cp
                learning.niter, learning.max_points_per_centroid, learning.min_points_per_centroid = _ROUNDS, _TRAINED_A_LIST, 1
            index.train(_some(shards, num, max(_TRAINED_AT_LEAST, lists * _TRAINED_A_LIST)))
        for shard in shards():
            index.add(shard)
    except RuntimeError as error:
        raise UsageError(f"{num} clips are too few for an index of the kind {name!r}",
                         hint="leave the kind out: it is chosen by size") from error
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def _some(shards: Shards, num: int, most: int) -> Float32:
    """At most so many vectors, evenly spread over all."""
    wanted = np.arange(min(num, most), dtype=np.int64) * num // min(num, most)
    parts, first = [], 0
    for shard in shards():
        here = wanted[(wanted >= first) & (wanted < first + len(shard))] - first
        parts.append(np.asarray(shard[here]))
        first += len(shard)
    return np.concatenate(parts)


def search_of(name: str) -> dict[str, int]:
    """What an index of that kind is searched with, by the names of FAISS."""
    wanted = {}
    if lists := re.search(r"IVF(\d+)", name):
        wanted["nprobe"] = max(1, int(lists[1]) // _LISTS_A_PROBE)
    if "HNSW" in name:
        wanted["efSearch"] = _EF_SEARCH
    if "Refine" in name or "RFlat" in name:
        wanted["k_factor"] = _K_FACTOR
    return wanted


def parameters(index: Any, search: dict[str, int], selector: Any = None) -> Any:
    """FAISS's form of `search`, and of which vectors are looked at, for an index of whatever kind."""
    import faiss

    make: Any = faiss                                # its types lack what its Python layer adds
    index = faiss.downcast_index(index)
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexPreTransform):
        return make.SearchParametersPreTransform(index_params=parameters(index.index, search, selector))
    if isinstance(index, faiss.IndexRefine):
        return make.IndexRefineSearchParameters(k_factor=float(search.get("k_factor", 1)),
                                                base_index_params=parameters(index.base_index, search, selector))
    if isinstance(index, faiss.IndexIVF):
        return make.SearchParametersIVF(nprobe=search.get("nprobe", 1), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        return make.SearchParametersHNSW(efSearch=search.get("efSearch", 16), **chosen)
    return faiss.SearchParameters(**chosen)


def on_gpu(index: Any) -> Any:
    """The index on the first GPU; None where FAISS has none, or where it is too small, too large, or of no kind for one."""
    import faiss

    kinds = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer)
    count = getattr(faiss, "get_num_gpus", int)      # faiss-cpu has no such function
    if not count() or index.ntotal < _GPU_FROM or not isinstance(faiss.downcast_index(index), kinds):
        return None
    try:
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    except RuntimeError:                             # its memory is taken
        return None


def fits_gpu(depth: int, search: dict[str, int]) -> bool:
    """Whether FAISS's GPU part serves so many hits of so many lists."""
    return max(depth, search.get("nprobe", 1)) <= _GPU_MOST
