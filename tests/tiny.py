"""Tiny random models in the published layouts, saved by the stock classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    DDIMScheduler,
    MotionAdapter,
    PNDMScheduler,
    StableDiffusionPipeline,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from storyanim.generate.story_pipeline import StoryVideoPipeline

WIDTH = 16                                           # of the text states
SIZE_PX = 64
NUM_FRAMES = 4
CHANNELS = (8, 16)
BETAS = {"beta_start": 0.00085, "beta_end": 0.012}


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Letters and the word "bear", from vocab.json and merges.txt as published."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "be", "ar</w>", "bear</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nb e\na r</w>\nbe ar</w>\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=20)


def text_encoder(vocab_size: int = 57) -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(
        hidden_size=WIDTH, intermediate_size=32, num_attention_heads=2, num_hidden_layers=2, vocab_size=vocab_size,
        max_position_embeddings=20, bos_token_id=55, eos_token_id=56, pad_token_id=56,
    )).eval()


def vae_kl() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4, norm_num_groups=2, sample_size=SIZE_PX, layers_per_block=1,
    ).eval()


def vae_tiny(latent_channels: int = 4) -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8), num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1), latent_channels=latent_channels,
    ).eval()


def unet_2d(downs: tuple[str, ...] = ("CrossAttnDownBlock2D", "DownBlock2D"),
            ups: tuple[str, ...] = ("UpBlock2D", "CrossAttnUpBlock2D")) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIZE_PX // 8, in_channels=4, out_channels=4, block_out_channels=CHANNELS, layers_per_block=1,
        down_block_types=downs, up_block_types=ups, cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=4,
    ).eval()


def motion_adapter(layers: int = 1) -> MotionAdapter:
    return MotionAdapter(block_out_channels=CHANNELS, motion_layers_per_block=layers, motion_norm_num_groups=4,
                         motion_num_attention_heads=2, motion_max_seq_length=8).eval()


def unet_motion() -> UNetMotionModel:
    return UNetMotionModel.from_unet2d(unet_2d(), motion_adapter()).eval()


def t2i_adapter(channels: tuple[int, ...] = CHANNELS) -> T2IAdapter:
    return T2IAdapter(in_channels=3, channels=list(channels), num_res_blocks=1, downscale_factor=8).eval()


def controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """Its zero convolutions are made random, else it would do nothing."""
    net = ControlNetModel.from_unet(unet, conditioning_channels=3, conditioning_embedding_out_channels=(4, 4, 4, 8)).eval()
    for convolution in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
        torch.nn.init.normal_(convolution.weight, std=0.3)
    return net


def ddim(**settings: Any) -> DDIMScheduler:
    return DDIMScheduler(**BETAS, beta_schedule="linear", clip_sample=False, steps_offset=1, **settings)


def parts(folder: Path, seed: int = 0) -> dict[str, Any]:
    """Components of a tiny video pipeline."""
    torch.manual_seed(seed)
    return {"tokenizer": tokenizer(folder / "words"), "text_encoder": text_encoder(), "vae": vae_kl(), "unet": unet_motion(),
            "scheduler": ddim()}


def story_pipeline(folder: Path, **others: Any) -> StoryVideoPipeline:
    pipeline = StoryVideoPipeline(**{**parts(folder), **others})
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_storybook(folder: Path) -> dict[str, dict[str, Any]]:
    """A [models] table of a tiny bundled family: a tiny autoencoder with more latent channels, v-prediction, zero SNR."""
    torch.manual_seed(1)
    unet = UNetMotionModel(
        sample_size=8, in_channels=6, out_channels=6, block_out_channels=CHANNELS, layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
        up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"),
        cross_attention_dim=WIDTH, num_attention_heads=2, motion_num_attention_heads=2, motion_max_seq_length=8,
    ).eval()
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, rescale_betas_zero_snr=True,
                              prediction_type="v_prediction", timestep_spacing="trailing")
    parts_ = {**parts(folder, seed=1), "unet": unet, "vae": vae_tiny(6), "scheduler": scheduler}
    StoryVideoPipeline(**parts_).save_pretrained(folder / "pipeline")
    t2i_adapter().save_pretrained(folder / "structure")
    return {"pipeline": {"repo": str(folder / "pipeline")}, "structure": {"repo": str(folder / "structure")}}


def save_stable_diffusion(folder: Path) -> dict[str, dict[str, Any]]:
    """A [models] table of repositories laid out like those that the sd15 profile names."""
    torch.manual_seed(2)
    base = StableDiffusionPipeline(
        tokenizer=tokenizer(folder / "words"), text_encoder=text_encoder(), vae=vae_kl(), unet=unet_2d(),
        scheduler=PNDMScheduler(**BETAS, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    base.save_pretrained(folder / "base")
    words = folder / "base" / "tokenizer"            # published repositories hold these two, not tokenizer.json
    (words / "tokenizer.json").unlink()
    tokenizer(words)
    motion_adapter().save_pretrained(folder / "motion")
    t2i_adapter().save_pretrained(folder / "t2i")
    controlnet(base.unet).save_pretrained(folder / "control")
    return {name: {"repo": str(folder / where)} for name, where in
            (("pipeline", "base"), ("motion_adapter", "motion"), ("structure", "t2i"))}
