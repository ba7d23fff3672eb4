"""One suite for both stores of vectors: FAISS in the index folder, and LanceDB."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from coloured import ColourEncoder
from tolerance import SCORE, assert_ranking

from storyanim.errors import IndexFolderError, UsageError
from storyanim.retrieve import faiss_index, lancedb_vectors
from storyanim.retrieve.faiss_index import EMBEDDINGS, VECTORS, FaissVectors
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.lancedb_vectors import LanceDBVectors, export_to_lancedb

NUM, DIM = 5000, 16                                  # two shards


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, DIM))[rng.integers(30, size=NUM)] + 0.4 * rng.standard_normal((NUM, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=["faiss", "lance", "lance with an index"])
def store(request: pytest.FixtureRequest, cloud: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> FaissVectors | LanceDBVectors:
    import faiss

    from storyanim import hub

    folder = tmp_path_factory.mktemp("index")
    (folder / EMBEDDINGS).mkdir()
    for number, first in enumerate(range(0, NUM, 4096)):
        np.save(folder / EMBEDDINGS / f"{number:05d}.npy", cloud[first:first + 4096])
    flat = faiss.IndexFlatIP(DIM)
    flat.add(cloud)
    faiss.write_index(flat, str(folder / VECTORS))
    if request.param == "faiss":
        return FaissVectors(folder, faiss_index.FLAT, NUM, DIM, {})
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(lancedb_vectors, "_MIN_INDEXED_VECTORS", NUM if request.param == "lance with an index" else NUM + 1)
    export_to_lancedb(folder, NUM, DIM, str(folder / "lance"))
    monkeypatch.undo()
    return LanceDBVectors(str(folder / "lance"), hub.file_sha256(folder / VECTORS))


class TestEveryStore:
    def test_rows_are_those_that_were_embedded(self, store: FaissVectors | LanceDBVectors, cloud: np.ndarray) -> None:
        ids = [4999, 0, 4096, 17, 17]
        assert np.array_equal(store.reconstruct_batch(ids), cloud[ids])
        assert store.reconstruct_batch([]).shape == (0, DIM)

    def test_exact_search_is_the_truth(self, store: FaissVectors | LanceDBVectors, cloud: np.ndarray) -> None:
        for query in cloud[::1000]:
            cosines = cloud @ query
            found = store.search(query, 20, exact=True)
            assert_ranking([i for i, _ in found], cosines, np.arange(NUM), 20)
            assert [score for _, score in found] == pytest.approx(cosines[[i for i, _ in found]].tolist(), abs=SCORE)

    def test_search_finds_most_of_it(self, store: FaissVectors | LanceDBVectors, cloud: np.ndarray) -> None:
        hits = 0
        for query in cloud[::100]:
            best = set(np.argsort(-(cloud @ query))[:10].tolist())
            hits += len(best & {i for i, _ in store.search(query, 10)})
        assert hits >= 0.9 * 10 * len(cloud[::100])

    def test_only_what_is_allowed(self, store: FaissVectors | LanceDBVectors, cloud: np.ndarray) -> None:
        allowed = np.arange(3, NUM, 7, dtype=np.int64)
        found = [i for i, _ in store.search(cloud[5], 12, allowed, exact=True)]
        assert_ranking(found, cloud @ cloud[5], allowed, 12)


def test_an_index_is_searched_there_as_here(index_folder: Path, tmp_path: Path) -> None:
    here = VideoIndex(index_folder)
    export_to_lancedb(index_folder, here.info.num_clips, here.info.dim, str(tmp_path / "lance"))
    there, encoder = VideoIndex(index_folder, lancedb_uri=str(tmp_path / "lance")), ColourEncoder()
    for query in ("a red bear", "green", "something blue jumps"):
        one, other = here.search(query, encoder, 4), there.search(query, encoder, 4)
        assert [hit.clip_id for hit in one] == [hit.clip_id for hit in other]
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-6)
    assert here.fingerprint != there.fingerprint


def test_vectors_of_another_index_are_refused(index_folder: Path, tmp_path: Path) -> None:
    info = VideoIndex(index_folder).info
    export_to_lancedb(index_folder, info.num_clips, info.dim, str(tmp_path / "lance"))
    with pytest.raises(IndexFolderError, match="another index"):
        LanceDBVectors(str(tmp_path / "lance"), "0" * 64)
    with pytest.raises(IndexFolderError, match="no vectors"):
        VideoIndex(index_folder, lancedb_uri=str(tmp_path / "nothing"))


def test_without_lancedb_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(UsageError) as caught:
        LanceDBVectors(str(tmp_path), "0")
    assert "storyanim[lance]" in caught.value.hint
