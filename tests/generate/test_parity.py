"""What our loop gives, held against what stock diffusers gives for the same tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from diffusers import (
    AnimateDiffPipeline,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionAdapterPipeline,
    StableDiffusionControlNetPipeline,
    UNetMotionModel,
)
from tolerance import assert_close

from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.generate.structure import AdapterGuide

PROMPT, NEGATIVE = "a bear walks", "blur"
STEPS = 4




def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def draw(pipeline: StoryVideoPipeline, prompt: str = PROMPT, **changes: Any) -> torch.Tensor:
    """Latents (1, C, T, h, w)."""
    arguments = {"num_frames": tiny.NUM_FRAMES, "num_inference_steps": STEPS, "guidance_scale": 2.0, "output_type": "latent",
                 "negative_prompt": NEGATIVE, "generator": seeded(), **changes}
    return pipeline(prompt, **arguments).frames


def inverse_depth(num_frames: int = tiny.NUM_FRAMES) -> torch.Tensor:
    return torch.rand((num_frames, tiny.SIZE_PX, tiny.SIZE_PX), generator=torch.Generator().manual_seed(3))


def without_motion(unet_2d: Any) -> UNetMotionModel:
    """A video U-Net that treats frames one by one: its motion layers add nothing."""
    unet = UNetMotionModel.from_unet2d(unet_2d, tiny.motion_adapter()).eval()
    for name, parameter in unet.named_parameters():
        if "motion_modules" in name and ".proj_out." in name:
            torch.nn.init.zeros_(parameter)
    return unet


SCHEDULERS = {
    "ddim": tiny.ddim(),
    "ddim zero snr": tiny.ddim(prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"),
    "euler": EulerDiscreteScheduler(**tiny.BETAS),
    "euler ancestral": EulerAncestralDiscreteScheduler(**tiny.BETAS),
    "dpm++": DPMSolverMultistepScheduler(**tiny.BETAS, algorithm_type="dpmsolver++"),
    "pndm": PNDMScheduler(**tiny.BETAS, skip_prk_steps=True),
}


class TestAgainstAnimateDiff:
    @pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
    @pytest.mark.parametrize("name", SCHEDULERS)
    def test_same_latents_without_structure_and_tokens(self, tmp_path: Path, name: str, guidance_scale: float) -> None:
        parts = {**tiny.parts(tmp_path), "scheduler": SCHEDULERS[name]}
        stock = AnimateDiffPipeline(**parts, motion_adapter=None)
        stock.set_progress_bar_config(disable=True)
        theirs = stock(PROMPT, num_frames=tiny.NUM_FRAMES, num_inference_steps=STEPS, guidance_scale=guidance_scale,
                       negative_prompt=NEGATIVE, generator=seeded(), output_type="latent").frames
        ours = draw(StoryVideoPipeline(**parts), guidance_scale=guidance_scale)
        assert_close(ours, theirs)
        assert ours.shape == (1, 4, tiny.NUM_FRAMES, 8, 8)

    def test_same_pictures(self, tmp_path: Path) -> None:
        parts = tiny.parts(tmp_path)
        stock = AnimateDiffPipeline(**parts, motion_adapter=None)
        stock.set_progress_bar_config(disable=True)
        theirs = stock(PROMPT, num_frames=tiny.NUM_FRAMES, num_inference_steps=STEPS, guidance_scale=2.0,
                       negative_prompt=NEGATIVE, generator=seeded(), output_type="np").frames
        ours = draw(StoryVideoPipeline(**parts), output_type="np")
        assert_close(ours, theirs)
        assert ours.shape == (1, tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX, 3)

    def test_free_noise_goes_beyond_the_motion_layers(self, tmp_path: Path) -> None:
        parts = {**tiny.parts(tmp_path), "motion_adapter": tiny.motion_adapter()}
        stock = AnimateDiffPipeline(**parts)
        stock.set_progress_bar_config(disable=True)
        stock.enable_free_noise(context_length=8, context_stride=4)
        theirs = stock(PROMPT, num_frames=12, num_inference_steps=2, guidance_scale=2.0, negative_prompt=NEGATIVE,
                       generator=seeded(), output_type="latent").frames
        stock.disable_free_noise()
        pipeline = StoryVideoPipeline(**parts)
        pipeline.enable_free_noise(context_length=8, context_stride=4)
        assert_close(draw(pipeline, num_frames=12, num_inference_steps=2), theirs)


class TestAgainstTheImagePipelines:
    @pytest.fixture
    def images(self, tmp_path: Path) -> dict[str, Any]:
        return {**tiny.parts(tmp_path), "unet": tiny.unet_2d()}

    @pytest.fixture
    def noise(self) -> torch.Tensor:
        return torch.randn((1, 4, 8, 8), generator=seeded())

    @pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
    def test_t2i_adapter(self, images: dict[str, Any], noise: torch.Tensor, guidance_scale: float) -> None:
        adapter = tiny.t2i_adapter()
        stock = StableDiffusionAdapterPipeline(**images, adapter=adapter, safety_checker=None, feature_extractor=None,
                                               requires_safety_checker=False)
        picture = inverse_depth(1)[None].expand(1, 3, -1, -1)                                   # (1, 3, H, W)
        theirs = stock(PROMPT, image=picture, num_inference_steps=STEPS, guidance_scale=guidance_scale, negative_prompt=NEGATIVE,
                       height=tiny.SIZE_PX, width=tiny.SIZE_PX, latents=noise, adapter_conditioning_scale=0.8,
                       output_type="latent").images
        video = StoryVideoPipeline(**{**images, "unet": without_motion(images["unet"])}, structure=adapter)
        settings = {"num_frames": 1, "latents": noise[:, :, None], "guidance_scale": guidance_scale}
        ours = draw(video, **settings, structure_frames=inverse_depth(1), conditioning_scale=0.8)
        assert_close(ours[:, :, 0], theirs)
        assert not torch.allclose(draw(video, **settings), ours, atol=1e-3)

    @pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
    def test_controlnet(self, images: dict[str, Any], noise: torch.Tensor, guidance_scale: float) -> None:
        control = tiny.controlnet(images["unet"])
        stock = StableDiffusionControlNetPipeline(**images, controlnet=control, safety_checker=None, feature_extractor=None,
                                                  requires_safety_checker=False)
        picture = inverse_depth(1)[None].expand(1, 3, -1, -1)
        theirs = stock(PROMPT, image=picture, num_inference_steps=STEPS, guidance_scale=guidance_scale, negative_prompt=NEGATIVE,
                       height=tiny.SIZE_PX, width=tiny.SIZE_PX, latents=noise, controlnet_conditioning_scale=0.8,
                       control_guidance_end=0.5, output_type="latent").images
        video = StoryVideoPipeline(**{**images, "unet": without_motion(images["unet"])}, structure=control)
        settings = {"num_frames": 1, "latents": noise[:, :, None], "guidance_scale": guidance_scale}
        ours = draw(video, **settings, conditioning_scale=0.8, control_guidance_end=0.5,
                    structure_frames=inverse_depth(1))
        assert_close(ours[:, :, 0], theirs)
        assert not torch.allclose(draw(video, **settings), ours, atol=1e-3)

    @pytest.mark.parametrize("downs", [("CrossAttnDownBlock2D", "DownBlock2D"), ("DownBlock2D", "CrossAttnDownBlock2D")])
    def test_every_kind_of_block(self, downs: tuple[str, ...]) -> None:
        """A block without cross attention that shrinks takes the feature after it, into its skip connection too."""
        torch.manual_seed(0)
        unet = tiny.unet_2d(downs, tuple(name.replace("Down", "Up") for name in reversed(downs)))
        sizes = (8, 4) if downs[0].startswith("Cross") else (4, 4)
        features = [torch.randn(1, width, size, size) for width, size in zip(tiny.CHANNELS, sizes, strict=True)]
        sample, text, t = torch.randn(1, 4, 8, 8), torch.randn(1, 5, tiny.WIDTH), torch.tensor(500)
        with torch.no_grad():
            theirs = unet(sample, t, text, down_intrablock_additional_residuals=[f.clone() for f in features]).sample
            for ours_unet, frames in ((unet, sample), (without_motion(unet), sample[:, :, None])):
                with AdapterGuide(ours_unet, features).applied(frames, t, text) as extra:
                    ours = ours_unet(frames, t, text, **extra).sample
                assert_close(ours.reshape(theirs.shape), theirs)
