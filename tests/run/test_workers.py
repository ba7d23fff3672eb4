"""Who draws a run's shots: here what is done, workers the rest; what fails is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import STORY, Studio

from storyanim.config import Settings, load_settings
from storyanim.engine.dispatch import WorkerDiedError
from storyanim.engine.local import LocalExecutor
from storyanim.engine.run_dir import RunDir
from storyanim.errors import ResourceError, UsageError, VideoError
from storyanim.run import workers
from storyanim.run.footage import ShotTask
from storyanim.run.shots import make_shot
from storyanim.run.workers import ProcessShotExecutor, WorkerShotExecutor, local_shots, worker_bytes

GIB = 2**30


@dataclass
class Worker:
    """Draws with the studio's fakes; what it is to fail at it fails at."""

    studio: Studio
    errors: dict[str, Exception]

    def work(self, shard: list[ShotTask]) -> list[Exception | None]:
        run = RunDir(self.studio.folder, beside=True).__enter__()
        try:
            for task in shard:
                if task.shot.id in self.errors:
                    return [self.errors[task.shot.id]]
                make_shot(run, task, self.studio.components)
            return [None]
        finally:
            run.__exit__(None, None, None)


@dataclass
class Workers:
    """A ShardExecutor in this process, last shard first."""

    studio: Studio
    errors: dict[str, Exception] = field(default_factory=dict)       # shot → what its worker lists
    deaths: set[str] = field(default_factory=set)                    # shots that no worker survives
    given: list[str] = field(default_factory=list)
    shard_size = 1

    def map(self, start: Callable[[], Any], shards: Iterable[list[ShotTask]]) -> Iterator[tuple[Any, Any]]:
        worker = Worker(self.studio, self.errors)
        for shard in reversed(list(shards)):
            self.given.append(shard[0].shot.id)
            died = shard[0].shot.id in self.deaths
            yield shard, WorkerDiedError("killed") if died else worker.work(shard)


@dataclass
class Several:
    """The executor of a studio's shots, made when its run is open."""

    studio: Studio
    shards: Workers

    def run(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Exception | None]:
        folder = self.studio.folder
        return WorkerShotExecutor(folder, self.studio.components.settings, None, self.shards).run(task, items)


def test_shots_come_back_in_order_each_drawn_once(studio: Studio, whole_film: bytes) -> None:
    shards = Workers(studio)
    studio.use(executor=Several(studio, shards))
    result = studio.make()
    assert shards.given == ["s03", "s02", "s01"]
    assert studio.diary.calls.count("draw s02") == 1
    assert [made.shot.id for made in result.shots] == ["s01", "s02", "s03"]
    assert studio.film == whole_film
    drawing = [(done, text) for done, text in studio.told if "draw" in text]
    assert [text for _, text in drawing][::2] == ["s03 drawing", "s02 drawing", "s01 drawing"]
    assert [done for done, _ in drawing] == sorted(done for done, _ in drawing)


@pytest.mark.parametrize("error", [VideoError("gone", hint="h"), RuntimeError("odd")])
def test_what_fails_there_is_listed(studio: Studio, error: Exception) -> None:
    studio.use(executor=Several(studio, Workers(studio, {"s02": error})))
    result = studio.make()
    assert result.failed == {"s02": str(error)}
    assert [made.shot.id for made in result.shots] == ["s01", "s03"]


def test_a_shot_that_no_worker_survives_is_listed(studio: Studio) -> None:
    studio.use(executor=Several(studio, Workers(studio, deaths={"s01"})))
    assert "memory" in studio.make().failed["s01"]


def test_when_none_survives_it_is_the_memory(studio: Studio) -> None:
    studio.use(executor=Several(studio, Workers(studio, deaths={"s01", "s02", "s03"})))
    with pytest.raises(ResourceError, match="killed") as caught:
        studio.make()
    assert "--workers" in caught.value.hint


def test_what_a_killed_worker_left_is_removed(studio: Studio) -> None:
    studio.use(executor=Several(studio, Workers(studio, deaths={"s01"})))
    left = studio.folder / "shots/s01/.frames.123.partial"
    studio.diary.on_call = lambda call: left.mkdir(parents=True, exist_ok=True)
    studio.make()
    assert not left.exists()


