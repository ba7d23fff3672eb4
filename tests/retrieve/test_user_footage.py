"""A person's own footage, named in the storyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from coloured import ColourEncoder, save_video

from storyanim.errors import VideoError
from storyanim.retrieve.choose import (
    choose_user_footage,
    is_user_footage,
    read_user_footage,
    with_absolute_path,
)
from storyanim.retrieve.index import VideoIndex


@pytest.mark.parametrize(("pinned", "own"), [
    (None, False), ("", False), ("a1b2c3d4e5f6@1.5-3.5", False), ("nonsense", False), ("a1b2c3@0-2.mp4", True),
    ("dog.mp4", True), ("dog.MOV@1-2", True), ("my dogs/dog.webm@0.5-2.25", True), ("/videos/dog", True),
    ("/a@1-2/dog@1-2", True),
])
def test_videos_are_told_from_clips_of_the_index(pinned: str | None, own: bool) -> None:
    assert is_user_footage(pinned) is own


def test_names_of_clips_are_never_taken_for_videos(index: VideoIndex) -> None:
    assert not [hit for hit in index.search("red", ColourEncoder(), 9) if is_user_footage(hit.clip_id)]


def test_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "a@b.mp4", "red", seconds=3.0)
    monkeypatch.chdir(tmp_path)
    spans = {"a@b.mp4@0.5-1.75": (0.5, 1.75), "a@b.mp4": (0.0, 2.0), "a@b.mp4@2-3": (2.0, 3.0), f"{path}@0-3": (0.0, 3.0)}
    for pinned, span in spans.items():
        own = read_user_footage(pinned, 2.0)
        assert (own.path, own.start_s, own.end_s) == (str(path), *span)
    assert (read_user_footage("a@b.mp4", 8.0).end_s) == pytest.approx(3.0)
    assert with_absolute_path("a@b.mp4@1-2") == f"{path}@1-2"


def test_the_beginning_of_a_video_scores_as_its_window_in_an_index(videos: Path, index: VideoIndex) -> None:
    video = videos / "red bear runs.mp4"
    found = choose_user_footage(read_user_footage(str(video), 2.0), None, "red", ColourEncoder())
    known = index.find(found.match.clip_id, "red", ColourEncoder())
    assert known is not None
    assert found.match == known.model_copy(
        update={"caption": video.name, "score": found.match.score, "words": found.match.words})
    assert found.match.score == pytest.approx(known.score, abs=1e-5)


def test_the_file_itself_is_what_counts(tmp_path: Path) -> None:
    one = read_user_footage(str(save_video(tmp_path / "a.mp4", "red")), 2.0)
    assert read_user_footage(str(save_video(tmp_path / "a.mp4", "blue")), 2.0).sha256 != one.sha256
    with pytest.raises(VideoError, match="outside"):
        read_user_footage(f"{tmp_path / 'a.mp4'}@0-4", 2.0)
