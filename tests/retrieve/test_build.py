"""From a folder of videos to an index folder."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from coloured import ColourEncoder, save_video

from storyanim.errors import IndexFolderError, InputError, PartialError, ResourceError
from storyanim.retrieve import build, worker
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.index_format import IndexInfo


def rows_of(folder: Path) -> list[tuple]:
    with sqlite3.connect(folder / "clips.sqlite") as database:
        return database.execute("SELECT path, start_s, end_s, caption, motion, clip_id FROM clips ORDER BY id").fetchall()


class TestWhatIsIndexed:
    def test_windows_of_all_folders_in_order(self, index_folder: Path) -> None:
        assert [row[:3] for row in rows_of(index_folder)] == [
            ("more/green_frog.mp4", 0, 2), ("more/it's blue ü.mp4", 0, 2),
            ("red bear runs.mp4", 0, 2), ("red bear runs.mp4", 2, 4), ("red bear runs.mp4", 4, 5), ("still.mp4", 0, 2),
        ]

    def test_captions_from_the_table_else_from_the_name(self, index_folder: Path) -> None:
        captions = [row[3] for row in rows_of(index_folder)]
        assert captions == ["A frog jumps", "it s blue ü", *["red bear runs"] * 3, 'A red "statue" stands']

    def test_what_stands_still_has_no_motion(self, index_folder: Path) -> None:
        *moving, still = [row[4] for row in rows_of(index_folder)]
        assert still < 0.001
        assert min(moving) > 0.005

    def test_index_json_tells_all(self, index_folder: Path) -> None:
        info = IndexInfo.model_validate_json((index_folder / "index.json").read_text())
        assert (info.encoder, info.dim, info.index_factory, info.num_clips, info.num_videos) == ("colours", 3, "Flat", 6, 4)
        assert set(info.files) == {"clips.sqlite", "vectors.faiss", "embeddings/00000.npy"}
        vectors = np.load(index_folder / "embeddings/00000.npy", allow_pickle=False)
        assert vectors.shape == (6, 3)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_the_same_videos_give_the_same_vectors_and_rows(self, videos: Path, index_folder: Path, tmp_path: Path) -> None:
        build_index([videos], tmp_path / "again", ColourEncoder())
        assert rows_of(tmp_path / "again") == rows_of(index_folder)
        assert VideoIndex(tmp_path / "again").fingerprint == VideoIndex(index_folder).fingerprint

    def test_other_window_lengths(self, videos: Path, tmp_path: Path) -> None:
        build_index([videos / "red bear runs.mp4"], tmp_path / "index", ColourEncoder(), window_s=1.5)
        assert [row[1:3] for row in rows_of(tmp_path / "index")] == [(0, 1.5), (1.5, 3), (3, 4.5)]

    def test_a_long_video_is_read_in_parts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("storyanim.retrieve.windows._WINDOWS_PER_READ", 2)
        monkeypatch.setattr(worker, "_CLIPS_PER_BATCH", 3)
        save_video(tmp_path / "long.mp4", "red", seconds=16.9)
        build_index([tmp_path], tmp_path / "index", ColourEncoder())
        assert [row[1:3] for row in rows_of(tmp_path / "index")] == [(2 * i, 2 * i + 2) for i in range(8)]

    def test_equal_files_are_taken_once(self, videos: Path, tmp_path: Path) -> None:
        for name in ("a.mp4", "b.mp4"):
            shutil.copy(videos / "still.mp4", tmp_path / name)
        info = build_index([tmp_path], tmp_path / "index", ColourEncoder())
        assert (info.num_clips, info.duplicates) == (1, {"b.mp4": "a.mp4"})

    def test_progress_ends_at_all(self, videos: Path, tmp_path: Path) -> None:
        calls: list[tuple[int, int, str]] = []
        build_index([videos / "more"], tmp_path / "index", ColourEncoder(), progress=lambda *call: calls.append(call))
        assert [call[:2] for call in calls] == [(0, 2), (1, 2), (2, 2)]
        assert calls[0][2] == "green_frog.mp4"

    def test_several_sources(self, videos: Path, tmp_path: Path) -> None:
        build_index([videos / "more", videos / "still.mp4"], tmp_path / "index", ColourEncoder())
        assert [row[0] for row in rows_of(tmp_path / "index")] == ["more/green_frog.mp4", "more/it's blue ü.mp4", "still.mp4"]

    def test_hidden_files_and_folders_are_left_out(self, videos: Path, tmp_path: Path) -> None:
        (tmp_path / ".trash").mkdir()
        for name in ("a.mp4", ".b.mp4", ".trash/c.mp4"):
            shutil.copy(videos / "still.mp4", tmp_path / name)
        assert build_index([tmp_path], tmp_path / "index", ColourEncoder()).duplicates == {}


class TestCaptions:
    @pytest.mark.parametrize(("name", "text"), [
        ("a.csv", 'name,caption\nred bear runs.mp4,"A bear, red, runs"\n'),
        ("b.csv", '\ufeffcaption,file\n"A bear, red, runs",red bear runs.mp4\n'),
        ("c.tsv", "red bear runs\tA bear, red, runs\n\n"),
        ("d.csv", '# made by hand\nred bear runs.mp4,"A bear, red, runs"\r\n'),
    ])
    def test_forms_of_a_table(self, videos: Path, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text, "utf-8")
        build_index([videos], tmp_path / "index", ColourEncoder(), captions=tmp_path / name)
        captions = {row[0]: row[3] for row in rows_of(tmp_path / "index")}
        assert captions["red bear runs.mp4"] == "A bear, red, runs"
        assert captions["still.mp4"] == "still"      # the given table replaces the folder's own

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"name,caption\nalone\n", b"other.mp4,A cat\n"])
    def test_tables_that_cannot_be_used(self, videos: Path, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "captions.csv").write_bytes(content)
        with pytest.raises(InputError, match=r"captions\.csv"):
            build_index([videos], tmp_path / "index", ColourEncoder(), captions=tmp_path / "captions.csv")
        assert not (tmp_path / "index").exists()


class TestWhatCannotBe:
    def test_unreadable_videos_are_listed_and_the_rest_is_indexed(self, videos: Path, tmp_path: Path) -> None:
        shutil.copy(videos / "still.mp4", tmp_path / "good.mp4")
        (tmp_path / "empty.mp4").write_bytes(b"")
        (tmp_path / "story.webm").write_text("Once upon a time")
        with pytest.raises(PartialError, match="2 of 3") as caught:
            build_index([tmp_path], tmp_path / "index", ColourEncoder())
        assert caught.value.exit_code == 3
        assert set(caught.value.failed) == {"empty.mp4", "story.webm"}
        index = VideoIndex(tmp_path / "index")
        assert index.info.num_clips == 1
        assert index.info.skipped == caught.value.failed

    def test_nothing_readable_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "empty.mp4").write_bytes(b"")
        with pytest.raises(InputError, match="none of 1 videos"):
            build_index([tmp_path], tmp_path / "index", ColourEncoder())
        assert [path.name for path in tmp_path.iterdir()] == ["empty.mp4"]

    def test_no_videos_no_folder(self, tmp_path: Path) -> None:
        for source in (tmp_path, tmp_path / "none"):
            with pytest.raises(InputError):
                build_index([source], tmp_path / "index", ColourEncoder())

    def test_a_crash_leaves_the_old_index(self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        build_index([videos / "still.mp4"], tmp_path / "index", ColourEncoder())
        before = rows_of(tmp_path / "index")
        monkeypatch.setattr(build.hub, "file_sha256", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_index([videos], tmp_path / "index", ColourEncoder())
        monkeypatch.undo()
        assert rows_of(tmp_path / "index") == before
        assert [path.name for path in tmp_path.iterdir()] == ["index"]

    def test_an_index_is_replaced_and_other_folders_are_not(self, videos: Path, tmp_path: Path) -> None:
        build_index([videos / "still.mp4"], tmp_path / "index", ColourEncoder())
        build_index([videos / "more"], tmp_path / "index", ColourEncoder())
        assert VideoIndex(tmp_path / "index").info.num_clips == 2
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "a.jpg").write_bytes(b"")
        for out in (tmp_path / "photos", tmp_path / "photos" / "a.jpg"):
            with pytest.raises(IndexFolderError, match="no index folder"):
                build_index([videos], out, ColourEncoder())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "photos"]

    def test_places_that_cannot_be_written(self, videos: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ResourceError, match="cannot be written"):
            build_index([videos / "still.mp4"], tmp_path / "file" / "index", ColourEncoder())


class TestRoot:
    def test_videos_beside_the_index_move_with_it(self, videos: Path, tmp_path: Path) -> None:
        (tmp_path / "one" / "clips").mkdir(parents=True)
        shutil.copy(videos / "still.mp4", tmp_path / "one" / "clips")
        info = build_index([tmp_path / "one" / "clips"], tmp_path / "one" / "index", ColourEncoder())
        assert info.root == "../clips"
        (tmp_path / "one").rename(tmp_path / "two")
        match = VideoIndex(tmp_path / "two" / "index").search("red", ColourEncoder(), 1)[0]
        assert Path(match.path) == tmp_path / "two" / "clips" / "still.mp4"
        assert Path(match.path).is_file()

    def test_videos_elsewhere_are_found_by_their_absolute_path(self, videos: Path, index_folder: Path, tmp_path: Path) -> None:
        moved = shutil.copytree(index_folder, tmp_path / "moved")
        assert Path(VideoIndex(moved).search("green", ColourEncoder(), 1)[0].path).is_file()
