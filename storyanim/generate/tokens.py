"""TimeInv at inference: a pseudo-word whose embedding depends on the diffusion timestep (AaS 3.3).

The prompt at all sampled timesteps is one batch for the text encoder. A hook on the token embedding puts each
copy's own embedding in the pseudo-word's place: neither the tokenizer nor the encoder's weights are changed.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from storyanim.errors import CharacterError, UsageError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The table V of a pseudo-word: one embedding a timestep."""

    token: str                                       # "<bear>"
    table: Tensor                                    # (num_train_timesteps, d)

    def embeddings_at(self, timesteps: Tensor) -> Tensor:
        """Return the embeddings at timesteps, (K) → (K, d); a fractional timestep has the nearest one's."""
        nearest = timesteps.detach().cpu().float().round().long().clamp(0, len(self.table) - 1)
        return self.table[nearest.to(self.table.device)]


def check_tables(tables: Sequence[TokenTable], num_train_timesteps: int, width: int) -> None:
    """Raise CharacterError unless every table is (num_train_timesteps, width)."""
    for table in tables:
        if tuple(table.table.shape) != (num_train_timesteps, width):
            raise CharacterError(
                f"the table of {table.token} is {tuple(table.table.shape)}, "
                f"this model needs {(num_train_timesteps, width)}",
                hint="the character was personalised for another base model: "
                     "run `storyanim personalize` with this profile",
            )


def warn_if_truncated(tokenizer: Any, prompts: Iterable[str]) -> None:
    """Warn of each prompt that has more tokens than the text encoder reads."""
    most = tokenizer.model_max_length
    for prompt in prompts:
        length = len(tokenizer(prompt, verbose=False).input_ids)
        if length > most:
            log.warning("the model reads %d of the %d tokens of the prompt: %s", most, length, prompt)


def with_pseudo_words(tokenizer: Any, words: Iterable[str]) -> Any:
    """Return a copy of the tokenizer that knows the words, at ids behind all others."""
    from tokenizers import AddedToken

    extended = copy.deepcopy(tokenizer)
    extended.add_tokens([AddedToken(word, normalized=False) for word in words])
    return extended


def encode(
    tokenizer: Any,
    text_encoder: Any,
    prompts: Sequence[str],
    embeddings: Mapping[str, Tensor],
    device: torch.device,
) -> Tensor:
    """Encode prompts in which pseudo-words have the given embeddings, in one call of the text encoder.

    Args:
        tokenizer: knows all words of `embeddings`.
        text_encoder: transformers' CLIPTextModel.
        prompts: N texts.
        embeddings: pseudo-word → (N, d), its embedding in each prompt; gradients flow back to it.
        device: the text encoder's.

    Returns: (N, L, D).
    """
    ids = tokenizer(
        list(prompts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    ).input_ids.to(device)                                                                  # (N, L)
    places = {word: ids == tokenizer.convert_tokens_to_ids(word) for word in embeddings}
    for place in places.values():
        ids = ids.masked_fill(place, 0)           # any id that the embedding has: its output is replaced

    def replace(module: Any, args: Any, output: Tensor) -> Tensor:
        for word, place in places.items():
            embedding = embeddings[word].to(output)[:, None, :]                             # (N, 1, d)
            output = torch.where(place[..., None], embedding, output)                       # (N, L, d)
        return output

    hook = text_encoder.get_input_embeddings().register_forward_hook(replace)
    try:
        states: Tensor = text_encoder(ids)[0]
    finally:
        hook.remove()
    return states


def prompts_of(prompt: Any, prompt_embeds: Tensor | None, *, in_words: bool) -> list[str]:
    """Return B prompts, empty ones for embeddings.

    Args:
        prompt: one text or B; None with embeddings.
        prompt_embeds: (B, L, D).
        in_words: tokens or regions are given, too.

    Raises UsageError for what the loop does not take.
    """
    if isinstance(prompt, Mapping):
        raise UsageError("this pipeline takes no prompts of single frames",
                         hint="give the texts as regions, each with the part of the shot in which it is heard")
    if (prompt is None) == (prompt_embeds is None):
        raise UsageError("a prompt or prompt_embeds is needed, and not both", hint="give one of them")
    if prompt_embeds is not None:
        if in_words:
            raise UsageError("tokens and regions need a prompt in words", hint="leave prompt_embeds out")
        return [""] * len(prompt_embeds)
    return [prompt] if isinstance(prompt, str) else list(prompt)
