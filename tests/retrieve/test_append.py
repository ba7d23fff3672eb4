"""Adding to an index gives what all its sources together would give, and reads only what is new."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from coloured import ColourEncoder, save_video
from near_reader import NearReader

from storyanim.artifacts import Frames
from storyanim.errors import IndexFolderError, InputError, PartialError, ResourceError
from storyanim.retrieve import build, build_state, index_writer
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.index_format import IndexInfo


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WindowReader", NearReader)


@pytest.fixture
def mine(videos: Path, tmp_path: Path) -> Path:
    return shutil.copytree(videos, tmp_path / "mine")


def clips_read(sources: list[Path], out: Path, **named: object) -> int:
    encoder = ColourEncoder()
    build_index(sources, out, encoder, **named)
    return encoder.clips_seen


def is_as_made_anew(out: Path, sources: list[Path], **named: object) -> bool:
    """Whether an index is, byte for byte, what its sources give in one go."""
    anew = out.with_name("anew")
    try:
        info = build_index(sources, anew, ColourEncoder(), **named)
    except PartialError:
        info = VideoIndex(anew).info
    return VideoIndex(out).info == info


class TestAppend:
    def test_a_new_source(self, videos: Path, tmp_path: Path) -> None:
        more, whole = videos / "more", videos
        assert clips_read([more], tmp_path / "index") == 2
        assert clips_read([whole / "still.mp4"], tmp_path / "index", append=True) == 1
        assert is_as_made_anew(tmp_path / "index", [more, whole / "still.mp4"])
        assert clips_read([whole], tmp_path / "index", append=True) == 3
        assert is_as_made_anew(tmp_path / "index", [more, whole / "still.mp4", whole])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["anew", "index"]

    def test_what_changed_came_and_went(self, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index_writer, "ROWS_PER_SHARD", 2)             # so that videos lie across shards
        assert clips_read([mine], tmp_path / "index") == 6
        (mine / "more" / "green_frog.mp4").unlink()
        save_video(mine / "still.mp4", "blue", seconds=4.0)
        save_video(mine / "more" / "a new one.mp4", "red")
        (mine / "captions.tsv").write_text("red bear runs.mp4\tA bear in other words\n")
        (mine / "more" / "it's blue ü.mp4").rename(mine / "zebra.mp4")
        assert clips_read([mine], tmp_path / "index", append=True) == 3
        assert is_as_made_anew(tmp_path / "index", [mine])
        with sqlite3.connect(tmp_path / "index" / "clips.sqlite") as database:
            rows = database.execute("SELECT path, caption FROM clips ORDER BY id").fetchall()
        assert rows == [("more/a new one.mp4", "a new one"), *[("red bear runs.mp4", "A bear in other words")] * 3,
                        ("still.mp4", "still"), ("still.mp4", "still"), ("zebra.mp4", "zebra")]
        assert clips_read([mine], tmp_path / "index", append=True) == 0

    def test_what_could_not_be_read_is_tried_again(self, mine: Path, tmp_path: Path) -> None:
        good = (mine / "still.mp4").read_bytes()
        (mine / "still.mp4").write_bytes(b"no video")
        for append in (False, True):
            with pytest.raises(PartialError):
                clips_read([mine], tmp_path / "index", append=append)
        assert is_as_made_anew(tmp_path / "index", [mine])
        (mine / "still.mp4").write_bytes(good)
        assert clips_read([mine], tmp_path / "index", append=True) == 1
        assert VideoIndex(tmp_path / "index").info.skipped == {}

    def test_captions_that_were_given_stay(self, mine: Path, tmp_path: Path) -> None:
        (tmp_path / "words.csv").write_text("still.mp4,A stone\n")
        clips_read([mine / "still.mp4"], tmp_path / "index", captions=tmp_path / "words.csv")
        clips_read([mine / "more"], tmp_path / "index", append=True)
        assert VideoIndex(tmp_path / "index").search("stone", ColourEncoder(), 1)[0].caption == "A stone"
        assert is_as_made_anew(tmp_path / "index", [mine / "still.mp4", mine / "more"], captions=tmp_path / "words.csv")

    def test_without_an_index_it_makes_one(self, videos: Path, tmp_path: Path) -> None:
        assert clips_read([videos / "still.mp4"], tmp_path / "index", append=True) == 1

    def test_index_and_videos_can_be_moved_together(self, mine: Path, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        mine.rename(tmp_path / "one" / "mine")
        clips_read([tmp_path / "one" / "mine" / "more"], tmp_path / "one" / "index")
        (tmp_path / "one").rename(tmp_path / "two")
        assert clips_read([tmp_path / "two" / "mine" / "still.mp4"], tmp_path / "two" / "index", append=True) == 1
        assert VideoIndex(tmp_path / "two" / "index").info.sources == ("../mine/more", "../mine/still.mp4")


class Peeking(ColourEncoder):
    """Searches the index while it is added to."""

    def __init__(self, index: Path) -> None:
        super().__init__()
        self.index, self.seen = index, 0

    def encode_clips(self, clips: Sequence[Frames]) -> np.ndarray:
        self.seen += len(VideoIndex(self.index).search("green", ColourEncoder(), 9))
        return super().encode_clips(clips)


class TestInUse:
    @pytest.mark.parametrize("in_one_step", [True, False])
    def test_an_index_can_be_used_while_it_is_added_to(
        self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
    ) -> None:
        if not in_one_step:
            monkeypatch.setattr(build_state, "_exchange", lambda one, other: False)
        build_index([videos / "more"], tmp_path / "index", ColourEncoder())
        opened = VideoIndex(tmp_path / "index")
        encoder = Peeking(tmp_path / "index")
        build_index([videos], tmp_path / "index", encoder, append=True)
        assert encoder.seen == 2 * 2
        names = [Path(match.path).name for match in opened.search("green", ColourEncoder(), 9)]
        assert names == ["green_frog.mp4", "it's blue ü.mp4"]
        assert len(VideoIndex(tmp_path / "index").search("green", ColourEncoder(), 9)) == 6

    def test_one_that_is_swapped_while_it_is_opened(self, videos: Path, index_folder: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
        build_index([videos / "more"], tmp_path / "index", ColourEncoder())
        real, calls = build.hub.file_sha256, []

        def swapped(path: Path) -> str:
            if not calls:
                shutil.rmtree(tmp_path / "index")
                shutil.copytree(index_folder, tmp_path / "index")
            calls.append(path)
            return real(path)

        monkeypatch.setattr("storyanim.retrieve.index.hub.file_sha256", swapped)
        assert len(VideoIndex(tmp_path / "index").search("red", ColourEncoder(), 9)) == 6

    def test_two_builds_of_one_index(self, videos: Path, tmp_path: Path) -> None:
        class Second(ColourEncoder):
            def encode_clips(self, clips: Sequence[Frames]) -> np.ndarray:
                with pytest.raises(ResourceError, match="another build"):
                    build_index([videos], tmp_path / "index", ColourEncoder())
                return super().encode_clips(clips)

        assert build_index([videos / "still.mp4"], tmp_path / "index", Second()).num_clips == 1


class TestAFullDisk:
    @pytest.mark.parametrize(("where", "error"), [
        ("faiss.write_index", RuntimeError("no space")),
        ("storyanim.retrieve.index_writer._RowWriter._insert", sqlite3.OperationalError("full")),
        ("numpy.save", OSError(28, "No space left on device")),
    ])
    def test_the_old_index_and_the_work_stay(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str,
                                             error: Exception) -> None:
        def fail(*ignored: object) -> None:
            raise error

        build_index([videos / "still.mp4"], tmp_path / "index", ColourEncoder())
        with monkeypatch.context() as patch:
            patch.setattr(where, fail)
            with pytest.raises(ResourceError) as caught:
                build_index([videos], tmp_path / "index", ColourEncoder())
        assert caught.value.hint
        assert VideoIndex(tmp_path / "index").info.num_clips == 1
        assert clips_read([videos], tmp_path / "index") == 0             # all was read already
        assert VideoIndex(tmp_path / "index").info.num_clips == 6


class TestWhatCannotBeAddedTo:
    def refused(self, match: str, source: Path, index: Path, error: type = IndexFolderError, **named: object) -> None:
        before = IndexInfo.model_validate_json((index / "index.json").read_text())
        with pytest.raises(error, match=match) as caught:
            build_index([source], index, named.pop("encoder", ColourEncoder()), append=True, **named)
        assert caught.value.hint
        assert IndexInfo.model_validate_json((index / "index.json").read_text()) == before
        assert not list(index.parent.glob(".*"))

    def test_other_encoders_windows_damage_and_lost_sources(self, mine: Path, tmp_path: Path) -> None:
        index, source = tmp_path / "index", mine / "still.mp4"
        build_index([mine / "more"], index, ColourEncoder())
        other = ColourEncoder()
        other.fingerprint = "other"
        self.refused("another encoder", source, index, encoder=other)
        self.refused("other windows", source, index, window_s=1.0)
        (mine / "more").rename(mine / "lost")
        self.refused("there is no .*more", source, index, InputError)
        (mine / "lost").rename(mine / "more")
        (index / "vectors.faiss").write_bytes(b"x")
        self.refused("damaged", source, index)

    def test_an_index_that_does_not_tell_its_sources(self, mine: Path, index_folder: Path, tmp_path: Path) -> None:
        index = shutil.copytree(index_folder, tmp_path / "index")
        info = json.loads((index / "index.json").read_text())
        del info["sources"]
        with sqlite3.connect(index / "clips.sqlite") as database:
            for name in ("cut", "black", "bars"):
                database.execute(f"ALTER TABLE clips DROP COLUMN {name}")
            database.execute("DROP TABLE pieces")
        info["files"]["clips.sqlite"] = build.hub.file_sha256(index / "clips.sqlite")
        (index / "index.json").write_text(json.dumps(info))
        assert len(VideoIndex(index).search("red", ColourEncoder(), 9)) == 6     # as all indexes were before
        self.refused("does not say what it was made of", mine, index)
