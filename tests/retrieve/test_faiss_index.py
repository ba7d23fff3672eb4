"""Which kind of FAISS index how many vectors get, and what each kind finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from coloured import ColourEncoder
from near_reader import NearReader
from tolerance import SCORE, assert_ranking

from storyanim.errors import IndexFolderError, UsageError
from storyanim.retrieve import build, faiss_index, index_writer
from storyanim.retrieve.build import build_index
from storyanim.retrieve.faiss_index import EMBEDDINGS, ROWS_PER_SHARD, VECTORS, FaissVectors
from storyanim.retrieve.index import VideoIndex

NUM, DIM = 6000, 16                                  # two shards
KINDS = ["Flat", "HNSW32", "IVFx,SQ8", "IVFx,PQyx4fsr,Refine(SQ8)", "PCA8,IVF16,SQ8"]


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    """(NUM, DIM) in clusters."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, DIM))[rng.integers(40, size=NUM)] + 0.3 * rng.standard_normal((NUM, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def shards_of(cloud: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (cloud[first:first + ROWS_PER_SHARD] for first in range(0, len(cloud), ROWS_PER_SHARD))


@pytest.fixture(scope="module")
def stores(cloud: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FaissVectors]:
    """One of each kind."""
    found = {}
    for wanted in KINDS:
        folder, kind = tmp_path_factory.mktemp("store"), faiss_index.choose_index_factory(NUM, DIM, wanted)
        (folder / EMBEDDINGS).mkdir()
        for number, shard in enumerate(shards_of(cloud)()):
            np.save(folder / EMBEDDINGS / f"{number:05d}.npy", shard)
        faiss.write_index(faiss_index.build_faiss_index(kind, DIM, NUM, shards_of(cloud)), str(folder / VECTORS))
        found[wanted] = FaissVectors(folder, kind, NUM, DIM, faiss_index.default_search_parameters(kind))
    return found


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, stores: dict[str, FaissVectors]) -> FaissVectors:
    return stores[request.param]


class TestRule:
    @pytest.mark.parametrize(("num", "kind"), [
        (1, "Flat"), (49_999, "Flat"), (50_000, "HNSW32"), (199_999, "HNSW32"), (200_000, "IVF2048,SQ8"),
        (999_999, "IVF4096,SQ8"), (1_000_000, "IVF4096,PQ64x4fsr,Refine(SQ8)"), (10_000_000, "IVF16384,PQ64x4fsr,Refine(SQ8)"),
    ])
    def test_by_size(self, num: int, kind: str) -> None:
        assert faiss_index.choose_index_factory(num, 128) == kind

    def test_overridden_and_filled_in(self) -> None:
        assert faiss_index.choose_index_factory(10**6, 128, "Flat") == "Flat"
        assert faiss_index.choose_index_factory(100, 128, "IVFx,SQ8") == "IVF2,SQ8"          # 39 clips for each list
        assert faiss_index.choose_index_factory(10, 128, "IVFx,SQ8") == "IVF1,SQ8"
        assert faiss_index.choose_index_factory(10**6, 15, faiss_index._LARGEST) == "IVF4096,PQ5x4fsr,Refine(SQ8)"

    def test_what_it_is_searched_with(self) -> None:
        assert faiss_index.default_search_parameters("Flat") == {}
        assert set(faiss_index.default_search_parameters("HNSW32")) == {"efSearch"}
        assert faiss_index.default_search_parameters("IVF4096,SQ8") == {"nprobe": 341}
        assert set(faiss_index.default_search_parameters("IVF4096,PQ64x4fsr,Refine(SQ8)")) == {"nprobe", "k_factor"}

    @pytest.mark.parametrize("kind", ["nonsense", "IVF,SQ8", "PQ7x4fsr", "", "Flat,Flat"])
    def test_kinds_that_faiss_does_not_know(self, kind: str) -> None:
        with pytest.raises(UsageError) as caught:
            faiss_index.create_index(kind, DIM)
        assert "HNSW32" in caught.value.hint

    def test_too_few_for_a_kind(self, cloud: np.ndarray) -> None:
        with pytest.raises(UsageError, match="too few"):
            faiss_index.build_faiss_index("IVF64,SQ8", DIM, 10, lambda: iter([cloud[:10]]))

    @pytest.mark.parametrize("wanted", KINDS)
    def test_the_same_vectors_give_the_same_bytes(self, cloud: np.ndarray, wanted: str) -> None:
        kind, few = faiss_index.choose_index_factory(NUM, DIM, wanted), shards_of(cloud)
        one, other = (faiss.serialize_index(faiss_index.build_faiss_index(kind, DIM, NUM, few)) for _ in range(2))
        assert np.array_equal(one, other)

    def test_the_threads_of_others_stay_theirs(self, cloud: np.ndarray) -> None:
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(2)
        try:
            faiss_index.build_faiss_index("Flat", DIM, NUM, shards_of(cloud))
            assert faiss.omp_get_max_threads() == 2
        finally:
            faiss.omp_set_num_threads(before)


