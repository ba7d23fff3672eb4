"""One more level around a trained `AutoencoderTiny`: pictures of twice the size to as many latents.

As in deep-compression autoencoders (DC-AE, arXiv 2410.10733) the denoiser then costs at 256 pixels what it
cost at 128. The new network begins as the old one between a halving and a doubling of the picture: training
starts from blurred pictures.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderTiny
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock
from torch import nn

from storybook.train.subpixel import compose

ENCODER_BLOCKS = (0, 0, 0, 6, 6)
DECODER_BLOCKS = (6, 6, 4, 1, 0)  # none at full size, where the time would go: see subpixel.py


def deepen(
    vae: AutoencoderTiny,
    encoder_blocks: tuple[int, ...] = ENCODER_BLOCKS,
    decoder_blocks: tuple[int, ...] = DECODER_BLOCKS,
) -> AutoencoderTiny:
    """Return a stock network of one level more, its inner levels those of `vae`.

    Blocks that `vae` lacks begin as the identity. `vae` is one width throughout, 28 or more, and has no
    blocks at full size.
    """
    width = vae.config.decoder_block_out_channels[0]
    settings = {key: value for key, value in vae.config.items() if key in _SETTINGS}
    settings |= {"num_encoder_blocks": encoder_blocks, "num_decoder_blocks": decoder_blocks}
    settings |= dict.fromkeys(
        ("encoder_block_out_channels", "decoder_block_out_channels"), (width,) * len(encoder_blocks)
    )
    deeper = AutoencoderTiny(**settings)
    with torch.no_grad():
        _start_encoder(deeper.encoder.layers, vae.encoder.layers)
        _start_decoder(deeper.decoder.layers, vae.decoder.layers)
    return deeper


def _levels(layers: nn.Sequential) -> tuple[list[nn.Conv2d], list[list[nn.Module]]]:
    """Return the convolutions outside blocks in order, and the blocks that follow each."""
    convolutions: list[nn.Conv2d] = []
    blocks: list[list[nn.Module]] = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            convolutions.append(layer)
            blocks.append([])
        elif isinstance(layer, AutoencoderTinyBlock):
            blocks[-1].append(layer)
    return convolutions, blocks


def _copy_blocks(new: list[nn.Module], old: list[nn.Module]) -> None:
    for block, known in zip(new, old, strict=False):
        block.load_state_dict(known.state_dict())
    for block in new[len(old) :]:
        _begin_as_identity(block)


def _begin_as_identity(block: nn.Module) -> None:
    """Let it keep its input where it is not negative, as behind another block."""
    nn.init.zeros_(block.conv[-1].weight)
    nn.init.zeros_(block.conv[-1].bias)


def _start_encoder(new: nn.Sequential, old: nn.Sequential) -> None:
    """Let the old first convolution read the mean of 2 × 2 pixels.

    That is a 5 × 5 kernel, made of 27 shifted copies of the colours.
    """
    convolutions, blocks = _levels(new)
    known, known_blocks = _levels(old)
    shifts, reader = convolutions[0], convolutions[1]
    copies = torch.eye(27).reshape(
        27, 3, 3, 3
    )  # channel 9c + 3u + v: colour c of the pixel at (u - 1, v - 1)
    shifts.weight[:27] = copies
    nn.init.zeros_(shifts.bias)
    shifts.weight[27], shifts.bias[27] = 0.0, 1.0  # a constant, by which the old bias goes in
    spread = torch.tensor(
        [[0.5, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0.5, 0], [0, 0, 1.0]]
    )  # the sixth pixel lies outside
    kernel = torch.einsum("ai,bj,ocij->ocab", spread, spread, known[0].weight)  # (C, 3, 5, 5)
    nn.init.zeros_(reader.weight)
    for a, (u, s) in enumerate(_SPLIT):
        for b, (v, t) in enumerate(_SPLIT):
            for colour in range(3):
                reader.weight[:, 9 * colour + 3 * u + v, s, t] = kernel[:, colour, a, b]
    reader.weight[:, 27, 1, 1] = known[0].bias
    for fresh, learned in zip(convolutions[2:], known[1:], strict=True):
        fresh.load_state_dict(learned.state_dict())
    for fresh_blocks, learned_blocks in zip(blocks[1:], known_blocks, strict=True):
        _copy_blocks(fresh_blocks, learned_blocks)


_SETTINGS = (
    "act_fn",
    "latent_channels",
    "scaling_factor",
    "shift_factor",
    "latent_magnitude",
    "latent_shift",
)
_SPLIT = ((0, 0), (1, 0), (1, 1), (1, 2), (2, 2))  # five taps as a shift and a tap of three each


def _start_decoder(new: nn.Sequential, old: nn.Sequential) -> None:
    """Let three channels carry the old picture to the end, where every pixel of it stands for four."""
    convolutions, blocks = _levels(new)
    known, known_blocks = _levels(old)
    for fresh, learned in zip(convolutions[:-2], known[:-1], strict=True):
        fresh.load_state_dict(learned.state_dict())
    for fresh_blocks, learned_blocks in zip(blocks[:-2], known_blocks[:-1], strict=True):
        _copy_blocks(fresh_blocks, learned_blocks)
    picture, doubled, last = convolutions[-3], convolutions[-2], convolutions[-1]
    inwards = torch.tensor(
        [[1.0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]
    )  # 5 × 5 taps as 3 × 3, with the same sum
    picture.weight[:3] = torch.einsum(
        "xi,yj,ocij->ocxy", inwards, inwards, compose(known[-2].weight, known[-1].weight)
    )
    bias = known[-1].bias
    for number, block in enumerate(blocks[-3]):
        _begin_as_identity(block)
        if number == 0:
            block.conv[-1].bias[:3], bias = (
                bias,
                torch.zeros_like(bias),
            )  # before the ReLU, which would cut dark colours
    doubled.weight[:3] = 0.0
    nn.init.zeros_(last.weight)
    for colour in range(3):
        doubled.weight[colour, colour, 1, 1] = last.weight[colour, colour, 1, 1] = 1.0
    last.bias.copy_(bias)