class TestSeveralHere:
    """ProcessShotExecutor, with workers in this process."""

    def run(self, studio: Studio, shards: Workers, **seeds: int) -> None:
        with RunDir(studio.folder) as run:
            studio.use(executor=ProcessShotExecutor(run, studio.components.settings, None, shards))  # type: ignore[arg-type]
            board = studio.components.planner.plan(STORY, [])
            shots = [shot.model_copy(update={"seed": seeds.get(shot.id, shot.seed)}) for shot in board.shots]
            studio.shoot(run, board.model_copy(update={"shots": tuple(shots)}))

    def test_workers_get_what_is_not_done(self, studio: Studio, whole_film: bytes) -> None:
        shards = Workers(studio)
        self.run(studio, shards)
        assert sorted(shards.given) == ["s01", "s02", "s03"]
        assert studio.film == whole_film
        self.run(studio, again := Workers(studio))
        assert again.given == []
        self.run(studio, again, s01=7, s03=8)
        assert sorted(again.given) == ["s01", "s03"]

    def test_the_longest_come_first(self, studio: Studio) -> None:
        shards = Workers(studio)
        durations = {"s01": 0.5, "s02": 0.75, "s03": 0.5}
        with RunDir(studio.folder) as run:
            studio.use(executor=ProcessShotExecutor(run, studio.components.settings, None, shards))  # type: ignore[arg-type]
            board = studio.components.planner.plan(STORY, [])
            shots = [shot.model_copy(update={"duration_s": durations[shot.id]}) for shot in board.shots]
            result = studio.shoot(run, board.model_copy(update={"shots": tuple(shots)}))
        assert shards.given[::-1] == ["s02", "s01", "s03"]         # given in this order, done last first
        assert [made.shot.id for made in result.shots] == ["s01", "s02", "s03"]

    def test_a_single_one_is_drawn_here(self, studio: Studio) -> None:
        self.run(studio, Workers(studio))
        self.run(studio, again := Workers(studio), s02=7)
        assert again.given == []
        assert studio.diary.calls[-1] == "draw s02"


class TestHowMany:
    @pytest.fixture(autouse=True)
    def _machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Four cores, much memory, no GPU."""
        monkeypatch.delenv("STORYANIM_WORKERS")
        monkeypatch.setattr(workers, "usable_cores", lambda: 4)
        monkeypatch.setattr(workers, "free_memory_bytes", lambda: 64 * GIB)
        monkeypatch.setattr(workers, "_GPU_DEVICES", ())

    def count(self, folder: Path, settings: Settings, asked: int = 0) -> int:
        """How many shots are drawn at once."""
        with RunDir(folder) as run, local_shots(run, settings, None, asked) as executor:
            if isinstance(executor, LocalExecutor):
                return 1
            assert isinstance(executor, ProcessShotExecutor)
            executor.shards.close()
            return executor.shards.count

    def test_as_many_as_cores(self, tmp_path: Path) -> None:
        assert self.count(tmp_path, load_settings()) == 4

    def test_as_many_as_memory_allows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = load_settings()
        for found in (1, 2, 3):
            free = workers._IMPORTS_BYTES + found * worker_bytes(settings) + 1
            monkeypatch.setattr(workers, "free_memory_bytes", lambda free=free: free)
            assert self.count(tmp_path, settings) == found
        monkeypatch.setattr(workers, "free_memory_bytes", lambda: 0)
        assert self.count(tmp_path, settings) == 1

    def test_large_pictures_take_more(self) -> None:
        small, large = (load_settings(generate={"width_px": size, "height_px": size}) for size in (128, 512))
        assert worker_bytes(large) > 2 * worker_bytes(small)

    def test_large_models_one_by_one(self, tmp_path: Path) -> None:
        assert self.count(tmp_path, load_settings("sd15")) == 1

    def test_with_a_gpu_one_by_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workers, "_GPU_DEVICES", ("/dev/null",))
        assert self.count(tmp_path, load_settings()) == 1

    def test_as_many_as_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORYANIM_WORKERS", "3")
        assert self.count(tmp_path, load_settings("sd15")) == 3
        assert self.count(tmp_path, load_settings(), 1) == 1
        assert self.count(tmp_path, load_settings(), 7) == 7
        monkeypatch.setenv("STORYANIM_WORKERS", "many")
        with pytest.raises(UsageError, match="'many'"):
            self.count(tmp_path, load_settings())


