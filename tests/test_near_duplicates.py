"""Near-duplicates of footage, and of photographs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from coloured import ColourEncoder
from near_reader import NearReader
from PIL import Image, ImageEnhance, ImageOps

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.config import asset
from storyanim.near_duplicates import (
    HASH_BYTES,
    demote_near_duplicates,
    is_near_duplicate,
    near_duplicate_images,
    thumbnail_hash,
)
from storyanim.personalize.image_quality import small
from storyanim.retrieve import build
from storyanim.retrieve.build import build_index
from storyanim.retrieve.choose import choose
from storyanim.retrieve.index import VideoIndex


def scene(seed: int, shift: int = 0) -> np.ndarray:
    """(16, 48, 64, 3) of coarse noise that moves."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 235, (6, 8, 3), dtype=np.uint8)
    still = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    return np.stack([np.roll(still, shift + i, axis=1) for i in range(16)])


class TestThumbnailHash:
    def test_copies_at_other_sizes_and_qualities(self, tmp_path: Path) -> None:
        original = bytes.fromhex(thumbnail_hash(scene(1)))
        assert len(original) == HASH_BYTES
        for side, crf in ((96, 20), (32, 30), (64, 40)):
            video.write(Frames(scene(1), 8.0), tmp_path / "a.mp4", width_px=side, height_px=side * 3 // 4, fps=8, crf=crf)
            copy = bytes.fromhex(thumbnail_hash(video.read(tmp_path / "a.mp4").rgb))
            assert is_near_duplicate([original], copy, 0.1).tolist() == [True]

    def test_others_are_not(self) -> None:
        hashes = [bytes.fromhex(thumbnail_hash(scene(seed, shift))) for seed, shift in ((1, 0), (2, 0), (1, 20), (1, 0))]
        assert is_near_duplicate(hashes, hashes[0], 0.1).tolist() == [True, False, False, True]
        assert is_near_duplicate([b"", hashes[0]], hashes[0], 0.1).tolist() == [False, True]
        assert is_near_duplicate([b""], b"", 0.1).tolist() == [False]
        assert is_near_duplicate([], hashes[0], 0.1).tolist() == []

    @pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 3, 200, 3), (16, 9, 8, 3), (5, 7, 1, 3)])
    def test_every_size_has_a_hash(self, shape: tuple[int, ...]) -> None:
        assert bytes.fromhex(thumbnail_hash(np.full(shape, 77, np.uint8))) == bytes([77]) * HASH_BYTES

    def test_flat_pictures_differ_by_their_brightness(self) -> None:
        hashes = [bytes.fromhex(thumbnail_hash(np.full((4, 8, 8, 3), level, np.uint8))) for level in (10, 10, 12)]
        assert is_near_duplicate(hashes, hashes[0], 0.1).tolist() == [True, True, False]

    def test_demoting_keeps_the_order_and_fills_up(self) -> None:
        a, b = bytes.fromhex(thumbnail_hash(scene(1))), bytes.fromhex(thumbnail_hash(scene(2)))
        hashes = dict(enumerate((a, a, b, a, b, b"")))
        assert demote_near_duplicates([3, 0, 2, 4, 5, 1], hashes, 3, 0.1) == [3, 2, 5]
        assert demote_near_duplicates([3, 0, 2, 4, 5, 1], hashes, 5, 0.1) == [3, 2, 5, 0, 4]
        assert demote_near_duplicates([3, 0, 2, 4, 5, 1], hashes, 3, 0.0) == [3, 0, 2]


