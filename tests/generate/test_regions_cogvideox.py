"""Regions in CogVideoX's joint attention, against a slow, plain reading of who sees whom."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from peft import LoraConfig
from tolerance import assert_close

from storyanim.artifacts import Box
from storyanim.errors import UsageError
from storyanim.generate.regions import Region
from storyanim.generate.regions_cogvideox import CogVideoXRegions, lora_targets

FRAMES, SIZE, LENGTH, WIDTH = 3, (4, 6), 5, 16       # visual tokens are (3, 4, 6)
LEFT, RIGHT = Box(x1=0.5), Box(x0=0.5)
LAYOUTS = {
    "halves": [Region("a", (LEFT,)), Region("b", (RIGHT,))],
    "with background": [Region("a", (Box(x1=0.34, y1=0.5),)), Region("b", (Box(x0=0.67),))],
    "overlap": [Region("a", (Box(x1=0.67),)), Region("b", (Box(x0=0.34, y0=0.5),))],
    "moving, in time": [Region("a", (Box(x1=0.34, at=0.0), Box(x0=0.66, at=1.0))), Region("b", (Box(y0=0.5),), start=0.5)],
    "one": [Region("a")],
    "none": [],
}


def transformer(*, rotary: bool = False) -> CogVideoXTransformer3DModel:
    torch.manual_seed(0)
    return CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, time_embed_dim=8, text_embed_dim=WIDTH,
        num_layers=4, sample_width=12, sample_height=8, sample_frames=9, patch_size=2, temporal_compression_ratio=4,
        max_text_seq_length=LENGTH, use_rotary_positional_embeddings=rotary).eval()


def rotary(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    angles = torch.arange(tokens)[:, None] * 0.1 * torch.ones(16)
    return angles.cos(), angles.sin()


def call(net: Any, texts: torch.Tensor, **more: Any) -> torch.Tensor:
    sample = torch.randn(len(texts), FRAMES, 4, 8, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return net(sample, texts, torch.full((len(texts),), 500), return_dict=False, **more)[0]


def states(count: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(count, LENGTH, WIDTH, generator=torch.Generator().manual_seed(seed))


def table_mask(regions: list[Region]) -> torch.Tensor:
    """The table of who sees whom, entry by entry: [T_1 | ... | T_N | T_0 | V]."""
    tokens = [(t, y, x) for t in range(FRAMES) for y in range(SIZE[0]) for x in range(SIZE[1])]
    texts = len(regions) + 1

    def boxes_at(region: Region, moment: float) -> Box:
        if not region.boxes:
            return Box()
        if len(region.boxes) == 1:
            return region.boxes[0]
        one, other = region.boxes
        return Box(**{name: getattr(one, name) * (1 - moment) + getattr(other, name) * moment for name in ("x0", "y0", "x1", "y1")})

    def holds(region: Region, token: tuple[int, int, int]) -> bool:
        moment = (token[0] + 0.5) / FRAMES
        if not region.start <= moment < region.end:
            return False
        box = boxes_at(region, moment)
        across = max(0.0, min(box.x1, (token[2] + 1) / SIZE[1]) - max(box.x0, token[2] / SIZE[1])) * SIZE[1]
        down = max(0.0, min(box.y1, (token[1] + 1) / SIZE[0]) - max(box.y0, token[1] / SIZE[0])) * SIZE[0]
        return across * down >= 0.5

    def texts_of(token: tuple[int, int, int]) -> set[int]:
        return {r for r, region in enumerate(regions) if holds(region, token)} or {texts - 1}

    members = [("text", r) for r in range(texts) for _ in range(LENGTH)] + [("video", token) for token in tokens]
    mask = torch.zeros(len(members), len(members), dtype=torch.bool)
    for i, (kind, who) in enumerate(members):
        for j, (other_kind, other) in enumerate(members):
            if kind == "text":
                mask[i, j] = who == other if other_kind == "text" else who in texts_of(other)      # type: ignore[arg-type,operator]
            else:
                mask[i, j] = True if other_kind == "video" else other in texts_of(who)              # type: ignore[arg-type,operator]
    return mask


class PlainMask:
    """Attention as in a textbook, in double precision, under a boolean mask."""

    def __init__(self, mask: torch.Tensor) -> None:
        self.mask = mask

    def __call__(self, attn: Any, hidden_states: Any, encoder_hidden_states: Any, attention_mask: Any = None,
                 image_rotary_emb: Any = None) -> Any:
        length = encoder_hidden_states.shape[1]
        joint = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (layer(joint).unflatten(2, (attn.heads, -1)).transpose(1, 2) for layer in (attn.to_q, attn.to_k, attn.to_v))
        query, key = attn.norm_q(query), attn.norm_k(key)
        if image_rotary_emb is not None:
            cos, sin = image_rotary_emb
            for each in (query, key):
                video = each[:, :, length:].clone()
                turned = torch.stack([-video[..., 1::2], video[..., ::2]], dim=-1).flatten(3)
                each[:, :, length:] = video * cos + turned * sin
        logits = query.double() @ key.double().transpose(2, 3) / query.shape[-1] ** 0.5
        weights = logits.masked_fill(~self.mask, -torch.inf).softmax(dim=-1)
        joint = attn.to_out[0]((weights @ value.double()).float().transpose(1, 2).flatten(2))
        return joint[:, length:], joint[:, :length]


@pytest.mark.parametrize("name", LAYOUTS)
class TestAgainstTheTable:
    def test_groups_are_the_table(self, name: str) -> None:
        regions = CogVideoXRegions(LAYOUTS[name], FRAMES, SIZE, LENGTH)
        expected = table_mask(LAYOUTS[name])
        found, times = torch.zeros_like(expected), torch.zeros(len(expected))
        for queries, keys in regions.groups(torch.device("cpu")):
            found[queries[:, None], keys] = True
            times[queries] += 1
        assert torch.equal(found, expected)
        assert torch.equal(times, torch.ones(len(expected)))

    @pytest.mark.parametrize("turning", [False, True])
    def test_outputs_equal_the_plain_computation(self, name: str, turning: bool) -> None:
        net = transformer(rotary=turning)
        regions = CogVideoXRegions(LAYOUTS[name], FRAMES, SIZE, LENGTH)
        more = {"image_rotary_emb": rotary(FRAMES * SIZE[0] * SIZE[1])} if turning else {}
        texts = torch.cat([regions.join_texts(states(regions.num_texts, seed)) for seed in (2, 3)])   # as with guidance
        with regions.applied(net):
            found = call(net, texts, **more)
            net.set_attn_processor(PlainMask(table_mask(LAYOUTS[name])))
            expected = call(net, texts, **more)
        assert_close(found, expected)


class TestOneText:
    def test_one_region_of_the_whole_picture_equals_the_stock_processor(self) -> None:
        net, texts = transformer(), states(2)
        regions = CogVideoXRegions([Region("a")], FRAMES, SIZE, LENGTH)
        with regions.applied(net):
            found = call(net, regions.join_texts(texts))
        assert_close(found, call(net, texts[:1]))

    def test_no_region_equals_the_stock_processor(self) -> None:
        net, texts = transformer(rotary=True), states(1)
        more = {"image_rotary_emb": rotary(FRAMES * SIZE[0] * SIZE[1])}
        with CogVideoXRegions([], FRAMES, SIZE, LENGTH).applied(net):
            found = call(net, texts, **more)
        assert_close(found, call(net, texts, **more))

    def test_the_model_is_as_before_afterwards(self) -> None:
        net, texts = transformer(), states(3)
        before = call(net, texts[:1])
        regions = CogVideoXRegions(LAYOUTS["halves"], FRAMES, SIZE, LENGTH)
        with pytest.raises(KeyboardInterrupt), regions.applied(net):
            raise KeyboardInterrupt
        assert torch.equal(call(net, texts[:1]), before)
        assert all(isinstance(each, CogVideoXAttnProcessor2_0) for each in net.attn_processors.values())


class TestTextStaysInItsRegion:
    def test_first_block(self) -> None:
        """What the first block's attention gives outside of a region does not depend on the region's text."""
        net, seen = transformer(), []
        net.transformer_blocks[0].attn1.register_forward_hook(lambda module, args, output: seen.append(output))
        regions = CogVideoXRegions(LAYOUTS["with background"], FRAMES, SIZE, LENGTH)
        texts = states(3)
        with regions.applied(net):
            call(net, regions.join_texts(texts))
            texts[1] = states(1, seed=9)[0]
            call(net, regions.join_texts(texts))
        (video, text), (other_video, other_text) = seen
        change, inside = (video - other_video)[0].abs().amax(dim=1), regions.inside[1]
        assert torch.equal(change[~inside], torch.zeros(int((~inside).sum())))
        assert (change[inside] > 1e-5).all()
        told = (text - other_text)[0].abs().amax(dim=1).view(3, LENGTH)
        assert torch.equal(told[[0, 2]], torch.zeros(2, LENGTH))
        assert (told[1] > 1e-5).all()


class TestLoras:
    def test_odd_blocks_are_the_motions_even_ones_the_characters(self) -> None:
        motion, character = (lora_targets(kind, 4) for kind in ("motion", "character"))         # type: ignore[arg-type]
        assert {name.split(".")[1] for name in motion} == {"0", "2"}            # the first and the third
        assert {name.split(".")[1] for name in character} == {"1", "3"}
        layers = {name for name, module in transformer().named_modules() if isinstance(module, torch.nn.Linear)}
        assert {*motion, *character} == {name for name in layers if ".attn1." in name or ".ff." in name}

    def worn(self, kind: str) -> Any:
        net = transformer()
        net.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=lora_targets(kind, 4)), kind)      # type: ignore[arg-type]
        torch.manual_seed(4)
        for name, weight in net.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.5)
        return net

    @pytest.mark.parametrize("kind", ["motion", "character"])
    def test_acts_on_its_regions_tokens_once(self, kind: str) -> None:
        """Two captions of one character that overlap wear its LoRA once."""
        net = self.worn(kind)
        module = net.transformer_blocks[0 if kind == "motion" else 1].ff.net[2]
        layout = [Region("a", (Box(x1=0.67),), adapters=(kind,)), Region("b", (Box(x0=0.34, x1=0.67),), adapters=(kind,)),
                  Region("c", (Box(x0=0.67),))]
        regions = CogVideoXRegions(layout, FRAMES, SIZE, LENGTH)
        tokens = torch.randn(1, 4 * LENGTH + FRAMES * 24, module.in_features, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            everywhere, nowhere = module(tokens), module.base_layer(tokens)
            with regions.applied(net):
                found = module(tokens)
        worn = regions.tokens_of(kind)
        text, video = worn[:4 * LENGTH].view(4, LENGTH), worn[4 * LENGTH:].view(FRAMES, *SIZE)
        assert text.all(dim=1).tolist() == [True, True, False, False]
        assert video[0, 0].tolist() == [True] * 4 + [False] * 2
        assert_close(found[:, worn], everywhere[:, worn])
        assert torch.equal(found[:, ~worn], nowhere[:, ~worn])
        assert not torch.equal(everywhere, nowhere)


class TestErrors:
    def test_a_region_without_tokens(self) -> None:
        with pytest.raises(UsageError, match="no part of the picture shows 'a'"):
            CogVideoXRegions([Region("a", (Box(x1=0.01),))], FRAMES, SIZE, LENGTH)

    def test_another_size(self) -> None:
        net = transformer()
        regions = CogVideoXRegions(LAYOUTS["halves"], FRAMES, (4, 5), LENGTH)
        with pytest.raises(UsageError, match="do not fit"), regions.applied(net):
            call(net, regions.join_texts(states(3)))
