"""A timeline as an editor's project: crossfades, and what only some formats have."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest

from storyanim.artifacts import Clip
from storyanim.film.editor_project import write_project
from storyanim.film.timeline import Piece, Timeline, lay_out


@pytest.fixture
def timeline(tmp_path: Path) -> Timeline:
    """Three clips of 17 frames at 8 a second; the second comes by a crossfade of 4, the third by a fade."""
    pieces = []
    for number, transition in enumerate(("cut", "crossfade", "fade"), start=1):
        path = tmp_path / f"clip-{number}.mp4"
        path.write_bytes(b"any")
        clip = Clip(shot_id=f"s0{number}", path=path, width_px=64, height_px=64, fps=8, num_frames=17)
        pieces.append(Piece(clip=clip, text="Some words.", transition=transition))
    music = tmp_path / "track.wav"
    music.write_bytes(b"any")
    return lay_out("A film", pieces, "en", 0.5).model_copy(update={"music": music})


@pytest.mark.parametrize("format_", ["otio", "edl", "fcpxml"])
def test_a_crossfade_moves_nothing(timeline: Timeline, tmp_path: Path, format_: str) -> None:
    path = tmp_path / f"out/film.{format_}"
    write_project(timeline, path, format_)
    project = otio.adapters.read_from_file(str(path))
    track = next(one for one in project.tracks if one.kind == otio.schema.TrackKind.Video)
    assert timeline.num_frames == 47
    assert track.duration().to_seconds() * 8 == pytest.approx(47, abs=1e-6)
    first, second, third = track.find_clips()
    assert third.trimmed_range_in_parent().start_time.to_seconds() * 8 == pytest.approx(30, abs=1e-6)
    if format_ == "otio":
        change = track[1]
        cut = second.trimmed_range_in_parent().start_time.to_seconds() * 8
        assert (cut - change.in_offset.value, cut + change.out_offset.value) == (13, 17)     # the overlap
        assert first.source_range.end_time_exclusive().value + change.out_offset.value == 17
        assert second.source_range.start_time.value - change.in_offset.value == 0
        assert third.metadata["storyanim"]["transition"] == "fade"
    if format_ == "edl":
        assert "D 012" in path.read_text()           # 4 frames of 8 are 12 of 24


def test_music_is_a_track_as_long_as_the_film(timeline: Timeline, tmp_path: Path) -> None:
    mixed = tmp_path / "mix.m4a"
    mixed.write_bytes(b"any")
    write_project(timeline, tmp_path / "film.otio", "otio", extra=[mixed])
    project = otio.adapters.read_from_file(str(tmp_path / "film.otio"))
    tracks = {track.name: track for track in project.tracks}
    assert list(tracks) == ["Pictures", "Music", "Mix"]
    assert tracks["Music"].enabled
    assert not tracks["Mix"].enabled
    assert {track.duration().value for track in tracks.values()} == {47}
    assert (tmp_path / "film-media/music.wav").read_bytes() == b"any"
