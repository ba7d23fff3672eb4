"""Videos and archives that nobody vouches for: a listed skip, never a crash, nothing read or written elsewhere."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from coloured import ColourEncoder, save_video
from near_reader import NearReader

from storyanim import archive, video
from storyanim.errors import InputError, PartialError, VideoError
from storyanim.retrieve import build
from storyanim.retrieve.build import build_index
from storyanim.retrieve.decoder_process import WindowReader
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.windows import Limits, read_windows

KINDS = {"a.mp4": [], "a.mkv": [], "a.webm": ["-c:v", "libvpx"], "a.avi": ["-c:v", "mpeg4"], "a.gif": [],
         "a.mpg": ["-r", "25"], "a.ts": [], "a.flv": ["-c:v", "flv"]}


def ffmpeg(*arguments: object) -> None:
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True)


def skipped_of(folder: Path, out: Path, limits: Limits | None = None) -> dict[str, str]:
    """What could not be read; the rest was indexed."""
    try:
        build_index([folder], out, ColourEncoder(), limits=limits or Limits())
    except PartialError as error:
        return error.failed
    return {}


class TestPlaylists:
    def test_they_lead_nowhere(self, tmp_path: Path) -> None:
        secret, mine = save_video(tmp_path / "secret.mp4", "red"), tmp_path / "mine"
        mine.mkdir()
        segment = mine / "segment.txt"               # a video beside the playlists, which a folder does not take for one
        ffmpeg("-i", secret, "-c", "copy", "-f", "mpegts", segment)
        save_video(mine / "good.mp4", "green")
        texts = {
            "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{segment}\n#EXT-X-ENDLIST\n",
            "hls.ts": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nftp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
            "concat.mp4": f"ffconcat version 1.0\nfile '{segment}'\n",
            "beside.mkv": "ffconcat version 1.0\nfile segment.txt\n",
            "dash.mp4": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
                        f'<Representation id="1" bandwidth="1" mimeType="video/mp4"><BaseURL>{secret}</BaseURL></Representation>'
                        "</AdaptationSet></Period></MPD>",
            "sdp.mov": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
            "image.webm": f"P3 1 1 255 0 0 0 {secret}",
        }
        for name, text in texts.items():
            (mine / name).write_text(text)
        assert set(skipped_of(mine, tmp_path / "index")) == set(texts)
        assert VideoIndex(tmp_path / "index").info.num_clips == 1


@pytest.mark.timeout(3600)
def test_mutated_videos_are_read_or_listed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """`--mutations 1000` makes more of them."""
    rng, mine = random.Random(0), tmp_path / "mine"
    mine.mkdir()
    for name, options in KINDS.items():
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=48x32:rate=8:duration=1", *options, tmp_path / name)
    for number in range(pytestconfig.getoption("--mutations")):
        name = rng.choice(list(KINDS))
        (mine / f"{number}-{name}").write_bytes(mutated((tmp_path / name).read_bytes(), rng))
    save_video(mine / "good.mp4", "green")
    skipped = skipped_of(mine, tmp_path / "index", Limits(max_seconds=20, timeout_s=120))
    index = VideoIndex(tmp_path / "index")
    in_index = {Path(match.path).name for match in index.search("x", ColourEncoder(), index.info.num_clips)}
    known = in_index | set(skipped) | set(index.info.duplicates)
    assert known == {path.name for path in mine.iterdir()}
    assert "good.mp4" in in_index
    assert skipped
    assert all(skipped.values())


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, a piece cut out, doubled or zeroed, or the end lost; most of it where headers are."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 4, 32])):
        reach = min(len(changed), rng.choice([64, 1024, len(changed)]))
        at = rng.randrange(reach) if rng.random() < 0.6 else len(changed) - 1 - rng.randrange(reach)
        how, size = rng.randrange(8), rng.choice([1, 4, 200])
        if how < 4:
            changed[at] = rng.choice([0, 255, changed[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
        elif how == 4:
            changed[at:at + size] = bytes(len(changed[at:at + size]))
        elif how == 5:
            changed[at:at] = changed[at:at + size]
        elif how == 6 and len(changed) > size + 100:
            del changed[at:at + size]
        elif len(changed) > 200:
            del changed[max(100, at):]
    return bytes(changed)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WindowReader", NearReader)


@pytest.mark.usefixtures("near")
class TestOddVideos:
    def test_sound_nothing_and_folders_are_listed(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        (mine / "folder.mp4").mkdir(parents=True)
        save_video(mine / "good.mp4", "green")
        ffmpeg("-f", "lavfi", "-i", "sine=duration=1", mine / "sound.mp4")
        (mine / "empty.mp4").write_bytes(b"")
        os.symlink(mine / "gone", mine / "lost.mp4")
        skipped = skipped_of(mine, tmp_path / "index")
        assert set(skipped) == {"sound.mp4", "empty.mp4"}
        assert "no video track" in skipped["sound.mp4"]

    def test_turned_odd_and_variable_ones_are_indexed(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        mine.mkdir()
        flat = save_video(tmp_path / "flat.mp4", "red")
        ffmpeg("-display_rotation", 90, "-i", flat, "-c", "copy", mine / "turned.mp4")
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=65x47:rate=8:duration=1", "-c:v", "ffv1", mine / "odd.mkv")
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=2x900:rate=8:duration=1", mine / "strip.gif")
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=30:duration=3", "-vf", "select='not(between(n,20,70))'",
               "-fps_mode", "vfr", mine / "variable.mkv")
        assert skipped_of(mine, tmp_path / "index") == {}
        spans = {path.name: [(w.start_s, w.end_s) for w in read_windows(path, 2.0)] for path in mine.iterdir()}
        assert spans["variable.mkv"] == [(0.0, 2.0), (2.0, 3.0)]
        assert spans["turned.mp4"] == [(0.0, 2.0)]

    def test_names_that_are_not_utf8(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        mine.mkdir()
        good = save_video(mine / "good.mp4", "green")
        try:
            shutil.copy(good, os.fsdecode(os.fsencode(mine) + b"/\xff\xfe.mp4"))
        except OSError:
            pytest.skip("this disk takes no such names")
        assert list(skipped_of(mine, tmp_path / "index").values()) == ["its name is not UTF-8"]

    def test_what_is_too_long_is_cut_and_listed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("storyanim.retrieve.windows._WINDOWS_PER_READ", 1)
        save_video(tmp_path / "long.mp4", "red", seconds=9)
        skipped = skipped_of(tmp_path, tmp_path / "index", Limits(max_seconds=4))
        assert skipped["long.mp4"].startswith("from 4 s on: ")
        assert VideoIndex(tmp_path / "index").info.num_clips == 2

    def test_frames_that_are_too_large_or_too_many(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = save_video(tmp_path / "a.mp4", "red")
        monkeypatch.setattr(video, "_MAX_FRAMES", 5)
        with pytest.raises(VideoError, match="5 frames"):
            video.read(path)
        monkeypatch.setattr(video, "_MAX_PIXELS", 64 * 48 - 1)
        with pytest.raises(VideoError, match="pixels a frame"):
            video.probe(path)


WILD = """
import json, os, signal, sys, time
print_line = lambda reply: sys.stdout.buffer.write(json.dumps(reply).encode() + b"\\n")
span = dict(start_s=0.0, end_s=2.0, motion=0.1, cut=0.0, black=0.0, bars=0.0, aspect=1.0, fps=8.0, thumbnail_hash="00" * 128)
spoiled = False
for line in sys.stdin.buffer:
    name = os.path.basename(json.loads(line)["path"])
    if name == "die.mp4" or spoiled:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif name == "a.mp4":
        spoiled = True
    elif name == "hang.mp4":
        time.sleep(1000)
    elif name == "half.mp4":
        print_line(dict(span=span, shape=[2, 8, 8, 3], fps=8.0))
        sys.stdout.buffer.write(b"x" * 100)
        sys.stdout.buffer.flush()
        os._exit(0)
    elif name == "noise.mp4":
        sys.stdout.buffer.write(b"\\xff" * 200000 + b"\\n")
    elif name == "huge.mp4":
        print_line(dict(span=span, shape=[2, 2**40, 8, 3], fps=8.0))
    elif name == "odd.mp4":
        print_line(dict(span=span | dict(end_s=float("nan")), shape=[2, 8, 8, 3], fps=8.0))
    elif name == "look.mp4":
        print_line(dict(span=span | dict(thumbnail_hash="00"), shape=[2, 8, 8, 3], fps=8.0))
    elif name == "words.mp4":
        print_line(["span"])
    if name in ("a.mp4", "b.mp4", "good.mp4"):
        print_line(dict(span=span, shape=[2, 8, 8, 3], fps=8.0))
        sys.stdout.buffer.write(b"x" * 384)
        print_line(dict(end=""))
    sys.stdout.buffer.flush()
