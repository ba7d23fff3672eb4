"""`storyanim export film` and `storyanim shot order`: to an editing program and back.

What is written is read again by OpenTimelineIO's own readers.
"""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pypdf
import pytest
from command_line import Cli
from fakes import Diary

from storyanim import video
from storyanim.engine.run_dir import RunDir
from storyanim.errors import InputError, UsageError
from storyanim.film.editor_project import read_cut, write_project
from storyanim.run.exports import export_film, film_timeline, take_cut

FORMATS = ("otio", "edl", "fcpxml")


@pytest.fixture(autouse=True)
def _fakes(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about what is drawn; but films have cards."""
    monkeypatch.setenv("STORYANIM_FILM__TITLE_S", "0.5")


@pytest.fixture
def spoken(cli: Cli, story: Path) -> Path:
    """A run whose film has cards, narration and subtitles."""
    return Path(cli("run", story, "--narrate", "--json").json["run"])


def pictures(project: otio.schema.Timeline) -> list[otio.schema.Clip]:
    track = next(one for one in project.tracks if one.kind == otio.schema.TrackKind.Video)
    return list(track.find_clips())


def test_a_project_is_the_film_to_the_frame(spoken: Path, tmp_path: Path) -> None:
    with RunDir(spoken, beside=True) as run:
        timeline = film_timeline(run)
    assert timeline.num_frames == pytest.approx(video.probe(spoken / "film.mp4").duration_s * timeline.fps, abs=0.01)
    for format_ in FORMATS:
        path = tmp_path / f"film.{format_}"
        assert export_film(spoken, path, format_) == [path, tmp_path / "film-media"]
        project = otio.adapters.read_from_file(str(path))        # kept: a clip's place is known by its project alone
        clips = pictures(project)
        assert [clip.name for clip in clips] == [piece.clip.shot_id for piece in timeline.pieces]
        for clip, piece in zip(clips, timeline.pieces, strict=True):
            span = clip.trimmed_range_in_parent()
            assert span.start_time.to_seconds() * timeline.fps == pytest.approx(piece.start_frame, abs=1e-6)
            assert span.duration.to_seconds() * timeline.fps == pytest.approx(piece.clip.num_frames, abs=1e-6)

    project = otio.adapters.read_from_file(str(tmp_path / "film.otio"))
    references = [clip.media_reference.target_url for clip in project.find_clips()]
    assert len(references) > len(pictures(project))
    for reference in references:
        assert not Path(reference).is_absolute()
        assert (tmp_path / reference).stat().st_size > 0
    assert (tmp_path / "film-media/film.srt").read_bytes() == (spoken / "film.srt").read_bytes()
    told = [piece.text for piece in timeline.pieces if piece.text]
    assert [marker.name for clip in pictures(project) for marker in clip.markers] == told
    starts = {clip.name: clip.trimmed_range_in_parent().start_time for clip in project.find_clips()}
    spoken = [name for name in starts if name.endswith(" narration")]
    assert len(spoken) == len(told)
    assert all(starts[name] == starts[name.split()[0]] for name in spoken)


def test_an_edl_has_sound_in_channels_of_its_own(cli: Cli, story: Path, tmp_path: Path) -> None:
    run = Path(cli("run", story, "--narrate", "--ambience", "--json").json["run"])
    with RunDir(run, beside=True) as opened:
        timeline = film_timeline(opened)
    export_film(run, tmp_path / "film.edl", "edl")
    project = otio.adapters.read_from_file(str(tmp_path / "film.edl"))
    heard = {track.name: {clip.name: clip.transformed_time_range(clip.trimmed_range(), project.tracks).start_time.to_seconds()
                          for clip in track.find_clips()} for track in project.audio_tracks()}
    told = {f"{piece.clip.shot_id} narration": piece.start_s for piece in timeline.pieces if piece.speech}
    assert heard.pop("A1") == pytest.approx(told, abs=1e-6)
    assert heard == ({"A2": {"ambience": 0.0}} if timeline.ambience else {})
    numbers = [int(line[:3]) for line in (tmp_path / "film.edl").read_text().splitlines() if line[:3].isdecimal()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "mix" not in (tmp_path / "film.edl").read_text()


def test_an_archive_holds_all(spoken: Path, tmp_path: Path) -> None:
    assert export_film(spoken, tmp_path / "film.zip", "zip") == [tmp_path / "film.zip"]
    zipfile.ZipFile(tmp_path / "film.zip").extractall(tmp_path / "out")
    for format_ in FORMATS:
        project = otio.adapters.read_from_file(str(tmp_path / f"out/film.{format_}"))
        assert [clip.name for clip in pictures(project)][1:4] == ["s01", "s02", "s03"]
    assert (tmp_path / "out/media/s01.mp4").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.zip", "here", "out"]


def test_bad_requests_write_nothing(spoken: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.edl"):
        export_film(spoken, tmp_path / "film.otio", "edl")
    with RunDir(spoken, beside=True) as run:
        timeline = film_timeline(run)
    odd = timeline.model_copy(update={"pieces": tuple(
        piece.model_copy(update={"clip": piece.clip.model_copy(update={"fps": Fraction(7)})}) for piece in timeline.pieces)})
    with pytest.raises(UsageError, match="7 frames a second"):
        write_project(odd, tmp_path / "film.edl", "edl")
    (tmp_path / "nothing.edl").write_text("no project at all\n\x00")
    with pytest.raises(InputError):
        read_cut(tmp_path / "nothing.otio")
    with pytest.raises(InputError, match="shows no shot"):
        take_cut(spoken, _project(tmp_path, ["x01"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "nothing.edl", "order.otio"]


def _project(folder: Path, names: list[str], suffix: str = "otio") -> Path:
    project, track = otio.schema.Timeline("cut"), otio.schema.Track("V", kind=otio.schema.TrackKind.Video)
    second = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(24, 24))
    track.extend([otio.schema.Clip(name, otio.schema.ExternalReference(f"{name}.mp4", second), second) for name in names])
    project.tracks.append(track)
    path = folder / f"order.{suffix}"
    otio.adapters.write_to_file(project, str(path))
    return path


def test_the_order_comes_back(cli: Cli, story: Path, tmp_path: Path) -> None:
    run = Path(cli("run", story, "--json").json["run"])
    for suffix in FORMATS:
        outcome = cli("export", "film", run, "-o", tmp_path / f"cut.{suffix}", "--json")        # its ending says it
        assert outcome.json["written"][0].endswith(f"cut.{suffix}")
        changed = _project(tmp_path, ["s00", "s03", "s01"], suffix)
        assert cli("shot", "order", run, changed, "--json").json["order"] == ["s03", "s01", "s02"]
        assert [shot["id"] for shot in cli("shot", "list", run, "--json").json] == ["s03", "s01", "s02"]
        cli("shot", "order", run, changed, "--drop-missing")
        assert [shot["id"] for shot in cli("shot", "list", run, "--json").json] == ["s03", "s01"]
        for _ in range(2):
            assert cli("shot", "undo", run).code == 0
        assert [shot["id"] for shot in cli("shot", "list", run, "--json").json] == ["s01", "s02", "s03"]


@pytest.mark.parametrize("format_", FORMATS)
def test_lengths_come_back_where_a_film_can_have_them(
    cli: Cli, story: Path, diary: Diary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    monkeypatch.setenv("STORYANIM_FILM__TRANSITION", "crossfade")
    monkeypatch.setenv("STORYANIM_FILM__TRANSITION_S", "0.2")
    monkeypatch.setenv("STORYANIM_FILM__SUBTITLES", "none")
    monkeypatch.setenv("STORYANIM_GENERATE__MAX_DURATION_S", "3")
    run = Path(cli("run", story, "--fps", "24", "--json").json["run"])
    path = tmp_path / f"cut.{format_}"
    cli("export", "film", run, "-o", path)
    before = cli("shot", "list", run, "--json").json
    same = cli("shot", "order", run, path)
    assert (same.out.split("\n")[1:], "nothing is changed" in same.err) == ([""], True)
    project = otio.adapters.read_from_file(str(path), **({"rate": 24} if format_ == "edl" else {}))
    clips = {clip.name: clip for clip in pictures(project)}

    def trim(name: str, begins: int, ends: int) -> None:
        span = clips[name].trimmed_range()
        start, length = (otio.opentime.RationalTime(time.to_frames() + more, 24)
                         for time, more in ((span.start_time, begins), (span.duration, ends - begins)))
        clips[name].source_range = otio.opentime.TimeRange(start, length)

    for name, begins, ends in (("s01", 0, -3), ("s02", 3, 0), ("s03", 0, 240), ("s00", 0, 12)):
        trim(name, begins, ends)
    otio.adapters.write_to_file(project, str(tmp_path / "other.otio"))
    found = cli("shot", "order", run, tmp_path / "other.otio", "--json").json
    with RunDir(run, beside=True) as opened:
        frames = {piece.clip.shot_id: piece.clip.num_frames for piece in film_timeline(opened).pieces}
    assert found["durations_s"] == {"s01": pytest.approx((frames["s01"] - 3) / 24, abs=1e-3)}
    assert list(found["refused"]) == ["s00", "s02", "s03"]
    assert found["changed"]
    drawn = diary.read()
    cli("run", run)
    assert not [call for call in diary.read()[len(drawn):] if call.startswith("draw")]
    with RunDir(run, beside=True) as opened:
        assert film_timeline(opened).pieces[1].clip.num_frames == frames["s01"] - 3
    cli("shot", "undo", run)
    assert cli("shot", "list", run, "--json").json == before


class TestStoryboardForPrint:
    def test_pdf_has_every_shot(self, cli: Cli, story: Path, tmp_path: Path) -> None:
        run = Path(cli("run", story, "--json").json["run"])
        for number in range(5):
            assert cli("shot", "insert", run, "s01", "--prompt", f"a bear {number}").code == 0
        assert cli("export", "storyboard", run, "-o", tmp_path / "board.pdf").code == 0
        reader = pypdf.PdfReader(tmp_path / "board.pdf")
        assert len(reader.pages) == 2                # eight shots
        width, height = (float(one) for one in reader.pages[0].mediabox[2:])
        assert height / width == pytest.approx(2**0.5, rel=0.01)
        image = np.asarray(reader.pages[0].images[0].image.convert("RGB"), int)
        assert len(np.unique(image.reshape(-1, 3) // 64, axis=0)) > 3

    def test_html_holds_pictures_and_words_as_text(self, cli: Cli, here: Path, tmp_path: Path) -> None:
        (here / "odd.txt").write_text("Odd\n\nA red bear walked <b>home</b>.\n")
        run = Path(cli("run", here / "odd.txt", "--json").json["run"])
        assert cli("shot", "insert", run, "s01", "--prompt", "<script>alert(1)</script>").code == 0
        assert cli("export", "storyboard", run, "-o", tmp_path / "board.html").code == 0
        page = (tmp_path / "board.html").read_text("utf-8")
        assert page.count("data:image/png;base64,") == 1
        assert page.count("not drawn") == 1
        assert "<script>" not in page
        assert "&lt;script&gt;alert(1)" in page

    def test_another_ending_writes_nothing(self, cli: Cli, story: Path, tmp_path: Path) -> None:
        run = Path(cli("run", story, "--json").json["run"])
        assert cli("export", "storyboard", run, "--format", "pdf", "-o", tmp_path / "board.html").code == 2
        outcome = cli("export", "film", run, "-o", tmp_path / "board.mp4")
        assert (outcome.code, outcome.complaint[0]) == (
            2, f"{tmp_path / 'board.mp4'} does not end in .otio or .edl or .fcpxml or .zip")
        assert cli("export", "storyboard", tmp_path / "nothing", "-o", tmp_path / "board.pdf").code == 4
        assert not list(tmp_path.glob("board.*"))
