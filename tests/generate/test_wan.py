"""Wan-VACE behind the seam: equal to the stock pipeline where features coincide, depth and guidance that end, plain refusals."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler, WanVACEPipeline
from PIL import Image
from safetensors.torch import save_file
from tiny_wan import save_wan

from storyanim.artifacts import CharacterToken, DepthTrack, Shot, ShotEntity, Storyboard
from storyanim.config import ModelRef, Settings, load_settings
from storyanim.errors import ModelError, UsageError
from storyanim.generate.capabilities import capabilities_of, check_settings, shots_beyond
from storyanim.generate.clip_transformer import depth_pictures, frames_drawn
from storyanim.generate.families import build_generator
from storyanim.generate.wan import WanGenerator

SIZE_PX, STEPS = 32, 4
SHOT = Shot(id="s01", text="", query="", prompt="a <bear> bear", characters=("bear",), duration_s=0.3, seed=5)
TRACK = DepthTrack(np.random.default_rng(0).random((5, SIZE_PX, SIZE_PX)).astype(np.float32), 16.0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


def settings_of(folder: Path, **generate: Any) -> Settings:
    settings = load_settings("wan-vace", generate={
        "width_px": SIZE_PX, "height_px": SIZE_PX, "num_frames": 5, "num_inference_steps": STEPS, "dtype": "float32", **generate})
    return settings.model_copy(update={"models": settings.models.model_copy(update={"pipeline": ModelRef(repo=str(folder))})})


def token(generator: Any, count: int = 1) -> CharacterToken:
    pictures = np.random.default_rng(2).integers(0, 255, (count, 40, 40, 3)).astype(np.uint8)
    return CharacterToken("bear", "<bear>", "bear", np.zeros((0, 0), np.float32), {}, generator.base, pictures=tuple(pictures))


def stock(folder: Path, settings: Settings, seen: CharacterToken | None, track: DepthTrack | None, **changes: Any) -> Any:
    pipeline = WanVACEPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.scheduler = UniPCMultistepScheduler.from_config(pipeline.scheduler.config, flow_shift=3.0)
    asked = {"num_inference_steps": STEPS, "guidance_scale": settings.generate.guidance_scale} | changes
    video = pipeline(
        "a bear", settings.generate.negative_prompt, video=None if track is None else depth_pictures(track.inverse_depth),
        reference_images=[Image.fromarray(picture) for picture in seen.pictures] if seen else None, height=SIZE_PX, width=SIZE_PX,
        num_frames=5, generator=torch.Generator().manual_seed(5), **asked).frames[0]
    return np.rint(video * 255).astype(np.uint8)


@pytest.mark.parametrize("with_depth", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_equal_to_stock(saved: Path, with_depth: bool, count: int) -> None:
    settings = settings_of(saved)
    generator = build_generator(settings)
    assert isinstance(generator, WanGenerator)
    seen, track = token(generator, count) if count else None, TRACK if with_depth else None
    shot = SHOT if seen else SHOT.model_copy(update={"prompt": "a bear"})
    ours = generator.draw(shot, track, [seen] if seen else []).rgb
    assert ours.shape == (5, SIZE_PX, SIZE_PX, 3)
    assert np.abs(ours.astype(int) - stock(saved, settings, seen, track)).max() <= 1
    if with_depth:
        assert (ours != generator.draw(shot, None, [seen] if seen else []).rgb).any()
    if count:
        assert (ours != generator.draw(shot, track, []).rgb).any()


def test_depth_that_never_begins_is_none_and_pictures_stay(saved: Path) -> None:
    never = build_generator(settings_of(saved, control_guidance_end=0.0))
    seen = token(never)
    without = never.draw(SHOT, TRACK, [seen]).rgb
    assert (without == never.draw(SHOT, None, [seen]).rgb).all()
    assert (without != never.draw(SHOT, TRACK, []).rgb).any()
    half, whole = (build_generator(settings_of(saved, control_guidance_end=end)).draw(SHOT, TRACK, [seen]).rgb for end in (0.75, 1.0))
    assert (half != whole).any()
    assert (half != without).any()


def test_guidance_that_ends_is_not_computed(saved: Path) -> None:
    calls = {}
    for end in (0.0, 0.5, 1.0):
        generator = build_generator(settings_of(saved, guidance_interval=(0.0, end)))
        seen: list[int] = []
        generator._loaded.pipeline.transformer.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        rgb = generator.draw(SHOT, TRACK, [token(generator)]).rgb
        calls[end] = len(seen)
    assert calls == {0.0: STEPS, 0.5: STEPS + STEPS // 2, 1.0: 2 * STEPS}
    assert np.abs(rgb.astype(int) - stock(saved, settings_of(saved), token(generator), TRACK)).max() <= 1


def test_no_numbers_are_told_at_their_step(saved: Path) -> None:
    generator = build_generator(settings_of(saved))
    transformer = generator._loaded.pipeline.transformer
    steps: list[int] = []

    def spoil(module: Any, args: Any, output: Any) -> Any:
        steps.append(1)                              # two calls a step
        return (output[0] * float("nan"),) if len(steps) == 3 else None

    transformer.register_forward_hook(spoil)
    with pytest.raises(ModelError, match=f"at step 2 of {STEPS}"):
        generator.draw(SHOT, TRACK, [token(generator)])


def test_the_text_encoder_falls_back_to_the_cpu(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = build_generator(settings_of(saved))
    wanted = generator.draw(SHOT, TRACK, []).rgb
    encode = generator._loaded.pipeline.encode_prompt

    def full(*args: Any, device: torch.device, **more: Any) -> Any:
        if device.type != "cpu":
            raise RuntimeError("CUDA out of memory")
        return encode(*args, device=device, **more)

    monkeypatch.setattr(generator._loaded.pipeline, "encode_prompt", full)
    monkeypatch.setattr("storyanim.generate.clip_transformer.choose_device", lambda: torch.device("meta"))
    monkeypatch.setattr(generator._loaded.text_encoder, "to", lambda device: None)
    assert (generator.draw(SHOT, TRACK, []).rgb == wanted).all()


@pytest.mark.parametrize(("wanted", "drawn"), [(1, 1), (2, 5), (5, 5), (32, 33), (33, 33), (80, 81)])
def test_numbers_of_frames(wanted: int, drawn: int) -> None:
    assert frames_drawn(wanted, WanGenerator.frames_step) == drawn


def test_equal_settings_equal_keys_and_others_not(saved: Path) -> None:
    keys = [build_generator(settings_of(saved, **changes)).fingerprint for changes in ({}, {"guidance_scale": 4.0}, {"memory": "offload"})]
    assert keys[0] == keys[2] != keys[1]


class TestRefusals:
    def test_sizes(self, saved: Path) -> None:
        with pytest.raises(UsageError, match="40x32 cannot be drawn"):
            build_generator(settings_of(saved, width_px=40)).draw(SHOT, None, [])

    def test_another_family(self, tmp_path: Path) -> None:
        (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
        with pytest.raises(ModelError, match="not a WanVACEPipeline"):
            build_generator(settings_of(tmp_path)).draw(SHOT, None, [])

    @pytest.mark.parametrize(("changes", "word"), [
        ({"personalize": {"num_steps": 100}}, "learns no characters"), ({"motion": {"files": ("bow.safetensors",)}}, "no learned motions"),
        ({"generate": {"guidance_interval": (0.2, 1.0)}}, "from the first step"), ({"models": {"loras": [{"file": "a.safetensors"}]}}, "no loras")])
    def test_what_the_family_cannot_do_before_a_run(self, changes: dict[str, Any], word: str) -> None:
        check_settings(load_settings("wan-vace"))
        with pytest.raises(UsageError, match=word) as caught:
            check_settings(load_settings("wan-vace", **changes))
        assert caught.value.hint

    def test_sd15_sees_pictures_by_an_ip_adapter_alone(self) -> None:
        assert not capabilities_of(load_settings("sd15")).pictures_of_characters
        with pytest.raises(UsageError, match="sees no pictures"):
            check_settings(load_settings("sd15", personalize={"num_steps": 0}))

    def test_entities_are_told(self) -> None:
        one = SHOT.model_copy(update={"characters": ()})
        two = one.model_copy(update={"entities": (ShotEntity(prompt="a bear"), ShotEntity(prompt="a fox"))})
        board = Storyboard(title="", shots=(one, two.model_copy(update={"id": "s02"})))
        assert shots_beyond(board, load_settings("wan-vace")) == ["s02"]
        assert shots_beyond(board, load_settings("sd15")) == []


@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
@pytest.mark.parametrize(("damage", "why"), [("missing", "names are missing"), ("other", "weights are missing")])
def test_weights_in_parts_of_which_one_is_not_right(saved: Path, tmp_path: Path, part: str, damage: str, why: str) -> None:
    shutil.copytree(saved, tmp_path / "wan")
    folder = tmp_path / "wan" / part
    pipeline = WanVACEPipeline.from_pretrained(saved)
    for file in folder.glob("*.safetensors"):
        file.unlink()
    getattr(pipeline, part).save_pretrained(folder, max_shard_size="20KB")
    file = sorted(folder.glob("*-of-*.safetensors"))[1]
    file.unlink()
    if damage == "other":
        save_file({"other.weight": torch.zeros(3)}, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=why):
        build_generator(settings_of(tmp_path / "wan")).draw(SHOT.model_copy(update={"prompt": "a bear", "characters": ()}), None, [])
