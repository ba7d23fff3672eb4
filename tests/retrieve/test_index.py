"""Searching an index folder, and what is said of a broken one."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from coloured import ColourEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from storyanim.errors import IndexFolderError
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex


class Blind(ColourEncoder):
    """All texts look alike to it: only words can tell clips apart."""

    def encode_texts(self, texts):
        return self._unit(0 * super().encode_texts(texts) + 1)


def names(index: VideoIndex, query: str, k: int = 6, encoder: ColourEncoder | None = None) -> list[str]:
    return [Path(match.path).stem for match in index.search(query, encoder or ColourEncoder(), k)]


class TestSearch:
    def test_finds_by_picture(self, index: VideoIndex) -> None:
        for query, name in (("something red", "red bear runs"), ("green", "green_frog"), ("BLUE!", "it's blue ü")):
            assert names(index, query)[0] == name

    def test_matches_are_complete(self, index: VideoIndex, videos: Path) -> None:
        match = index.search("a green frog", ColourEncoder(), 1)[0]
        assert match.path == str(videos / "more" / "green_frog.mp4")
        assert match.clip_id == f"{match.sha256[:12]}@0-2"
        assert (match.start_s, match.end_s, match.caption, match.rank) == (0.0, 2.0, "A frog jumps", 1)
        assert 0.95 < match.score <= 1.0001
        assert match.motion > 0.005

    def test_finds_by_words(self, index: VideoIndex) -> None:
        assert names(index, "a frog that jumped", 1, Blind()) == ["green_frog"]

    def test_filler_words_find_nothing(self, index: VideoIndex) -> None:
        assert index._word_ranks("It is with the A", 6) == {}
        assert len(index._word_ranks("a frog", 6)) == 1

    def test_words_can_be_left_out(self, index_folder: Path) -> None:
        deaf = VideoIndex(index_folder, caption_weight=0)
        scores = [match.score for match in deaf.search("frog red", ColourEncoder(), 6)]
        for some in (scores[:4], scores[4:]):        # a window of each video, then the others of one
            assert some == sorted(some, reverse=True)
        assert names(deaf, "red frog")[0] != "green_frog"
        assert names(VideoIndex(index_folder, caption_weight=50), "red frog")[0] == "green_frog"

    def test_what_hardly_moves_ranks_lower(self, index_folder: Path) -> None:
        query = "a red statue stands"
        assert names(VideoIndex(index_folder, caption_weight=3), query)[0] == "still"
        assert names(VideoIndex(index_folder, caption_weight=3, min_motion=0.004), query)[0] == "red bear runs"
        assert "still" in names(VideoIndex(index_folder, caption_weight=3, min_motion=0.004), query)[:4]

    def test_ranks_count_up_and_k_is_kept(self, index: VideoIndex) -> None:
        assert [match.rank for match in index.search("red", ColourEncoder(), 4)] == [1, 2, 3, 4]
        assert len(index.search("red", ColourEncoder(), 100)) == 6

    def test_the_same_query_the_same_answer(self, index: VideoIndex) -> None:
        assert index.search("bear", ColourEncoder(), 6) == index.search("bear", ColourEncoder(), 6)

    @pytest.mark.parametrize(
        "query", ["", "  ", '"', "frog AND NOT (", "caption:frog", "frog*", "NEAR(a b)", "'; DROP TABLE clips", "熊 🐻", "-x ^y"]
    )
    def test_nothing_in_a_query_is_syntax(self, index: VideoIndex, query: str) -> None:
        assert len(index.search(query, ColourEncoder(), 6)) == 6

    @given(query=st.text(max_size=40))
    @settings(max_examples=50, deadline=None)
    def test_any_text_is_a_query(self, index_folder: Path, query: str) -> None:
        assert len(VideoIndex(index_folder).search(query, ColourEncoder(), 6)) == 6

    def test_one_clip_by_its_name(self, index: VideoIndex) -> None:
        match = index.search("blue", ColourEncoder(), 1)[0]
        assert index.find(match.clip_id, "blue", ColourEncoder()) == match
        assert index.find("none@0-2", "blue", ColourEncoder()) is None

    def test_a_read_only_folder_can_be_searched(self, index_folder: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(index_folder, tmp_path / "a b'#?%20 ü")
        for path in (*folder.rglob("*"), folder):
            path.chmod(stat.S_IREAD | stat.S_IEXEC)
        assert names(VideoIndex(folder), "green frog")[0] == "green_frog"
        assert not list(folder.glob("*-journal"))
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700)


class TestFingerprint:
    def test_it_follows_the_content_and_the_weights_only(self, index_folder: Path, videos: Path, tmp_path: Path) -> None:
        one = VideoIndex(index_folder).fingerprint
        assert VideoIndex(shutil.copytree(index_folder, tmp_path / "copy")).fingerprint == one
        assert VideoIndex(index_folder, caption_weight=0.5).fingerprint != one
        assert VideoIndex(index_folder, min_motion=0.5).fingerprint != one
        build_index([videos / "more"], tmp_path / "other", ColourEncoder())
        assert VideoIndex(tmp_path / "other").fingerprint != one


class TestBroken:
    @pytest.fixture
    def folder(self, index_folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(index_folder, tmp_path / "broken")

    @pytest.mark.parametrize("name", ["clips.sqlite", "vectors.faiss", "embeddings/00000.npy"])
    def test_changed_and_missing_files_are_named(self, folder: Path, name: str) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(IndexFolderError, match=name.replace(".", r"\.")):
            VideoIndex(folder)
        (folder / name).unlink()
        with pytest.raises(IndexFolderError, match=f"lacks {name}".replace(".", r"\.")):
            VideoIndex(folder)

    @pytest.mark.parametrize("change", [{"format": 99}, {"format": "x"}, {"extra": 1}, {"files": {}}, {"num_clips": 0}])
    def test_an_index_json_of_another_kind(self, folder: Path, change: dict) -> None:
        path = folder / "index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(IndexFolderError) as caught:
            VideoIndex(folder)
        assert "storyanim index" in caught.value.hint

    def test_an_index_json_that_points_outside(self, folder: Path, tmp_path: Path) -> None:
        path = folder / "index.json"
        info = json.loads(path.read_text())
        (tmp_path / "secret").write_text("x")
        path.write_text(json.dumps(info | {"files": info["files"] | {"../secret": "0"}}))
        with pytest.raises(IndexFolderError, match="outside"):
            VideoIndex(folder)

    @pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b"[1"])
    def test_no_index_json(self, folder: Path, content: bytes | None) -> None:
        (folder / "index.json").unlink()
        if content is not None:
            (folder / "index.json").write_bytes(content)
        with pytest.raises(IndexFolderError):
            VideoIndex(folder)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(IndexFolderError, match="no index folder"):
            VideoIndex(tmp_path / "none")

    def test_another_encoder(self, index: VideoIndex) -> None:
        other = ColourEncoder()
        other.fingerprint = "other"
        with pytest.raises(IndexFolderError, match="another encoder") as caught:
            index.search("red", other, 1)
        assert "profile" in caught.value.hint
