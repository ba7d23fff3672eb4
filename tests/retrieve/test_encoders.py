"""The CLIP encoder against stock transformers, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clip import save_tiny_clip

from storyanim.artifacts import Frames
from storyanim.config import ModelRef, load_settings
from storyanim.errors import ModelError, UsageError
from storyanim.retrieve import encoders
from storyanim.retrieve.encoders import CLIPEncoder, build_encoder, evenly_spaced_indices


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def encoder_of(folder: Path, **settings: int) -> CLIPEncoder:
    return CLIPEncoder(ModelRef(repo=str(folder)), **settings)


def test_equal_to_stock_transformers(folder: Path) -> None:
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(folder).eval(), CLIPProcessor.from_pretrained(folder)
    rgb = np.random.default_rng(1).integers(0, 255, (8, 40, 60, 3), np.uint8)
    picked = [Image.fromarray(rgb[i]) for i in (1, 3, 5, 7)]
    with torch.no_grad():
        out = model(**processor(text=["a red bear"], images=picked, return_tensors="pt"))
    mean = out.image_embeds.numpy().mean(axis=0)     # stock embeddings of frames have unit length
    encoder = encoder_of(folder)
    assert np.allclose(encoder.encode_texts(["a red bear"]), out.text_embeds.numpy(), atol=1e-5)
    assert np.allclose(encoder.encode_clips([Frames(rgb, 8.0)])[0], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize(
    ("length", "num", "indices"), [(16, 4, [2, 6, 10, 14]), (4, 4, [0, 1, 2, 3]), (1, 4, [0] * 4), (3, 2, [0, 2])]
)
def test_frames_are_spread_over_the_clip(length: int, num: int, indices: list[int]) -> None:
    assert evenly_spaced_indices(length, num) == indices


def test_half_precision_weights_are_computed_in_full(folder: Path, tmp_path: Path) -> None:
    from transformers import CLIPModel

    half = shutil.copytree(folder, tmp_path / "half")
    CLIPModel.from_pretrained(folder).half().save_pretrained(half)
    whole, rounded = encoder_of(folder).encode_texts(["a bear"]), encoder_of(half).encode_texts(["a bear"])
    assert rounded.dtype == np.float32
    assert np.allclose(whole, rounded, atol=1e-2)


def test_the_fingerprint_changes_with_weights_and_frames_but_not_with_the_batch(folder: Path, tmp_path: Path) -> None:
    other = save_tiny_clip(tmp_path / "other", seed=5)
    one = encoder_of(folder, batch_size=1).fingerprint
    assert len({one, encoder_of(folder, num_frames=2).fingerprint, encoder_of(other).fingerprint}) == 3
    assert one == encoder_of(folder, batch_size=64).fingerprint


class TestRefused:
    @pytest.fixture
    def broken(self, folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "broken")

    def test_another_kind_of_model(self, broken: Path) -> None:
        config = json.loads((broken / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps(config | {"model_type": "clip_text_model"}))
        with pytest.raises(ModelError, match="clip_text_model"):
            encoder_of(broken).encode_texts(["a"])

    def test_missing_weights(self, broken: Path) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(broken / "model.safetensors")
        del weights["visual_projection.weight"]
        save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match="1 weights are missing, such as visual_projection"):
            encoder_of(broken).encode_texts(["a"])

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.json"])
    @pytest.mark.parametrize("content", [None, b"broken"], ids=["missing", "broken"])
    def test_broken_files(self, broken: Path, name: str, content: bytes | None) -> None:
        (broken / "tokenizer.json").unlink(missing_ok=True)
        (broken / name).unlink(missing_ok=True)
        if content is not None:
            (broken / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            encoder_of(broken).encode_texts(["a"])
        assert caught.value.hint

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no model folder"):
            _ = encoder_of(tmp_path / "none").fingerprint


class TestBuild:
    def test_by_name(self) -> None:
        encoder = build_encoder(load_settings(retrieve={"batch_size": 5}))
        assert isinstance(encoder, CLIPEncoder)
        assert encoder.batch_size == 5

    def test_an_unknown_name_lists_the_known_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(encoders._ENCODERS, "frozen_in_time")
        with pytest.raises(UsageError, match="frozen_in_time") as caught:
            build_encoder(load_settings(retrieve={"encoder": "frozen_in_time"}))
        assert "clip" in caught.value.hint
