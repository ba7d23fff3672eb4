"""TimeInv: the table V, one token embedding a diffusion timestep, while it is trained (AaS 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from storyanim.errors import CharacterError


class TimeInvTable(nn.Module):
    """The rows that are learned, and the whole table that is made of them.

    Args:
        start: (d) initial value of every row. timesteps: (R) rising: the timesteps that are trained on.
        num_train_timesteps: T, length of the whole table. num_rows: None: a row for each timestep that is
        trained on (TimeInv). 1: one for all (Textual Inversion).
    """

    def __init__(
        self, start: Tensor, timesteps: Tensor, num_train_timesteps: int, num_rows: int | None = None
    ) -> None:
        super().__init__()
        rows = len(timesteps) if num_rows is None else num_rows
        self.weight = nn.Parameter(start.detach().float().repeat(rows, 1))   # (R or num_rows, d)
        self.num_train_timesteps = num_train_timesteps
        self.register_buffer("timesteps", timesteps.clone())                         # (R)
        self.register_buffer("drawn", torch.zeros(len(timesteps), dtype=torch.bool)) # (R) trained on so far

    def rows(self, places: Tensor) -> Tensor:
        """Return the embeddings (N, d) at (N) places in `timesteps`; only these rows get a gradient."""
        return self.weight.expand(len(places), -1) if len(self.weight) == 1 else self.weight[places]

    def mark(self, places: Tensor) -> None:
        """Note that a step trained the rows at these places."""
        self.drawn[places] = True

    @torch.no_grad()
    def full(self) -> Tensor:
        """Return V, (T, d) on the CPU.

        A timestep that was never drawn has the row of the nearest one that was, of two the earlier.
        """
        if len(self.weight) == 1:
            return self.weight.expand(self.num_train_timesteps, -1).detach().float().cpu().clone()
        learned = self.drawn if bool(self.drawn.any()) else torch.ones_like(self.drawn)
        known = self.timesteps[learned]
        far = (torch.arange(self.num_train_timesteps, device=known.device)[:, None] - known[None]).abs()
        return self.weight[learned][far.argmin(dim=1)].detach().float().cpu()


def sampling_grid(scheduler: Any, num_inference_steps: int) -> Tensor:
    """Return the timesteps of inference (R) long, rounded as there, rising, each once."""
    own = type(scheduler).from_config(scheduler.config)
    own.set_timesteps(num_inference_steps)
    rounded = own.timesteps.detach().cpu().float().round().long()
    return rounded.clamp(0, scheduler.config.num_train_timesteps - 1).unique()


def word_embedding(tokenizer: Any, text_encoder: Any, word: str) -> Tensor:
    """Return the mean of a word's token embeddings, (d). Raises CharacterError when it has no tokens."""
    ids = tokenizer(word, add_special_tokens=False).input_ids
    if not ids:
        raise CharacterError(f"the model has no word for {word!r}", hint="give a plain noun, such as bear")
    embedding = text_encoder.get_input_embeddings().weight
    return embedding[torch.tensor(ids, device=embedding.device)].detach().float().mean(dim=0)
