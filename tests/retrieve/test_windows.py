"""How a video is cut."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from coloured import save_video
from hypothesis import given
from hypothesis import strategies as st

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.errors import VideoError
from storyanim.retrieve.window_quality import MAX_SCENE_CHANGE, motion
from storyanim.retrieve.windows import _DETECTOR_LAG, WindowSplitter, read_windows, split_shot


@given(num=st.integers(1, 500), length=st.integers(1, 50))
def test_windows_follow_each_other_and_lose_less_than_half_of_one(num: int, length: int) -> None:
    spans = split_shot(num, length)
    assert [span[0] for span in spans] == [i * length for i in range(len(spans))]
    assert all(last - first == length for first, last in spans[:-1])
    covered = spans[-1][1] if spans else 0
    assert 0 <= num - covered < max(1, length / 2)


@given(shots=st.lists(st.integers(1, 90), min_size=1, max_size=8), piece=st.integers(1, 70), looks=st.integers(1, 20))
def test_windows_are_those_of_each_shot_however_the_looks_come(shots: list[int], piece: int, looks: int) -> None:
    """A cut is told when the looks that its detector waits for have come."""
    rgb = np.arange(sum(shots), dtype=np.uint16).view(np.uint8).reshape(-1, 1, 1, 2)
    cuts = np.cumsum(shots)[:-1].tolist()
    tiles, found, told = WindowSplitter(looks), [], 0
    for first in range(0, len(rgb), piece):
        seen = min(first + piece, len(rgb))
        known = [cut for cut in cuts[told:] if cut + _DETECTOR_LAG < seen]
        told += len(known)
        tiles.add(rgb[first:seen], known)
        found += tiles.pop_windows(last=seen == len(rgb))
    late = cuts[told:]                               # too near to the end
    shots = np.diff([0, *cuts[:told], len(rgb)]).tolist()
    begins = np.cumsum([0, *shots])[:-1]
    wanted = [(begin + a, begin + b) for begin, length in zip(begins, shots, strict=True) for a, b in split_shot(length, looks)]
    assert [(first, first + len(part)) for first, part in found] == wanted
    assert all(np.array_equal(part, rgb[first:first + len(part)]) for first, part in found)
    assert all(cut + _DETECTOR_LAG >= len(rgb) for cut in late)


def save_shots(path: Path, *lengths_s: float) -> Path:
    """A video of moving stripes, another colour in each shot."""
    rgb = []
    for number, length_s in enumerate(lengths_s):
        colour = np.array([(200, 130, 30), (30, 200, 120), (30, 60, 220)][number % 3])
        for frame in range(round(length_s * 24)):
            stripes = (np.arange(96) + frame) // 12 % 2
            rgb.append(np.broadcast_to((colour * (0.85 + 0.15 * stripes[None, :, None])).astype(np.uint8), (64, 96, 3)))
    video.write(Frames(np.stack(rgb), 24.0), path, width_px=96, height_px=64, fps=24.0)
    return path


def test_windows_begin_and_end_with_shots(tmp_path: Path) -> None:
    path = save_shots(tmp_path / "shots.mp4", 3.0, 2.5, 6.0)
    spans = [(window.start_s, window.end_s) for window in read_windows(path, 2.0)]
    assert spans == [(0.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.5, 7.5), (7.5, 9.5), (9.5, 11.5)]
    assert all(window.cut < MAX_SCENE_CHANGE for window in read_windows(path, 2.0))


def test_shots_go_on_over_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_shots(tmp_path / "shots.mp4", 3.0, 4.5, 3.0)
    whole = [(window.start_s, window.end_s) for window in read_windows(path, 2.0)]
    for windows in (1, 2, 3):
        monkeypatch.setattr("storyanim.retrieve.windows._WINDOWS_PER_READ", windows)
        assert [(window.start_s, window.end_s) for window in read_windows(path, 2.0)] == whole


def test_of_nothing_but_short_shots_the_beginning_is_a_window(tmp_path: Path) -> None:
    windows = list(read_windows(save_shots(tmp_path / "quick.mp4", *[0.75] * 6), 2.0))
    assert [(window.start_s, window.end_s) for window in windows] == [(0.0, 2.0)]
    assert windows[0].cut > MAX_SCENE_CHANGE


def test_a_video_shorter_than_a_window_is_one_window(tmp_path: Path) -> None:
    windows = list(read_windows(save_video(tmp_path / "short.mp4", "red", seconds=0.5), 2.0))
    assert [(window.start_s, window.end_s, len(window.frames.rgb)) for window in windows] == [(0.0, 0.5, 4)]


def test_a_last_window_ends_with_the_video(tmp_path: Path) -> None:
    windows = list(read_windows(save_video(tmp_path / "a.mp4", "red", seconds=3.875), 2.0))
    assert [(window.start_s, window.end_s) for window in windows] == [(0.0, 2.0), (2.0, 3.875)]


def test_longer_sound_adds_no_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storyanim.retrieve.windows._WINDOWS_PER_READ", 2)
    silent, loud = save_video(tmp_path / "silent.mp4", "red", seconds=4.0), tmp_path / "loud.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=9", "-c:v", "copy"]
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-i", str(silent), *sound, str(loud)], check=True)
    assert video.probe(loud).duration_s > 8.9
    assert [(window.start_s, window.end_s) for window in read_windows(loud, 2.0)] == [(0.0, 2.0), (2.0, 4.0)]


def test_more_motion_more_score() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (1, 64, 64, 3), np.uint8)
    scores = [motion(np.concatenate([np.roll(scene, shift * i, axis=2) for i in range(4)])) for shift in (0, 4, 16)]
    assert scores[0] == 0
    assert 0 < scores[1] < scores[2] < 1


def test_grain_and_single_frames_are_no_motion() -> None:
    rng = np.random.default_rng(0)
    grain = np.clip(rng.normal(120, 6, (8, 64, 64, 3)), 0, 255).astype(np.uint8)
    assert motion(grain) < 0.004
    assert motion(grain[:1]) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 9)])
def test_strange_sizes(size: tuple[int, int]) -> None:
    assert motion(np.zeros((3, *size, 3), np.uint8)) == 0


def test_of_a_video_that_is_cut_off_all_that_can_be_read_is_windows(tmp_path: Path) -> None:
    """Its table stands in front, as films for the web have it. Whether the decoder calls it damaged depends on its threads."""
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    video.run_ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=320x240:r=24:d=8", "-g", "24", "-movflags", "+faststart", str(whole)])
    data = whole.read_bytes()
    cut.write_bytes(data[:len(data) * 6 // 10])
    found = [*_until_the_damage(cut)]
    wanted = [window.frames.rgb for window in read_windows(whole, 2.0)]
    assert len(found) == 2
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=False))


def _until_the_damage(path: Path) -> Iterator[np.ndarray]:
    with suppress(VideoError):
        for window in read_windows(path, 2.0):
            yield window.frames.rgb


def test_a_video_of_one_frame_is_a_window(tmp_path: Path) -> None:
    video.run_ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=1", "-frames:v", "1", str(tmp_path / "one.mp4")])
    (window,) = read_windows(tmp_path / "one.mp4", 2.0)
    assert window.frames.rgb.shape == (1, 48, 64, 3)