class TestNearest:
    def truth(self, cloud: np.ndarray, query: np.ndarray, allowed: np.ndarray) -> list[int]:
        return allowed[np.argsort(-(cloud[allowed] @ query), kind="stable")].tolist()

    def test_most_are_found_and_scores_are_exact(self, store: FaissVectors, cloud: np.ndarray) -> None:
        right = 0
        for query in cloud[::500]:
            found = store.search(query, 50)
            assert len(found) == 50
            assert [score for _, score in found] == pytest.approx([float(cloud[i] @ query) for i, _ in found], abs=1e-5)
            best = sorted(found, key=lambda pair: -pair[1])[:10]
            right += len({i for i, _ in best} & set(self.truth(cloud, query, np.arange(NUM))[:10]))
        assert right >= (55 if store.index_factory.startswith("PCA") else 108)          # of 120; PCA: one list and half of the dimensions

    def test_exact_is_the_truth(self, store: FaissVectors, cloud: np.ndarray) -> None:
        for query in cloud[::700]:
            assert_ranking([i for i, _ in store.search(query, 20, exact=True)], cloud @ query, np.arange(NUM), 20)

    @pytest.mark.parametrize("few", [NUM, 0], ids=["looked at", "by FAISS"])
    @pytest.mark.parametrize("part", [2, 700])
    def test_only_what_is_allowed(
        self, store: FaissVectors, cloud: np.ndarray, monkeypatch: pytest.MonkeyPatch, few: int, part: int
    ) -> None:
        monkeypatch.setattr("storyanim.retrieve.faiss_index._MAX_BRUTE_FORCE_VECTORS", few)
        allowed = np.arange(3, NUM, part, dtype=np.int64)
        found = [i for i, _ in store.search(cloud[5], 20, allowed)]
        assert found or (part == 700 and not few)    # the lists that are looked into may hold none of so few
        assert set(found) <= set(allowed.tolist())
        if few:
            assert_ranking(found, cloud @ cloud[5], allowed, 20)

    def test_more_than_there_are(self, stores: dict[str, FaissVectors], cloud: np.ndarray) -> None:
        allowed = np.array([7, 4099], np.int64)
        assert all({i for i, _ in store.search(cloud[0], 20, allowed)} == {7, 4099} for store in stores.values())
        assert len(stores["HNSW32"].search(cloud[0], 10**6, exact=True)) == NUM

    def test_rows(self, store: FaissVectors, cloud: np.ndarray) -> None:
        assert np.array_equal(store.reconstruct_batch([4096, 0, 4095]), cloud[[4096, 0, 4095]])
        assert store.reconstruct_batch([]).shape == (0, DIM)

    def test_other_vectors_than_are_told_of(self, stores: dict[str, FaissVectors], cloud: np.ndarray) -> None:
        wrong = FaissVectors(stores["Flat"].folder, "Flat", NUM + 1, DIM, {})
        with pytest.raises(IndexFolderError, match="other vectors"):
            wrong.search(cloud[0], 5)


