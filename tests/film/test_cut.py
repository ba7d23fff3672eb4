"""Transitions: only their frames are encoded again, and all counts are exact."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from storyanim import video
from storyanim.artifacts import Clip, Frames, Shot, UInt8
from storyanim.config import FilmSettings
from storyanim.film.clip import write_clip
from storyanim.film.cut import cut
from storyanim.film.film import assemble
from storyanim.film.timeline import Piece, Timeline, Transition, lay_out

NUMBER = 12                                          # frames of half a second


def clips_at(folder: Path, settings: FilmSettings, values: tuple[int, ...] = (60, 120, 200)) -> list[Clip]:
    made = []
    for number, value in enumerate(values, start=1):
        (folder / f"{number}").mkdir(parents=True)
        rgb = np.full((16, 16, 16, 3), value, np.uint8)
        rgb[:, :, :8] += np.arange(16, dtype=np.uint8)[:, None, None, None]
        made.append(write_clip(folder / f"{number}", Shot(id=f"s0{number}", text="", query="", prompt=""), Frames(rgb, 8.0), settings))
    return made


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return clips_at(tmp_path_factory.mktemp("clips"), FilmSettings(width_px=64, height_px=64))


def timeline_of(clips: list[Clip], *transitions: Transition) -> Timeline:
    return lay_out("", [Piece(clip=clip, transition=how) for clip, how in zip(clips, transitions, strict=True)])


def shown(folder: Path, timeline: Timeline) -> UInt8:
    film = assemble(folder, timeline, None, FilmSettings(width_px=64, height_px=64))
    rgb = video.read(film.path).rgb
    assert len(rgb) == timeline.num_frames
    assert video.probe(film.path).duration_s == pytest.approx(timeline.duration_s, abs=1e-3)
    return rgb


def test_outside_of_transitions_frames_are_the_clips_own(clips: list[Clip], tmp_path: Path) -> None:
    rgb = shown(tmp_path, timeline_of(clips, "cut", "fade", "crossfade"))
    own = [video.read(clip.path).rgb for clip in clips]
    assert np.array_equal(rgb[:36], own[0][:36])
    assert np.array_equal(rgb[60:84], own[1][12:36])
    assert np.array_equal(rgb[96:132], own[2][12:])


@pytest.mark.parametrize(("how", "through"), [("fade", 0), ("dip", 240)])
def test_a_fade_goes_through_its_colour_and_comes_back(clips: list[Clip], how: Transition, through: int, tmp_path: Path) -> None:
    rgb = shown(tmp_path, timeline_of(clips, "cut", how, "cut")).astype(float).mean(axis=(1, 2))[:, 1]
    assert len(rgb) == 144
    assert abs(rgb[47] - through) < 25
    assert abs(rgb[48] - through) < 25
    assert abs(rgb[36] - rgb[35]) < 20
    assert abs(rgb[60] - rgb[59]) < 20
    changes = np.diff(rgb[36:48]) if how == "dip" else -np.diff(rgb[36:48])
    assert (changes > -1).all()


def test_a_crossfade_shows_both_and_is_shorter(clips: list[Clip], tmp_path: Path) -> None:
    timeline = timeline_of(clips, "cut", "crossfade", "cut")
    assert timeline.num_frames == 144 - NUMBER
    assert [piece.start_frame for piece in timeline.pieces] == [0, 36, 84]
    rgb = shown(tmp_path, timeline).astype(float).mean(axis=(1, 2, 3))
    assert (np.diff(rgb[36:48]) > 0).all()


def test_all_cuts_are_the_clips_alone(clips: list[Clip], tmp_path: Path) -> None:
    rgb = shown(tmp_path, timeline_of(clips, "cut", "cut", "cut"))
    assert np.array_equal(rgb, np.concatenate([video.read(clip.path).rgb for clip in clips]))


def test_a_clip_that_is_too_short_is_cut(clips: list[Clip]) -> None:
    short = clips[1].model_copy(update={"num_frames": 2 * NUMBER})
    timeline = timeline_of([clips[0], short, clips[2]], "fade", "fade", "crossfade")
    assert [piece.transition for piece in timeline.pieces] == ["cut", "cut", "cut"]


@pytest.mark.parametrize("fps", [23, 25, 30, 60])
def test_any_rate_keeps_count(fps: int, tmp_path: Path) -> None:
    settings = FilmSettings(width_px=64, height_px=64, fps=fps)
    timeline = timeline_of(clips_at(tmp_path / "clips", settings), "cut", "crossfade", "fade")
    rgb = shown(tmp_path, timeline)
    own = video.read(timeline.pieces[1].clip.path).rgb
    number, start = timeline.transition_frames, timeline.pieces[1].start_frame
    assert np.array_equal(rgb[start + number : start + len(own) - number], own[number : len(own) - number])


def test_the_same_timeline_gives_the_same_bytes(clips: list[Clip], tmp_path: Path) -> None:
    made = []
    for name in "ab":
        (tmp_path / name).mkdir()
        shown(tmp_path / name, timeline_of(clips, "cut", "fade", "dip"))
        made.append((tmp_path / name / "film.mp4").read_bytes())
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["film.mp4", "poster.jpg"]
    assert made[0] == made[1]


def test_chapters_and_metadata(clips: list[Clip], tmp_path: Path) -> None:
    pieces = [Piece(clip=clips[0], chapter="the forest; a = b"), Piece(clip=clips[1]), Piece(clip=clips[2], chapter="a lake")]
    film = assemble(tmp_path, lay_out("The Bear", pieces), None, FilmSettings(width_px=64, height_px=64, author="Ann"), "by X")
    with av.open(str(film.path)) as container:
        chapters = [(round(one["start"] * float(one["time_base"]), 2), one["metadata"]["title"]) for one in container.chapters()]
        assert chapters == [(0.0, "the forest; a = b"), (4.0, "a lake")]
        assert container.metadata["title"] == "The Bear"
        assert container.metadata["artist"] == "Ann"
        assert container.metadata["comment"].startswith("AI-made")
        assert container.metadata["comment"].endswith("by X")


@pytest.mark.parametrize("fps", [24, 25, 30])
def test_drawn_frames_between_leave_no_gap_for_transitions(fps: int, tmp_path: Path) -> None:
    settings = FilmSettings(width_px=64, height_px=64, fps=fps, interpolate=True)
    made = []
    for number in range(2):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        rgb = np.random.default_rng(number).integers(0, 255, (16, 64, 64, 3)).astype(np.uint8)
        made.append(write_clip(folder, Shot(id=f"s0{number}", text="", query="", prompt=""), Frames(rgb, 8.0), settings))
        with av.open(made[-1].path) as container:
            times = [frame.time for frame in container.decode(video=0)]
        assert times == pytest.approx([k / fps for k in range(2 * fps)], abs=1e-3)
    pieces = [Piece(clip=made[0]), Piece(clip=made[1], transition="fade")]
    timeline = lay_out("t", pieces, "en", settings.transition_s)
    assert sum(part.end - part.start for part in cut(tmp_path, timeline, settings)) == timeline.num_frames


def test_frames_between_are_drawn_by_motion(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(0, 255, (8, 40, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    rgb = np.stack([wide[:, 6 * index : 6 * index + 128] for index in range(16)])
    changes = []
    for smooth in (False, True):
        settings = FilmSettings(width_px=128, height_px=128, interpolate=smooth)
        (tmp_path / f"{smooth}").mkdir()
        made = write_clip(tmp_path / f"{smooth}", Shot(id="s01", text="", query="", prompt=""), Frames(rgb, 8.0), settings)
        seen = video.read(made.path).rgb.astype(int)
        assert len(seen) == 48
        changes.append(np.abs(np.diff(seen[3:40], axis=0)).mean(axis=(1, 2, 3)))
    assert changes[0].std() > 2 * changes[1].std()


@pytest.mark.parametrize("rate", [*map(Fraction, (8, 24, 48, 60, 7, 239)), Fraction(24000, 1001), Fraction(25, 2)])
def test_a_film_of_any_rate_has_all_of_its_frames_at_exact_times(rate: Fraction, tmp_path: Path) -> None:
    made = clips_at(tmp_path, FilmSettings(width_px=64, height_px=64, fps=rate))
    timeline = timeline_of(made, "cut", "fade", "crossfade")
    shown(tmp_path, timeline)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert times == [number / rate for number in range(timeline.num_frames)]
