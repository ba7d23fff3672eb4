"""What every TextVideoEncoder keeps to. A new encoder joins by one line in ENCODERS."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from coloured import ColourEncoder
from tiny_clip import save_tiny_clip
from tiny_frozen import Tiny, save_tiny_frozen

from storyanim.artifacts import Frames
from storyanim.config import ModelRef
from storyanim.retrieve.encoders import CLIPEncoder, FrozenInTimeEncoder
from storyanim.stages import TextVideoEncoder

Build = Callable[[Path], TextVideoEncoder]


def build_small(folder: Path) -> TextVideoEncoder:
    return CLIPEncoder(ModelRef(repo=str(save_tiny_clip(folder / "small"))))


def build_wide(folder: Path) -> TextVideoEncoder:
    repo = save_tiny_clip(folder / "wide", image_size=48, projection_dim=24, seed=3)
    return CLIPEncoder(ModelRef(repo=str(repo)), batch_size=3, num_frames=2)


def build_colours(folder: Path) -> TextVideoEncoder:
    return ColourEncoder()


def build_frozen(folder: Path) -> TextVideoEncoder:
    return FrozenInTimeEncoder(ModelRef(repo=str(save_tiny_frozen(folder / "frozen"))))


def build_frozen_more_frames(folder: Path) -> TextVideoEncoder:
    repo = save_tiny_frozen(folder / "more", Tiny(image_px=24, num_frames=2, num_heads=4), seed=3)
    return FrozenInTimeEncoder(ModelRef(repo=str(repo)), batch_size=3, num_frames=5)


ENCODERS = {"clip-32px": build_small, "clip-48px": build_wide, "fake": build_colours, "frozen": build_frozen,
            "frozen-5-frames": build_frozen_more_frames}


def clips(num: int, length: int) -> list[Frames]:
    rng = np.random.default_rng(0)
    return [Frames(rng.integers(0, 255, (length, 40, 56, 3), np.uint8), 8.0) for _ in range(num)]


@pytest.fixture(scope="module", params=ENCODERS.values(), ids=ENCODERS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextVideoEncoder:
    return request.param(tmp_path_factory.mktemp("encoder"))


class TestEveryTextVideoEncoder:
    def test_embeddings_have_unit_length_and_their_shape(self, encoder: TextVideoEncoder) -> None:
        texts = encoder.encode_texts(["a red bear", "the forest", ""])
        seen = encoder.encode_clips(clips(2, encoder.num_frames))
        assert texts.shape == (3, encoder.dim)
        assert seen.shape == (2, encoder.dim)
        for vectors in (texts, seen):
            assert vectors.dtype == np.float32
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_nothing_in_nothing_out(self, encoder: TextVideoEncoder) -> None:
        assert encoder.encode_texts([]).shape == (0, encoder.dim)
        assert encoder.encode_clips([]).shape == (0, encoder.dim)

    def test_the_company_does_not_matter(self, encoder: TextVideoEncoder) -> None:
        texts = ["a red bear runs in the forest", "blue", "a green square"]
        together, some = encoder.encode_texts(texts), clips(5, encoder.num_frames)
        assert np.allclose(together, np.concatenate([encoder.encode_texts([text]) for text in texts]), atol=1e-5)
        alone = np.concatenate([encoder.encode_clips([clip]) for clip in some])
        assert np.allclose(encoder.encode_clips(some), alone, atol=1e-5)

    def test_different_things_differ(self, encoder: TextVideoEncoder) -> None:
        texts, seen = encoder.encode_texts(["red", "blue"]), encoder.encode_clips(clips(2, encoder.num_frames))
        assert np.abs(texts[0] - texts[1]).max() > 1e-4
        assert np.abs(seen[0] - seen[1]).max() > 1e-4

    def test_it_says_which_frames_it_looks_at(self, encoder: TextVideoEncoder) -> None:
        for length in (1, 2, 3, 7, 16, 100):
            looks = encoder.sample_frame_indices(length)
            assert 1 <= len(looks) <= encoder.num_frames
            assert looks == sorted(looks)
            assert set(looks) <= set(range(length))
            assert encoder.sample_frame_indices(len(looks)) == list(range(len(looks)))   # of frames so picked, all are looked at

    def test_long_and_strange_texts(self, encoder: TextVideoEncoder) -> None:
        assert np.isfinite(encoder.encode_texts(["bear " * 500, "熊 🐻 \n\t", "<|endoftext|>"])).all()

    def test_the_fingerprint_names_the_model(self, encoder: TextVideoEncoder) -> None:
        assert isinstance(encoder.fingerprint, str)
        assert encoder.fingerprint == encoder.fingerprint != ""


def test_the_encoder_is_not_loaded_for_its_fingerprint(tmp_path: Path) -> None:
    encoder = build_small(tmp_path)
    assert encoder.fingerprint
    assert encoder.dim == 16
    assert "_model" not in vars(encoder)
    assert "transformers" in sys.modules             # by the maker of the repository, else the line above would prove nothing
