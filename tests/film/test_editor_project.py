"""A timeline as an editor's project: crossfades, and what only some formats have."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from storyanim.artifacts import Clip
from storyanim.errors import UsageError
from storyanim.film.editor_project import read_cut, write_project
from storyanim.film.timeline import Piece, Timeline, lay_out


@pytest.fixture
def timeline(tmp_path: Path) -> Timeline:
    """Three clips of 17 frames at 8 a second; the second comes by a crossfade of 4, the third by a fade."""
    return timeline_at(tmp_path, Fraction(8))


def timeline_at(tmp_path: Path, fps: Fraction) -> Timeline:
    pieces = []
    for number, transition in enumerate(("cut", "crossfade", "fade"), start=1):
        path = tmp_path / f"clip-{number}.mp4"
        path.write_bytes(b"any")
        clip = Clip(shot_id=f"s0{number}", path=path, width_px=64, height_px=64, fps=fps, num_frames=17)
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
    write_project(timeline, tmp_path / "film.fcpxml", "fcpxml", extra=[mixed])
    clips = {clip.get("name"): clip for clip in ET.parse(tmp_path / "film.fcpxml").iterfind(".//spine//clip")}
    assert [name for name, clip in clips.items() if clip.get("enabled") == "0"] == ["mix"]
    assert (tmp_path / "film-media/music.wav").read_bytes() == b"any"


@pytest.mark.parametrize("format_", ["otio", "edl", "fcpxml"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25, 2), Fraction(25), Fraction(60)])
def test_each_rate_is_counted_exactly_and_read_again(tmp_path: Path, fps: Fraction, format_: str) -> None:
    timeline, path = timeline_at(tmp_path, fps), tmp_path / f"film.{format_}"
    write_project(timeline, path, format_)
    found = read_cut(path)
    assert [one.name for one in found] == ["s01", "s02", "s03"]
    assert [one.trimmed(timeline) for one in found] == [(0, 0)] * 3
    counted = round(fps * Fraction(1001, 1000)) if fps.denominator == 1001 else 25 if fps == Fraction(25, 2) else fps
    times = 2 if fps == Fraction(25, 2) else 1       # frames that it counts, of one of the film
    if format_ == "edl":
        assert "FCM: NON-DROP FRAME" in path.read_text()
        track = otio.adapters.read_from_file(str(path), rate=counted).tracks[0]
        assert track.duration().to_frames() == timeline.num_frames * times
    elif format_ == "fcpxml":
        tree = ET.parse(path)
        assert tree.find(".//format").get("frameDuration") == f"{1 / (fps * times)}s"
        assert tree.find(".//sequence").get("tcFormat") == "NDF"
        shown = [(Fraction(clip.get("offset")[:-1]) * fps, Fraction(clip.get("duration")[:-1]) * fps) for clip in tree.iterfind(".//spine/clip")]
        assert all(time.denominator == 1 for pair in shown for time in pair) or fps == Fraction(25, 2)
        assert sum(shown[-1]) == timeline.num_frames
    else:
        track = otio.adapters.read_from_file(str(path)).tracks[0]
        assert (track.duration().value, track.duration().rate) == (timeline.num_frames, float(fps))


def test_a_rate_that_a_format_does_not_count_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="23 frames a second"):
        write_project(timeline_at(tmp_path, Fraction(23)), tmp_path / "film.edl", "edl")


def test_an_edl_of_another_program_counts_with_drops(tmp_path: Path) -> None:
    events = ["00:00:59;28 00:01:00;02", "00:01:00;02 00:01:01;29"]
    path = tmp_path / "cut.edl"
    path.write_text("TITLE: cut\nFCM: DROP FRAME\n" + "".join(
        f"{number:03d}  AX       V     C        {times} {times}\n* FROM CLIP NAME:  s0{3 - number}\n" for number, times in enumerate(events, start=1)))
    assert [one.name for one in read_cut(path)] == ["s02", "s01"]
