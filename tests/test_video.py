"""Reading, writing and joining of real files that ffmpeg and PyAV make here."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.errors import FilmError, VideoError


def whole(paths: Sequence[Path]) -> list[video.Part]:
    """All of each clip, of 24 frames a second."""
    return [video.Part(path, 24, 0, round(24 * video.probe(path).duration_s)) for path in paths]


def ramp(length: int = 16, *, fps: float = 8.0, width: int = 64, height: int = 48, step: int = 12) -> Frames:
    """Frame i is grey of level step * i, so that a read frame tells its number."""
    levels = (np.arange(length) * step % 256).astype(np.uint8)
    return Frames(np.tile(levels[:, None, None, None], (1, height, width, 3)), fps)


def numbers(rgb: np.ndarray, step: int = 12) -> list[int]:
    return [round(float(frame.mean()) / step) for frame in rgb]


def written(path: Path, frames: Frames, **settings: object) -> Path:
    options = {"width_px": frames.rgb.shape[2], "height_px": frames.rgb.shape[1], "fps": frames.fps} | settings
    video.write(frames, path, **options)
    return path


def ffmpeg(*arguments: object) -> None:
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 numbered frames at 8 fps: 2 s."""
    return written(tmp_path_factory.mktemp("clip") / "clip.mp4", ramp())


