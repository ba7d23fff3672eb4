"""How a video is cut."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from coloured import save_video
from hypothesis import given
from hypothesis import strategies as st

from storyanim import video
from storyanim.retrieve.windows import motion_of, read_windows, split


@given(num=st.integers(1, 500), length=st.integers(1, 50), whole=st.booleans())
def test_windows_follow_each_other_and_lose_less_than_half_of_one(num: int, length: int, whole: bool) -> None:
    spans = split(num, length, whole=whole)
    assert [span[0] for span in spans] == [i * length for i in range(len(spans))]
    assert all(last - first == length for first, last in spans[:-1])
    covered = spans[-1][1] if spans else 0
    assert 0 <= num - covered < max(1, length / 2)
    assert spans or not whole


def test_a_video_shorter_than_a_window_is_one_window(tmp_path: Path) -> None:
    windows = list(read_windows(save_video(tmp_path / "short.mp4", "red", seconds=0.5), 2.0))
    assert [(window.start_s, window.end_s, len(window.frames.rgb)) for window in windows] == [(0.0, 0.5, 4)]


def test_a_last_window_ends_with_the_video(tmp_path: Path) -> None:
    windows = list(read_windows(save_video(tmp_path / "a.mp4", "red", seconds=3.875), 2.0))
    assert [(window.start_s, window.end_s) for window in windows] == [(0.0, 2.0), (2.0, 3.875)]


def test_longer_sound_adds_no_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storyanim.retrieve.windows._WINDOWS_A_READ", 2)
    silent, loud = save_video(tmp_path / "silent.mp4", "red", seconds=4.0), tmp_path / "loud.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=9", "-c:v", "copy"]
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-i", str(silent), *sound, str(loud)], check=True)
    assert video.probe(loud).duration_s > 8.9
    assert [(window.start_s, window.end_s) for window in read_windows(loud, 2.0)] == [(0.0, 2.0), (2.0, 4.0)]


def test_more_motion_more_score() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (1, 64, 64, 3), np.uint8)
    scores = [motion_of(np.concatenate([np.roll(scene, shift * i, axis=2) for i in range(4)])) for shift in (0, 4, 16)]
    assert scores[0] == 0
    assert 0 < scores[1] < scores[2] < 1


def test_grain_and_single_frames_are_no_motion() -> None:
    rng = np.random.default_rng(0)
    grain = np.clip(rng.normal(120, 6, (8, 64, 64, 3)), 0, 255).astype(np.uint8)
    assert motion_of(grain) < 0.004
    assert motion_of(grain[:1]) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 9)])
def test_strange_sizes(size: tuple[int, int]) -> None:
    assert motion_of(np.zeros((3, *size, 3), np.uint8)) == 0
