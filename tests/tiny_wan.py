"""A tiny random Wan-VACE repository, saved by the stock classes."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel


def letters() -> T5TokenizerFast:
    """Letters and the word "bear"."""
    pieces = [(chr(code), -2.0) for code in range(ord("a"), ord("z") + 1)]
    return T5TokenizerFast(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), *pieces, ("▁bear", -1.0)], extra_ids=0)


def save_wan(folder: Path) -> Path:
    torch.manual_seed(31)
    vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])
    transformer = WanVACETransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, text_dim=32, freq_dim=64, ffn_dim=32, num_layers=3, rope_max_seq_len=32,
        qk_norm="rms_norm_across_heads", vace_layers=[0, 2], vace_in_channels=96)
    seen = [transformer.vace_patch_embedding, *(layer.proj_out for layer in transformer.vace_blocks), transformer.proj_out]
    for layer in (*seen, vae.encoder.conv_out, vae.quant_conv, vae.decoder.conv_out):  # so that it all matters
        torch.nn.init.normal_(layer.weight, std=1.0)
    text = UMT5EncoderModel(UMT5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8))
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    WanVACEPipeline(tokenizer=letters(), text_encoder=text, vae=vae, scheduler=scheduler, transformer=transformer).save_pretrained(folder)
    return folder
