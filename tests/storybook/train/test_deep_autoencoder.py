"""The stages at 256 pixels, at tiny shapes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from storyanim.errors import ModelError, UsageError
from storybook.train import inherit, recipe256
from storybook.train.adversarial import DecoderStage, balance
from storybook.train.autoencoder import decode, encode
from storybook.train.data import SETS, render_set
from storybook.train.deep_autoencoder import DeepAutoencoderStage, gradient_energy, measure
from storybook.train.deepen import deepen
from storybook.train.loop import LoopOptions, train
from storybook.train.request import Request

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin from the bundled family."""
    monkeypatch.setattr(inherit, "KEPT", tmp_path / "nothing")


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scenes of 64 pixels."""
    plan = replace(SETS["stills"], num_scenes=6, num_frames=1, size_px=64)
    return render_set(plan, tmp_path_factory.mktemp("work"), workers=1)


def tiny() -> AutoencoderTiny:
    """Four levels made five, 8 channels wide."""
    torch.manual_seed(1)
    blocks = {"num_encoder_blocks": (0, 0, 1, 1), "num_decoder_blocks": (1, 1, 1, 0)}
    smaller = AutoencoderTiny(
        latent_channels=4,
        encoder_block_out_channels=(28,) * 4,
        decoder_block_out_channels=(28,) * 4,
        **blocks,
    )
    return deepen(smaller, encoder_blocks=(0, 0, 0, 1, 1), decoder_blocks=(1, 1, 1, 1, 0))


def reconstruction(folder: Path) -> DeepAutoencoderStage:
    return DeepAutoencoderStage(tiny(), [folder], batch_size=2, crop_px=32, device=CPU)


def adversarial(folder: Path) -> DecoderStage:
    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    return DecoderStage(tiny(), [folder], CLIPVisionModel(config), batch_size=2, crop_px=32, device=CPU)


STAGES = pytest.mark.parametrize("make", [reconstruction, adversarial])


def options(steps: int) -> LoopOptions:
    return LoopOptions(steps=steps, learning_rate=2e-3, device="cpu", threads=1)


@STAGES
def test_steps_lower_the_error(make, stills: Path, tmp_path: Path) -> None:
    stage = make(stills)
    rng = [np.random.default_rng([9, k]) for k in range(8)]
    batches = [stage.batch(r) for r in rng]
    before = np.mean([stage.loss(batch)[1]["l1"] for batch in batches])
    train(stage, options(60), tmp_path)
    assert np.mean([stage.loss(batch)[1]["l1"] for batch in batches]) < 0.8 * before


@STAGES
def test_resuming_equals_going_on(make, stills: Path, tmp_path: Path) -> None:
    def weights(folder: Path, *stops: int) -> dict[str, torch.Tensor]:
        for stop in stops:
            stage = make(stills)
            train(stage, options(stop), folder)
        return load_file(folder / "checkpoint.safetensors")

    # The rate follows the part done: both runs are told the same length.
    whole = weights(tmp_path / "whole", 6)
    interrupted = make(stills)
    interrupt_after(interrupted, 3)
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, replace(options(6), checkpoint_every_s=0.0), tmp_path / "stopped")
    resumed = weights(tmp_path / "stopped", 6)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, msg=name)


def interrupt_after(stage: DeepAutoencoderStage, steps: int) -> None:
    """Ctrl-C in the step after so many."""
    loss, left = stage.loss, iter(range(steps))

    def interrupted(batch):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return loss(batch)

    stage.loss = interrupted


def test_the_adversarial_stage_leaves_the_encoder(stills: Path, tmp_path: Path) -> None:
    stage = adversarial(stills)
    before = {name: value.clone() for name, value in stage.network.state_dict().items()}
    train(stage, options(3), tmp_path)
    changed = {
        ".".join(name.split(".")[:2])
        for name, value in stage.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert "vae.encoder" not in changed
    assert "vae.decoder" in changed
    assert any(name.startswith("discriminator") for name in changed)


def test_the_discriminator_learns_what_was_rendered(stills: Path) -> None:
    stage = adversarial(stills)
    optimizer = torch.optim.Adam(stage.discriminator.parameters(), 2e-3)
    batch = stage.batch(np.random.default_rng(4))
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss, figures = stage.loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(figures["discriminator"])
    assert losses[-1] < 0.8 * losses[0]


def test_parts_pull_by_their_shares_whatever_their_size() -> None:
    parts = {name: torch.randn(4, 4) for name in ("reconstruction", "perceptual", "matching", "adversarial")}
    scaled = parts | {"adversarial": 1e4 * parts["adversarial"], "matching": 1e-4 * parts["matching"]}
    torch.testing.assert_close(balance(scaled), balance(parts))
    silent = dict.fromkeys(parts, torch.zeros(4, 4)) | {"reconstruction": parts["reconstruction"]}
    torch.testing.assert_close(balance(silent), parts["reconstruction"])


def test_gradient_energy_counts_sharpness() -> None:
    edge = np.zeros((1, 8, 8, 3), np.uint8)
    edge[:, :, 4:] = 255
    ramp = np.repeat(np.linspace(0, 255, 8).astype(np.uint8)[None, None, :, None], 8, axis=1).repeat(
        3, axis=-1
    )
    assert gradient_energy(edge).sum() == pytest.approx(8 * 3)
    assert gradient_energy(ramp).sum() < 0.2 * gradient_energy(edge).sum()


def test_measures_against_what_was_rendered(stills: Path) -> None:
    class Perfect:
        def encode(self, pixels):
            return type("Coded", (), {"latents": pixels})

        def decode(self, latents):
            return type("Drawn", (), {"sample": latents})

    figures = measure(Perfect(), stills, CPU)
    assert figures["creature_gradient_energy"] == pytest.approx(1, abs=0.02)
    assert figures["psnr_db"] > 45
    worse = measure(tiny().eval(), stills, CPU)
    assert worse["creature_psnr_db"] < figures["creature_psnr_db"] - 10


def request(folder: Path) -> Request:
    return Request(
        folder / "work", folder / "out", LoopOptions(steps=1, device="cpu", threads=1, workers=1), 1, scenes=2
    )


def test_the_stages_leave_a_stock_autoencoder_and_its_card(tmp_path: Path) -> None:
    for stage in ("data", "autoencoder", "decoder"):
        figures = recipe256.run_stage(stage, request(tmp_path))
    assert set(figures) == {"psnr_db", "creature_psnr_db", "gradient_energy", "creature_gradient_energy"}
    folder = tmp_path / "out/pipeline/vae"
    assert json.loads((folder / "config.json").read_text("utf-8"))["_class_name"] == "AutoencoderTiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 15_000_000
    stock = AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32).eval()
    known = load_file(tmp_path / "work/decoder/checkpoint.safetensors")
    for name, value in stock.state_dict().items():
        torch.testing.assert_close(value, known[f"ema.vae.{name}"].half().float(), msg=name)
    rgb = np.full((1, 256, 256, 3), 90, np.uint8)
    latents = encode(stock, rgb, CPU)
    assert latents.shape == (1, 16, 16, 16)
    assert decode(stock, torch.from_numpy(latents).float()).shape == rgb.shape
    text = (folder / "README.md").read_text("utf-8")
    assert "256 × 256 pixels" in text
    assert "against a discriminator" in text


def test_what_is_no_stage_or_has_no_autoencoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="examples"):
        recipe256.run_stage("examples", request(tmp_path))
    with pytest.raises(ModelError, match="no autoencoder"):
        recipe256.run_stage("decoder", request(tmp_path))
