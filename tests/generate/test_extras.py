"""What people bring beside the repositories, each equal to stock diffusers, and named for what it is when it cannot be used."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from diffusers import (
    AnimateDiffPipeline,
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    MotionAdapter,
    StableDiffusionPipeline,
    T2IAdapter,
)
from ip_adapter import save_image_encoder, save_ip_adapter
from safetensors.torch import load_file, save_file
from single_file import save_single_file

from storyanim.artifacts import Box, CharacterToken, Frames, Shot, ShotEntity
from storyanim.config import FileRef, ModelRef, Models, load_settings
from storyanim.errors import StoryanimError, UsageError
from storyanim.generate.extras import load_motion_file
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.load import load_pipeline
from storyanim.generate.regions import Region, RegionAttention
from storyanim.generate.regions_lora import reads_text

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd15")
    tiny.save_stable_diffusion(folder)
    return folder


def models_of(folder: Path, **changes: Any) -> Models:
    table: dict[str, Any] = {name: ModelRef(repo=str(folder / where)) for name, where in
                             (("pipeline", "base"), ("motion_adapter", "motion"), ("structure", "t2i"))}
    return Models(**{**table, "depth": ModelRef(repo="unused"), "encoder": ModelRef(repo="unused"), **changes})


def stock(folder: Path) -> AnimateDiffPipeline:
    pipeline = AnimateDiffPipeline.from_pretrained(folder / "base", motion_adapter=MotionAdapter.from_pretrained(folder / "motion"))
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, beta_schedule="linear", clip_sample=False, steps_offset=1,
                                                   timestep_spacing="linspace")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: Any, prompt: str = "a bear", **changes: Any) -> torch.Tensor:
    size = {} if not isinstance(pipeline, AnimateDiffPipeline) else {"height": 64, "width": 64}
    return pipeline(prompt, num_frames=2, num_inference_steps=2, guidance_scale=3.0, output_type="pt",
                    generator=torch.Generator().manual_seed(7), **{**size, **changes}).frames


def assert_equal_to(pipeline: Any, reference: Any, plain: Any, **how: Any) -> None:
    ours, theirs = draw(pipeline, **how), draw(reference, **how)
    assert (ours - theirs).abs().max() <= TOLERANCE
    assert (ours - draw(plain, **how)).abs().max() > 100 * TOLERANCE


def lora_file(folder: Path, style: str, file: Path) -> Path:
    unet, rng = tiny.unet_motion(), torch.Generator().manual_seed(5)
    temporal = style == "motion"
    layer = next(name for name, _ in unet.named_modules() if name.endswith("attn1.to_q") and ("motion_modules" in name) == temporal)
    width = unet.get_submodule(layer).in_features
    down, up = torch.randn(2, width, generator=rng), torch.randn(width, 2, generator=rng)
    if style == "kohya":
        name = f"lora_unet_{layer.replace('.', '_')}"
        save_file({f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.0)}, file)
    else:
        save_file({f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}, file)
    return file


@pytest.mark.parametrize("style", ["kohya", "diffusers", "motion"])
@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_a_lora(saved: Path, tmp_path: Path, style: str, weight: float) -> None:
    file = lora_file(saved, style, tmp_path / f"{style}.safetensors")
    reference = stock(saved)
    reference.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="x")
    reference.set_adapters(["x"], [weight])
    pipeline = load_pipeline(models_of(saved, loras=(FileRef(file=str(file), weight=weight),)))
    assert_equal_to(pipeline, reference, stock(saved))


@pytest.mark.parametrize("style", ["kohya", "diffusers"])
def test_layers_of_a_lora_that_do_nothing_are_told(saved: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, style: str) -> None:
    weights = load_file(lora_file(saved, style, tmp_path / "whole.safetensors"))
    save_file(weights | {name.replace("down_blocks", "down_blox"): value.clone() for name, value in weights.items()}, tmp_path / "partly.safetensors")
    for name in ("whole", "partly"):
        load_pipeline(models_of(saved, loras=(FileRef(file=str(tmp_path / f"{name}.safetensors")),)))
    count = sum("down.weight" in name or "lora_A" in name for name in weights)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("storyanim")]
    assert ours == [f"partly.safetensors: {count} of its {2 * count} layers are not of this base, and do nothing"]


def test_a_textual_inversion_of_two_vectors(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "cat.safetensors"
    save_file({"emb_params": torch.randn(2, tiny.WIDTH, generator=torch.Generator().manual_seed(1))}, file)
    reference = stock(saved)
    reference.load_textual_inversion(str(file), token="<cat>")
    pipeline = load_pipeline(models_of(saved, embeddings=(FileRef(file=str(file)),)))
    assert_equal_to(pipeline, reference, stock(saved), prompt="a <cat> bear")


def test_another_vae(saved: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    vae = tiny.vae_kl()
    vae.save_pretrained(tmp_path / "vae")
    reference = stock(saved)
    reference.vae = vae
    assert_equal_to(load_pipeline(models_of(saved, vae=ModelRef(repo=str(tmp_path / "vae")))), reference, stock(saved))


@pytest.mark.parametrize("name", ["folder", "one.safetensors", "tiny"])
def test_vaes_of_every_layout(saved: Path, tmp_path: Path, name: str) -> None:
    torch.manual_seed(17)
    vae = tiny.vae_tiny() if name == "tiny" else tiny.vae_kl()
    vae.save_pretrained(tmp_path / "folder")
    shutil.copy(tmp_path / "folder" / "diffusion_pytorch_model.safetensors", tmp_path / "one.safetensors")
    ref = ModelRef(repo=str(tmp_path / name.replace("tiny", "folder")))
    loaded = load_pipeline(models_of(saved, vae=ref)).vae
    assert type(loaded) is type(vae)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(loaded.state_dict().values(), vae.state_dict().values(), strict=True))


def test_a_scheduler_by_its_class(saved: Path) -> None:
    reference = stock(saved)
    reference.scheduler = LCMScheduler.from_config(reference.scheduler.config)
    assert_equal_to(load_pipeline(models_of(saved, scheduler="LCMScheduler")), reference, stock(saved))
    with pytest.raises(UsageError, match="NoSuchScheduler") as caught:
        load_pipeline(models_of(saved, scheduler="NoSuchScheduler"))
    assert "EulerDiscreteScheduler" in caught.value.hint


def test_settings_of_a_scheduler(saved: Path) -> None:
    reference = stock(saved)
    reference.scheduler = EulerDiscreteScheduler.from_config(reference.scheduler.config, timestep_spacing="trailing")
    few = {"scheduler": "EulerDiscreteScheduler", "scheduler_settings": {"timestep_spacing": "trailing"}}
    assert_equal_to(load_pipeline(models_of(saved, **few)), reference, stock(saved))
    with pytest.raises(UsageError, match="no setting 'spacing'"):
        load_pipeline(models_of(saved, scheduler_settings={"spacing": "trailing"}))


@pytest.fixture
def seen(saved: Path, tmp_path: Path) -> dict[str, Any]:
    file = save_ip_adapter(stock(saved).unet, tiny.WIDTH, tmp_path / "ip-adapter_tiny.safetensors")
    return {"ip_adapter": FileRef(file=str(file), weight=0.7), "image_encoder": ModelRef(repo=str(save_image_encoder(tmp_path / "seer")))}


def pictures(count: int) -> list[Any]:
    return list(np.random.default_rng(4).integers(0, 255, (count, 40, 40, 3)).astype(np.uint8))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("halves", [False, True])
def test_an_ip_adapter(saved: Path, tmp_path: Path, seen: dict[str, Any], count: int, halves: bool) -> None:
    reference, pipeline = stock(saved), load_pipeline(models_of(saved, **seen))
    pipeline.halves_of_guidance = halves
    reference.register_modules(image_encoder=pipeline.image_encoder)
    reference.load_ip_adapter(str(tmp_path), subfolder="", weight_name="ip-adapter_tiny.safetensors", image_encoder_folder=None)
    reference.set_ip_adapter_scale(0.7)
    theirs = draw(reference, ip_adapter_image=[pictures(count)])
    ours = draw(pipeline, ip_adapter_image=pictures(count), ip_adapter_scale=0.7)
    assert (ours - theirs).abs().max() <= TOLERANCE
    assert (ours - draw(stock(saved))).abs().max() > 100 * TOLERANCE


def test_pictures_want_an_ip_adapter(saved: Path) -> None:
    with pytest.raises(UsageError, match="no IP-Adapter"):
        draw(load_pipeline(models_of(saved)), ip_adapter_image=np.zeros((1, 8, 8, 3), np.uint8))


def test_an_ip_adapter_without_pictures_does_nothing(saved: Path, seen: dict[str, Any]) -> None:
    pipeline = load_pipeline(models_of(saved, **seen))
    shown = draw(pipeline, ip_adapter_image=pictures(1))
    hidden = draw(pipeline)
    assert (hidden - draw(stock(saved))).abs().max() <= TOLERANCE < (hidden - shown).abs().max()
    with pytest.raises(UsageError, match="no IP-Adapter"):
        draw(load_pipeline(models_of(saved)), ip_adapter_image=pictures(1))


def test_regions_beside_pictures(saved: Path, seen: dict[str, Any]) -> None:
    pipeline = load_pipeline(models_of(saved, **seen))
    halves = [Region("a bear", (Box(x1=0.5),)), Region("a bee", (Box(x0=0.5),))]
    assert draw(pipeline, regions=halves, ip_adapter_image=pictures(1)).isfinite().all()
    one = draw(pipeline, regions=[Region("a bear")], ip_adapter_image=pictures(1))
    assert (one - draw(pipeline, ip_adapter_image=pictures(1))).abs().max() <= TOLERANCE


@pytest.mark.parametrize("size", [(64, 64), (48, 112)])
def test_pictures_are_seen_in_their_regions_alone(saved: Path, seen: dict[str, Any], size: tuple[int, int]) -> None:
    pipeline = load_pipeline(models_of(saved, **seen))
    layer = next(module for name, module in pipeline.unet.named_modules() if name.endswith("attn2") and reads_text(name))
    first, second, third, fourth = pictures(4)
    halves = [Region("a bear", (Box(x1=0.5),), pictures=range(2)), Region("a bee", (Box(x0=0.5),), pictures=range(2, 3))]

    def left_and_right(*shown: Any, regions: Any = halves) -> list[torch.Tensor]:
        """What the first layer of cross-attention gives at the first step, where nothing was mixed before."""
        given: list[torch.Tensor] = []
        hook = layer.register_forward_hook(lambda module, args, output: given.append(output))
        draw(pipeline, regions=regions, ip_adapter_image=list(shown), height=size[0], width=size[1])
        hook.remove()
        cells = given[0].unflatten(1, (size[0] // 8, size[1] // 8))                              # (2 × T, h, w, C)
        return [cells[:, :, :size[1] // 16], cells[:, :, size[1] // 16:]]

    left, right = left_and_right(first, second, third)
    same_left, other_right = left_and_right(first, second, fourth)
    assert torch.equal(left, same_left)
    assert (right - other_right).abs().max() > 100 * TOLERANCE
    other_left, same_right = left_and_right(first, fourth, third)
    assert torch.equal(right, same_right)
    assert (left - other_left).abs().max() > 100 * TOLERANCE
    # one of two equal pictures counts half, so that as many make no stronger ones
    assert (left_and_right(first, first, third)[0] - left_and_right(
        first, third, regions=[replace(halves[0], pictures=range(1)), replace(halves[1], pictures=range(1, 2))])[0]).abs().max() <= TOLERANCE
    # a picture that is no region's is seen everywhere
    whose = [replace(halves[0], pictures=range(1)), replace(halves[1], pictures=range(0))]
    one, other = (left_and_right(first, shown, regions=whose) for shown in (second, third))
    assert all((a - b).abs().max() > 100 * TOLERANCE for a, b in zip(one, other, strict=True))


def test_two_characters_keep_their_pictures(saved: Path, seen: dict[str, Any]) -> None:
    settings = load_settings("storybook", generate={"num_frames": 2, "width_px": 64, "height_px": 64, "num_inference_steps": 2, "dtype": "float32",
                                                    "noise_correlation": 0.0, "temporal_filter_range": 0.0, "max_duration_s": 0.25})
    generator = StoryGenerator(settings.model_copy(update={"models": models_of(saved, **seen)}))
    entities = (ShotEntity(name="bear", prompt="a <bear> bear"), ShotEntity(name="bee", prompt="a <bee> bee"))
    shot = Shot(id="s01", text="", query="", prompt="a <bear> bear and a <bee> bee", characters=("bear", "bee"), entities=entities,
                duration_s=0.25, seed=1)

    def drawn(*shown: Any) -> Any:
        given = [CharacterToken(name, f"<{name}>", name, np.zeros((0, 0), np.float32), {}, generator.base, pictures=tuple(own))
                 for name, own in zip(("bear", "bee"), shown, strict=True)]
        return generator.draw(shot, None, given).rgb

    first, second = pictures(2)
    assert (drawn([first], [second]) != drawn([second], [first])).any()
    masks: list[Any] = []
    real = RegionAttention.picture_mask

    def noted(self: RegionAttention, count: int, num_pictures: int) -> Any:
        masks.append(real(self, count, num_pictures))
        return masks[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RegionAttention, "picture_mask", noted)
        drawn([first, first], [second])
    largest = max(masks, key=lambda mask: mask.shape[-1])[0, :, 0].unflatten(1, (8, 8))           # (n, h, w)
    assert torch.equal(largest[:, 0], torch.tensor([[0.5] * 4 + [0.0] * 4] * 2 + [[0.0] * 4 + [1.0] * 4]))


def test_a_generator_shows_a_character_by_its_pictures_alone(saved: Path, seen: dict[str, Any]) -> None:
    settings = load_settings("storybook", generate={"num_frames": 2, "width_px": 64, "height_px": 64, "num_inference_steps": 2, "dtype": "float32",
                                                    "noise_correlation": 0.0, "temporal_filter_range": 0.0, "max_duration_s": 0.25})
    settings = settings.model_copy(update={"models": models_of(saved, **seen)})
    generator = StoryGenerator(settings)
    shot = Shot(id="s01", text="", query="", prompt="a <bear> bear", characters=("bear",), duration_s=0.25, seed=1)

    def token(count: int) -> CharacterToken:
        return CharacterToken("bear", "<bear>", "bear", np.zeros((0, 0), np.float32), {}, generator.base, pictures=tuple(pictures(count)))

    one, two = (generator.draw(shot, None, [token(count)]).rgb for count in (1, 2))
    plain = generator.draw(shot.model_copy(update={"prompt": "a bear", "characters": ()}), None, []).rgb
    assert (one != two).any()
    assert (one != plain).any()
    assert (plain == StoryGenerator(settings.model_copy(update={"models": models_of(saved)})).draw(
        shot.model_copy(update={"prompt": "a bear"}), None, []).rgb).all()


def test_structure_by_one_word(saved: Path) -> None:
    words = {"t2i_adapter": ModelRef(repo=str(saved / "t2i")), "controlnet": ModelRef(repo=str(saved / "control"))}
    chosen = {word: load_pipeline(models_of(saved, structures=words, structure=word)).structure for word in words}
    assert [type(branch) for branch in chosen.values()] == [T2IAdapter, ControlNetModel]
    with pytest.raises(ValueError, match="known are t2i_adapter, controlnet"):
        models_of(saved, structures=words, structure="canny")


@pytest.mark.parametrize(("name", "steps", "scale"), [("sd15-lightning", 4, 1.0), ("sd15-lcm", 6, 2.0)])
def test_profiles_of_few_steps_are_sd15_but_for_their_motion(name: str, steps: int, scale: float) -> None:
    base, few = load_settings("sd15"), load_settings(name)
    assert (few.generate.num_inference_steps, few.generate.guidance_scale) == (steps, scale)
    assert few.models.pipeline == base.models.pipeline
    assert few.models.structure == base.models.structure == base.models.structures["t2i_adapter"]
    assert few.models.motion_adapter != base.models.motion_adapter
    assert few.personalize == base.personalize


def test_single_pictures_pass_by_the_motion_layers(saved: Path) -> None:
    def drawn(frames: int, on: bool) -> Any:
        settings = load_settings("storybook", personalize={"motion_modules_on_images": on}, generate={
            "num_frames": frames, "width_px": 64, "height_px": 64, "num_inference_steps": 2, "dtype": "float32", "max_duration_s": frames / 8,
            "noise_correlation": 0.0})
        generator = StoryGenerator(settings.model_copy(update={"models": models_of(saved)}))
        shot = Shot(id="s01", text="", query="", prompt="a bear", characters=(), duration_s=frames / 8, seed=1)
        return generator.draw(shot, None, []).rgb, generator.fingerprint

    (with_layers, one), (without, other) = drawn(1, True), drawn(1, False)
    assert (with_layers != without).any()
    assert one != other
    assert (drawn(2, True)[0] == drawn(2, False)[0]).all()


def test_motion_layers_of_one_file(saved: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    adapter = tiny.motion_adapter()
    adapter.save_pretrained(tmp_path / "other")
    file = shutil.copy(tmp_path / "other" / "diffusion_pytorch_model.safetensors", tmp_path / "lightning.safetensors")
    shutil.copy(tmp_path / "other" / "config.json", tmp_path)                    # heads are not to be read off weights
    shutil.copytree(saved / "base", tmp_path / "base")
    reference = AnimateDiffPipeline.from_pretrained(tmp_path / "base", motion_adapter=adapter)
    reference.scheduler = stock(saved).scheduler
    assert_equal_to(load_pipeline(models_of(saved, motion_adapter=ModelRef(repo=str(file)))), reference, stock(saved))


def test_a_motion_module_as_published(saved: Path, tmp_path: Path) -> None:
    torch.manual_seed(19)
    adapter = tiny.motion_adapter()
    adapter.save_pretrained(tmp_path)                # its config.json stays beside
    published = {}
    for name, weight in adapter.state_dict().items():
        for ours, theirs in ((".norm1", ".norms.0"), (".norm2", ".norms.1"), (".norm3", ".ff_norm"), (".attn1", ".attention_blocks.0"),
                             (".attn2", ".attention_blocks.1"), ("pos_embed.pe", "pos_encoder.pe")):
            name = name.replace(ours, theirs)
        published["module." + re.sub(r"(motion_modules\.\d)", r"\1.temporal_transformer", name)] = weight
    torch.save({"state_dict": published, "epoch": 3}, tmp_path / "mm.ckpt")
    loaded = load_motion_file(tmp_path / "mm.ckpt").state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in adapter.state_dict().items())

    published.popitem()
    torch.save(published, tmp_path / "less.ckpt")
    with pytest.raises(StoryanimError, match="missing or unknown"):
        load_motion_file(tmp_path / "less.ckpt")


def test_a_single_file_checkpoint(saved: Path, tmp_path: Path) -> None:
    torch.manual_seed(13)
    unet, vae, text = tiny.unet_2d(), tiny.vae_kl(), tiny.text_encoder()
    file = save_single_file(unet, vae, text, tmp_path / "civitai.safetensors")
    by_stock = StableDiffusionPipeline.from_single_file(str(file), config=str(saved / "base"), local_files_only=True, safety_checker=None)
    reference = AnimateDiffPipeline(**{name: getattr(by_stock, name) for name in ("vae", "text_encoder", "tokenizer", "unet")},
                                    motion_adapter=MotionAdapter.from_pretrained(saved / "motion"), scheduler=stock(saved).scheduler)
    assert torch.equal(by_stock.unet.conv_in.weight, unet.conv_in.weight)
    assert all(torch.equal(ours, theirs) for ours, theirs in
               zip(by_stock.vae.state_dict().values(), vae.state_dict().values(), strict=True))
    assert_equal_to(load_pipeline(models_of(saved, base=FileRef(file=str(file)))), reference, stock(saved))


@pytest.mark.parametrize(("folder", "cls"), [("t2i", T2IAdapter), ("control", ControlNetModel)])
@pytest.mark.parametrize("said", ["t2i_adapter", "controlnet"])
def test_structure_is_what_its_folder_is(saved: Path, folder: str, cls: type, said: str) -> None:
    models = models_of(saved, structure=ModelRef(repo=str(saved / folder)), structure_kind=said)
    assert isinstance(load_pipeline(models).structure, cls)


def test_all_of_it_is_in_the_key_and_nothing_is_nothing(saved: Path, tmp_path: Path) -> None:
    def key(**changes: Any) -> str:
        settings = load_settings("storybook")
        return StoryGenerator(settings.model_copy(update={"models": models_of(saved, **changes)})).fingerprint

    file = lora_file(saved, "kohya", tmp_path / "style.safetensors")
    other = lora_file(saved, "motion", tmp_path / "zoom.safetensors")
    keys = [key(), key(loras=(FileRef(file=str(file)),)), key(loras=(FileRef(file=str(file), weight=0.5),)), key(base=FileRef(file=str(file))),
            key(loras=(FileRef(file=str(other)),)), key(embeddings=(FileRef(file=str(file)),)), key(scheduler="LCMScheduler"),
            key(vae=ModelRef(repo=str(saved / "base" / "vae")))]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key()


class TestNamedForWhatItIs:
    def told(self, saved: Path, **changes: Any) -> str:
        with pytest.raises(StoryanimError) as caught:
            load_pipeline(models_of(saved, **changes))
        assert caught.value.hint
        return caught.value.message

    def test_sdxl_as_the_base(self, saved: Path, tmp_path: Path) -> None:
        file = tmp_path / "xl.safetensors"
        save_file({"conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": torch.zeros(8),
                   "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(8, 4, 3, 3)}, file)
        assert "this is an SDXL checkpoint" in self.told(saved, base=FileRef(file=str(file)))

    def test_a_lora_as_the_base_and_a_base_as_a_lora(self, saved: Path, tmp_path: Path) -> None:
        lora = lora_file(saved, "kohya", tmp_path / "style.safetensors")
        assert "it is a LoRA" in self.told(saved, base=FileRef(file=str(lora)))
        base = save_single_file(tiny.unet_2d(), tiny.vae_kl(), tiny.text_encoder(), tmp_path / "base.safetensors")
        assert "no LoRA: it is a checkpoint of Stable Diffusion 1.5" in self.told(saved, loras=(FileRef(file=str(base)),))
        assert "no motion layers: it is a LoRA" in self.told(saved, motion_adapter=ModelRef(repo=str(lora)))

    @pytest.mark.parametrize(("name", "more", "fewer", "why"), [
        ("StableDiffusionXLPipeline", {"text_encoder_2": ["transformers", "CLIPTextModel"]}, "", "with two text encoders"),
        ("WanVACEPipeline", {"transformer": ["diffusers", "WanVACETransformer3DModel"]}, "unet", "without unet"),
    ])
    def test_a_folder_of_another_family(self, saved: Path, tmp_path: Path, name: str, more: dict[str, Any], fewer: str, why: str) -> None:
        index = json.loads((saved / "base" / "model_index.json").read_text()) | more | {"_class_name": name}
        index.pop(fewer, None)
        (tmp_path / "model_index.json").write_text(json.dumps(index))
        assert f"it is a {name}, {why}" in self.told(saved, pipeline=ModelRef(repo=str(tmp_path)))

    def test_a_file_and_a_part_as_the_pipeline(self, saved: Path, tmp_path: Path) -> None:
        lora = lora_file(saved, "kohya", tmp_path / "style.safetensors")
        assert "is one file" in self.told(saved, pipeline=ModelRef(repo=str(lora)))
        assert "has no model_index.json" in self.told(saved, pipeline=ModelRef(repo=str(saved / "base"), subfolder="unet"))

    @pytest.mark.parametrize(("layer", "why"), [
        ("transformer.single_transformer_blocks.0.attn.to_q", "this is a LoRA of FLUX"),
        ("lora_unet_double_blocks_0_img_attn_proj", "this is a LoRA of FLUX"),
        ("transformer.transformer_blocks.0.attn.add_k_proj", "this is a LoRA of Stable Diffusion 3"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1", "this is a LoRA of SDXL"),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q", "this is a LoRA of SDXL"),
        ("diffusion_model.blocks.0.self_attn.q", "this is a LoRA of Wan"),
        ("unet.some.other.layer", "none of its layers is of this base")])
    def test_a_lora_of_another_model(self, saved: Path, tmp_path: Path, layer: str, why: str) -> None:
        file = tmp_path / "other.safetensors"
        down, up = ("lora_down", "lora_up") if layer.startswith("lora_") else ("lora_A", "lora_B")
        save_file({f"{layer}.{down}.weight": torch.zeros(2, 8), f"{layer}.{up}.weight": torch.zeros(8, 2)}, file)
        assert why in self.told(saved, loras=(FileRef(file=str(file)),))

    @pytest.mark.parametrize("parts", [("hada_w1_a", "hada_w1_b"), ("lokr_w1", "lokr_w2"), ("oft_blocks",)])
    def test_a_lycoris(self, saved: Path, tmp_path: Path, parts: tuple[str, ...]) -> None:
        layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
        save_file({f"{layer}.{part}": torch.zeros(8, 8) for part in parts}, tmp_path / "style.safetensors")
        assert "style.safetensors is a LyCORIS" in self.told(saved, loras=(FileRef(file=str(tmp_path / "style.safetensors")),))

    @pytest.mark.parametrize(("name", "what"), [
        ("double_blocks.0.img_attn.norm.key_norm.scale", "a FLUX checkpoint"),
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "a checkpoint of FLUX"),
        ("single_transformer_blocks.0.attn.to_q.weight", "a checkpoint of FLUX"),
        ("model.diffusion_model.joint_blocks.37.x_block.mlp.fc1.weight", "a Stable Diffusion 3 checkpoint"),
        ("model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias", "a checkpoint of Stable Diffusion 3"),
        ("model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight", "a Stable Diffusion 2 checkpoint"),
        ("first_stage_model.encoder.conv_in.weight", "a VAE"), ("adapter.body.0.block1.weight", "a T2I-Adapter"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "a text encoder")])
    def test_a_file_of_another_kind(self, saved: Path, tmp_path: Path, name: str, what: str) -> None:
        """As the base, and as a LoRA; widths are as in the published files where they tell kinds apart."""
        width = 9216 if name.endswith("adaLN_modulation.1.bias") else 1024
        save_file({name: torch.zeros(4, width)} | {f"{other}.weight": torch.zeros(1) for other in "abcd"}, tmp_path / "one.safetensors")
        file = FileRef(file=str(tmp_path / "one.safetensors"))
        assert what in self.told(saved, base=file)
        assert f"no LoRA: it is {what}" in self.told(saved, loras=(file,))

    def test_a_lora_as_an_embedding(self, saved: Path, tmp_path: Path) -> None:
        lora = lora_file(saved, "kohya", tmp_path / "style.safetensors")
        assert "no textual inversion: it is a LoRA" in self.told(saved, embeddings=(FileRef(file=str(lora)),))

    @pytest.mark.parametrize(("weights", "why"), [
        ({"clip_g": torch.zeros(1, 1280), "clip_l": torch.zeros(1, 768)}, "it is a textual inversion of SDXL"),
        ({"emb_params": torch.zeros(2, 1024)}, "word.safetensors is of another base: 1024 values a token")])
    def test_an_embedding_of_another_base(self, saved: Path, tmp_path: Path, weights: dict[str, torch.Tensor], why: str) -> None:
        save_file(weights, tmp_path / "word.safetensors")
        assert why in self.told(saved, embeddings=(FileRef(file=str(tmp_path / "word.safetensors")),))

    def test_a_pickle_that_holds_more_than_weights(self, saved: Path, tmp_path: Path) -> None:
        torch.save({"state_dict": {"lora": torch.zeros(2)}, "made in": tmp_path}, tmp_path / "style.ckpt")
        assert "holds more than weights" in self.told(saved, loras=(FileRef(file=str(tmp_path / "style.ckpt")),))

    @pytest.mark.parametrize(("role", "where", "why"), [
        ("structure", "motion", "it is a MotionAdapter"), ("motion_adapter", "t2i", "it is a T2IAdapter"),
        ("vae", "base", "it is a whole pipeline; name its part"), ("vae", "files", 'by file = "a.safetensors"'),
    ])
    def test_a_folder_in_another_role(self, saved: Path, tmp_path: Path, role: str, where: str, why: str) -> None:
        shutil.copytree(saved, tmp_path / "sd15")
        (tmp_path / "sd15" / "files").mkdir()
        (tmp_path / "sd15" / "files" / "a.safetensors").write_bytes(b"")
        assert why in self.told(saved, **{role: ModelRef(repo=str(tmp_path / "sd15" / where))})

    @pytest.mark.parametrize(("name", "settings", "why"), [
        ("FlowMatchEulerDiscreteScheduler", {}, "another|not trained"), ("DDIMScheduler", {"timestep_spacing": "even"}, "even is not supported"),
        ("lcm", {}, "no scheduler 'lcm'")])
    def test_schedulers_that_cannot_be(self, saved: Path, name: str, settings: dict[str, Any], why: str) -> None:
        assert re.search(why, self.told(saved, scheduler=name, scheduler_settings=settings))

    def test_no_file_and_no_weights(self, saved: Path, tmp_path: Path) -> None:
        assert "there is no file" in self.told(saved, loras=(FileRef(file=str(tmp_path / "none")),))
        (tmp_path / "broken.safetensors").write_bytes(b"0" * 100)
        assert "broken.safetensors is damaged" in self.told(saved, base=FileRef(file=str(tmp_path / "broken.safetensors")))

    @pytest.mark.parametrize(("begin", "why"), [
        (b"GGUF\x03\0\0\0", "one.safetensors is a GGUF file"), (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"<!DOCTYPE html>\n<title>Sign in</title>", "is a page of the web"), (b"", "is empty")])
    def test_what_lies_in_the_place_of_weights(self, saved: Path, tmp_path: Path, begin: bytes, why: str) -> None:
        file = tmp_path / "one.safetensors"
        file.write_bytes(begin)
        for role in ({"base": FileRef(file=str(file))}, {"loras": (FileRef(file=str(file)),)}, {"vae": ModelRef(repo=str(file))},
                     {"motion_adapter": ModelRef(repo=str(file))}):
            assert why in self.told(saved, **role)
        shutil.copytree(saved / "motion", tmp_path / "motion")
        for name in ("diffusion_pytorch_model.safetensors", "config.json"):
            (tmp_path / "motion" / name).write_bytes(begin)
            assert why.removeprefix("one.safetensors ") in self.told(saved, motion_adapter=ModelRef(repo=str(tmp_path / "motion")))

    @pytest.mark.parametrize("text", ["[]", "{"])
    def test_settings_that_are_damaged(self, saved: Path, tmp_path: Path, text: str) -> None:
        shutil.copytree(saved / "motion", tmp_path / "motion")
        (tmp_path / "motion" / "config.json").write_text(text)
        assert "config.json is damaged" in self.told(saved, motion_adapter=ModelRef(repo=str(tmp_path / "motion")))

    def test_a_lora_of_other_widths(self, saved: Path, tmp_path: Path) -> None:
        file = lora_file(saved, "kohya", tmp_path / "wide.safetensors")
        save_file({name: torch.zeros(2, 640) if name.endswith("lora_down.weight") else value for name, value in load_file(file).items()}, file)
        assert "wide.safetensors cannot be used: its weights have other widths" in self.told(saved, loras=(FileRef(file=str(file)),))


def test_depth_anything_beside_dpt(tmp_path: Path) -> None:
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessor,
    )

    from storyanim.depth.dpt import DptEstimator
    from storyanim.depth.scale import scale_clip

    backbone = Dinov2Config(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=28, patch_size=14,
                            out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False)
    torch.manual_seed(0)
    network = DepthAnythingForDepthEstimation(DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8] * 4, fusion_hidden_size=8, head_hidden_size=8,
        patch_size=14)).eval()
    for weight in network.head.parameters():         # as they are made, their ReLU lets nothing through
        torch.nn.init.normal_(weight, mean=0.3, std=0.3)
    network.save_pretrained(tmp_path)
    processor = DPTImageProcessor(size={"height": 28, "width": 28}, ensure_multiple_of=14, keep_aspect_ratio=True)
    processor.save_pretrained(tmp_path)
    rgb = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype(np.uint8)
    track = DptEstimator(ModelRef(repo=str(tmp_path))).estimate(Frames(rgb, 8.0))
    with torch.no_grad():
        raw = network(**processor(images=list(rgb), return_tensors="pt")).predicted_depth
    resized = torch.nn.functional.interpolate(raw[:, None], size=(64, 64), mode="bicubic", align_corners=False)[:, 0]
    assert np.ptp(resized.numpy()) > 0
    assert np.abs(track.inverse_depth - scale_clip(resized.numpy(), 0.5)).max() <= TOLERANCE


def test_weights_of_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert FileRef.parse("a.safetensors") == FileRef(file=str(tmp_path / "a.safetensors"))
    assert FileRef.parse("a.safetensors:0.8").weight == 0.8
    with pytest.raises(UsageError, match=r"b\.safetensors"):
        FileRef.parse("b.safetensors:0.8")


