"""A small family of the storybook's kind with random weights, and depth without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    MotionAdapter,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from storyanim.artifacts import DepthTrack, Frames
from storyanim.config import Settings, load_settings
from storyanim.generate.story_pipeline import StoryVideoPipeline

WIDTH = 16                                           # of the text states
SIZE_PX = 64
LATENT_CHANNELS = 6


class BrightnessDepth:
    """Bright is near; counts what it is asked for."""

    def __init__(self) -> None:
        self.fingerprint = "brightness"
        self.seen: list[tuple[int, ...]] = []

    def estimate(self, frames: Frames) -> DepthTrack:
        self.seen.append(frames.rgb.shape)
        return DepthTrack((frames.rgb.mean(axis=-1) / 255).astype(np.float32), frames.fps)


def image_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8, in_channels=LATENT_CHANNELS, out_channels=LATENT_CHANNELS, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH, attention_head_dim=2, norm_num_groups=4,
    ).eval()


def video_unet(unet: UNet2DConditionModel) -> UNetMotionModel:
    """Its motion layers are random, so that it matters whether they are on."""
    adapter = MotionAdapter(block_out_channels=(8, 16), motion_layers_per_block=1, motion_norm_num_groups=4,
                            motion_num_attention_heads=2, motion_max_seq_length=8)
    return UNetMotionModel.from_unet2d(unet, adapter).eval()


def tokenizer() -> CLIPTokenizer:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "be", "ar</w>", "bear</w>", "<|startoftext|>", "<|endoftext|>"]
    merges = [("b", "e"), ("a", "r</w>"), ("be", "ar</w>")]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=merges, model_max_length=24)


def save_family(folder: Path) -> None:
    torch.manual_seed(0)
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=WIDTH, intermediate_size=32, num_attention_heads=2, num_hidden_layers=2, vocab_size=57,
        max_position_embeddings=24, bos_token_id=55, eos_token_id=56, pad_token_id=56,
    ))
    vae = AutoencoderTiny(latent_channels=LATENT_CHANNELS, encoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1,) * 4,
                          decoder_block_out_channels=(8,) * 4, num_decoder_blocks=(1,) * 4)
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, rescale_betas_zero_snr=True,
                              prediction_type="v_prediction", timestep_spacing="trailing")
    structure = T2IAdapter(in_channels=3, channels=[8, 16], num_res_blocks=1, downscale_factor=8)
    for weight in structure.parameters():
        torch.nn.init.normal_(weight, std=0.2)       # so that depth matters
    StoryVideoPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer(), unet=video_unet(image_unet()),
                       scheduler=scheduler).save_pretrained(folder / "pipeline")
    structure.save_pretrained(folder / "structure")


def make_settings(family: Path, **personalize: Any) -> Settings:
    """Few steps at small rates; float32, since bfloat16 is not on every machine."""
    learning = {"num_steps": 3, "batch_size": 4, "lora_rank": 2, "num_class_clips": 4, "caption_dropout": 0.0,
                "inference_timesteps_only": True, "num_inference_steps": None, "initializer_words": (), "num_validations": 0}
    return load_settings(
        models={"pipeline": {"repo": str(family / "pipeline")}, "structure": {"repo": str(family / "structure")}},
        generate={"width_px": SIZE_PX, "height_px": SIZE_PX, "num_frames": 4, "max_duration_s": 0.5, "num_inference_steps": 5,
                  "dtype": "float32"},
        personalize=learning | personalize,
    )
