"""Exported characters in stock diffusers: the same pictures and the same text states as our own way."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from diffusers import AnimateDiffPipeline, StableDiffusionPipeline, UNet2DConditionModel, UNetMotionModel
from safetensors import safe_open
from safetensors.numpy import load_file
from tolerance import assert_close

from storyanim.artifacts import CharacterToken
from storyanim.errors import UsageError
from storyanim.generate.lora import UNetLoras
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.motion_layers import motion_modules_disabled
from storyanim.personalize.export import collapsed, embedding_file, lora_file
from storyanim.personalize.lora import lora_adapter, numpy_arrays

T = 1000
PROMPTS = ["a <bruno> bear walks", "<bruno>s", "a bear"]


@pytest.fixture
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return tiny.unet_2d().requires_grad_(False)


@pytest.fixture
def motion(unet: UNet2DConditionModel) -> UNetMotionModel:
    torch.manual_seed(1)
    return UNetMotionModel.from_unet2d(unet, tiny.motion_adapter()).eval().requires_grad_(False)


@pytest.fixture
def token(motion: UNetMotionModel) -> CharacterToken:
    """With a LoRA on every layer that learning puts one on, and a table in which no row is like another."""
    with lora_adapter(motion, 3, seed=0) as matrices:
        for matrix in matrices.values():
            torch.nn.init.normal_(matrix, std=0.5)
        lora = numpy_arrays(matrices)
    table = np.random.default_rng(0).standard_normal((T, tiny.WIDTH)).astype(np.float32)
    return CharacterToken("bruno", "<bruno>", "bear", table, lora, "base-1")


def with_table(token: CharacterToken, table: np.ndarray) -> CharacterToken:
    return CharacterToken(token.name, token.token, token.noun, table, token.lora, token.base)


def written(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "out.safetensors").write_bytes(data)
    return str(tmp_path / "out.safetensors")


def image_pipeline(folder: Path, unet: UNet2DConditionModel) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(**tiny.parts(folder) | {"unet": unet}, safety_checker=None, feature_extractor=None,
                                   requires_safety_checker=False)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def drawn(unet: Any, num_frames: int | None = None) -> torch.Tensor:
    frames = () if num_frames is None else (num_frames,)
    with torch.no_grad():
        return unet(noise(1, 4, *frames, 8, 8), 500, encoder_hidden_states=noise(num_frames or 1, 5, tiny.WIDTH)).sample


class TestLora:
    def test_an_image_pipeline_draws_with_it_as_we_do(
        self, tmp_path: Path, unet: UNet2DConditionModel, motion: UNetMotionModel, token: CharacterToken
    ) -> None:
        plain = drawn(unet)
        stock = image_pipeline(tmp_path / "stock", unet)
        stock.load_lora_weights(written(tmp_path, lora_file(token)))
        UNetLoras(tiny.story_pipeline(tmp_path / "ours", unet=motion)).set_adapters([token])
        with motion_modules_disabled(motion):
            ours = drawn(motion, num_frames=1)[:, :, 0]
        assert_close(drawn(stock.unet), ours)
        assert not torch.allclose(ours, plain, atol=1e-2)

    def test_animatediff_draws_with_it_as_we_do(
        self, tmp_path: Path, motion: UNetMotionModel, token: CharacterToken
    ) -> None:
        plain = drawn(motion, num_frames=2)
        stock = AnimateDiffPipeline(**tiny.parts(tmp_path / "stock") | {"unet": copy.deepcopy(motion)}, motion_adapter=None)
        stock.load_lora_weights(written(tmp_path, lora_file(token)))
        UNetLoras(tiny.story_pipeline(tmp_path / "ours", unet=motion)).set_adapters([token])
        ours = drawn(motion, num_frames=2)
        assert_close(drawn(stock.unet, num_frames=2), ours)
        assert not torch.allclose(ours, plain, atol=1e-2)

    def test_every_matrix_is_taken(self, tmp_path: Path, unet: UNet2DConditionModel, token: CharacterToken) -> None:
        stock = image_pipeline(tmp_path, unet)
        stock.load_lora_weights(written(tmp_path, lora_file(token)), adapter_name="bruno")
        adapted = {f"unet.{name.replace('.bruno.', '.')}" for name, _ in stock.unet.named_parameters() if ".bruno." in name}
        assert adapted == set(token.lora)

    def test_a_character_without_one_is_a_usage_error(self, token: CharacterToken) -> None:
        bare = CharacterToken(token.name, token.token, token.noun, token.table, {}, token.base)
        with pytest.raises(UsageError, match="no LoRA") as caught:
            lora_file(bare)
        assert "ti-embedding" in caught.value.hint


class TestEmbedding:
    def ours(self, pipeline: StoryVideoPipeline, row: torch.Tensor) -> torch.Tensor:
        rows = row[None].expand(len(PROMPTS), -1)
        return pipeline.encode_prompts(PROMPTS, {"<bruno>": rows}).detach()

    @pytest.fixture
    def pipeline(self, tmp_path: Path) -> StoryVideoPipeline:
        return tiny.story_pipeline(tmp_path / "ours")

    @pytest.mark.parametrize("constant", [True, False])
    def test_stock_diffusers_reads_prompts_as_we_do(
        self, tmp_path: Path, pipeline: StoryVideoPipeline, token: CharacterToken, unet: UNet2DConditionModel, constant: bool
    ) -> None:
        row = token.table[7] if constant else token.table.mean(axis=0, dtype=np.float64).astype(np.float32)
        who = with_table(token, np.tile(row, (T, 1))) if constant else token
        data, _ = embedding_file(who, collapse=not constant)
        stock = image_pipeline(tmp_path / "stock", unet)
        stock.text_encoder.load_state_dict(pipeline.text_encoder.state_dict())
        stock.load_textual_inversion(written(tmp_path, data))
        states = stock.encode_prompt(PROMPTS, "cpu", 1, False)[0].detach()
        assert_close(states, self.ours(pipeline, torch.from_numpy(row)))
        assert not torch.allclose(states[0], self.ours(pipeline, torch.zeros(tiny.WIDTH))[0], atol=1e-3)

    def test_it_is_a_single_vector_under_the_pseudo_word(self, tmp_path: Path, token: CharacterToken) -> None:
        data, _ = embedding_file(token, collapse=True)
        tensors = load_file(written(tmp_path, data))
        assert {name: tensor.shape for name, tensor in tensors.items()} == {"<bruno>": (1, tiny.WIDTH)}

    def test_different_rows_are_a_usage_error_that_says_why(self, token: CharacterToken) -> None:
        with pytest.raises(UsageError, match="1000 different rows") as caught:
            embedding_file(token, collapse=False)
        assert "--collapse" in caught.value.hint

    def test_the_file_tells_what_is_lost(self, tmp_path: Path, token: CharacterToken) -> None:
        data, loss = embedding_file(token, collapse=True)
        with safe_open(written(tmp_path, data), framework="numpy") as file:
            said = json.loads(file.metadata()["storyanim_export"])
        assert said["collapse"] == {"rows": T, "mean": loss.mean, "largest": loss.largest}
        assert (said["name"], said["noun"], said["base"]) == ("bruno", "bear", "base-1")
        assert embedding_file(token, collapse=True)[0] == data


class TestLoss:
    def test_it_is_the_distance_from_the_mean_as_a_share_of_the_row(self) -> None:
        row, loss = collapsed(np.array([[3, 0], [1, 0]], np.float32))
        assert row.tolist() == [2, 0]
        assert (loss.rows, loss.mean, loss.largest) == (2, pytest.approx((1 / 3 + 1) / 2), pytest.approx(1))

    def test_equal_rows_lose_nothing(self) -> None:
        table = np.full((T, 5), 0.1, np.float32)
        row, loss = collapsed(table)
        assert np.array_equal(row, table[0])
        assert (loss.rows, loss.mean, loss.largest) == (1, 0.0, 0.0)

    def test_a_row_of_zeros_is_no_division_by_zero(self) -> None:
        _, loss = collapsed(np.zeros((3, 2), np.float32))
        assert loss.largest == 0.0
