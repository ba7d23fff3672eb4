"""The LoRA: where it sits, that drawing can use it, and that nothing remains of the learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel, UNetMotionModel
from small import LATENT_CHANNELS, WIDTH, image_unet, make_settings, video_unet
from tolerance import BFLOAT16, assert_close
from torch.nn.attention import SDPBackend, sdpa_kernel

from storyanim.artifacts import CharacterToken
from storyanim.errors import ModelError
from storyanim.generate.load import load_pipeline
from storyanim.generate.lora import UNetLoras
from storyanim.motion_layers import motion_modules_disabled
from storyanim.personalize.lora import (
    frozen,
    frozen_weights_in_bfloat16,
    lora_adapter,
    numpy_arrays,
    single_frame_attention,
)


@pytest.fixture
def unet() -> UNetMotionModel:
    torch.manual_seed(0)
    return video_unet(image_unet()).requires_grad_(False)


def predict(unet: UNetMotionModel, num_frames: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    sample = torch.randn(1, LATENT_CHANNELS, num_frames, 8, 8, generator=generator)
    text = torch.randn(num_frames, 5, WIDTH, generator=generator)
    with torch.no_grad():
        return unet(sample, torch.tensor([500]), encoder_hidden_states=text).sample


class TestLora:
    def test_sits_on_spatial_queries_keys_and_values_only(self, unet: UNetMotionModel) -> None:
        spatial = {name for name, _ in unet.named_modules()
                   if ".attentions." in name and name.rsplit(".", 1)[-1] in {"to_q", "to_k", "to_v"}}
        with lora_adapter(unet, 2, seed=0) as matrices:
            assert {key.removeprefix("unet.").rsplit(".", 2)[0] for key in matrices} == spatial
            assert all("motion" not in key for key in matrices)
        assert len(spatial) == len(matrices) // 2 > 0

    def test_does_nothing_at_first_and_depends_on_the_seed(self, unet: UNetMotionModel) -> None:
        before = predict(unet)
        arrays = []
        for seed in (0, 0, 1):
            state = torch.get_rng_state()
            with lora_adapter(unet, 2, seed) as matrices:
                assert_close(predict(unet), before)
                arrays.append(numpy_arrays(matrices))
            assert torch.equal(torch.get_rng_state(), state)
        same = [all(np.array_equal(arrays[0][key], other[key]) for key in other) for other in arrays[1:]]
        assert same == [True, False]

    def test_drawing_uses_what_was_learned(self, family: Path) -> None:
        pipeline = load_pipeline(make_settings(family).models)
        unet, plain = pipeline.unet, predict(pipeline.unet)
        with lora_adapter(unet, 2, seed=0) as matrices:
            for weight in matrices.values():
                weight.data += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
            learned, lora = predict(unet), numpy_arrays(matrices)
        assert torch.equal(predict(unet), plain)
        assert (learned - plain).abs().max() > 1e-3
        table = np.zeros((1000, WIDTH), np.float32)
        token = CharacterToken(name="bear", token="<bear>", noun="bear", table=table, lora=lora, base="b")
        UNetLoras(pipeline).set_adapters([token])
        assert_close(predict(unet), learned)
        with pytest.raises(ModelError, match="has a LoRA"), lora_adapter(unet, 2, seed=0):
            pass

    def test_several_are_worn_in_equal_shares_and_one_alone_in_full(self, family: Path) -> None:
        pipeline = load_pipeline(make_settings(family).models)
        unet = pipeline.unet
        with lora_adapter(unet, 2, seed=0) as matrices:
            nothing = numpy_arrays(matrices)            # the second factor begins at zero
            for weight in matrices.values():
                weight.data += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
            lora = numpy_arrays(matrices)
        table = np.zeros((1000, WIDTH), np.float32)
        half = {key: value / 2 if ".lora_B." in key else value for key, value in lora.items()}
        bear, half_a_bear, plain = (CharacterToken(name="bear", token="<bear>", noun="bear", table=table, lora=each, base="b")
                                    for each in (lora, half, nothing))
        loras = UNetLoras(pipeline)
        drawn = []
        for tokens in ([bear], [half_a_bear], [bear, plain], [bear]):
            loras.set_adapters(tokens)
            drawn.append(predict(unet))
        assert_close(drawn[2], drawn[1])
        assert (drawn[2] - drawn[0]).abs().max() > 1e-3
        assert torch.equal(drawn[3], drawn[0])

    def test_unet_is_as_it_was_even_after_an_error(self, unet: UNetMotionModel) -> None:
        unet.requires_grad_(True)
        before = {name: weight.clone() for name, weight in unet.state_dict().items()}

        def break_off() -> None:
            with frozen(unet), lora_adapter(unet, 2, seed=0) as matrices:
                for weight in matrices.values():
                    weight.data += 1
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            break_off()
        after = unet.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(after[name], before[name]) for name in before)
        assert all(weight.requires_grad for weight in unet.parameters())

    def test_rank_zero_is_none(self, unet: UNetMotionModel) -> None:
        with lora_adapter(unet, 0, seed=0) as matrices:
            assert matrices == {}

    def test_unet_without_spatial_attention(self) -> None:
        plain = UNet2DConditionModel(sample_size=8, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
                                     mid_block_type=None, down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",))
        with pytest.raises(ModelError, match="no spatial attention"), lora_adapter(plain, 2, seed=0):
            pass
        assert not getattr(plain, "peft_config", None)


class TestMotionOff:
    def test_frames_are_drawn_as_by_the_image_unet(self) -> None:
        torch.manual_seed(0)
        image = image_unet()
        unet = video_unet(image)
        sample, text = torch.randn(3, LATENT_CHANNELS, 1, 8, 8), torch.randn(3, 5, WIDTH)
        times = torch.tensor([10, 500, 999])
        with torch.no_grad():
            stock = image(sample[:, :, 0], times, encoder_hidden_states=text).sample
            with motion_modules_disabled(unet):
                ours = unet(sample, times, encoder_hidden_states=text).sample[:, :, 0]
            moving = unet(sample, times, encoder_hidden_states=text).sample[:, :, 0]
        assert_close(ours, stock)
        assert not torch.allclose(moving, stock, atol=1e-3)


class TestFramesAlone:
    def test_same_to_rounding_forwards_and_backwards(self, unet: UNetMotionModel) -> None:
        plain, gradient = _with_gradient(unet, 1)
        processors = list(unet.attn_processors.values())
        with single_frame_attention(unet):
            ours, own = _with_gradient(unet, 1)
            assert_close(ours, plain)
            assert_close(own, gradient)
        assert list(unet.attn_processors.values()) == processors

    def test_asks_less_of_the_motion_layers(self, unet: UNetMotionModel) -> None:
        asked = []
        queries = [layer for name, layer in unet.named_modules() if "motion_modules" in name and name.endswith("to_q")]
        hooks = [layer.register_forward_hook(lambda *_: asked.append(1)) for layer in queries]
        with single_frame_attention(unet):
            predict(unet, 1)
        assert asked == []
        assert hooks

    def test_several_frames_look_at_one_another(self, unet: UNetMotionModel) -> None:
        plain = predict(unet, 3)
        with single_frame_attention(unet):
            assert torch.equal(predict(unet, 3), plain)


class TestHalved:
    def test_same_to_rounding_as_casting_at_each_step(self, unet: UNetMotionModel) -> None:
        before = {name: weight.clone() for name, weight in unet.state_dict().items()}
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH), lora_adapter(unet, 2, seed=0) as matrices:
            for weight in matrices.values():
                weight.data += 0.1
            plain, gradient = _with_gradient(unet, 2)
            with frozen_weights_in_bfloat16(unet, None):
                kinds = {weight.dtype for name, weight in unet.named_parameters() if "lora" not in name}
                assert kinds == {torch.bfloat16, torch.float32}
                assert unet.dtype == torch.float32
                assert {weight.dtype for weight in matrices.values()} == {torch.float32}
                ours, own = _with_gradient(unet, 2)
        assert_close(ours, plain, BFLOAT16)
        assert_close(own, gradient, BFLOAT16)
        assert all(torch.equal(unet.state_dict()[name], weight) for name, weight in before.items())

    def test_what_is_learned_stays_float32(self) -> None:
        network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)).requires_grad_(False)
        network[1].requires_grad_(True)
        with frozen_weights_in_bfloat16(network):
            dtypes = [layer.weight.dtype for layer in network]
        assert dtypes == [torch.float32, torch.float32, torch.bfloat16]
        assert network[2].weight.dtype == torch.float32


def _with_gradient(unet: UNetMotionModel, num_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the U-Net says, and where its sum pulls the text."""
    generator = torch.Generator().manual_seed(3)
    sample = torch.randn(1, LATENT_CHANNELS, num_frames, 8, 8, generator=generator)
    text = torch.randn(num_frames, 5, WIDTH, generator=generator).requires_grad_()
    said = unet(sample, torch.tensor([500]), encoder_hidden_states=text).sample
    said.float().square().sum().backward()
    assert text.grad is not None
    return said.detach(), text.grad


def test_frozen_learns_nothing_and_is_undone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout()).train()
    network[0].bias.requires_grad_(False)
    with frozen(network, None):
        assert not any(weight.requires_grad for weight in network.parameters())
        assert not network[1].training
    assert [weight.requires_grad for weight in network.parameters()] == [True, False]
    assert network[1].training
