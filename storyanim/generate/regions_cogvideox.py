"""Regions in CogVideoX, DreamRunner's own base: SR3AI in joint attention (arXiv 2411.16657, section 3.3).

A block of `CogVideoXTransformer3DModel` attends over one sequence of text and visual tokens. With N regions it
is [T_1 | ... | T_N | T_0 | V]: a text a region, the background's, and the video. Who sees whom:

    T_r              itself, and the visual tokens in r
    T_0              itself, and the visual tokens that lie in no region
    V in regions     the texts of all of them, and all of V
    V in none        T_0, and all of V

As no token is weighed half, the mask need not be built (300 million entries for 6 s of 720 x 480): tokens that
see the same ones attend to just these, in as many calls of the plain kernel as there are such groups, about
2 (N + 1). Feed-forward and norms work on each token by itself. No profile uses this yet.

    regions = CogVideoXRegions([Region("a bear waving", (left,)), Region("a fox bowing", (right,))],
                               num_frames=13, size=(30, 45), text_length=226)
    embeds = regions.join_texts(pipeline.encode_prompt([*regions.prompts, "a meadow"], ...)[0])
    with regions.applied(pipeline.transformer):
        video = pipeline(prompt_embeds=embeds, negative_prompt_embeds=..., ...)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from storyanim.errors import UsageError
from storyanim.generate.regions import Region, coverage

_HEARD = 0.5                                         # share of a token's patch in a box, for it to be in it
_LAYERS = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "ff.net.0.proj", "ff.net.2")
Group = tuple[Tensor, Tensor]                        # indices of queries, and of the keys that they all see


def lora_targets(kind: Literal["motion", "character"], num_layers: int) -> list[str]:
    """Return the layers of a kind of LoRA, for peft's `target_modules`.

    Blocks count from 1: odd ones hold motions, even ones characters (DreamRunner, section 3.2), so that no
    layer has both. Norms and their modulation have none.
    """
    first = {"motion": 0, "character": 1}[kind]
    return [f"transformer_blocks.{k}.{layer}" for k in range(first, num_layers, 2) for layer in _LAYERS]


class CogVideoXRegions:
    """Who sees whom in the blocks of a transformer, for one clip; made once a shot."""

    def __init__(
        self, regions: Sequence[Region], num_frames: int, size: tuple[int, int], text_length: int
    ) -> None:
        """Take regions for a grid of visual tokens.

        Args:
            regions: with their boxes and times; one that overlaps another shares its tokens.
            num_frames: T of the visual tokens: latent frames, over `patch_size_t` where there is one.
            size: (h, w) of the visual tokens: of the latents, over `patch_size`.
            text_length: L, of each text.

        Raises UsageError for a region without a visual token.
        """
        self._regions, self._text_length = tuple(regions), text_length
        inside = [coverage(region, num_frames, size).flatten() >= _HEARD for region in regions]
        inside += [~torch.stack(inside).any(dim=0) if inside
                   else torch.ones(num_frames * size[0] * size[1], dtype=torch.bool)]
        self.inside = torch.stack(inside)            # (N + 1, V): visual tokens of T_1 ... T_N, T_0
        if lost := [region.prompt for region, row in zip(regions, inside, strict=False) if not row.any()]:
            raise UsageError(f"no part of the picture shows {lost[0]!r}",
                             hint="make its box larger, or let it be seen longer")
        self._groups = self._make_groups()

    @property
    def prompts(self) -> list[str]:
        """The regions' texts, T_1 ... T_N."""
        return [region.prompt for region in self._regions]

    @property
    def num_texts(self) -> int:
        """The regions', and the background's."""
        return len(self.inside)

    def join_texts(self, prompt_embeds: Tensor) -> Tensor:
        """Return the states of T_1 ... T_N, T_0, (N + 1, L, D), as those of one clip, (1, (N + 1) × L, D).

        The unconditional half of guidance is N + 1 times the empty text.
        """
        return prompt_embeds.flatten(0, 1)[None]

    def groups(self, device: torch.device) -> list[Group]:
        """Return groups of tokens that see the same ones; together all tokens, each once."""
        if self._groups[0][0].device != device:
            self._groups = [(queries.to(device), keys.to(device)) for queries, keys in self._groups]
        return self._groups

    def tokens_of(self, adapter: str) -> Tensor:
        """Return on which tokens a LoRA acts, (texts × L + V) bool: text and video of each region with it."""
        worn = torch.tensor([adapter in region.adapters for region in self._regions] + [False])
        return torch.cat([worn.repeat_interleave(self._text_length), self.inside[worn].any(dim=0)])

    @contextmanager
    def applied(self, transformer: Any) -> Iterator[None]:
        """Mask the attention of a CogVideoXTransformer3DModel, and its LoRAs, while the context is open."""
        before = dict(transformer.attn_processors)
        transformer.set_attn_processor(RegionCogVideoXAttnProcessor(self))
        hooks = list(self._lora_hooks(transformer))
        try:
            with _longer_text(transformer.patch_embed, self.num_texts):
                yield
        finally:
            transformer.set_attn_processor(before)
            for hook in hooks:
                hook.remove()

    def _make_groups(self) -> list[Group]:
        length, num_texts = self._text_length, self.num_texts
        texts = torch.arange(num_texts * length).view(num_texts, length)
        video = num_texts * length + torch.arange(self.inside.shape[1])
        found = [(text, torch.cat([text, video[row]])) for text, row in zip(texts, self.inside, strict=True)]
        for seen in self.inside.T.unique(dim=0):                                                # (N + 1,)
            members = (self.inside == seen[:, None]).all(dim=0)                                 # (V,)
            found.append((video[members], torch.cat([texts[seen].flatten(), video])))
        return found

    def _lora_hooks(self, transformer: Any) -> Iterator[Any]:
        """Let each LoRA act on its regions' tokens only: W x + Σ B_i A_i (m_i · x), m_i in {0, 1}."""
        worn = {adapter for region in self._regions for adapter in region.adapters}
        for module in transformer.modules() if worn else ():
            for adapter in worn & set(getattr(module, "lora_B", ())):
                yield module.lora_B[adapter].register_forward_hook(_token_mask(self.tokens_of(adapter)))


