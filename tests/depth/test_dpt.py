"""The DPT estimator against stock transformers, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_dpt import save_hybrid, save_plain

from storyanim.artifacts import Frames
from storyanim.config import ModelRef, load_settings
from storyanim.depth.dpt import DptEstimator, build_depth_estimator
from storyanim.depth.scale import scale_clip
from storyanim.errors import ModelError

CLIP = Frames(np.random.default_rng(0).integers(0, 255, (5, 40, 56, 3), np.uint8), 8.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_plain(tmp_path_factory.mktemp("dpt"))


def estimator_of(folder: Path, **settings: float) -> DptEstimator:
    return DptEstimator(ModelRef(repo=str(folder)), **settings)


@pytest.mark.parametrize("save", [save_plain, save_hybrid])
def test_equal_to_stock_transformers(save: Callable[[Path], Path], tmp_path: Path) -> None:
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    repo = save(tmp_path / "dpt")
    model, processor = DPTForDepthEstimation.from_pretrained(repo).eval(), DPTImageProcessor.from_pretrained(repo)
    with torch.no_grad():
        out = model(**processor(images=[Image.fromarray(rgb) for rgb in CLIP.rgb], return_tensors="pt"))
    posts = processor.post_process_depth_estimation(out, target_sizes=[(40, 56)] * 5)
    expected = scale_clip(np.stack([post["predicted_depth"].numpy() for post in posts]), 2.0)
    track = estimator_of(repo, percentile=2.0, batch_size=2).estimate(CLIP)
    assert np.allclose(track.inverse_depth, expected, atol=1e-4)


def test_the_batch_size_changes_neither_result_nor_fingerprint(folder: Path) -> None:
    one, many = estimator_of(folder, batch_size=1), estimator_of(folder, batch_size=64)
    assert np.allclose(one.estimate(CLIP).inverse_depth, many.estimate(CLIP).inverse_depth, atol=1e-5)
    assert one.fingerprint == many.fingerprint


def test_the_fingerprint_changes_with_weights_and_percentile(folder: Path, tmp_path: Path) -> None:
    other = save_plain(tmp_path / "other", seed=1)
    prints = {estimator_of(folder).fingerprint, estimator_of(folder, percentile=3).fingerprint, estimator_of(other).fingerprint}
    assert len(prints) == 3


def test_nothing_is_loaded_before_the_first_use(folder: Path) -> None:
    estimator = estimator_of(folder)
    assert estimator.fingerprint
    assert "_model" not in vars(estimator)
    estimator.estimate(CLIP)
    assert "_model" in vars(estimator)


def test_built_from_the_settings(folder: Path) -> None:
    settings = load_settings(depth={"percentile": 4.0}, models={"depth": {"repo": str(folder)}})
    assert build_depth_estimator(settings).fingerprint == estimator_of(folder, percentile=4.0).fingerprint


class TestRefused:
    @pytest.fixture
    def broken(self, folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "broken")

    def test_another_kind_of_model(self, broken: Path) -> None:
        config = json.loads((broken / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps(config | {"model_type": "clip"}))
        with pytest.raises(ModelError, match="'clip', not 'dpt'"):
            estimator_of(broken).estimate(CLIP)

    @staticmethod
    def _drop(folder: Path, part: str) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        kept = {name: value for name, value in weights.items() if part not in name}
        assert len(kept) < len(weights)
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

    def test_missing_weights(self, broken: Path) -> None:
        self._drop(broken, "fusion_stage.layers.1.residual_layer1")
        with pytest.raises(ModelError, match=r"4 weights are missing"):
            estimator_of(broken).estimate(CLIP)

    def test_weights_that_published_repositories_lack_are_not_missed(self, broken: Path, folder: Path) -> None:
        self._drop(broken, "fusion_stage.layers.0.residual_layer1")
        tracks = [estimator_of(each).estimate(CLIP) for each in (broken, folder)]
        assert np.array_equal(tracks[0].inverse_depth, tracks[1].inverse_depth)

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessor_config.json"])
    @pytest.mark.parametrize("content", [None, b"broken"], ids=["missing", "broken"])
    def test_broken_files(self, broken: Path, name: str, content: bytes | None) -> None:
        (broken / name).unlink()
        if content is not None:
            (broken / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            estimator_of(broken).estimate(CLIP)
        assert caught.value.hint
