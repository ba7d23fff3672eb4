"""The storybook family's networks: stock classes of diffusers and transformers at small widths, with random
weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    MotionAdapter,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
    Swinv2Config,
)

LATENT_CHANNELS = 16
TEXT_WIDTH = 192
MAX_TOKENS = 40
BLOCKS = (80, 144, 192)


def autoencoder() -> AutoencoderTiny:
    """Return pixels to latents of 1/8 size.

    Hardly a block at full and half size, which is where the time would go.
    """
    width = 48
    network = AutoencoderTiny(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
        num_encoder_blocks=(0, 0, 3, 4),
        num_decoder_blocks=(6, 6, 4, 0),
        scaling_factor=1.0,
    )
    for half in (network.encoder, network.decoder):
        for module in half.layers:  # those that only resize start near the identity: learns twice as fast
            if isinstance(module, torch.nn.Conv2d) and module.in_channels == module.out_channels:
                start = module.weight.detach().clone()
                torch.nn.init.dirac_(module.weight)
                module.weight.data.add_(0.5 * start)
    return network


def tokenizer(
    captions: Iterable[str], vocab_size: int = 1200, max_tokens: int = MAX_TOKENS
) -> CLIPTokenizer:
    """Return a byte-level BPE in CLIP's manner, learned from captions; every text can be written in it."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                           normalizers.Lowercase()])
    words = Regex(r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "removed", invert=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size - 2 - len(letters), end_of_word_suffix="</w>",
                                  initial_alphabet=letters)
    bpe.train_from_iterator(captions, trainer)
    model = json.loads(bpe.to_str())["model"]
    symbols = sorted(letters)
    vocab = {symbol: number for number, symbol in enumerate([*symbols, *(s + "</w>" for s in symbols)])}
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in model["merges"]]
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocab[special] = len(vocab)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=max_tokens)


def text_config(tokens: CLIPTokenizer) -> CLIPTextConfig:
    """Return the text tower, the same in the retriever and in the generator."""
    return CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=tokens.model_max_length,
        projection_dim=128,
        hidden_act="quick_gelu",
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )


def clip(tokens: CLIPTokenizer) -> CLIPModel:
    """Return the retriever: 64 patches of 16 pixels."""
    width = 160
    vision = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=5,
        num_attention_heads=5,
        image_size=128,
        patch_size=16,
        projection_dim=128,
    )
    return CLIPModel(CLIPConfig(text_config=text_config(tokens).to_dict(), vision_config=vision.to_dict(),
                                projection_dim=128))


def clip_image_processor() -> CLIPImageProcessor:
    """Return 128 × 128, mean and deviation of one half."""
    return CLIPImageProcessor(
        size={"shortest_edge": 128}, crop_size={"height": 128, "width": 128}, image_mean=[0.5] * 3,
        image_std=[0.5] * 3
    )


def text_encoder(tokens: CLIPTokenizer) -> CLIPTextModel:
    """Return the generator's text encoder."""
    return CLIPTextModel(text_config(tokens))


def unet2d() -> UNet2DConditionModel:
    """Return the image denoiser; no attention at its finest level, where it would take half of the time."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=BLOCKS,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=(1, 3, 4),
        transformer_layers_per_block=(0, 1, 1),
        norm_num_groups=16,
    )


def motion_adapter() -> MotionAdapter:
    """Temporal layers for `unet2d`."""
    return MotionAdapter(
        block_out_channels=BLOCKS,
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=16,
        motion_max_seq_length=32,
        use_motion_mid_block=True,
    )


def unet_motion(image_unet: UNet2DConditionModel | None = None) -> UNetMotionModel:
    """Return the video denoiser: `unet2d` with motion layers whose outputs start at zero."""
    adapter = motion_adapter()
    for name, module in adapter.named_modules():
        if name.endswith("proj_out"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
    return UNetMotionModel.from_unet2d(image_unet or unet2d(), adapter)


def structure_adapter() -> T2IAdapter:
    """Return the depth encoder: features for each level of the U-Net, independent of the timestep (AaS
    3.2)."""
    return T2IAdapter(in_channels=3, channels=list(BLOCKS), num_res_blocks=1, downscale_factor=8,
                      adapter_type="full_adapter")


def depth_network() -> DPTForDepthEstimation:
    """Return a DPT on a Swin V2, as MiDaS 3.1's: its first level has cells of 4 pixels, which a plain ViT's
    patches blur away."""
    levels = [32, 64, 128, 256]
    backbone = Swinv2Config(
        image_size=128,
        patch_size=4,
        embed_dim=levels[0],
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=8,
        drop_path_rate=0.0,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    network = DPTForDepthEstimation(
        DPTConfig(
            backbone_config=backbone,
            is_hybrid=False,
            hidden_size=levels[-1],
            image_size=128,
            neck_hidden_sizes=levels,
            reassemble_factors=[],
            fusion_hidden_size=48,
            add_projection=False,
            use_batch_norm_in_fusion_residual=False,
            head_in_index=-1,
            use_auxiliary_head=False,
        )
    )
    last = [module for module in network.head.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    # the world's mean: behind it is a ReLU, which from zero might never wake
    torch.nn.init.constant_(last.bias, 0.4)
    return network


def depth_processor() -> DPTImageProcessor:
    """Return 128 × 128 whatever the input, mean and deviation of one half."""
    return DPTImageProcessor(
        size={"height": 128, "width": 128},
        keep_aspect_ratio=False,
        ensure_multiple_of=1,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


def scheduler() -> DDIMScheduler:
    """Return v-prediction on a squared-cosine schedule with zero terminal SNR, sampled with trailing steps
    (arXiv 2305.08891)."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
    )


def load_or_build(folder: Path, kind: Any, build: Any, *, scratch: bool = False) -> Any:
    """Return the bundled weights of a network as float32, or `build()` when there are none or `scratch`."""
    if not scratch and (folder / "config.json").is_file():
        return kind.from_pretrained(folder, torch_dtype=torch.float32)
    return build()
