"""CogVideoX-Fun behind the seam: equal to the stock pipeline where features coincide, depth and guidance that end, plain refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import CogVideoXFunControlPipeline
from tiny_cogvideox import save_cogvideox
from tiny_wan import save_wan

from storyanim.artifacts import DepthTrack, Frames, Motion, Shot
from storyanim.config import ModelRef, Models, Settings, load_settings
from storyanim.errors import ModelError, UsageError
from storyanim.generate.capabilities import check_characters, check_settings
from storyanim.generate.clip_transformer import depth_pictures
from storyanim.generate.cogvideox import CogVideoXGenerator
from storyanim.generate.families import build_generator

SIZE_PX, STEPS, FRAMES = 32, 4, 9
SHOT = Shot(id="s01", text="", query="", prompt="a bear", characters=(), duration_s=1.0, seed=5)
TRACK = DepthTrack(np.random.default_rng(0).random((FRAMES, SIZE_PX, SIZE_PX)).astype(np.float32), 8.0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cogvideox(tmp_path_factory.mktemp("cogvideox"))


def settings_of(folder: Path, **generate: Any) -> Settings:
    settings = load_settings("wan-vace", generate={
        "width_px": SIZE_PX, "height_px": SIZE_PX, "num_frames": FRAMES, "fps": 8.0, "num_inference_steps": STEPS, "guidance_scale": 6.0,
        "dtype": "float32", **generate})
    unused = ModelRef(repo="unused")
    models = Models(family="cogvideox_fun", pipeline=ModelRef(repo=str(folder)), depth=unused, encoder=unused)
    return settings.model_copy(update={"models": models})


def stock(folder: Path, settings: Settings, **changes: Any) -> Any:
    pipeline = CogVideoXFunControlPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    asked = {"num_inference_steps": STEPS, "guidance_scale": settings.generate.guidance_scale} | changes
    video = pipeline("a bear", settings.generate.negative_prompt, control_video=depth_pictures(TRACK.inverse_depth), height=SIZE_PX,
                     width=SIZE_PX, generator=torch.Generator().manual_seed(5), max_sequence_length=16, output_type="np", **asked).frames[0]
    return np.rint(video * 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_equal_to_stock(saved: Path, scale: float) -> None:
    settings = settings_of(saved, guidance_scale=scale)
    generator = build_generator(settings)
    assert isinstance(generator, CogVideoXGenerator)
    ours = generator.draw(SHOT, TRACK, []).rgb
    assert ours.shape == (FRAMES, SIZE_PX, SIZE_PX, 3)
    assert np.abs(ours.astype(int) - stock(saved, settings)).max() <= 1
    assert (ours != generator.draw(SHOT, None, []).rgb).any()
    assert (ours != build_generator(settings_of(saved, guidance_scale=scale + 1)).draw(SHOT, TRACK, []).rgb).any()


def test_depth_that_ends(saved: Path) -> None:
    never, half, whole = (build_generator(settings_of(saved, control_guidance_end=end)) for end in (0.0, 0.5, 1.0))
    drawn = never.draw(SHOT, TRACK, []).rgb
    assert (drawn == never.draw(SHOT, None, []).rgb).all()
    assert (half.draw(SHOT, TRACK, []).rgb != drawn).any()
    assert (half.draw(SHOT, TRACK, []).rgb != whole.draw(SHOT, TRACK, []).rgb).any()


def test_guidance_that_never_begins_is_none(saved: Path) -> None:
    ended = build_generator(settings_of(saved, guidance_interval=(0.0, 0.0))).draw(SHOT, TRACK, []).rgb
    assert (ended == build_generator(settings_of(saved, guidance_scale=1.0)).draw(SHOT, TRACK, []).rgb).all()
    half = build_generator(settings_of(saved, guidance_interval=(0.0, 0.5))).draw(SHOT, TRACK, []).rgb
    assert (half != ended).any()
    assert (half != build_generator(settings_of(saved)).draw(SHOT, TRACK, []).rgb).any()


def test_half_precision_draws(saved: Path) -> None:
    frames: Frames = build_generator(settings_of(saved, dtype="bfloat16")).draw(SHOT, TRACK, [])
    assert frames.rgb.shape == (FRAMES, SIZE_PX, SIZE_PX, 3)


def test_keys(saved: Path) -> None:
    keys = [build_generator(settings_of(saved, **changes)).fingerprint for changes in ({}, {"guidance_scale": 4.0}, {"memory": "offload"})]
    assert keys[0].startswith("cogvideox_fun:")
    assert keys[0] == keys[2] != keys[1]


class TestRefusals:
    def test_characters(self, saved: Path) -> None:
        settings = settings_of(saved)
        check_settings(settings)
        check_characters([], settings)
        check_characters(["bear"], load_settings("wan-vace"))
        with pytest.raises(UsageError, match="by words alone"):
            check_characters(["bear"], settings)

    def test_motions_and_sizes(self, saved: Path) -> None:
        motion = Motion.__new__(Motion)
        with pytest.raises(UsageError, match="no learned motions"):
            build_generator(settings_of(saved)).draw(SHOT, None, [], [motion])
        with pytest.raises(UsageError, match="40x32 cannot be drawn"):
            build_generator(settings_of(saved, width_px=40)).draw(SHOT, None, [])

    def test_other_models(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="a WanVACEPipeline, not a CogVideoXFunControlPipeline"):
            build_generator(settings_of(save_wan(tmp_path / "wan"))).draw(SHOT, None, [])
        plain = save_cogvideox(tmp_path / "plain", in_channels=4)
        with pytest.raises(ModelError, match="no control video") as caught:
            build_generator(settings_of(plain)).draw(SHOT, None, [])
        assert "version 1.1" in caught.value.hint