class RegionCogVideoXAttnProcessor:
    """`CogVideoXAttnProcessor2_0` in which each token sees what its group does."""

    def __init__(self, regions: CogVideoXRegions) -> None:
        self._regions = regions

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None, image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (B, V, C) visual and (B, texts × L, C) text states. Raises UsageError for other lengths."""
        text_length, video_length = encoder_hidden_states.shape[1], hidden_states.shape[1]
        self._check(text_length, video_length)
        joint = torch.cat([encoder_hidden_states, hidden_states], dim=1)                        # (B, S, C)
        query, key, value = (layer(joint).unflatten(2, (attn.heads, -1)).transpose(1, 2)
                             for layer in (attn.to_q, attn.to_k, attn.to_v))                    # (B, H, S, d)
        query = query if attn.norm_q is None else attn.norm_q(query)
        key = key if attn.norm_k is None else attn.norm_k(key)
        if image_rotary_emb is not None:
            query, key = (_rotated(each, text_length, image_rotary_emb) for each in (query, key))
        output = torch.empty_like(query)
        for queries, keys in self._regions.groups(query.device):
            output[:, :, queries] = scaled_dot_product_attention(
                query[:, :, queries], key[:, :, keys], value[:, :, keys])
        joint = output.transpose(1, 2).flatten(2)
        for layer in attn.to_out:
            joint = layer(joint)
        text, video = joint.split([text_length, video_length], dim=1)
        return video, text

    def _check(self, text_length: int, video_length: int) -> None:
        texts, tokens = self._regions.num_texts, self._regions.inside.shape[1]
        if video_length != tokens or text_length % texts:
            raise UsageError(f"regions of {texts} texts and {tokens} visual tokens do not fit {text_length} and "
                             f"{video_length}", hint="make them for the size that is drawn, and use join_texts")


def _rotated(states: Tensor, text_length: int, embedding: tuple[Tensor, Tensor]) -> Tensor:
    """Return (B, H, S, d) with rotary positions on the visual tokens."""
    from diffusers.models.embeddings import apply_rotary_emb

    video = apply_rotary_emb(states[:, :, text_length:], embedding)
    return torch.cat([states[:, :, :text_length], video], dim=2)


def _token_mask(tokens: Tensor) -> Any:
    def hook(module: Any, args: Any, output: Tensor) -> Tensor:                                 # (B, S, C)
        return output * tokens.to(output)[:, None]

    return hook


@contextmanager
def _longer_text(patch_embed: Any, num_texts: int) -> Iterator[None]:
    """Give each of several texts the positions of one: zeros (2B), or those that were learned (5B-I2V)."""
    length, table = patch_embed.max_text_seq_length, getattr(patch_embed, "pos_embedding", None)
    patch_embed.max_text_seq_length = num_texts * length
    if table is not None:
        patch_embed.pos_embedding = torch.cat([table[:, :length].repeat(1, num_texts, 1), table[:, length:]], dim=1)
    try:
        yield
    finally:
        patch_embed.max_text_seq_length = length
        if table is not None:
            patch_embed.pos_embedding = table
