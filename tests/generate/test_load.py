"""Repositories in the published layouts, whole, mismatched and broken, through the one loading path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from diffusers import (
    AnimateDiffPipeline,
    ControlNetModel,
    DDIMScheduler,
    MotionAdapter,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from safetensors.torch import load_file, save_file
from tolerance import assert_close

from storyanim import hub
from storyanim.config import ModelRef, Models
from storyanim.errors import ModelError
from storyanim.generate.load import load_pipeline
from storyanim.generate.story_pipeline import StoryVideoPipeline


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {"storybook": tmp_path_factory.mktemp("storybook"), "sd15": tmp_path_factory.mktemp("sd15")}
    tiny.save_storybook(folders["storybook"])
    tiny.save_stable_diffusion(folders["sd15"])
    return folders


@pytest.fixture
def storybook(saved: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(saved["storybook"], tmp_path / "storybook"))


@pytest.fixture
def sd15(saved: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved["sd15"], tmp_path / "sd15"))


def models_of(folder: Path, **changes: Any) -> Models:
    names = {"pipeline": "pipeline", "structure": "structure"} if (folder / "pipeline").exists() else {
        "pipeline": "base", "motion_adapter": "motion", "structure": "t2i"}
    table: dict[str, Any] = {name: ModelRef(repo=str(folder / where)) for name, where in names.items()}
    return Models(**{**table, "depth": ModelRef(repo="unused"), "encoder": ModelRef(repo="unused"), **changes})


def draw(pipeline: StoryVideoPipeline, **changes: Any) -> torch.Tensor:
    depth = torch.rand((2, tiny.SIZE_PX, tiny.SIZE_PX), generator=torch.Generator().manual_seed(3))
    arguments = {"num_frames": 2, "num_inference_steps": 2, "output_type": "pt", "structure_frames": depth,
                 "generator": torch.Generator().manual_seed(7), **changes}
    return pipeline("a bear", **arguments).frames


class TestStorybook:
    def test_loads_and_draws(self, storybook: Path) -> None:
        pipeline = load_pipeline(models_of(storybook))
        assert isinstance(pipeline.unet, UNetMotionModel)
        assert isinstance(pipeline.structure, T2IAdapter)
        assert pipeline.scheduler.config.prediction_type == "v_prediction"
        assert draw(pipeline).shape == (1, 2, 3, tiny.SIZE_PX, tiny.SIZE_PX)

    def test_half_precision_files_are_read_as_float32(self, storybook: Path) -> None:
        for file in storybook.rglob("*.safetensors"):
            save_file({name: weight.half() for name, weight in load_file(file).items()}, file, metadata={"format": "pt"})
        pipeline = load_pipeline(models_of(storybook))
        parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.structure)
        assert {part.dtype for part in parts} == {torch.float32}

    def test_shift_of_the_autoencoder_is_undone(self, storybook: Path) -> None:
        pipeline = load_pipeline(models_of(storybook))
        latents = torch.randn(1, 6, 2, 8, 8)
        plain = pipeline.decode_latents(latents)
        pipeline.vae.register_to_config(scaling_factor=2.0, shift_factor=0.3)
        assert_close(pipeline.decode_latents((latents - 0.3) * 2.0), plain)

    def test_save_and_load_give_the_same_pictures(self, storybook: Path, tmp_path: Path) -> None:
        pipeline = load_pipeline(models_of(storybook))
        pipeline.save_pretrained(tmp_path / "again")
        again = StoryVideoPipeline.from_pretrained(tmp_path / "again")
        assert torch.equal(draw(again), draw(pipeline))
        without = StoryVideoPipeline.from_pretrained(storybook / "pipeline")                     # saved without structure
        assert without.structure is None
        assert torch.equal(draw(without, structure_frames=None), draw(pipeline, structure_frames=None))


class TestStableDiffusion:
    def test_draws_like_animatediff_as_published(self, sd15: Path) -> None:
        pipeline = load_pipeline(models_of(sd15))
        stock = AnimateDiffPipeline.from_pretrained(sd15 / "base", motion_adapter=MotionAdapter.from_pretrained(sd15 / "motion"))
        stock.scheduler = DDIMScheduler.from_pretrained(
            sd15 / "base", subfolder="scheduler", clip_sample=False, timestep_spacing="linspace", beta_schedule="linear",
            steps_offset=1,
        )
        theirs = stock("a bear", num_frames=2, num_inference_steps=2, guidance_scale=3.0, output_type="pt",
                       generator=torch.Generator().manual_seed(7)).frames
        assert_close(draw(pipeline, structure_frames=None), theirs)

    @pytest.mark.parametrize(("folder", "kind", "cls"), [("t2i", "t2i_adapter", T2IAdapter),
                                                         ("control", "controlnet", ControlNetModel)])
    def test_structure_of_both_kinds(self, sd15: Path, folder: str, kind: str, cls: type) -> None:
        pipeline = load_pipeline(models_of(sd15, structure=ModelRef(repo=str(sd15 / folder)), structure_kind=kind))
        assert isinstance(pipeline.structure, cls)
        assert not torch.allclose(draw(pipeline), draw(pipeline, structure_frames=None), atol=1e-4)

    def test_pickled_weights_are_read_where_a_repository_has_no_others(self, sd15: Path) -> None:
        file = sd15 / "t2i" / "diffusion_pytorch_model.safetensors"
        weights = load_file(file)
        torch.save(weights, file.with_suffix(".bin"))
        file.unlink()
        loaded = load_pipeline(models_of(sd15)).structure.state_dict()
        assert all(torch.equal(loaded[name], weight) for name, weight in weights.items())

    def test_variant_is_taken_where_there_is_one(self, sd15: Path) -> None:
        file = sd15 / "base" / "unet" / "diffusion_pytorch_model.safetensors"
        weights = {name: weight + 1 for name, weight in load_file(file).items()}
        save_file(weights, file.with_name("diffusion_pytorch_model.fp16.safetensors"), metadata={"format": "pt"})
        pipeline = load_pipeline(models_of(sd15, pipeline=ModelRef(repo=str(sd15 / "base"), variant="fp16")))
        assert torch.equal(pipeline.unet.conv_in.weight, weights["conv_in.weight"])

    @pytest.mark.parametrize("layout", ["safetensors", "bin", "shards"])
    def test_half_precision_is_taken_where_there_is_nothing_else(self, sd15: Path, layout: str) -> None:
        folder = sd15 / "base" / "unet"
        unet = UNet2DConditionModel.from_pretrained(folder).half()
        (folder / "diffusion_pytorch_model.safetensors").unlink()
        unet.save_pretrained(folder, variant="fp16", safe_serialization=layout != "bin", max_shard_size="60KB" if layout == "shards" else "1GB")
        assert (len(list(folder.glob("*.fp16*"))) > 1) == (layout == "shards")
        pipeline = load_pipeline(models_of(sd15))
        assert pipeline.unet.dtype == torch.float32
        assert torch.equal(pipeline.unet.conv_in.weight, unet.conv_in.weight.float())

    def test_image_model_without_motion_is_refused(self, sd15: Path) -> None:
        with pytest.raises(ModelError, match="no motion layers"):
            load_pipeline(models_of(sd15, motion_adapter=None))

    def test_missing_weights_without_a_network(self, sd15: Path) -> None:
        with pytest.raises(ModelError, match="guoyww/not-here") as caught:
            load_pipeline(models_of(sd15, motion_adapter=ModelRef(repo="guoyww/not-here")))
        assert "storyanim fetch" in caught.value.hint


class TestBrokenFolders:
    def assert_refused(self, models: Models, match: str) -> None:
        with pytest.raises(ModelError, match=match) as caught:
            load_pipeline(models)
        assert caught.value.hint
        assert "\n" not in caught.value.message

    def test_missing_folder(self, storybook: Path) -> None:
        self.assert_refused(models_of(storybook, structure=ModelRef(repo=str(storybook / "none"))), "no model folder")

    def test_no_index(self, storybook: Path) -> None:
        (storybook / "pipeline" / "model_index.json").unlink()
        self.assert_refused(models_of(storybook), "model_index.json")

    @pytest.mark.parametrize("entry", [["os", "system"], ["diffusers", "NoSuchModel"], None])
    def test_index_that_names_something_else(self, storybook: Path, entry: list[str] | None) -> None:
        file = storybook / "pipeline" / "model_index.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "unet": entry}))
        self.assert_refused(models_of(storybook), "model_index.json")

    @pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
    def test_truncated_weights(self, storybook: Path, part: str) -> None:
        (file,) = (storybook / "pipeline" / part).glob("*.safetensors")
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(ModelError, match=f"{file.name} is damaged, cut off") as caught:
            load_pipeline(models_of(storybook))
        assert caught.value.hint == f"it lies in {file.parent}"

    @pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
    def test_weights_that_lack_some(self, storybook: Path, part: str) -> None:
        (file,) = (storybook / "pipeline" / part).glob("*.safetensors")
        weights = load_file(file)
        weights.pop(sorted(weights)[0])
        save_file(weights, file, metadata={"format": "pt"})
        self.assert_refused(models_of(storybook), "weights are missing")

    @pytest.mark.parametrize("part", ["tokenizer", "scheduler", "vae"])
    def test_missing_component(self, storybook: Path, part: str) -> None:
        shutil.rmtree(storybook / "pipeline" / part)
        self.assert_refused(models_of(storybook), part)

    def test_structure_of_other_widths(self, storybook: Path) -> None:
        tiny.t2i_adapter((8, 24)).save_pretrained(storybook / "structure")
        self.assert_refused(models_of(storybook), "structure branch does not fit")

    def test_motion_adapter_of_another_model(self, sd15: Path) -> None:
        tiny.motion_adapter(layers=2).save_pretrained(sd15 / "motion")
        self.assert_refused(models_of(sd15), "motion adapter")

    def test_autoencoder_of_another_model(self, storybook: Path) -> None:
        tiny.vae_tiny(4).save_pretrained(storybook / "pipeline" / "vae")
        self.assert_refused(models_of(storybook), "VAE does not fit")


INDEX = "diffusion_pytorch_model.safetensors.index.json"


class TestWeightsInParts:
    """A U-Net's weights in several files, of which something is wrong."""

    @pytest.fixture
    def unet(self, tmp_path: Path) -> Path:
        tiny.save_stable_diffusion(tmp_path)
        folder = tmp_path / "base" / "unet"
        (folder / "diffusion_pytorch_model.safetensors").unlink()
        tiny.unet_2d().save_pretrained(folder, max_shard_size="60KB")
        assert len(self.shards(folder)) > 2
        return folder

    @staticmethod
    def shards(unet: Path) -> list[Path]:
        return sorted(unet.glob("*-of-*.safetensors"))

    def told(self, unet: Path) -> str:
        with pytest.raises(ModelError) as caught:
            hub.load_network(UNet2DConditionModel, ModelRef(repo=str(unet.parent)), "unet")
        return caught.value.message

    def test_all_of_them(self, unet: Path) -> None:
        assert hub.load_network(UNet2DConditionModel, ModelRef(repo=str(unet.parent)), "unet").dtype == torch.float32

    @pytest.mark.parametrize("number", [0, 1, -1])
    def test_one_is_missing(self, unet: Path, number: int) -> None:
        gone = self.shards(unet)[number]
        gone.unlink()
        assert f"1 of the files that {INDEX} names are missing, such as {gone.name}" in self.told(unet)

    @pytest.mark.parametrize(("text", "why"), [("{}", "it has no weight_map"), ('{"weight_map": {}}', "it has no weight_map"),
                                               ('{"weight_map": 3}', "it has no weight_map"), ("[]", "it is no table"), ("{", "Expecting")])
    def test_the_index_is_damaged(self, unet: Path, text: str, why: str) -> None:
        (unet / INDEX).write_text(text)
        assert f"its {INDEX} is damaged: {why}" in self.told(unet)

    def test_the_index_is_missing(self, unet: Path) -> None:
        (unet / INDEX).unlink()
        assert "in parts" in self.told(unet)

    def test_one_is_of_another_model(self, unet: Path) -> None:
        save_file({"other.weight": torch.zeros(3)}, self.shards(unet)[1], metadata={"format": "pt"})
        assert "weights are missing, such as" in self.told(unet)

    def test_one_is_there_twice(self, unet: Path) -> None:
        shutil.copy(self.shards(unet)[0], self.shards(unet)[1])
        assert "weights are missing, such as" in self.told(unet)

    def test_one_is_cut_off(self, unet: Path) -> None:
        file = self.shards(unet)[1]
        file.write_bytes(file.read_bytes()[:-100])
        assert f"{file.name} is damaged, cut off" in self.told(unet)


def test_settings_of_a_scheduler_that_are_none(tmp_path: Path) -> None:
    models = Models(**tiny.save_stable_diffusion(tmp_path), depth=ModelRef(repo="u"), encoder=ModelRef(repo="u"))
    (tmp_path / "base" / "scheduler" / "scheduler_config.json").write_text("[]")
    with pytest.raises(ModelError, match=r"its scheduler_config.json is damaged: it is no table"):
        load_pipeline(models)
