"""A folder of small coloured videos, made here, and its index."""

from __future__ import annotations

from pathlib import Path

import pytest
from coloured import ColourEncoder, save_video

from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import ClipIndex


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three moving colours in folders, a still red one, a table of captions. Not to be changed."""
    folder = tmp_path_factory.mktemp("videos")
    save_video(folder / "red bear runs.mp4", "red", seconds=5.0)
    save_video(folder / "more" / "green_frog.mp4", "green")
    save_video(folder / "more" / "it's blue ü.mp4", "blue")
    save_video(folder / "still.mp4", "red", still=True)
    (folder / "captions.tsv").write_text('file\tcaption\nstill.mp4\tA red "statue" stands\nmore/green_frog.mp4\tA frog jumps\n')
    (folder / "readme.txt").write_text("no video")
    return folder


@pytest.fixture(scope="session")
def index_folder(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("index") / "index"
    build_index([videos], out, ColourEncoder())
    return out


@pytest.fixture
def index(index_folder: Path) -> ClipIndex:
    return ClipIndex(index_folder, min_motion=0.004)
