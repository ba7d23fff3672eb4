"""Steps: what is done stays done, what changed is made again, and nothing else."""

from __future__ import annotations

import errno
import json
import multiprocessing
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from storyanim.artifacts import Clip, DepthTrack, Film, Frames, Story
from storyanim.config import DepthSettings, FilmSettings
from storyanim.engine import run_dir
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, step_version
from storyanim.errors import ResourceError, UsageError

THIS = Path(__file__)
CALLS: Counter[str] = Counter()


@dataclass(frozen=True)
class FakeTool:
    fingerprint: str
    batch_size: int = 1                              # not part of what it is


def draw(story: Story, seed: int, tool: FakeTool) -> Frames:
    CALLS["draw"] += 1
    value = len(story.text) + seed + len(tool.fingerprint)
    return Frames(np.full((3, 8, 8, 3), value, np.uint8), 8.0)


def estimate(frames: Frames, settings: DepthSettings) -> DepthTrack:
    CALLS["estimate"] += 1
    return DepthTrack(frames.rgb.mean(-1, dtype=np.float32) / np.float32(255 + settings.percentile), frames.fps)


def encode(folder: Path, frames: Frames, depth: DepthTrack, settings: FilmSettings) -> Clip:
    CALLS["encode"] += 1
    content = frames.rgb.tobytes() + depth.inverse_depth.tobytes() + bytes([settings.crf])
    (folder / "clip.mp4").write_bytes(content)
    return Clip(shot_id="s01", path=folder / "clip.mp4", width_px=8, height_px=8, fps=8, num_frames=3)


def join(folder: Path, clips: tuple[Clip, ...]) -> Film:
    CALLS["join"] += 1
    (folder / "film.mp4").write_bytes(b"".join(clip.path.read_bytes() for clip in clips))
    return Film(path=folder / "film.mp4", clips=clips, duration_s=1)


STEPS = ("draw", "estimate", "encode", "join")
INPUTS = {
    "story": Story(title="t", text="once"), "seed": 1, "tool": FakeTool("a"), "depth": DepthSettings(), "film": FilmSettings(),
}


def make(run: RunDir, stop_after: str = "join", **changed: object) -> dict[str, Step]:
    given = INPUTS | changed
    done: dict[str, Step] = {}
    for name in STEPS[: STEPS.index(stop_after) + 1]:
        if name == "draw":
            done[name] = run.step("shots/s01/frames", draw, given["story"], given["seed"], given["tool"])
        elif name == "estimate":
            done[name] = run.step("shots/s01/depth", estimate, done["draw"], given["depth"])
        elif name == "encode":
            done[name] = run.step_with_folder("shots/s01/clip", encode, done["draw"], done["estimate"], given["film"])
        else:
            done[name] = run.step_with_folder("film", join, (done["encode"],))
    return done


def called() -> set[str]:
    names = set(CALLS)
    CALLS.clear()
    return names


@pytest.fixture(autouse=True)
def _fresh_calls() -> None:
    CALLS.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


