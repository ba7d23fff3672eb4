"""Ray's actors: what fails is tried again, then listed; an index that they built is that of one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured import ColourEncoder, save_video
from doubler import Start, done, shards_of

from storyanim.engine.shard_executors import LocalShardExecutor, RayShardExecutor, actors_of
from storyanim.errors import ModelError, PartialError, PlannerError, ServiceError, StoryanimError, UsageError
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex

ray: Any = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One actor of Ray's own, to which the tests' own modules are known."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False, _node_ip_address="127.0.0.1",
             object_store_memory=100 * 2**20)
    yield
    ray.shutdown()
    monkeypatch.undo()


def test_here_and_there_the_same_is_done(cluster: None, tmp_path: Path) -> None:
    told: list[int] = []
    found = RayShardExecutor().map(Start(tmp_path), shards_of(8, told))
    first = next(found)
    assert len(told) <= 3                            # no more are asked for than there is room for
    made = done(iter([first, *found]))
    assert made == done(LocalShardExecutor().map(Start(tmp_path), shards_of(8))) == {number: 2 * number for number in range(16)}
    assert len(list(tmp_path.glob("started-*"))) == 2          # one here, one there: each was started once
    assert list(tmp_path.glob("closed-*"))


def test_what_fails_is_tried_again_alone_then_listed(cluster: None, tmp_path: Path) -> None:
    made = done(RayShardExecutor(retries=1).map(Start(tmp_path), iter([[1, -2, 3], [4, -1], [5], [6]])))
    assert isinstance(made.pop(-1), Exception)
    assert "two below" in str(made.pop(-2))
    assert made == {1: 2, 3: 6, 4: 8, 5: 10, 6: 12}  # those that waited for a worker that died, too
    given = (tmp_path / "given").read_text().splitlines()
    assert given.count("[-1]") == 1                  # as often as `retries` says, and nothing beside it
    # What was asked of an actor beside [4, -1], or answered just before it died, is asked again: once, then alone.
    assert all(given.count(shard) in {1, 2} for shard in ("[1, -2, 3]", "[4, -1]", "[-2]", "[5]"))


def test_our_own_errors_end_the_whole(cluster: None, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model") as caught:
        done(RayShardExecutor().map(Start(tmp_path), iter([[1], [-3], [5]])))
    assert caught.value.hint == "find one"


def test_both_build_the_same_index(cluster: None, videos: Path, index_folder: Path, tmp_path: Path) -> None:
    build_index([videos], tmp_path / "index", ColourEncoder(), executor=RayShardExecutor())
    one, other = VideoIndex(index_folder), VideoIndex(tmp_path / "index")
    assert one.info.files == other.info.files                  # by their sha256: rows, vectors, all
    vectors = [np.load(index.folder / "embeddings/00000.npy", allow_pickle=False) for index in (one, other)]
    assert np.array_equal(*vectors)


class Unlucky(LocalShardExecutor):
    """Its worker fails at one video."""

    def map(self, start: Any, shards: Any) -> Iterator[tuple[Any, Any]]:
        for shard, pieces in super().map(start, shards):
            yield shard, RuntimeError("\n  a crash\n") if shard[0].relative_path == "green.mp4" else pieces


def test_a_video_that_no_worker_survives_is_listed(tmp_path: Path) -> None:
    for colour in ("red", "green", "blue"):
        save_video(tmp_path / f"{colour}.mp4", colour)
    with pytest.raises(PartialError) as caught:
        build_index([tmp_path], tmp_path / "index", ColourEncoder(), executor=Unlucky())
    assert caught.value.failed == {"green.mp4": "its worker failed: a crash"}
    assert VideoIndex(tmp_path / "index").info.num_videos == 2
    build_index([tmp_path], tmp_path / "index", ColourEncoder(), append=True)          # it is tried again
    assert VideoIndex(tmp_path / "index").info.num_videos == 3


@pytest.mark.parametrize(("resources", "one_a_gpu", "actors"), [
    ({"CPU": 64.0}, True, (4, 16, 0)), ({"CPU": 64.0, "GPU": 8.0}, True, (8, 8, 1)), ({"CPU": 64.0, "GPU": 2.0}, True, (2, 16, 1)),
    ({"CPU": 4.0, "GPU": 8.0}, True, (8, 1, 1)), ({"CPU": 64.0, "GPU": 2.0}, False, (4, 16, 0.5))])
def test_large_models_have_a_gpu_each(resources: dict[str, float], one_a_gpu: bool, actors: tuple[int, int, float]) -> None:
    assert actors_of(resources, 16, one_a_gpu) == actors


def test_without_ray_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as caught:
        RayShardExecutor()
    assert "storyanim[ray]" in caught.value.hint


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(**asked: object) -> None:
        assert asked["address"] == "auto"            # a real search would find the cluster of a test that runs beside this one
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ServiceError, match="no Ray can be reached at auto: Could not find"):
        list(RayShardExecutor("auto").map(list, iter([[1]])))


def test_errors_go_to_another_process_whole() -> None:
    import pickle

    errors: list[StoryanimError] = [
        PlannerError("no board", hint="ask again", last_reply="hm", attempts=3),
        PartialError("some", hint="h", failed={"a": "b"}),
    ]
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