class TestSearch:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(build, "WindowReader", NearReader)
        for name, seed, side in (("a", 1, 64), ("b", 1, 96), ("c", 2, 64), ("d", 1, 48)):
            video.write(Frames(scene(seed), 8.0), tmp_path / "v" / f"{name}.mp4", width_px=side, height_px=side * 3 // 4, fps=8)
        (tmp_path / "v" / "captions.tsv").write_text("a\ta red hare\nb\ta red hare\nc\ta hen\nd\ta red\n")
        build_index([tmp_path / "v"], tmp_path / "index", ColourEncoder())
        return tmp_path / "index"

    def order(self, found: Sequence[object]) -> list[str]:
        return [Path(match.path).stem for match in found]

    def test_copies_come_last(self, folder: Path) -> None:
        plain = self.order(VideoIndex(folder).search("hare", ColourEncoder(), 4))
        assert set(plain[:2]) == {"a", "b"}
        found = VideoIndex(folder, near_duplicate_threshold=0.1).search("hare", ColourEncoder(), 4)
        order = self.order(found)
        assert order[:2] == [plain[0], "c"]
        assert order[2:] == [name for name in plain if name not in order[:2]]
        assert [match.rank for match in found] == [1, 2, 3, 4]
        assert VideoIndex(folder, near_duplicate_threshold=0.1).fingerprint != VideoIndex(folder).fingerprint

    def test_a_copy_does_not_follow_its_like(self, folder: Path) -> None:
        index = VideoIndex(folder, near_duplicate_threshold=0.1)
        by_name = {Path(match.path).stem: match.clip_id for match in index.search("hare", ColourEncoder(), 4)}
        after = choose("a hare and a hen", index, ColourEncoder(), 4, previous=[by_name["d"]])
        assert self.order([after.match]) == ["c"]
        assert "copy" in after.why
        fits_better = choose("hare", index, ColourEncoder(), 4, previous=[by_name["d"]])
        assert self.order([fits_better.match])[0] in {"a", "b"}      # the hen has nothing of the query
        only = choose("hare", index, ColourEncoder(), 4, previous=[by_name["a"]], banned=[by_name["c"]])
        assert self.order([only.match])[0] in {"b", "d"}             # a copy rather than the same
        assert index.near_duplicates_of("gone@0-2", list(by_name.values())) == set()
        assert index.near_duplicates_of(by_name["a"], [by_name["a"], by_name["c"]]) == {by_name["a"]}


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Smooth random colours with some detail, as of a photograph."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.25)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


COPIES = {
    "smaller": lambda picture: picture.resize((picture.width // 3, picture.height // 3)),
    "larger": lambda picture: picture.resize((picture.width * 2, picture.height * 2)),
    "encoded again": lambda picture: as_jpeg(picture, 20),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "cropped all around": lambda picture: cropped(picture, 0.03, 0.03, 0.97, 0.97),
    "cropped at a corner": lambda picture: cropped(picture, 0.06, 0, 1, 0.94),
    "cropped at one edge": lambda picture: cropped(picture, 0, 0.07, 1, 1),
}
OTHERS = {
    "another": lambda picture: photo(99),
    "mirrored": ImageOps.mirror,
    "half of it": lambda picture: cropped(picture, 0, 0, 0.5, 1),
    "negative": ImageOps.invert,
}


class TestImages:
    @pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_of_a_picture_are_found(self, change: object, seed: int) -> None:
        first, other = photo(seed), photo(seed + 50)
        assert near_duplicate_images([small(first), small(other), small(change(first))]) == {2: 0}
        assert near_duplicate_images([small(change(first)), small(other), small(first)]) == {2: 0}

    @pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
    def test_other_pictures_are_none(self, change: object) -> None:
        first = photo(0)
        assert near_duplicate_images([small(first), small(change(first))]) == {}

    def test_the_bundled_examples_have_none(self) -> None:
        for name in ("bear", "fox"):
            paths = sorted((asset("examples") / name / name).glob("*.jpg"))
            squeezed = [small(Image.open(path).convert("RGB")) for path in paths]
            assert len(squeezed) == 5
            assert near_duplicate_images(squeezed) == {}

    def test_of_no_pictures(self) -> None:
        assert near_duplicate_images([]) == {}