class TestResume:
    @pytest.mark.parametrize("stop_after", STEPS)
    def test_stopped_after_a_step_it_goes_on_from_there(self, folder: Path, stop_after: str) -> None:
        with RunDir(folder) as run:
            make(run, stop_after)
        before = called()
        with RunDir(folder) as run:
            done = make(run)
        assert called() == set(STEPS) - before
        assert {name for name, step in done.items() if step.fresh} == set(STEPS) - before

    def test_again_does_nothing_and_gives_the_same(self, folder: Path) -> None:
        with RunDir(folder) as run:
            first = {name: (step.key, step.content) for name, step in make(run).items()}
            film = make(run)["join"].value.path.read_bytes()
        CALLS.clear()
        with RunDir(folder) as run:
            again = make(run)
            assert called() == set()
            assert {name: (step.key, step.content) for name, step in again.items()} == first
            assert again["join"].value.path.read_bytes() == film

    def test_nothing_is_loaded_when_nothing_is_to_do(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with RunDir(folder) as run:
            make(run)
        monkeypatch.setattr(run_dir.store, "load", lambda *_: pytest.fail("loaded"))
        with RunDir(folder) as run:
            make(run)

    @pytest.mark.parametrize(("changed", "rerun"), [
        ({"story": Story(title="t", text="once upon")}, STEPS),
        ({"seed": 2}, STEPS),
        ({"tool": FakeTool("other")}, STEPS),
        ({"depth": DepthSettings(percentile=1.0)}, STEPS[1:]),
        ({"film": FilmSettings(crf=20)}, STEPS[2:]),
        ({"depth": DepthSettings(batch_size=99)}, ()),
        ({"tool": FakeTool("a", batch_size=7)}, ()),
        # another story of the same drawing: the frames are made again, and being equal change nothing after them
        ({"story": Story(title="T", text="ONCE")}, ("draw",)),
    ], ids=["text", "seed", "tool", "depth setting", "film setting", "batch size", "tool's batch size", "same result"])
    def test_a_changed_input_remakes_what_follows_from_it(self, folder: Path, changed: dict, rerun: tuple) -> None:
        with RunDir(folder) as run:
            make(run)
            CALLS.clear()
            make(run, **changed)
        assert called() == set(rerun)

    def test_a_changed_file_is_a_changed_input(self, folder: Path, tmp_path: Path) -> None:
        photo = tmp_path / "photo"
        photo.write_bytes(b"one")
        with RunDir(folder) as run:
            assert run.step_with_folder("copy", copy, photo).value.read_bytes() == b"one"
            assert not run.step_with_folder("copy", copy, photo.rename(tmp_path / "elsewhere")).fresh
            photo.write_bytes(b"two")
            assert run.step_with_folder("copy", copy, photo).value.read_bytes() == b"two"

    def test_a_moved_run_goes_on(self, folder: Path, tmp_path: Path) -> None:
        with RunDir(folder) as run:
            make(run)
        CALLS.clear()
        moved = tmp_path / "elsewhere" / "moved"
        moved.parent.mkdir()
        folder.rename(moved)
        with RunDir(moved) as run:
            film = make(run)["join"].value
        assert called() == set()
        assert film.path == moved / "film" / "film.mp4"
        assert film.clips[0].path == moved / "shots" / "s01" / "clip" / "clip.mp4"
        assert film.clips[0].path.is_file()

    def test_a_raised_version_remakes(self, folder: Path) -> None:
        with RunDir(folder) as run:
            first = run.step_with_folder("copy", copy, THIS)
            step_version(2)(copy)
            try:
                second = run.step_with_folder("copy", copy, THIS)
            finally:
                del copy.__dict__["step_version"]
        assert second.fresh
        assert first.key != second.key


def copy(folder: Path, path: Path) -> Path:
    return shutil.copyfile(path, folder / "copy.bin")


class TestDamage:
    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"files": 3}', '{"files": {}, "key": "x"}', "\x00\xff"])
    def test_a_broken_mark_is_no_mark(self, folder: Path, text: str) -> None:
        with RunDir(folder) as run:
            make(run)
            CALLS.clear()
            (folder / "shots/s01/depth/done.json").write_text(text)
            make(run)
        assert called() == {"estimate"}

    @pytest.mark.parametrize("name", ["depth.safetensors", "preview.png", "done.json"])
    @pytest.mark.parametrize("damage", ["removed", "cut", "flipped"])
    def test_a_damaged_file_is_made_again(self, folder: Path, name: str, damage: str) -> None:
        path = folder / "shots/s01/depth" / name
        with RunDir(folder) as run:
            make(run)
            whole = path.read_bytes()
            CALLS.clear()
            if damage == "removed":
                path.unlink()
            elif damage == "cut":
                path.write_bytes(whole[: len(whole) // 2])
            else:
                at = whole.index(b'"key"') + 9 if name == "done.json" else len(whole) // 2
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            make(run)
            assert called() == {"estimate"}
            assert path.read_bytes() == whole
            told = () if (name, damage) == ("done.json", "flipped") else ("shots/s01/depth",)
            assert run.mended() == told              # a key that is another's is no damage
        with RunDir(folder) as run:
            assert run.mended() == ()                # of this time alone

    def test_a_full_disk_is_a_resource_error_and_leaves_nothing(self, folder: Path) -> None:
        with RunDir(folder) as run:
            make(run, "draw")
            with pytest.raises(ResourceError, match="No space"):
                run.step_with_folder("shots/s01/depth", fill, 1)
            assert sorted(p.name for p in (folder / "shots/s01").iterdir()) == ["frames"]

    def test_an_error_of_the_function_passes_and_is_logged(self, folder: Path) -> None:
        with RunDir(folder) as run:
            with pytest.raises(FileNotFoundError):
                run.step("lost", lose, 1)
            assert not (folder / "lost").exists()
            assert run.events()[-1]["event"] == "failed"
            assert "FileNotFoundError" in run.events()[-1]["error"]

    def test_ctrl_c_leaves_no_half_made_folder(self, folder: Path) -> None:
        with RunDir(folder) as run:
            with pytest.raises(KeyboardInterrupt):
                run.step("x", interrupt, 1)
            assert not list(folder.glob(".*partial"))

    def test_a_torn_line_of_the_log_is_passed_over(self, folder: Path) -> None:
        with RunDir(folder) as run:
            make(run)
        with (folder / "log.jsonl").open("a") as file:
            file.write('{"time": "20')
        with RunDir(folder) as run:
            make(run, seed=5)
            assert [event["step"] for event in run.events()][-1] == "film"
            assert set(run.seconds()) == {"shots/s01/frames", "shots/s01/depth", "shots/s01/clip", "film"}

    def test_steps_that_ran_at_once_count_once_and_those_of_later_runs_are_added(self, folder: Path) -> None:
        spans = [(0, 4), (1, 3), (2, 7), (60, 65)]   # three shots at once, and another the next minute
        with RunDir(folder) as run:
            run.write("log.jsonl", "".join(
                json.dumps({"time": f"2031-05-06T07:{end // 60:02}:{end % 60:02}.000+00:00", "event": "done",
                            "step": f"shots/s{start}/frames", "seconds": end - start}) + "\n"
                for start, end in spans))
            assert run.worked_s() == 12


def fill(folder: Path, _: int) -> Path:
    (folder / "half").write_bytes(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def lose(_: int) -> Path:
    raise FileNotFoundError("lost")


def interrupt(_: int) -> Path:
    raise KeyboardInterrupt


class TestFolder:
    def test_looking_at_a_run_writes_nothing(self, folder: Path) -> None:
        with RunDir(folder) as run:
            make(run)
        (folder / run_dir.MARK).unlink()             # as when only what is seen was copied, to a read-only disk
        before = sorted(folder.rglob("*"))
        with RunDir(folder, beside=True) as run:
            assert run.done("film") is not None
        assert sorted(folder.rglob("*")) == before

    def test_a_folder_with_something_else_is_left_alone(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
        with pytest.raises(UsageError, match="not a run folder"), RunDir(folder):
            pass
        assert [p.name for p in folder.iterdir()] == ["thesis.txt"]

    def test_an_empty_folder_and_deep_new_ones_are_taken(self, folder: Path) -> None:
        folder.mkdir()
        for path in (folder, folder / "a" / "b"):
            with RunDir(path) as run:
                assert run.path.is_dir()

    def test_a_file_is_no_folder(self, folder: Path) -> None:
        folder.write_text("mine")
        with pytest.raises(UsageError, match="is a file"), RunDir(folder):
            pass
        with pytest.raises(ResourceError, match="cannot be written"), RunDir(folder / "below"):
            pass
        assert folder.read_text() == "mine"

    def test_a_place_that_cannot_be_written(self) -> None:
        with pytest.raises(ResourceError, match="cannot be written"), RunDir(Path("/proc/nowhere/run")):
            pass

    def test_only_one_process_at_a_time(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        answer = context.SimpleQueue()
        with RunDir(folder):
            other = context.Process(target=try_to_open, args=(folder, answer))
            other.start()
            other.join()
            assert "in use" in answer.get()
        with RunDir(folder):                         # and free again afterwards
            pass

    def test_files_of_the_run_are_whole(self, folder: Path) -> None:
        with RunDir(folder) as run:
            assert run.write("run.json", "{}").read_text() == "{}"
            run.write("run.json", "[]")
            film = make(run)["join"].value.path
            assert run.publish(film, "film.mp4").read_bytes() == film.read_bytes()
            assert (folder / "run.json").read_text() == "[]"
            assert not list(folder.rglob(".*partial"))

    @pytest.mark.parametrize("name", ["", "/tmp/x", "../x", "a/../b", ".hidden", "a//b"])
    def test_names_stay_inside(self, folder: Path, name: str) -> None:
        with RunDir(folder) as run, pytest.raises(ValueError, match="no name"):
            run.step(name, draw, *list(INPUTS.values())[:3])

    def test_what_is_done_can_be_looked_up(self, folder: Path) -> None:
        with RunDir(folder) as run:
            assert run.done("shots/s01/depth") is None
            made = make(run)["estimate"]
            found = run.done("shots/s01/depth")
            assert found is not None
            assert (found.key, found.content) == (made.key, made.content)
            assert np.array_equal(found.value.inverse_depth, made.value.inverse_depth)
            assert json.loads((found.folder / "done.json").read_text())["function"].endswith("estimate")


def try_to_open(folder: Path, answer: object) -> None:
    try:
        with RunDir(folder):
            answer.put("opened")
    except UsageError as error:
        answer.put(error.message)


class TestSharedCache:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("STORYANIM_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    def learn(self, folder: Path, seed: int = 1) -> Step:
        with RunDir(folder) as run:
            return run.shared_step("characters/bear", draw, INPUTS["story"], seed, INPUTS["tool"])

    def test_another_run_takes_it_over(self, tmp_path: Path) -> None:
        first, second = self.learn(tmp_path / "one"), self.learn(tmp_path / "two")
        assert CALLS["draw"] == 1
        assert (first.fresh, second.fresh) == (True, False)
        assert second.folder == tmp_path / "two" / "characters" / "bear"
        assert np.array_equal(first.value.rgb, second.value.rgb)
        self.learn(tmp_path / "three", seed=2)
        assert CALLS["draw"] == 2

    def test_a_damaged_cache_is_made_again(self, tmp_path: Path, cache: Path) -> None:
        self.learn(tmp_path / "one")
        next(cache.rglob("frames.safetensors")).write_bytes(b"")
        self.learn(tmp_path / "two")
        self.learn(tmp_path / "three")
        assert CALLS["draw"] == 2

    def test_a_cache_that_cannot_be_written_is_done_without(self, tmp_path: Path, cache: Path) -> None:
        cache.write_text("a file where the folder should be")
        assert self.learn(tmp_path / "one").fresh
        assert self.learn(tmp_path / "one").value.rgb.shape == (3, 8, 8, 3)
