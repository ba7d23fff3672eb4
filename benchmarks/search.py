"""How well and how fast indexes of each size find what Flat finds, asked by text-shifted queries.

    python benchmarks/search.py [--sizes 10000 100000] [--kinds auto HNSW32] [--dim 128] [--json FILE]

Text queries lie outside of the distribution of video vectors, and recall on queries from inside flatters:
both are shown. The vectors are made, all of length 1 (N(λ) is normal with variances λ_i over the dimensions
that sum up to 1):

    video   unit(m + c + 0.5 e)     m of length 0.7, the same for all; c ~ N(∝ 1/i), one of num / 100
    clusters, of sizes
                                    that fall as 1/rank^0.5; e ~ N(∝ 1/√i)
    text    unit(v - m + t + f)     v a video that is not in the index; t of length 1, orthogonal to m, the
    same for all
                                    (the gap between the modalities); f ~ N(even), whose length is that of t
    inside  v

Each query is asked of Flat and of the other index in turn, one at a time, on one thread, as `storyanim
search` does: the 100 nearest, ranked by their exact cosines. Recall is the part of Flat's first ten among the
first ten. Milliseconds and the speedup are of the thread's CPU time, which other work on the machine disturbs
less than the clock; the clock's speedup stands beside. No GPU is used. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from storyanim.retrieve import faiss_index
from storyanim.retrieve.faiss_index import EMBEDDINGS, ROWS_PER_SHARD, VECTORS, FaissVectors

DEPTH, K = 100, 10
COLUMNS = {"vectors": "d", "kind": "s", "recall": ".3f", "recall_inside": ".3f", "ms": ".2f",
           "flat_ms": ".2f", "speedup": ".1f",
           "clock_speedup": ".1f", "megabytes": ".1f", "bytes_of_flat": ".3f", "build_s": ".0f"}


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    vectors: int
    dim: int
    kind: str
    search: dict[str, int]
    recall: float                                    # at 10, of text-shifted queries
    recall_inside: float                             # at 10, of queries from the distribution of the videos
    ms: float                                        # CPU time, median of the text-shifted queries
    flat_ms: float
    # median over the queries of Flat's CPU time by this one's
    speedup: float
    clock_speedup: float                             # the same by the clock
    megabytes: float                                 # of vectors.faiss
    bytes_of_flat: float
    build_s: float
    queries: int
    text_cosine: float                               # mean of a text query and its nearest video


class World:
    """The distribution that videos and queries are drawn of."""

    def __init__(self, num: int, dim: int, seed: int) -> None:
        self.rng, self.dim = np.random.default_rng(seed), dim
        self.mean, self.gap = self._normal(2, 0.0)
        self.gap -= self.mean * (self.gap @ self.mean) / (self.mean @ self.mean)
        self.mean *= 0.7 / np.linalg.norm(self.mean)
        self.gap /= np.linalg.norm(self.gap)
        count = max(16, num // 100)
        self.clusters = self._normal(count, 1.0)
        sizes = np.arange(1, count + 1) ** -0.5
        self.sizes = sizes / sizes.sum()

    def videos(self, num: int) -> np.ndarray:
        """Return (num, dim) float32."""
        which = self.rng.choice(len(self.clusters), num, p=self.sizes)
        return unit(self.mean + self.clusters[which] + 0.5 * self._normal(num, 0.5))

    def texts(self, num: int) -> np.ndarray:
        """Return (num, dim) float32."""
        return unit(self.videos(num) - self.mean + self.gap + self._normal(num, 0.0))

    def _normal(self, num: int, power: float) -> np.ndarray:
        spectrum = np.arange(1, self.dim + 1, dtype=np.float32) ** -power
        deviations = np.sqrt(spectrum / spectrum.sum())
        return self.rng.standard_normal((num, self.dim), np.float32) * deviations


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return rows of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(folder: Path, kind: str, dim: int, num: int) -> float:
    """Make vectors.faiss of the shards in `folder`. Returns the seconds."""
    def shards() -> Iterator[np.ndarray]:
        for path in sorted((folder / EMBEDDINGS).glob("*.npy")):
            yield np.load(path)

    started = time.monotonic()
    faiss.write_index(faiss_index.build_faiss_index(kind, dim, num, shards), str(folder / VECTORS))
    return time.monotonic() - started


def opened(folder: Path, kind: str, num: int, dim: int, search: dict[str, int]) -> FaissVectors:
    """Return the index in `folder`, read."""
    vectors = FaissVectors(folder, kind, num, dim, search)
    vectors.search(np.eye(1, dim, dtype=np.float32)[0], DEPTH)
    return vectors


def asked(vectors: FaissVectors, query: np.ndarray) -> tuple[float, float, list[tuple[int, float]]]:
    """Return seconds of CPU and by the clock, and the best ten."""
    started, started_cpu = time.perf_counter(), time.thread_time()
    found = vectors.search(query, DEPTH)
    cpu_s, clock_s = time.thread_time() - started_cpu, time.perf_counter() - started
    return cpu_s, clock_s, sorted(found, key=lambda pair: -pair[1])[:K]


def compared(flat: FaissVectors, other: FaissVectors, queries: np.ndarray) -> np.ndarray:
    """Of each query: Flat's seconds and the other's, by CPU, the same by the clock.

    Recall, cosine of the nearest; (6, n).
    """
    rows = []
    for query in queries:
        flat_cpu, flat_clock, truth = asked(flat, query)
        other_cpu, other_clock, found = asked(other, query)
        recall = len({i for i, _ in truth} & {i for i, _ in found}) / K
        rows.append((flat_cpu, other_cpu, flat_clock, other_clock, recall, truth[0][1]))
    return np.array(rows).T


def measure(num: int, dim: int, kinds: list[str], queries: int, search: dict[str, int],
            seed: int) -> Iterator[Measured]:
    """Yield rows for one size."""
    world = World(num, dim, seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / EMBEDDINGS).mkdir()
        for number, first in enumerate(range(0, num, ROWS_PER_SHARD)):
            np.save(folder / EMBEDDINGS / f"{number:05d}.npy", world.videos(min(ROWS_PER_SHARD, num - first)))
        texts, inside = world.texts(queries), world.videos(queries)
        write(folder, faiss_index.FLAT, dim, num)
        flat, flat_bytes = opened(folder, faiss_index.FLAT, num, dim, {}), (folder / VECTORS).stat().st_size
        for wanted in kinds:
            kind = faiss_index.choose_index_factory(num, dim, None if wanted == "auto" else wanted)
            (folder / VECTORS).unlink()              # Flat is read already
            build_s = write(folder, kind, dim, num)
            chosen = faiss_index.default_search_parameters(kind)
            chosen |= {key: value for key, value in search.items() if key in chosen}
            other, size = opened(folder, kind, num, dim, chosen), (folder / VECTORS).stat().st_size
            flat_s, other_s, flat_clock, other_clock, recall, cosine = compared(flat, other, texts)
            inside_recall = compared(flat, other, inside)[4]
            figures = (np.mean(recall), np.mean(inside_recall), 1000 * np.median(other_s),
                       1000 * np.median(flat_s),
                       np.median(flat_s / other_s), np.median(flat_clock / other_clock), size / 1e6,
                       size / flat_bytes, build_s)
            yield Measured(num, dim, kind, chosen, *map(float, figures), queries=queries,
                           text_cosine=float(np.mean(cosine)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=["auto"],
                        help="by the rule of faiss_index.py, or FAISS's names")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--search", nargs="*", default=[], metavar="NAME=NUMBER",
                        help="instead of what the rule says")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write all that was measured")
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    faiss_index.copy_to_gpu = lambda index: None
    search = {name: int(value) for name, value in (pair.split("=") for pair in given.search)}
    rows: list[Measured] = []
    print("  ".join(f"{name:>28s}" if name == "kind" else f"{name:>13s}" for name in COLUMNS))
    for num in given.sizes:
        for row in measure(num, given.dim, given.kinds, given.queries, search, given.seed):
            rows.append(row)
            print(shown(row), flush=True)
    if given.json:
        facts: dict[str, Any] = {"faiss": faiss.__version__, "threads": 1, "depth": DEPTH, "k": K,
                                 "seed": given.seed}
        given.json.write_text(json.dumps(facts | {"rows": [asdict(row) for row in rows]}, indent=1) + "\n")


def shown(row: Measured) -> str:
    """Return a line of the table."""
    cells = []
    for name, form in COLUMNS.items():
        cells.append(f"{getattr(row, name):>{28 if name == 'kind' else 13}{form}}")
    return "  ".join(cells)


if __name__ == "__main__":
    main()
