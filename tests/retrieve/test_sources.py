"""The same videos as a folder, a table, an archive and embeddings: the same clips."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from coloured import ColourEncoder, save_video
from near_reader import NearReader

from storyanim import video
from storyanim.errors import InputError, PartialError
from storyanim.retrieve import build, tables
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.index_format import IndexInfo

NAMES = {"1001": ("red", "A red bear runs"), "1002": ("green", 'A "green", jumping frog'), "1003": ("blue", "Blue waves")}


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WindowReader", NearReader)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1001.mp4, ... and captions.tsv. Not to be changed."""
    folder = tmp_path_factory.mktemp("clips")
    for name, (colour, _) in NAMES.items():
        save_video(folder / f"{name}.mp4", colour)
    (folder / "captions.tsv").write_text("".join(f"{name}.mp4\t{caption}\n" for name, (_, caption) in NAMES.items()))
    return folder


def found(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "clips.sqlite") as database:
        return database.execute("SELECT clip_id, caption FROM clips ORDER BY path").fetchall()


@pytest.fixture(scope="module")
def expected(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    out = tmp_path_factory.mktemp("expected") / "index"
    build_index([clips], out, ColourEncoder())
    return found(out)


def save_table(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def webvid(name: str, **more: str) -> dict[str, str]:
    return {"videoid": name, "contentUrl": f"ftp://nowhere.invalid/{name}.mp4", "duration": "PT00H00M02S", "page_dir": "000_050",
            "name": NAMES[name][1] if name in NAMES else "no such", **more}


def index_of(source: Path, tmp_path: Path, **named: Any) -> IndexInfo:
    return build_index([source], tmp_path / "index", ColourEncoder(), **named)


class TestTables:
    @pytest.mark.parametrize("where", ["videos/000_050", "000_050", "videos", ".", "shard"])
    def test_webvid_wherever_its_videos_lie(self, clips: Path, expected: list, tmp_path: Path, where: str) -> None:
        (tmp_path / where).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            shutil.copy(clips / f"{name}.mp4", tmp_path / where)
        index_of(save_table(tmp_path / "shard.csv", [webvid(name) for name in NAMES]), tmp_path)
        assert found(tmp_path / "index") == expected
        match = VideoIndex(tmp_path / "index").search("red", ColourEncoder(), 1)[0]
        assert Path(match.path) == tmp_path / where / "1001.mp4"

    @pytest.mark.parametrize("name", ["paths.csv", "paths.tsv"])
    def test_paths_in_a_table(self, clips: Path, expected: list, tmp_path: Path, name: str) -> None:
        shutil.copytree(clips, tmp_path / "v")
        rows = [{"Path": f"v/{name}.mp4", "Caption": caption} for name, (_, caption) in NAMES.items()]
        index_of(save_table(tmp_path / name, rows), tmp_path)
        assert found(tmp_path / "index") == expected

    def test_given_captions_go_first(self, clips: Path, tmp_path: Path) -> None:
        shutil.copy(clips / "1001.mp4", tmp_path)
        (tmp_path / "words.csv").write_text("1001.mp4,A fox\n")
        index_of(save_table(tmp_path / "t.csv", [webvid("1001")]), tmp_path, captions=tmp_path / "words.csv")
        assert found(tmp_path / "index")[0][1] == "A fox"

    def test_rows_without_a_video_are_listed(self, clips: Path, tmp_path: Path) -> None:
        shutil.copy(clips / "1001.mp4", tmp_path)
        shutil.copy(clips / "1002.mp4", tmp_path / "secret.mp4")
        (tmp_path / "t").mkdir()
        shutil.copy(clips / "1003.mp4", tmp_path / "t")
        rows = [webvid("1003"), webvid("9", page_dir=".."), webvid("../secret"), webvid("", path=str(tmp_path / "secret.mp4")),
                webvid("", path="../secret.mp4"), webvid("", path=""), webvid("x" * 300), webvid("nul\0l")]
        rows = [{"path": "", **row} for row in rows]
        with pytest.raises(PartialError) as caught:
            index_of(save_table(tmp_path / "t" / "t.csv", rows), tmp_path)
        assert [row[1] for row in found(tmp_path / "index")] == ["Blue waves"]
        assert len(caught.value.failed) >= 4
        assert {"there is no such file beside the table", "it lies outside of the table's folder",
                "its row names no video"} <= set(caught.value.failed.values())

    @pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\0", b"", b'videoid,name\n"' + b"x" * 200_000])
    def test_what_is_no_table_of_videos(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(InputError, match=r"t\.csv") as caught:
            index_of(tmp_path / "t.csv", tmp_path)
        assert caught.value.hint
        assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


class _ParquetFile:
    """The part of pyarrow's class that is used, on lines of JSON."""

    def __init__(self, path: Path) -> None:
        self.rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
        self.schema_arrow = type("Schema", (), {"names": list(self.rows[0])})

    def __enter__(self) -> _ParquetFile:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def iter_batches(self, batch_size: int, columns: list[str]) -> Any:
        for i in range(0, len(self.rows), batch_size):
            part = [{name: row[name] for name in columns} for row in self.rows[i:i + batch_size]]
            yield type("Batch", (), {"to_pylist": lambda self, part=part: part})()


@pytest.fixture
def parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for pyarrow, which is an extra."""
    pyarrow, inner = ModuleType("pyarrow"), ModuleType("pyarrow.parquet")
    pyarrow.ArrowException, pyarrow.parquet, inner.ParquetFile = ArithmeticError, inner, _ParquetFile  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", inner)


class TestParquet:
    @pytest.mark.usefixtures("parquet")
    def test_shards_of_video2dataset(self, clips: Path, expected: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tables, "_ROWS_PER_BATCH", 2)
        shutil.copytree(clips, tmp_path / "00000")
        rows = [{"key": name, "caption": caption, "url": "ftp://nowhere.invalid", "status": "success", "error_message": None}
                for name, (_, caption) in NAMES.items()]
        rows.append({**rows[0], "key": "1004", "status": "failed_to_download", "error_message": "gone"})
        (tmp_path / "00000.parquet").write_text("".join(json.dumps(row) + "\n" for row in rows))
        with pytest.raises(PartialError) as caught:
            index_of(tmp_path / "00000.parquet", tmp_path)
        assert found(tmp_path / "index") == expected
        assert list(caught.value.failed.values()) == ["it was not downloaded: gone"]

    @pytest.mark.usefixtures("parquet")
    def test_a_shard_that_is_an_archive(self, tmp_path: Path) -> None:
        (tmp_path / "0.parquet").write_text('{"key": "1", "caption": "x"}')
        (tmp_path / "0.tar").write_bytes(b"")
        with pytest.raises(InputError) as caught:
            index_of(tmp_path / "0.parquet", tmp_path)
        assert "0.tar: index that" in caught.value.hint

    def test_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        (tmp_path / "0.parquet").write_bytes(b"PAR1")
        with pytest.raises(InputError, match="pyarrow") as caught:
            index_of(tmp_path / "0.parquet", tmp_path)
        assert "storyanim[parquet]" in caught.value.hint

    def test_the_real_one(self, clips: Path, expected: list, tmp_path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        shutil.copytree(clips, tmp_path / "0")
        rows = [{"key": name, "caption": caption} for name, (_, caption) in NAMES.items()]
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "0.parquet")
        index_of(tmp_path / "0.parquet", tmp_path)
        assert found(tmp_path / "index") == expected
        (tmp_path / "0.parquet").write_bytes(b"PAR1 is not all")
        with pytest.raises(InputError, match="cannot be read"):
            index_of(tmp_path / "0.parquet", tmp_path)


def save_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def members_of(clips: Path, caption: str) -> dict[str, bytes]:
    members = {}
    for name, (_, text) in NAMES.items():
        said = text.encode() if caption == "txt" else json.dumps({"caption": text, "key": name}).encode()
        pair = {f"./{name}.{caption}": said, f"./{name}.mp4": (clips / f"{name}.mp4").read_bytes()}
        members |= pair if caption == "txt" else dict(reversed(pair.items()))
    return members


class TestArchives:
    @pytest.mark.parametrize("caption", ["txt", "json"])
    def test_webdataset(self, clips: Path, expected: list, tmp_path: Path, caption: str) -> None:
        (tmp_path / "shards").mkdir()
        index_of(save_tar(tmp_path / "shards" / "0.tar", members_of(clips, caption)), tmp_path)
        assert found(tmp_path / "index") == expected
        match = VideoIndex(tmp_path / "index").search("green", ColourEncoder(), 1)[0]
        assert Path(match.path) == tmp_path / "shards" / "0.tar" / "1002.mp4"
        frames = video.read(match.path, start_s=match.start_s, end_s=match.end_s)       # footage is read where it lies
        assert np.array_equal(frames.rgb, video.read(clips / "1002.mp4").rgb)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "shards"]

    def test_a_folder_of_archives(self, clips: Path, expected: list, tmp_path: Path) -> None:
        (tmp_path / "shards").mkdir()
        for i, name in enumerate(NAMES):
            save_tar(tmp_path / "shards" / f"{i}.tar", {f"a/{name}.mp4": (clips / f"{name}.mp4").read_bytes(),
                                                        f"a/{name}.txt": NAMES[name][1].encode()})
        (tmp_path / "shards" / "3.tar").write_text("no tar at all")
        with pytest.raises(PartialError) as caught:
            index_of(tmp_path / "shards", tmp_path)
        assert found(tmp_path / "index") == expected
        assert list(caught.value.failed) == ["3.tar"]

    def test_captions_that_say_nothing(self, clips: Path, tmp_path: Path) -> None:
        film = (clips / "1001.mp4").read_bytes()
        save_tar(tmp_path / "0.tar", {"a_bear.mp4": film, "a_bear.json": b"[" * 5000, "a_bear.txt": b" \n", "b.txt": b"other"})
        index_of(tmp_path / "0.tar", tmp_path)
        assert found(tmp_path / "index")[0][1] == "a bear"

    def test_broken_videos_are_listed_by_their_names(self, clips: Path, tmp_path: Path) -> None:
        save_tar(tmp_path / "0.tar", {"a.mp4": (clips / "1001.mp4").read_bytes(), "b.mp4": b"no video"})
        with pytest.raises(PartialError) as caught:
            index_of(tmp_path / "0.tar", tmp_path)
        assert caught.value.failed["0.tar/b.mp4"].startswith("0.tar/b.mp4 cannot be read")

    def test_a_compressed_one(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "0.tar", "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("a.mp4"))
        with pytest.raises(InputError, match=r"0\.tar is no tar") as caught:
            index_of(tmp_path / "0.tar", tmp_path)
        assert "unpack" in caught.value.hint


class TestEmbeddings:
    @pytest.fixture
    def folder(self, clips: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "embedded"
        (folder / "img_emb").mkdir(parents=True)
        (folder / "metadata").mkdir()
        shutil.copytree(clips, folder / "videos" / "000_050")
        for i, names in enumerate((["1003", "1002"], ["1001"])):
            np.save(folder / "img_emb" / f"img_emb_{i}.npy", np.array([[0.0, 0, 4.0], [0, 2, 0]][:len(names)], np.float16))
            save_table(folder / "metadata" / f"metadata_{i}.csv", [webvid(name) for name in names])
        return folder

    def test_they_are_taken_as_they_are(self, folder: Path, expected: list, tmp_path: Path) -> None:
        encoder = ColourEncoder()
        build_index([folder], tmp_path / "index", encoder)
        assert found(tmp_path / "index") == expected
        assert np.load(tmp_path / "index/embeddings/00000.npy").tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]
        assert encoder.clips_seen == 0

    def test_what_does_not_fit(self, folder: Path, tmp_path: Path) -> None:
        array = folder / "img_emb" / "img_emb_0.npy"
        for wrong in (np.zeros((3, 3)), np.zeros((1, 3)), np.zeros((2, 5)), np.zeros(2), np.array([["a"], ["b"]])):
            np.save(array, wrong)
            with pytest.raises(InputError):
                index_of(folder, tmp_path)
        array.write_bytes(b"\x93NUMPY\x01")
        with pytest.raises(InputError, match=r"img_emb_0\.npy"):
            index_of(folder, tmp_path)
        array.unlink()
        with pytest.raises(InputError, match="1 files of embeddings and 2"):
            index_of(folder, tmp_path)
        assert not (tmp_path / "index").exists()

    def test_an_embedding_of_nothing_is_listed(self, folder: Path, tmp_path: Path) -> None:
        np.save(folder / "img_emb" / "img_emb_0.npy", np.array([[0.0, 0, 0], [np.nan, 2, 0]], np.float16))
        with pytest.raises(PartialError) as caught:
            index_of(folder, tmp_path)
        assert set(caught.value.failed) == {"videos/000_050/1002.mp4", "videos/000_050/1003.mp4"}
