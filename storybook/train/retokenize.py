"""Another tokenizer for a trained text encoder: the words of a new world, without forgetting those of the
old."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

_END = "</w>"


def refit_text_encoder(text: CLIPTextModel, old: CLIPTokenizer, new: CLIPTokenizer) -> CLIPTextModel:
    """Return `text` for the tokens and the length of `new`; all but its embeddings is copied."""
    fitted = CLIPTextModel(_config(text.config, new))
    _refit(fitted, text, old, new)
    return fitted


def refit_clip(clip: CLIPModel, old: CLIPTokenizer, new: CLIPTokenizer) -> CLIPModel:
    """Return the retriever for the tokens of `new`; all but its text embeddings is copied."""
    text = _config(clip.config.text_config, new).to_dict()
    vision = clip.config.vision_config.to_dict()
    fitted = CLIPModel(CLIPConfig(text_config=text, vision_config=vision,
                                  projection_dim=clip.config.projection_dim))
    _refit(fitted, clip, old, new)
    return fitted


@torch.no_grad()
def _refit(fitted: nn.Module, known: nn.Module, old: CLIPTokenizer, new: CLIPTokenizer) -> None:
    state = known.state_dict()
    for name, value in fitted.state_dict().items():
        if name.endswith("token_embedding.weight"):
            value.copy_(token_rows(state[name], old, new))
        elif name.endswith("position_embedding.weight"):
            value.copy_(longer(state[name], len(value)))
        elif not name.endswith("position_ids"):
            value.copy_(state[name])


def _config(config: Any, tokens: CLIPTokenizer) -> CLIPTextConfig:
    settings = config.to_dict() | {
        "vocab_size": len(tokens),
        "max_position_embeddings": tokens.model_max_length,
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
    }
    return CLIPTextConfig(**settings)


def token_rows(table: torch.Tensor, old: CLIPTokenizer, new: CLIPTokenizer) -> torch.Tensor:
    """Return rows (len(new), D) from `table` (len(old), D).

    A token that both have keeps its row; another begins as the mean of the pieces in which `old` writes it.
    """
    known = old.get_vocab()
    rows = torch.empty(len(new), table.shape[1], dtype=table.dtype)
    for token, number in new.get_vocab().items():
        pieces = [known[token]] if token in known else _pieces(token, old)
        rows[number] = table[pieces].mean(0)
    return rows


def _pieces(token: str, old: CLIPTokenizer) -> list[int]:
    """Return how `old` writes a token; one that ends no word loses the mark of the end where it can."""
    known = old.get_vocab()
    written = old.tokenize(token.removesuffix(_END))
    if not token.endswith(_END) and written and written[-1].removesuffix(_END) in known:
        written[-1] = written[-1].removesuffix(_END)
    return [known[piece] for piece in written] or [old.eos_token_id]


def longer(positions: torch.Tensor, length: int) -> torch.Tensor:
    """Return (length, D) of positions (L, D): those that are new begin as the last one, where padding was."""
    more = positions[-1:].expand(max(0, length - len(positions)), -1)
    return torch.cat([positions, more])[:length]