"""


class TestTheDecoder:
    """What happens when a video gets hold of the process that decodes it."""

    @pytest.fixture(autouse=True)
    def _wild(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        monkeypatch.setattr(WindowReader, "_start", lambda self: subprocess.Popen([sys.executable, "-c", WILD], **pipes))

    def test_it_may_die_or_lie(self, tmp_path: Path) -> None:
        wild = ["die.mp4", "half.mp4", "huge.mp4", "look.mp4", "noise.mp4", "odd.mp4", "words.mp4"]
        for i, name in enumerate([*wild, "a.mp4", "good.mp4"]):
            (tmp_path / name).write_bytes(bytes([i]))
        skipped = skipped_of(tmp_path, tmp_path / "index")
        assert sorted(skipped) == wild
        assert all("broke the program that decodes it" in reason for reason in skipped.values())
        assert VideoIndex(tmp_path / "index").info.num_clips == 2

    def test_a_video_does_not_suffer_for_the_one_before(self, tmp_path: Path) -> None:
        for i, name in enumerate(["a.mp4", "b.mp4", "good.mp4"]):
            (tmp_path / name).write_bytes(bytes([i]))
        assert skipped_of(tmp_path, tmp_path / "index") == {}

    def test_it_may_hang(self, tmp_path: Path) -> None:
        with WindowReader(2.0, Limits(timeout_s=0.5)) as reader, pytest.raises(VideoError, match=r"longer than 0\.5 s"):
            list(reader.read(tmp_path / "hang.mp4"))


def test_the_real_decoder_is_confined(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=1920x1080:rate=8:duration=1", "-c:v", "libx264", "-preset", "ultrafast", noise)
    save_video(tmp_path / "good.mp4", "green")
    with WindowReader(2.0, Limits(memory_bytes=2**29)) as reader:
        for path in (noise, tmp_path / "good.mp4"):  # half a GiB may do for the one; if not, that is said
            try:
                assert len(list(reader.read(path))) == 1
            except VideoError as error:
                assert path.name in error.message  # noqa: PT017


def add(tar: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), link
    tar.addfile(info, io.BytesIO(data))


@pytest.mark.usefixtures("near")
class TestArchives:
    def test_nothing_leaves_them(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        secret = save_video(tmp_path / "secret.mp4", "red")
        other, good = save_video(tmp_path / "b.mp4", "blue").read_bytes(), save_video(tmp_path / "g.mp4", "green").read_bytes()
        with tarfile.open(tmp_path / "in" / "0.tar", "w") as tar:
            for name in ("../up.mp4", "a/../../../up.mp4", "/abs.mp4", str(secret), "back\\slash.mp4"):
                add(tar, name, other)
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                add(tar, f"link{kind.decode()}.mp4", kind=kind, link=str(secret))
            add(tar, "pipe.mp4", kind=tarfile.FIFOTYPE)
            add(tar, "device.mp4", kind=tarfile.CHRTYPE)
            add(tar, "good.mp4", good)
            add(tar, "good.mp4", other)
        before = sorted(tmp_path.rglob("*"))
        skipped = skipped_of(tmp_path / "in" / "0.tar", tmp_path / "index")
        assert len(skipped) == 9
        assert all(name.startswith("0.tar/") and ".." not in name for name in skipped)
        assert set(skipped.values()) == {"its name leads out of the archive", "it is a link or something else than a file"}
        shutil.rmtree(tmp_path / "index")
        assert sorted(tmp_path.rglob("*")) == before
        assert video.probe(tmp_path / "in" / "0.tar" / "good.mp4").num_frames == 16
        for name in ("up.mp4", "abs.mp4", "link2.mp4", "none.mp4", "../0.tar/../../secret.mp4"):
            with pytest.raises(VideoError, match="there is no video"):
                video.probe(tmp_path / "in" / "0.tar" / name)

    def test_a_cut_one_gives_what_there_is(self, tmp_path: Path) -> None:
        good = save_video(tmp_path / "g.mp4", "green").read_bytes()
        with tarfile.open(tmp_path / "0.tar", "w") as tar:
            add(tar, "a.mp4", good)
            add(tar, "b.mp4", good + bytes(5000))
        (tmp_path / "0.tar").write_bytes((tmp_path / "0.tar").read_bytes()[:len(good) + 1600])
        skipped = skipped_of(tmp_path / "0.tar", tmp_path / "index")
        assert VideoIndex(tmp_path / "index").info.num_videos == 1
        assert any("damaged after" in reason for reason in skipped.values())

    def test_a_header_that_claims_gigabytes(self, tmp_path: Path) -> None:
        info = tarfile.TarInfo("x" * 300)
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        block[124:136] = b"77777777777\0"            # of the long name that follows
        block[148:156] = b" " * 8
        block[148:156] = f"{sum(block[:512]):06o}\0 ".encode()
        (tmp_path / "0.tar").write_bytes(bytes(block))
        with pytest.raises(InputError):
            build_index([tmp_path / "0.tar"], tmp_path / "index", ColourEncoder())

    def test_mutated_ones_are_listed_or_refused(self, tmp_path: Path) -> None:
        rng = random.Random(0)
        with tarfile.open(tmp_path / "whole.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            add(tar, "ä" * 120 + ".mp4", b"video" * 100)
            add(tar, "b.txt", b"words")
        data = (tmp_path / "whole.tar").read_bytes()
        for _ in range(300):
            (tmp_path / "0.tar").write_bytes(mutated(data, rng))
            try:
                members = list(archive.list_members(tmp_path / "0.tar"))
            except InputError:
                continue
            assert all(".." not in member.name and not member.name.startswith("/") for member in members)