class TestGpu:
    """What FAISS is asked for when it has a GPU; none is here."""

    @pytest.fixture
    def moved(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        moved: list[str] = []

        def to_gpu(resources: object, device: int, index: Any) -> Any:
            moved.append(type(index).__name__)
            return index

        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
        monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu", to_gpu, raising=False)
        monkeypatch.setattr(faiss_index, "_MIN_GPU_VECTORS", NUM)
        return moved

    def fresh(self, store: FaissVectors) -> FaissVectors:
        return FaissVectors(store.folder, store.index_factory, store.num, store.dim, store.search_parameters)

    def test_kinds_that_it_can_hold(self, store: FaissVectors, moved: list[str], cloud: np.ndarray) -> None:
        expected = store.search(cloud[0], 20)        # which is moved, too, where no test has searched it before
        moved.clear()
        fresh = self.fresh(store)
        assert fresh.search(cloud[0], 20) == expected
        fresh.search(cloud[1], 20)
        assert moved == {"Flat": ["IndexFlatIP"], "IVF128,SQ8": ["IndexIVFScalarQuantizer"]}.get(store.index_factory, [])

    def test_small_ones_stay(self, stores: dict[str, FaissVectors], moved: list[str], monkeypatch: pytest.MonkeyPatch,
                             cloud: np.ndarray) -> None:
        monkeypatch.setattr(faiss_index, "_MIN_GPU_VECTORS", NUM + 1)
        self.fresh(stores["Flat"]).search(cloud[0], 20)
        assert moved == []

    def test_without_one(self, stores: dict[str, FaissVectors], moved: list[str], monkeypatch: pytest.MonkeyPatch,
                         cloud: np.ndarray) -> None:
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0, raising=False)
        self.fresh(stores["Flat"]).search(cloud[0], 20)
        monkeypatch.delattr(faiss, "get_num_gpus")
        self.fresh(stores["Flat"]).search(cloud[0], 20)
        assert moved == []

    def test_a_full_one(self, stores: dict[str, FaissVectors], moved: list[str], monkeypatch: pytest.MonkeyPatch,
                        cloud: np.ndarray) -> None:
        def full(*ignored: object) -> None:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(faiss, "index_cpu_to_gpu", full, raising=False)
        assert self.fresh(stores["Flat"]).search(cloud[0], 20) == stores["Flat"].search(cloud[0], 20)