class TestProbeAndRead:
    def test_what_was_written_is_read(self, clip: Path) -> None:
        assert video.probe(clip) == video.VideoInfo(64, 48, 8.0, 2.0, 16)
        frames = video.read(clip)
        assert frames.fps == 8.0
        assert numbers(frames.rgb) == list(range(16))

    @pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 240, 200), (20, 10, 90)])
    def test_colours_survive(self, tmp_path: Path, colour: tuple[int, int, int]) -> None:
        flat = Frames(np.full((4, 32, 32, 3), colour, np.uint8), 8.0)
        read = video.read(written(tmp_path / "flat.mp4", flat, width_px=64, height_px=64)).rgb
        assert np.abs(read.astype(int) - np.array(colour)).max() <= 4

    def test_a_window_is_cut_by_time(self, clip: Path) -> None:
        assert numbers(video.read(clip, start_s=0.5, end_s=1.0).rgb) == [4, 5, 6, 7]

    def test_frames_are_picked_at_the_asked_rate(self, clip: Path) -> None:
        frames = video.read(clip, start_s=0.25, end_s=1.25, fps=4)
        assert frames.fps == 4
        assert numbers(frames.rgb) == [2, 4, 6, 8]
        assert numbers(video.read(clip, fps=16, max_frames=5).rgb) == [0, 0, 1, 1, 2]

    @pytest.mark.parametrize("rate", ["24", "25", "30000/1001", "12", "15/2"])
    @pytest.mark.parametrize("start_s", [0.0, 0.7, 1.0])
    def test_two_seconds_at_eight_are_sixteen_frames(self, tmp_path: Path, rate: str, start_s: float) -> None:
        path = tmp_path / "a.mp4"
        ffmpeg("-f", "lavfi", "-i", f"testsrc=size=64x48:rate={rate}:duration=3", path)
        assert len(video.read(path, start_s=start_s, end_s=start_s + 2, fps=8).rgb) == 16

    def test_the_last_frame_is_repeated_by_rounding_but_not_longer(self, clip: Path) -> None:
        assert numbers(video.read(clip, start_s=1.5, end_s=3.0, fps=8).rgb) == [12, 13, 14, 15]
        assert numbers(video.read(clip, start_s=1.75, fps=24).rgb) == [14, 14, 14, 15, 15, 15]

    def test_scaling(self, clip: Path) -> None:
        assert video.read(clip, size_px=(20, 31), max_frames=2).rgb.shape == (2, 31, 20, 3)

    def test_late_windows_of_a_long_video(self, tmp_path: Path) -> None:
        path = tmp_path / "long.mp4"
        written(path, ramp(60, fps=2, step=4), crf=1)
        assert numbers(video.read(path, start_s=25, end_s=27).rgb, 4) == [50, 51, 52, 53]
        assert numbers(video.sample(path, [29.9, 0.0, 12.34]), 4) == [59, 0, 24]

    def test_samples_come_in_the_asked_order_and_stay_within(self, clip: Path) -> None:
        assert numbers(video.sample(clip, [1.0, 0.0, 99.0, 0.13])) == [8, 0, 15, 1]

    def test_nothing_is_shown_after_the_end(self, clip: Path) -> None:
        with pytest.raises(VideoError, match="shows nothing"):
            video.read(clip, start_s=5.0, end_s=6.0)
        with pytest.raises(VideoError, match="shows nothing"):
            video.read(clip, start_s=5.0, end_s=6.0, fps=8)

    def test_variable_rate(self, tmp_path: Path) -> None:
        path = tmp_path / "vfr.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=1000, options={"crf": "1"})
            stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", Fraction(1, 1000)
            for number, pts in enumerate((0, 40, 80, 1000, 1500, 1540)):
                frame = av.VideoFrame.from_ndarray(ramp(6, step=40).rgb[number], format="rgb24")
                frame.pts, frame.time_base = pts, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        assert numbers(video.sample(path, [0.05, 0.5, 0.99, 1.2, 1.51]), 40) == [1, 2, 2, 3, 4]
        assert numbers(video.read(path, end_s=1.5, fps=4).rgb, 40) == [0, 2, 2, 2, 3, 3]

    @pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
    def test_the_rotation_flag_is_applied(self, tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
        rgb = np.zeros((4, 64, 96, 3), np.uint8)
        rgb[:, :32, :48] = 255                       # the upper left quarter is white
        flat, turned = written(tmp_path / "flat.mp4", Frames(rgb, 8.0)), tmp_path / "turned.mp4"
        ffmpeg("-display_rotation", degrees, "-i", flat, "-c", "copy", turned)
        info, shown = video.probe(turned), video.read(turned, max_frames=1).rgb[0]
        assert (info.height_px, info.width_px) == shown.shape[:2] == ((96, 64) if degrees in (90, -90) else (64, 96))
        height, width = shown.shape[:2]
        quarters = shown.reshape(2, height // 2, 2, width // 2, 3).mean(axis=(1, 3, 4))
        assert np.unravel_index(quarters.argmax(), (2, 2)) == corner

    def test_pixels_that_are_not_square(self, tmp_path: Path) -> None:
        path = tmp_path / "wide.mp4"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=48x48:rate=8:duration=1", "-vf", "setsar=2/1", path)
        assert (video.probe(path).width_px, video.probe(path).height_px) == (96, 48)
        assert video.read(path, max_frames=1).rgb.shape == (1, 48, 96, 3)

    @pytest.mark.parametrize(("name", "options"), [
        ("a.mp4", ["-pix_fmt", "yuv420p"]), ("a.mov", []), ("a.mkv", []), ("a.avi", ["-c:v", "mpeg4"]), ("a.gif", []),
        ("a.webm", ["-c:v", "libvpx"]), ("a b ü 熊'\".mpg", []), ("-v.ts", []), ("50%.mp4", []),
    ])
    def test_kinds_and_names_of_files(self, tmp_path: Path, name: str, options: list[str]) -> None:
        path = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=66x50:rate=25:duration=2", *options, path)
        info = video.probe(path)
        assert (info.width_px, info.height_px) == (66, 50)
        assert info.fps == pytest.approx(25, rel=0.01)
        assert info.duration_s == pytest.approx(2.0, abs=0.1)
        assert video.read(path, end_s=1.0, fps=8).rgb.shape == (8, 50, 66, 3)

    def test_odd_sizes(self, tmp_path: Path) -> None:
        path = tmp_path / "odd.mkv"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=65x47:rate=8:duration=1", "-c:v", "ffv1", path)
        assert video.read(path).rgb.shape == (8, 47, 65, 3)


class TestUnreadable:
    @pytest.mark.parametrize("content", [b"", b"Once upon a time", b"\0" * 5000], ids=["empty", "text", "zeros"])
    def test_what_is_no_video(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "story.mp4"
        path.write_bytes(content)
        for act in (video.probe, video.read, lambda p: video.sample(p, [0.0])):
            with pytest.raises(VideoError, match=r"story\.mp4") as caught:
                act(path)
            assert caught.value.hint

    def test_missing_files_and_folders(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.mp4", tmp_path):
            with pytest.raises(VideoError, match="there is no video"):
                video.probe(path)

    def test_a_cut_off_file_without_its_table(self, clip: Path, tmp_path: Path) -> None:
        path = tmp_path / "cut.mp4"
        path.write_bytes(clip.read_bytes()[:-400])   # the table of frames stands at the end
        with pytest.raises(VideoError, match=r"cut\.mp4"):
            video.read(path)

    def test_a_cut_off_file_gives_what_there_is(self, tmp_path: Path) -> None:
        noise = Frames(np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8), 8.0)
        whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
        ffmpeg("-i", written(tmp_path / "noise.mp4", noise), "-c", "copy", whole)
        cut.write_bytes(whole.read_bytes()[:whole.stat().st_size // 2])
        assert 10 < len(video.read(cut, fps=8).rgb) < 30

    def test_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "sound.mp4"
        ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)
        with pytest.raises(VideoError, match="no video track"):
            video.probe(path)

    def test_a_playlist_that_is_called_mp4_opens_no_other_file(self, clip: Path, tmp_path: Path) -> None:
        segment = tmp_path / "secret.ts"
        ffmpeg("-i", clip, "-c", "copy", segment)
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{segment}\n#EXT-X-ENDLIST\n"
        for name, text in (("a.mp4", playlist), ("b.mp4", f"ffconcat version 1.0\nfile '{segment.name}'\n")):
            (tmp_path / name).write_text(text)
            with pytest.raises(VideoError):
                video.read(tmp_path / name)


class TestWrite:
    def test_same_input_same_bytes(self, tmp_path: Path) -> None:
        noise = Frames(np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), np.uint8), 8.0)
        one, two = (written(tmp_path / name, noise, width_px=96, height_px=96, fps=24) for name in ("a.mp4", "b.mp4"))
        assert one.read_bytes() == two.read_bytes()

    @pytest.mark.parametrize(("rate", "total"), [(8, 16), (24, 48), (30, 60), (12.5, 25), (4, 8)])
    def test_length(self, tmp_path: Path, rate: float, total: int) -> None:
        path = written(tmp_path / "a.mp4", ramp(), fps=rate)
        info, read = video.probe(path), video.read(path)
        assert (info.num_frames, len(read.rgb), info.fps) == (total, total, rate)
        assert set(numbers(read.rgb[-1:])) <= {14, 15}

    def test_one_frame(self, tmp_path: Path) -> None:
        assert video.probe(written(tmp_path / "a.mp4", ramp(1), fps=24)).num_frames == 3

    def test_clips_start_at_zero_with_a_key_frame(self, tmp_path: Path) -> None:
        with av.open(str(written(tmp_path / "a.mp4", ramp(), fps=24))) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            assert packets[0].is_keyframe
            assert [packet.pts == packet.dts for packet in packets] == [True] * 48
            assert (stream.time_base, packets[0].pts) == (Fraction(1, 12816), 0)
            assert stream.codec_context.pix_fmt == "yuv420p"

    @pytest.mark.parametrize("settings", [{"width_px": 63}, {"preset": "no_such_preset"}])
    def test_ffmpeg_refuses(self, tmp_path: Path, settings: dict[str, object]) -> None:
        with pytest.raises(FilmError) as caught:
            written(tmp_path / "a.mp4", ramp(), **settings)
        assert caught.value.hint
        assert list(tmp_path.iterdir()) == []

    def test_places_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FilmError, match="cannot be written"):
            written(tmp_path / "file" / "a.mp4", ramp(2))

    def test_a_failure_keeps_the_old_file(self, tmp_path: Path) -> None:
        path = written(tmp_path / "a.mp4", ramp(2))
        before = path.read_bytes()
        with pytest.raises(FilmError):
            written(path, ramp(), preset="no_such_preset")
        assert path.read_bytes() == before


def slices_of(path: Path) -> list[bytes]:
    """The coded pictures: NAL units of type 1 and 5, each after its length in 4 bytes."""
    slices = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            data = bytes(packet)
            while data:
                length = int.from_bytes(data[:4], "big")
                if data[4] & 31 in (1, 5):
                    slices.append(data[4:4 + length])
                data = data[4 + length:]
    return slices


class TestConcat:
    @pytest.fixture
    def clips(self, tmp_path: Path) -> list[Path]:
        names = ("it's a 'bear'.mp4", "zwei ü 熊.mp4", "three # % \\ \".mp4")
        return [written(tmp_path / name, ramp(8 + 3 * i), fps=24) for i, name in enumerate(names)]

    def test_joined_by_stream_copy(self, clips: list[Path], tmp_path: Path) -> None:
        film = tmp_path / "film of 'all'.mp4"
        video.concat(whole(clips), film)
        assert slices_of(film) == [coded for clip in clips for coded in slices_of(clip)]
        info = video.probe(film)
        assert info.num_frames == 24 + 33 + 42
        assert info.duration_s == pytest.approx(info.num_frames / 24, abs=1e-3)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([film.name, *(clip.name for clip in clips)])

    def test_frames_are_evenly_timed_across_the_joins(self, clips: list[Path], tmp_path: Path) -> None:
        video.concat(whole(clips), tmp_path / "film.mp4")
        with av.open(str(tmp_path / "film.mp4")) as container:
            times = [frame.time for frame in container.decode(video=0)]
        assert np.allclose(np.diff(times), 1 / 24, atol=2e-4)

    def test_subtitles_title_and_equal_bytes(self, clips: list[Path], tmp_path: Path) -> None:
        srt = tmp_path / "film.srt"
        srt.write_text("1\n00:00:00,000 --> 00:00:01,000\nThe bear's café\n\n"
                       "2\n00:00:01,500 --> 00:00:02,500\nwoke up.\n", "utf-8")
        for name in ("a.mp4", "b.mp4"):
            video.concat(whole(clips), tmp_path / name, subtitles=srt, metadata={"title": "A bear; \"two\" = three", "comment": "ü"})
        assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
        assert (tmp_path / "a.mp4").read_bytes().index(b"moov") < (tmp_path / "a.mp4").read_bytes().index(b"mdat")
        with av.open(str(tmp_path / "a.mp4")) as container:
            assert container.metadata["title"] == 'A bear; "two" = three'
            assert container.metadata["comment"] == "ü"
            assert [stream.codec_context.name for stream in container.streams] == ["h264", "mov_text"]
            words = b"".join(bytes(packet) for packet in container.demux(container.streams.subtitles[0]))
        assert "The bear's café".encode() in words
        assert b"woke up." in words

    def test_unequal_clips_are_refused(self, clips: list[Path], tmp_path: Path) -> None:
        for settings, what in (({"width_px": 128}, "size"), ({"fps": 12}, "rate")):
            other = written(tmp_path / "other.mp4", ramp(), **({"fps": 24} | settings))
            with pytest.raises(FilmError, match=rf"other\.mp4.*differ in.*{what}"):
                video.concat(whole([*clips, other]), tmp_path / "film.mp4")
        assert not (tmp_path / "film.mp4").exists()

    def test_nothing_to_join(self, tmp_path: Path) -> None:
        with pytest.raises(FilmError, match="no clips"):
            video.concat([], tmp_path / "film.mp4")

    def test_broken_subtitles(self, clips: list[Path], tmp_path: Path) -> None:
        with pytest.raises(FilmError):
            video.concat(whole(clips), tmp_path / "film.mp4", subtitles=tmp_path / "none.srt")
        assert not list(tmp_path.glob(".*partial*"))
