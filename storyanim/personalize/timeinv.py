"""TimeInv: the table V, one token embedding a diffusion timestep, while it is learned (AaS 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from storyanim.errors import CharacterError


class TimeInvTable(nn.Module):
    """The rows that are learned, and how the whole table comes of them.

    Args:
        start: (d), what every row starts from.
        timesteps: (R), rising: the timesteps that have a row of their own.
        num_train_timesteps: T, the length of the whole table.
    """

    def __init__(self, start: Tensor, timesteps: Tensor, num_train_timesteps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(start.detach().float().repeat(len(timesteps), 1))              # (R, d)
        self.num_train_timesteps = num_train_timesteps
        self.register_buffer("timesteps", timesteps.clone())                                      # (R)
        self.register_buffer("drawn", torch.zeros(len(timesteps), dtype=torch.bool))              # rows that were learned

    def rows(self, places: Tensor) -> Tensor:
        """(N) places in `timesteps` → (N, d); only these rows get a gradient."""
        return self.weight[places]

    def mark(self, places: Tensor) -> None:
        """Notes that a step learned the rows at these places."""
        self.drawn[places] = True

    @torch.no_grad()
    def full(self) -> Tensor:
        """V, (T, d) on the CPU: a timestep that was never drawn has the row of the nearest one that was (of two, the earlier)."""
        learned = self.drawn if bool(self.drawn.any()) else torch.ones_like(self.drawn)
        known = self.timesteps[learned]
        far = (torch.arange(self.num_train_timesteps, device=known.device)[:, None] - known[None]).abs()
        return self.weight[learned][far.argmin(dim=1)].detach().float().cpu()


def sampling_grid(scheduler: Any, num_inference_steps: int) -> Tensor:
    """The timesteps at which a shot is drawn, rounded as at inference, rising, each once. (R) long."""
    own = type(scheduler).from_config(scheduler.config)
    own.set_timesteps(num_inference_steps)
    rounded = own.timesteps.detach().cpu().float().round().long()
    return rounded.clamp(0, scheduler.config.num_train_timesteps - 1).unique()


def noun_embedding(tokenizer: Any, text_encoder: Any, noun: str) -> Tensor:
    """The mean of the noun's token embeddings, (d). Raises CharacterError when the noun has no tokens."""
    ids = tokenizer(noun, add_special_tokens=False).input_ids
    if not ids:
        raise CharacterError(f"the model has no word for the noun {noun!r}", hint="give a plain noun, such as bear")
    embedding = text_encoder.get_input_embeddings().weight
    return embedding[torch.tensor(ids, device=embedding.device)].detach().float().mean(dim=0)