class TestFolder:
    @pytest.fixture(autouse=True)
    def _near(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(build, "WindowReader", NearReader)

    def test_the_kind_is_kept_and_told(self, videos: Path, index_folder: Path, tmp_path: Path) -> None:
        info = build_index([videos], tmp_path / "index", ColourEncoder(), index_factory="HNSW32")
        assert (info.index_factory, info.requested_index_factory, info.search_parameters) == ("HNSW32", "HNSW32", {"efSearch": 512})
        index, flat = VideoIndex(tmp_path / "index"), VideoIndex(index_folder)
        for query in ("red", "a green frog", "blue"):
            found, wanted = (each.search(query, ColourEncoder(), 6) for each in (index, flat))
            assert [match.clip_id for match in found] == [match.clip_id for match in wanted]
            assert [match.score for match in found] == pytest.approx([match.score for match in wanted], abs=SCORE)
        name = flat.search("blue", ColourEncoder(), 1)[0].clip_id
        assert index.find(name, "red", ColourEncoder()) == flat.find(name, "red", ColourEncoder())

    def test_adding_keeps_a_kind_that_was_given(self, videos: Path, tmp_path: Path) -> None:
        build_index([videos / "more"], tmp_path / "index", ColourEncoder(), index_factory="IVFx,SQ8")
        info = build_index([videos], tmp_path / "index", ColourEncoder(), append=True)
        assert (info.index_factory, info.requested_index_factory) == ("IVF1,SQ8", "IVFx,SQ8")
        anew = build_index([videos / "more", videos], tmp_path / "anew", ColourEncoder(), index_factory="IVFx,SQ8")
        assert anew == info
        assert build_index([videos], tmp_path / "index", ColourEncoder(), append=True, index_factory="Flat").index_factory == "Flat"

    def test_adding_to_one_beyond_the_rule(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(faiss_index, "_BY_SIZE", ((3, "Flat"), (100, "HNSW32")))
        assert build_index([videos / "more"], tmp_path / "index", ColourEncoder()).index_factory == "Flat"
        assert build_index([videos], tmp_path / "index", ColourEncoder(), append=True).index_factory == "HNSW32"

    def test_a_wrong_kind_is_told_before_any_work(self, videos: Path, tmp_path: Path) -> None:
        encoder = ColourEncoder()
        with pytest.raises(UsageError, match="nonsense"):
            build_index([videos], tmp_path / "index", encoder, index_factory="nonsense")
        with pytest.raises(UsageError, match="too few"):
            build_index([videos / "more"], tmp_path / "index", encoder, index_factory="IVF64,SQ8")
        assert not (tmp_path / "index").exists()

    def test_settings_of_a_search(self, videos: Path, tmp_path: Path) -> None:
        build_index([videos], tmp_path / "index", ColourEncoder(), index_factory="HNSW32")
        plain = VideoIndex(tmp_path / "index")
        wider = VideoIndex(tmp_path / "index", search_parameters={"efSearch": 9})
        assert wider._faiss_vectors.search_parameters == {"efSearch": 9}
        assert len({plain.fingerprint, wider.fingerprint, VideoIndex(tmp_path / "index", exact=True).fingerprint}) == 3
        with pytest.raises(UsageError, match="nprobe") as caught:
            VideoIndex(tmp_path / "index", search_parameters={"nprobe": 9})
        assert "efSearch" in caught.value.hint

    def test_exact(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        build_index([videos], tmp_path / "index", ColourEncoder(), index_factory="HNSW32")
        monkeypatch.setattr(FaissVectors, "_search_faiss", None)
        assert len(VideoIndex(tmp_path / "index", exact=True).search("red", ColourEncoder(), 6)) == 6

    @pytest.mark.parametrize("kind", ["Flat", "HNSW32"])
    def test_it_stays_what_it_was_when_opened(self, videos: Path, tmp_path: Path, kind: str) -> None:
        build_index([videos], tmp_path / "index", ColourEncoder(), index_factory=kind)
        index = VideoIndex(tmp_path / "index")
        before = VideoIndex(tmp_path / "index").search("red", ColourEncoder(), 6)
        shutil.rmtree(tmp_path / "index")
        build_index([videos / "more"], tmp_path / "index", ColourEncoder())
        assert index.search("red", ColourEncoder(), 6) == before

    def test_damage_is_found_before_faiss_reads(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        build_index([videos], tmp_path / "index", ColourEncoder(), index_factory="HNSW32")
        monkeypatch.setattr(faiss, "read_index", lambda *ignored: pytest.fail("FAISS read it"))
        (tmp_path / "index" / VECTORS).write_bytes(b"x")
        with pytest.raises(IndexFolderError, match=r"damaged: vectors\.faiss"):
            VideoIndex(tmp_path / "index").search("red", ColourEncoder(), 1)

    def test_an_index_made_before_there_was_a_rule(self, index_folder: Path, tmp_path: Path) -> None:
        old = shutil.copytree(index_folder, tmp_path / "old")
        info = json.loads((old / "index.json").read_text())
        del info["search_parameters"], info["requested_index_factory"]
        (old / "index.json").write_text(json.dumps(info))
        assert VideoIndex(old).fingerprint == VideoIndex(index_folder).fingerprint
        assert [match.clip_id for match in VideoIndex(old).search("red", ColourEncoder(), 6)] \
            == [match.clip_id for match in VideoIndex(index_folder).search("red", ColourEncoder(), 6)]

    def test_small_shards(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index_writer, "ROWS_PER_SHARD", 2)
        monkeypatch.setattr(faiss_index, "ROWS_PER_SHARD", 2)
        build_index([videos], tmp_path / "index", ColourEncoder(), index_factory="HNSW32")
        index = VideoIndex(tmp_path / "index", exact=True)
        assert [match.score for match in index.search("red", ColourEncoder(), 6)] == pytest.approx(
            [match.score for match in VideoIndex(tmp_path / "index").search("red", ColourEncoder(), 6)])
