"""Footage that passes filters."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest
from coloured import COLOURS, ColourEncoder, save_video
from near_reader import NearReader

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.errors import IndexFolderError, UsageError
from storyanim.retrieve import build, faiss_index
from storyanim.retrieve.build import build_index
from storyanim.retrieve.choose import choose
from storyanim.retrieve.filters import Filter, parse_filter
from storyanim.retrieve.index import VideoIndex


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with licences, a table, an archive; wide and tall videos at 8 and 24 frames per second."""
    here = tmp_path_factory.mktemp("sources")
    save_video(here / "own" / "bear.mp4", "red")
    save_video(here / "own" / "sub" / "frog.mp4", "green", seconds=3.0)
    save_video(here / "own" / "stone.mp4", "red", still=True)
    (here / "own" / "captions.tsv").write_text("file\tcaption\tlicence\nbear.mp4\tA bear\tCC0\nfrog.mp4\tA frog\tCC BY 4.0\n")
    tall = np.full((48, 64, 32, 3), COLOURS["blue"], np.uint8)
    for i in range(48):
        tall[i, i:i + 10, 10:20] = 255
    video.write(Frames(tall, 24.0), here / "web" / "videos" / "7.mp4", width_px=32, height_px=64, fps=24)
    (here / "web" / "table.csv").write_text("videoid,name,License\n7,a tall fish,CC BY-SA [x]\n")
    save_video(here / "whale.mp4", "blue", side_px=16)
    with tarfile.open(here / "all.tar", "w") as archive:
        for name, data in (("w.mp4", (here / "whale.mp4").read_bytes()),
                           ("w.json", json.dumps({"caption": "a whale", "rights": " mine "}).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    (here / "whale.mp4").unlink()
    return here


def given(sources: Path) -> list[Path]:
    return [sources / "own", sources / "web" / "table.csv", sources / "all.tar"]


@pytest.fixture(scope="module")
def folder(sources: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "WindowReader", NearReader)
        build_index(given(sources), sources / "index", ColourEncoder())
    return sources / "index"


def names(folder: Path, *filters: str, query: str = "red", **named: object) -> list[str]:
    found = VideoIndex(folder, filters=filters, **named).search(query, ColourEncoder(), 9)
    return sorted(f"{Path(match.path).stem}{match.start_s:g}" for match in found)


ALL = ["70", "bear0", "frog0", "frog2", "stone0", "w0"]


class TestFilters:
    @pytest.mark.parametrize(("filters", "passing"), [
        ([], ALL),
        (["duration>=2"], ["70", "bear0", "frog0", "stone0", "w0"]),
        (["duration<2"], ["frog2"]),
        (["aspect=1:2"], ["70"]),
        (["aspect>1"], ["bear0", "frog0", "frog2", "stone0", "w0"]),
        (["aspect=1.33"], ["bear0", "frog0", "frog2", "stone0", "w0"]),
        (["aspect!=4:3"], ["70"]),
        (["motion>0.002"], ["70", "bear0", "frog0", "frog2", "w0"]),
        ([" FPS = 24.1 "], ["70"]),
        (["fps<=8"], ["bear0", "frog0", "frog2", "stone0", "w0"]),
        (["source=own"], ["bear0", "frog0", "frog2", "stone0"]),
        (["source=*.csv"], ["70"]),
        (["source!=own"], ["70", "w0"]),
        (["licence=cc0"], ["bear0"]),
        (["license=CC*"], ["70", "bear0", "frog0", "frog2"]),
        (["licence!=CC0"], ["70", "frog0", "frog2", "w0"]),
        (["licence=mine"], ["w0"]),
        (["licence=CC BY-SA [x]"], ["70"]),
        (["licence=CC BY-SA ?x?", "fps>1"], None),
        (["licence=CC*", "duration>=2", "source=own"], ["bear0", "frog0"]),
        (["duration>2"], None),
    ])
    def test_what_passes(self, folder: Path, filters: list[str], passing: list[str] | None) -> None:
        if passing is None:
            with pytest.raises(IndexFolderError, match="no clip"):
                VideoIndex(folder, filters=filters)
        else:
            assert names(folder, *filters) == passing

    def test_words_pass_them_too(self, folder: Path) -> None:
        assert names(folder, "fps=24", query="a frog and a bear") == ["70"]
        index = VideoIndex(folder, filters=["source=own"], caption_weight=50)
        assert index.search("frog", ColourEncoder(), 1)[0].caption == "A frog"
        assert set(index._word_ranks("frog fish whale", 9)) == set(VideoIndex(folder)._word_ranks("frog", 9))

    @pytest.mark.parametrize("kind", ["HNSW32", "IVFx,SQ8"])
    @pytest.mark.parametrize("few", [0, 99])
    def test_in_indexes_of_other_kinds(self, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str,
                                       few: int) -> None:
        monkeypatch.setattr(build, "WindowReader", NearReader)
        monkeypatch.setattr(faiss_index, "_MAX_BRUTE_FORCE_VECTORS", few)
        build_index(given(sources), tmp_path / "index", ColourEncoder(), index_factory=kind)
        assert names(tmp_path / "index", "source=own", "motion>0.002") == ["bear0", "frog0", "frog2"]
        assert names(tmp_path / "index", "source=own", "motion>0.002", exact=True) == ["bear0", "frog0", "frog2"]

    def test_a_pinned_clip_needs_to_pass_none(self, folder: Path) -> None:
        whale = VideoIndex(folder, filters=["source=all.tar"]).search("blue", ColourEncoder(), 1)[0]
        index = VideoIndex(folder, filters=["source=own"])
        assert choose("red", index, ColourEncoder(), 2, pinned=whale.clip_id).match.clip_id == whale.clip_id

    def test_the_fingerprint_follows_them(self, folder: Path) -> None:
        prints = [VideoIndex(folder, filters=filters).fingerprint
                  for filters in ([], ["fps>1"], ["fps>1", "motion>0"], ["motion > 0", "fps>1"])]
        assert len(set(prints)) == 3
        assert prints[2] == prints[3]

    @pytest.mark.parametrize("text", ["", "fps", "fps>", ">3", "fps~3", "colour=red", "fps>fast", "aspect=16:0", "aspect=a:b",
                                      "motion=", "licence>CC0", "fps=1 OR 1=1", "fps>1;"])
    def test_what_is_no_filter(self, folder: Path, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            VideoIndex(folder, filters=[text])
        assert caught.value.hint

    @pytest.mark.parametrize("text", ["licence=x') OR 1=1 --", "source=own", "licence=*%_'"])
    def test_words_are_never_sql(self, folder: Path, text: str) -> None:
        assert str(parse_filter(text)) == text
        if "source" not in text:
            with pytest.raises(IndexFolderError, match="no clip"):
                VideoIndex(folder, filters=[text])

    def test_numbers(self) -> None:
        assert Filter("aspect", "=", "16:9").number == pytest.approx(16 / 9)
        assert Filter("motion", ">", "1e-3").number == 0.001

    def test_what_the_index_does_not_know(self, folder: Path, index_folder: Path, tmp_path: Path) -> None:
        with pytest.raises(IndexFolderError, match="no source 'nowhere'") as caught:
            VideoIndex(folder, filters=["source=nowhere"])
        assert "../own" in caught.value.hint
        with pytest.raises(IndexFolderError, match="no licences") as caught:
            VideoIndex(index_folder, filters=["licence=CC0"])
        assert "captions.tsv" in caught.value.hint

    @pytest.mark.parametrize("name", ["fps", "aspect", "source", "licence"])
    def test_older_indexes(self, name: str) -> None:
        bundled = Path(build.__file__).parents[1] / "assets" / "storybook" / "index"
        with sqlite3.connect(f"{(bundled / 'clips.sqlite').as_uri()}?mode=ro&immutable=1", uri=True) as database:
            known = {row[1] for row in database.execute("PRAGMA table_info(clips)")}
        if name in known:
            pytest.skip("the bundled index was made again")
        with pytest.raises(IndexFolderError, match=f"does not know the {name}"):
            VideoIndex(bundled, filters=[f"{name}=1"])
        assert VideoIndex(bundled, filters=["duration>=2", "motion>0"], near_duplicate_threshold=0.1).info.num_clips == 528
