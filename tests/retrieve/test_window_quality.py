"""What speaks against a window, and that it ranks lower for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from coloured import COLOURS, ColourEncoder
from near_reader import NearReader

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.retrieve import build
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.window_quality import (
    MAX_BLACK_SHARE,
    MAX_SCENE_CHANGE,
    black_share,
    has_cut_or_black,
    letterbox_share,
    scene_change_score,
)
from storyanim.retrieve.windows import ShotBoundaryDetector, read_windows


def scene(seed: int, length: int = 8, shift_px: int = 2) -> np.ndarray:
    """(T, 48, 64, 3): patches of colour that slide to the right."""
    patches = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    still = np.kron(patches, np.ones((8, 8, 1), np.uint8)).astype(np.uint8)
    return np.stack([np.roll(still, shift_px * i, axis=1) for i in range(length)])


class TestCuts:
    @pytest.mark.parametrize("at", [1, 4, 7])
    def test_another_scene_is_a_cut(self, at: int) -> None:
        assert scene_change_score(np.concatenate([scene(0, at), scene(1, 8 - at) // 3])) > MAX_SCENE_CHANGE

    @pytest.mark.parametrize("shift_px", [0, 1, 8, 32])
    def test_what_moves_is_none(self, shift_px: int) -> None:
        assert scene_change_score(scene(0, 16, shift_px)) < MAX_SCENE_CHANGE

    def test_what_fades_is_none(self) -> None:
        light = np.linspace(1, 0.2, 16)[:, None, None, None]
        assert scene_change_score((scene(0, 16) * light).astype(np.uint8)) < MAX_SCENE_CHANGE

    @pytest.mark.parametrize("size", [(1, 1), (3, 200), (9, 7)])
    def test_any_size_and_length(self, size: tuple[int, int]) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (5, *size, 3), np.uint8)
        for length in (1, 2, 3, 5):
            for measure in (scene_change_score, black_share, letterbox_share):
                assert 0 <= measure(noise[:length]) <= 1


class TestBlack:
    def test_part_of_the_looks(self) -> None:
        rgb = scene(0)
        rgb[:6] = np.random.default_rng(0).integers(0, 12, rgb[:6].shape, np.uint8)
        assert black_share(rgb) == 0.75
        assert black_share(scene(0)) == 0.0
        assert black_share(np.zeros((2, 8, 8, 3), np.uint8)) == 1.0

    def test_dark_is_not_black(self) -> None:
        assert black_share(scene(0) // 4) == 0.0


class TestBars:
    @pytest.mark.parametrize(("rows", "columns", "part"), [(6, 0, 0.25), (0, 8, 0.25), (6, 8, 0.4375), (0, 0, 0.0)])
    def test_above_and_beside(self, rows: int, columns: int, part: float) -> None:
        rgb = np.maximum(scene(0), 40)
        rgb[:, :rows] = rgb[:, 48 - rows:] = 5
        rgb[:, :, :columns] = rgb[:, :, 64 - columns:] = 0
        assert letterbox_share(rgb) == pytest.approx(part)

    def test_a_dark_sky_is_no_bar(self) -> None:
        rgb = np.maximum(scene(0), 40)
        rgb[:, :12] = 0
        assert letterbox_share(rgb) == 0
        assert letterbox_share(np.zeros((2, 8, 8, 3), np.uint8)) == 0

    def test_they_survive_compression(self, tmp_path: Path) -> None:
        rgb = np.maximum(scene(0, 16), 40)
        rgb[:, :6] = rgb[:, 42:] = 0
        video.write(Frames(rgb, 8.0), tmp_path / "a.mp4", width_px=128, height_px=96, fps=8, crf=30)
        (window,) = read_windows(tmp_path / "a.mp4", 2.0)
        assert window.bars == pytest.approx(0.25, abs=0.03)


def test_marked_windows_rank_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WindowReader", NearReader)
    monkeypatch.setattr(ShotBoundaryDetector, "process_frames", lambda self, rgb: [])          # it misses the cut: no window would hold one
    red = np.empty((16, 48, 64, 3), np.uint8)
    red[:] = COLOURS["red"]
    for i in range(16):
        red[i, 20:28, 4 * i:4 * i + 4] = 255
    cut, black = red.copy(), red.copy()
    red[:, :, :, 2] = 60                             # a little less red than the others
    cut[:8] = (250, 160, 0)
    black[:10] = 0
    black[10:, 8:16, :8] = 255
    for name, rgb in (("cut", cut), ("black", black), ("red", red)):
        video.write(Frames(rgb, 8.0), tmp_path / "v" / f"{name}.mp4", width_px=64, height_px=48, fps=8)
    build_index([tmp_path / "v"], tmp_path / "index", ColourEncoder())
    index = VideoIndex(tmp_path / "index")
    rows = {Path(row["path"]).stem: row for row in index._rows("1", [1]).values()}
    assert rows["cut"]["cut"] > MAX_SCENE_CHANGE
    assert rows["black"]["black"] > MAX_BLACK_SHARE
    assert {name for name, row in rows.items() if has_cut_or_black(row)} == {"cut", "black"}
    assert Path(index.search("red", ColourEncoder(), 3)[0].path).stem == "red"


def test_rows_without_marks_are_not_marked() -> None:
    assert not has_cut_or_black({"clip_id": "a", "motion": 0.0})
