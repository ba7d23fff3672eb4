"""TimeInv at inference: a pseudo-word whose embedding changes with the diffusion timestep (AaS 3.3).

The prompt at all sampled timesteps is one batch for the text encoder. A hook on the token embedding puts each copy's own
row in the pseudo-word's place, so neither the tokenizer nor the encoder's weights are changed.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from storyanim.errors import CharacterError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The table V of a pseudo-word: one embedding a timestep."""

    token: str                                       # "<bear>"
    table: Tensor                                    # (num_train_timesteps, d)

    def rows(self, timesteps: Tensor) -> Tensor:
        """The embeddings at some timesteps, (K) → (K, d); between two of them the nearer one's."""
        nearest = timesteps.detach().cpu().float().round().long().clamp(0, len(self.table) - 1)
        return self.table[nearest.to(self.table.device)]


def check_tables(tables: Sequence[TokenTable], num_train_timesteps: int, width: int) -> None:
    """Raises CharacterError unless every table is (num_train_timesteps, width)."""
    for table in tables:
        if tuple(table.table.shape) != (num_train_timesteps, width):
            raise CharacterError(
                f"the table of {table.token} is {tuple(table.table.shape)}, this model needs {(num_train_timesteps, width)}",
                hint="the character was personalised for another base model: run `storyanim personalize` with this profile",
            )


def warn_if_cut(tokenizer: Any, prompts: Iterable[str]) -> None:
    """Says so when a prompt is longer than the text encoder reads."""
    for prompt in prompts:
        length = len(tokenizer(prompt, verbose=False).input_ids)
        if length > tokenizer.model_max_length:
            log.warning("the model reads %d of the %d tokens of the prompt: %s", tokenizer.model_max_length, length, prompt)


def with_pseudo_words(tokenizer: Any, words: Iterable[str]) -> Any:
    """A copy of the tokenizer that knows the pseudo-words, at ids behind all others."""
    from tokenizers import AddedToken

    known = copy.deepcopy(tokenizer)
    known.add_tokens([AddedToken(word, normalized=False) for word in words])
    return known


def encode(tokenizer: Any, text_encoder: Any, prompts: Sequence[str], rows: Mapping[str, Tensor], device: torch.device) -> Tensor:
    """Text states of prompts in which pseudo-words have the given embeddings: one call of the text encoder.

    Args:
        tokenizer: knows all words of `rows`.
        prompts: N texts.
        rows: pseudo-word → (N, d), the embedding it has in each prompt; gradients flow back to it.

    Returns: (N, L, D).
    """
    ids = tokenizer(list(prompts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
                    return_tensors="pt").input_ids.to(device)                                     # (N, L)
    places = {word: ids == tokenizer.convert_tokens_to_ids(word) for word in rows}
    for place in places.values():
        ids = ids.masked_fill(place, 0)              # an id that the embedding has; its output is replaced below

    def put_rows(module: Any, args: Any, output: Tensor) -> Tensor:
        for word, place in places.items():
            output = torch.where(place[..., None], rows[word].to(output)[:, None, :], output)     # (N, L, d)
        return output

    hook = text_encoder.get_input_embeddings().register_forward_hook(put_rows)
    try:
        states: Tensor = text_encoder(ids)[0]
    finally:
        hook.remove()
    return states
